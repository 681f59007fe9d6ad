/* SPDX-License-Identifier: Apache-2.0 */
/* What messages are ordered and threaded by (RFC 5256, RFC 5957): dates, base subjects, first
 * addresses, message ids. The indexer keeps them in the table sort_key; what is not indexed yet is
 * made from its header. */
#ifndef SEARCH_KEYS_H
#define SEARCH_KEYS_H

#include "runtime/runtime.h"

struct db;
struct db_tx;

/* Texts are in the form of i;unicode-casemap (search_casemap), at most SEARCH_MAX_KEY_BYTES long.
 */
struct search_keys {
    bool is_known; /* false: not indexed yet; all else is empty */
    bool has_sent;
    bool is_reply;    /* something was taken off the subject for its base (RFC 5256 section 2.1) */
    bool has_id;      /* of its own */
    int64_t sent_s;   /* Date field, seconds since 1970 UTC */
    int64_t id;       /* hash of its Message-ID */
    str subject;      /* base subject */
    str from;         /* local part of the first address of the field */
    str to;           /* */
    str cc;           /* */
    str display_from; /* its display name, else the address */
    str display_to;   /* */
    const int64_t *refs; /* hashes of References, else of the first id of In-Reply-To; oldest first
                          */
    size_t n_refs;
};

enum {
    SEARCH_MAX_KEY_BYTES = 1000
};

/* Makes the keys of a message from its header (or all of it). Never fails; is_known is set. Pure;
 * in arena. */
void search_keys_make(struct arena *a, str header, struct search_keys *out);

/* Which keys are wanted. */
enum {
    SEARCH_KEYS_DATE = 1,
    SEARCH_KEYS_SUBJECT = 2,   /* and the date */
    SEARCH_KEYS_ADDRESSES = 4, /* all five texts */
    SEARCH_KEYS_THREAD = 8     /* ids, the subject and the date */
};

/* A question for keys. */
struct search_keys_query {
    int64_t account_id;
    const int64_t *msg_ids; /* in any order */
    size_t n;
    unsigned wanted; /* SEARCH_KEYS_* */
    bool is_dense; /* they are a good part of the account's messages: all its keys are read then */
};

/* The keys of messages; out[i] is of msg_ids[i], is_known false where there are none yet. In arena.
 * Yields. */
YIELDS bool search_keys_load(struct db *db, const struct search_keys_query *query, struct arena *a,
                             int64_t deadline_ms, struct search_keys *out, struct err *e);

/* Writes the keys of n messages in the transaction; those that are not known are left out. Errors:
 * those of db_tx_query. Yields. */
YIELDS bool search_keys_write(struct db_tx *tx, const int64_t *account_ids, const int64_t *msg_ids,
                              const struct search_keys *keys, size_t n_keys, struct arena *a,
                              struct err *e);

struct search_ids {
    const int64_t *list; /* ascending */
    size_t n;
};

/* The account's messages of a thread. In arena. Yields. */
YIELDS bool search_find_thread(struct db *db, int64_t account_id, int64_t thread_id,
                               struct arena *a, int64_t deadline_ms, struct search_ids *out,
                               struct err *e);

#endif
