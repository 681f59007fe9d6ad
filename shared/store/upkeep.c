/* SPDX-License-Identifier: Apache-2.0 */
/* Upkeep in small transactions, and the check of what is counted. */
#include "obs/obs.h"
#include "runtime/runtime.h"
#include "store/internal.h"

static const struct db_stmt rotate = { "SELECT delivered_rotate()" };
/* The next accounts, and whether the log of each is long: of a log no more is read than tells. */
static const struct db_stmt long_logs = {
    "SELECT s.account_id, l.n > $2"
    "  FROM (SELECT account_id FROM account_state WHERE account_id > $1"
    "         ORDER BY account_id LIMIT $3) s"
    " CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT 1 FROM change c"
    "   WHERE c.account_id = s.account_id LIMIT $2 + 1) w) l"
    " ORDER BY s.account_id"
};
static const struct db_stmt compact = { "SELECT change_compact($1, $2, $3)" };
static const struct db_stmt purge = { "SELECT taken, purged FROM message_purge($1, $2, $3)" };
static const struct db_stmt accounts_after = {
    "SELECT account_id FROM account_state WHERE account_id > $1 ORDER BY account_id LIMIT $2"
};
static const struct db_stmt recount = { "SELECT mailbox_id, what FROM account_recount($1, $2)" };

enum {
    UPKEEP_LOG_ROWS = 4000,    /* a log is merged above this */
    UPKEEP_LOG_KEPT = 1000,    /* newest rows that stay as they are */
    UPKEEP_LOG_RANGES = 10000, /* of one merged tombstone, above which it is forgotten */
    UPKEEP_LOGS = 1000,        /* accounts that are looked at in one round */
    UPKEEP_PURGE_ROWS = 200,   /* of one transaction */
    UPKEEP_PURGE_AGE_S = 60,   /* a FETCH of what was just expunged still works */
    CHECK_ACCOUNTS = 200,      /* of one round trip */
    CHECK_FAULTS = 1000
};

/* Looks at the accounts that follow those of the last round. */
static YIELDS bool compact_logs(struct store *s, struct arena *a, int64_t deadline_ms,
                                struct store_maintained *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param long_params[] = { DB_INT8(s->log_after), DB_INT8(UPKEEP_LOG_ROWS),
                                            DB_INT8(UPKEEP_LOGS) };
    if (!db_query(s->options.db, DB_SEARCH, &long_logs, long_params, COUNT_OF(long_params), a,
                  deadline_ms, &rows, e))
        return false;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        const struct db_param params[] = { DB_INT8(db_int(rows, i, 0)), DB_INT4(UPKEEP_LOG_KEPT),
                                           DB_INT4(UPKEEP_LOG_RANGES) };
        s->log_after = db_int(rows, i, 0);
        if (!db_int(rows, i, 1))
            continue;
        if (!db_query(s->options.db, DB_DELIVER, &compact, params, COUNT_OF(params), a, deadline_ms,
                      NULL, e))
            return false;
        out->compacted++;
    }
    if (db_row_count(rows) < UPKEEP_LOGS)
        s->log_after = INT64_MIN;
    return true;
}

static YIELDS bool purge_some(struct store *s, struct arena *a, int64_t deadline_ms,
                              struct store_maintained *out, struct err *e)
{
    int64_t taken = UPKEEP_PURGE_ROWS;
    int64_t keep_s = s->options.keep_gone_ms / 1000;
    keep_s = keep_s > UPKEEP_PURGE_AGE_S ? keep_s : UPKEEP_PURGE_AGE_S;
    const struct db_param params[] = { DB_INT4(UPKEEP_PURGE_ROWS), DB_INT4(UPKEEP_PURGE_AGE_S),
                                       DB_INT4((int)keep_s) };
    while (taken == UPKEEP_PURGE_ROWS && clock_monotonic_ms() < deadline_ms) {
        struct db_rows *rows = NULL;
        if (!db_query(s->options.db, DB_DELIVER, &purge, params, COUNT_OF(params), a, deadline_ms,
                      &rows, e))
            return false;
        taken = db_int(rows, 0, 0);
        out->purged += db_int(rows, 0, 1);
    }
    return true;
}

