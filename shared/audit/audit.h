/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of audit: who did what to which object and when, as rows that only ever grow. The row
 * is part of the transaction of the act it tells of. It does not know what the objects are. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/base.h"

struct db;
struct db_tx;

/* Texts are borrowed, valid UTF-8, cut at 256 octets; never a password, token or message text. */
struct audit_entry {
    int64_t actor_id; /* account, 0 for the operator or the system */
    str actor;        /* "cli", "system", or a login */
    str ip;           /* empty when none */
    str action;       /* "account.add", "queue.delete"; from a table, not from a peer */
    str object;       /* an address, a domain, a queue id */
    str detail;       /* what changed, "quota 0 -> 1000000"; may be empty */
    str result;       /* "ok", "denied", "failed"; empty means ok */
};

/* Appends the row to the pipeline of an open transaction; its answer comes with db_tx_flush or
 * db_commit as one more statement. */
void audit_send(struct db_tx *tx, const struct audit_entry *entry);
/* Writes the row in a transaction of its own, for acts that change nothing else (a login). With
 * synchronous_commit off. Yields. */
YIELDS bool audit_write(struct db *db, const struct audit_entry *entry, int64_t deadline_ms,
                        struct err *e);

/* ---- looking ---- */

enum {
    AUDIT_PAGE_MAX = 201,
    AUDIT_BUCKETS_MAX = 1000
};

struct audit_query {
    str actor;       /* exact; empty: all */
    str action;      /* its beginning; empty: all */
    str object;      /* exact; empty: all */
    int64_t from_us; /* UTC; not before */
    int64_t to_us;   /* UTC; before */
    int64_t before;  /* only rows with a smaller id; 0: from the last one */
    size_t limit;    /* up to AUDIT_PAGE_MAX */
};

struct audit_row {
    int64_t id;
    int64_t at_us; /* UTC */
    struct audit_entry entry;
};

struct audit_rows {
    struct audit_row *list; /* the last one first */
    size_t n;
};

/* A page of rows; in arena. Errors as db_query. Yields. */
YIELDS bool audit_list(struct db *db, const struct audit_query *query, struct arena *a,
                       int64_t deadline_ms, struct audit_rows *out, struct err *e);

/* What audit_count counts. */
enum audit_kind {
    AUDIT_LOGINS,
    AUDIT_FAILED_LOGINS,
    AUDIT_CHANGES /* everything else that was done */
};

/* How many acts there were in each of `n` intervals. */
struct audit_figures {
    enum audit_kind kind;
    int64_t from_us; /* UTC; beginning of the first interval */
    int64_t step_s;  /* length of each */
    size_t n;        /* up to AUDIT_BUCKETS_MAX */
    int64_t *counts; /* n of them, filled */
};

/* Errors as db_query. Yields. */
YIELDS bool audit_count(struct db *db, const struct audit_figures *figures, struct arena *a,
                        int64_t deadline_ms, struct err *e);

#endif
