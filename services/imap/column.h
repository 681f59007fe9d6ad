/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of a mailbox are ordered by, one column for each kind of key. The keys of a
 * message never change, so a column is kept and only joined with those of new messages. It is made
 * once and never changes, and is counted by those who hold it: it may be read in the offload pool
 * while the next one is made. Equal texts have one rank, so that ordering compares numbers only.
 * It knows neither database nor client. */
#ifndef IMAP_COLUMN_H
#define IMAP_COLUMN_H

#include "search/keys.h"

enum imap_column_kind {
    IMAP_COLUMN_DATE, /* sent */
    IMAP_COLUMN_SUBJECT,
    IMAP_COLUMN_FROM,
    IMAP_COLUMN_TO,
    IMAP_COLUMN_CC,
    IMAP_COLUMN_DISPLAYFROM,
    IMAP_COLUMN_DISPLAYTO,
    IMAP_COLUMN_IDS, /* of messages and of what they refer to, for THREAD */
    IMAP_COLUMN_COUNT
};

enum {
    IMAP_COLUMN_NO_ID = UINT32_MAX
};

struct imap_column {
    unsigned holders; /* changed in the loop's thread only */
    enum imap_column_kind kind;
    size_t bytes;     /* of all this */
    uint32_t n;       /* messages: any of the mailbox, also some that are gone */
    uint32_t n_texts; /* different ones */
    uint32_t *uids;   /* ascending */
    int64_t *sent_s; /* IMAP_COLUMN_DATE: Date field, else the internal date (RFC 5256 section 2.2);
                        seconds since 1970 UTC */
    uint32_t *ranks; /* of texts: of the message's text among `texts` */
    str *texts;      /* ascending, each once */
    /* IMAP_COLUMN_IDS: ids are numbers below n_ids. */
    uint32_t n_ids;
    int64_t *ids;      /* ascending, each once */
    uint32_t *own;     /* the message's own id, or IMAP_COLUMN_NO_ID */
    uint32_t *refs_at; /* those that message i refers to are refs[refs_at[i]] up to */
    uint32_t *refs;    /* refs[refs_at[i + 1] - 1], oldest first */
    bool *is_reply;    /* by its subject (search/keys.h) */
};

/* A message whose keys were read. */
struct imap_column_item {
    uint32_t uid;
    int64_t arrived_s; /* internal date */
    const struct search_keys *keys;
};

/* The column with more messages: those of `old` (NULL: none) and the items, which come by UID and
 * of which those that `old` has are passed over. May run in the offload pool. Gives, with one
 * holder. */
struct imap_column *imap_column_join(enum imap_column_kind kind, const struct imap_column *old,
                                     const struct imap_column_item *items, uint32_t n);
/* One more holder of the column, which is given back. */
struct imap_column *imap_column_hold(struct imap_column *c);
/* One holder less; the last one frees it. Nulls. Harmless for NULL. */
void imap_column_drop(struct imap_column **column);

/* The first place from `from` on whose UID is not below `uid`, else c->n. Fast for UIDs that are
 * asked for in their order, each `from` being the place of the one before. */
uint32_t imap_column_find(const struct imap_column *c, uint32_t uid, uint32_t from);

/* A number by which the message at the place is ordered; not of IMAP_COLUMN_IDS. */
uint64_t imap_column_value(const struct imap_column *c, uint32_t place);

#endif