static YIELDS bool rotate_days(struct store *s, struct arena *a, int64_t deadline_ms,
                               struct store_maintained *out, struct err *e)
{
    struct db_rows *rows = NULL;
    struct err why = ERR_CLEAR;
    if (db_query(s->options.db, DB_DELIVER, &rotate, NULL, 0, a, deadline_ms, &rows, &why)) {
        out->partitions = db_int(rows, 0, 0);
        return true;
    }
    /* A rotation that found the table busy is tried again in the next round. */
    if (why.kind == ERR_TIMEOUT || why.kind == ERR_LIMIT)
        return true;
    *e = why;
    return false;
}

/* One that fails does not keep the others from being done. What may take all of the time is last.
 */
typedef bool (*step_fn)(struct store *s, struct arena *a, int64_t deadline_ms,
                        struct store_maintained *out, struct err *e);
static const step_fn steps[] = { rotate_days, compact_logs, purge_some };

bool store_maintain(struct store *s, int64_t deadline_ms, struct store_maintained *out,
                    struct err *e)
{
    struct arena a;
    struct err first = ERR_CLEAR;
    *out = (struct store_maintained){ 0 };
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct err why = ERR_CLEAR;
        if (!steps[i](s, &a, deadline_ms, out, &why) && first.kind == ERR_NONE)
            first = why;
        arena_reset(&a);
    }
    if (out->partitions || out->compacted || out->purged) {
        obs_log(EV_STORE_UPKEEP, STR_EMPTY, OBS_INT("partitions", out->partitions),
                OBS_INT("logs", out->compacted), OBS_INT("purged", out->purged));
    }
    arena_fini(&a);
    if (first.kind == ERR_NONE)
        return true;
    *e = first;
    return false;
}

/* ---- check ---- */

/* A check in progress. */
struct checking {
    struct store *store;
    bool repair;
    struct arena *arena;
    int64_t deadline_ms;
    struct store_check *out;
    struct store_fault *faults;
};

static YIELDS bool check_one(const struct checking *c, int64_t account_id, struct err *e)
{
    struct db_rows *rows = NULL;
    struct store_check *out = c->out;
    const struct db_param params[] = { DB_INT8(account_id), DB_BOOL(c->repair) };
    if (!db_query(c->store->options.db, DB_DELIVER, &recount, params, COUNT_OF(params), c->arena,
                  c->deadline_ms, &rows, e))
        return false;
    out->accounts++;
    for (size_t i = 0; i < db_row_count(rows) && out->n_faults < CHECK_FAULTS; i++) {
        c->faults[out->n_faults++] =
            (struct store_fault){ .account_id = account_id,
                                  .mailbox_id = (int)db_int(rows, i, 0),
                                  .what = arena_str(c->arena, db_str(rows, i, 1)) };
    }
    return true;
}

static YIELDS bool check_all(const struct checking *c, struct err *e)
{
    int64_t after = INT64_MIN;
    size_t n = CHECK_ACCOUNTS;
    while (n == CHECK_ACCOUNTS) {
        struct db_rows *rows = NULL;
        const struct db_param params[] = { DB_INT8(after), DB_INT8(CHECK_ACCOUNTS) };
        if (!db_query(c->store->options.db, DB_READ, &accounts_after, params, COUNT_OF(params),
                      c->arena, c->deadline_ms, &rows, e))
            return false;
        n = db_row_count(rows);
        for (size_t i = 0; i < n; i++) {
            after = db_int(rows, i, 0);
            if (!check_one(c, after, e))
                return false;
        }
    }
    return true;
}

bool store_check_counters(struct store *s, int64_t account_id, bool repair, struct arena *a,
                          int64_t deadline_ms, struct store_check *out, struct err *e)
{
    struct store_fault *faults = ARENA_ARRAY(a, struct store_fault, CHECK_FAULTS);
    const struct checking c = { s, repair, a, deadline_ms, out, faults };
    *out = (struct store_check){ .faults = faults };
    return account_id ? check_one(&c, account_id, e) : check_all(&c, e);
}
