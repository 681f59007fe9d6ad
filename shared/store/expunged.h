/* SPDX-License-Identifier: Apache-2.0 */
/* What was expunged: for a time it can be put back, then it is gone for good. Drafts are not kept.
 * And the days after which a mailbox expunges its messages by itself. */
#ifndef STORE_EXPUNGED_H
#define STORE_EXPUNGED_H

#include "store/store.h"

enum {
    STORE_MAX_RESTORE = 10000, /* messages of one restore */
    STORE_MAX_KEEP_DAYS = 3650
};

/* Which expunged messages of an account. */
struct store_gone_query {
    int64_t account_id;
    int mailbox_id;  /* that they were in; 0: any */
    int64_t from_us; /* when they went: from here ... */
    int64_t to_us;   /* ... to before here; INT64_MAX: until now */
};

/* One of them. Texts are valid UTF-8; empty: absent. */
struct store_gone {
    int64_t id;
    int mailbox_id;
    str mailbox; /* full name; of one that was deleted: its name then */
    int64_t gone_us;
    int64_t received_us; /* INTERNALDATE */
    size_t size;
    str from_name;
    str from_addr;
    str subject;
};

struct store_gone_list {
    const struct store_gone *list; /* what went last first */
    size_t n;
};

/* Those with an id below `before_id` (INT64_MAX: from the first), at most `limit`. An account or
 * mailbox that is not there has none. In arena. Yields. */
YIELDS bool store_gone_list(struct store *s, const struct store_gone_query *query,
                            int64_t before_id, size_t limit, struct arena *a, int64_t deadline_ms,
                            struct store_gone_list *out, struct err *e);

struct store_restored {
    int64_t messages;
    int64_t bytes;
    int64_t left; /* that the query finds too, beyond STORE_MAX_RESTORE */
};

/* Puts messages back, all or none: those of `ids`, with n 0 all that the query finds, the oldest
 * first. Each becomes a new message (UID, MODSEQ) of the mailbox that it was in; that is made again
 * when it was deleted. Ids that are not there, or no more, are passed over. With `dry_run` it only
 * counts. ERR_LIMIT: quota and the like. ERR_NOT_FOUND: account. Yields. */
YIELDS bool store_gone_restore(struct store *s, const struct store_gone_query *query,
                               const int64_t *ids, size_t n, bool dry_run, int64_t deadline_ms,
                               struct store_restored *out, struct err *e);

/* ---- how long mailboxes keep their messages ---- */

/* Days that a message stays in the mailbox, counted from when it came there; 0: for good.
 * ERR_NOT_FOUND. Yields. */
YIELDS bool store_keep_get(struct store *s, int64_t account_id, int mailbox_id, int64_t deadline_ms,
                           int *days, struct err *e);
/* A mailbox that does not keep its messages for good. */
struct store_keep {
    int mailbox_id;
    int days;
};

struct store_keeps {
    const struct store_keep *list;
    size_t n;
};

/* All such mailboxes of the account. In arena. Yields. */
YIELDS bool store_keep_list(struct store *s, int64_t account_id, struct arena *a,
                            int64_t deadline_ms, struct store_keeps *out, struct err *e);
/* Sets it, at most STORE_MAX_KEEP_DAYS. ERR_NOT_FOUND. Yields. */
YIELDS bool store_keep_set(struct store *s, int64_t account_id, int mailbox_id, int days,
                           int64_t deadline_ms, struct err *e);

/* Expunges what is older than its mailbox keeps, until the deadline; *expunged is how many
 * messages. What was left at the deadline comes first the next time. A mailbox that fails does not
 * keep others from being seen to; the first error is told. For the scheduler, about every ten
 * minutes. Yields. */
YIELDS bool store_keep_apply(struct store *s, int64_t deadline_ms, int64_t *expunged,
                             struct err *e);

#endif
