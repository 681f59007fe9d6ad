/* SPDX-License-Identifier: Apache-2.0 */
/* Reads audit rows: by pages, and counted by intervals. */
#include "audit/audit.h"
#include "db/db.h"

#define COLUMNS \
    "SELECT audit_id, at, coalesce(actor_id, 0), actor, ip, action, object, detail, result"
/* $1 actor, $2 action, $3 object, $4 and $5 from and to, $6 before, $7 limit. */
static const struct db_stmt select_page = {
    COLUMNS " FROM audit_log WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR starts_with(action, $2))"
            " AND ($3 = '' OR object = $3) AND at >= $4 AND at < $5 AND ($6 = 0 OR audit_id < $6)"
            " ORDER BY audit_id DESC LIMIT $7"
};

/* $1 from, $2 to, $3 step in seconds. */
#define BY_INTERVAL(which)                                                                    \
    {                                                                                         \
        "SELECT floor(extract(epoch FROM at - $1) / $3)::int8, count(*) FROM audit_log WHERE" \
        " at >= $1 AND at < $2 AND " which " GROUP BY 1"                                      \
    }
static const struct db_stmt counts[] = {
    [AUDIT_LOGINS] = BY_INTERVAL("action = 'login' AND result = 'ok'"),
    [AUDIT_FAILED_LOGINS] = BY_INTERVAL("action = 'login' AND result <> 'ok'"),
    [AUDIT_CHANGES] = BY_INTERVAL("action <> 'login'"),
};

static struct audit_row read_row(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct audit_row){
        .id = db_int(rows, i, 0),
        .at_us = db_time_us(rows, i, 1),
        .entry = { .actor_id = db_int(rows, i, 2),
                   .actor = arena_str(a, db_str(rows, i, 3)),
                   .ip = arena_str(a, db_str(rows, i, 4)),
                   .action = arena_str(a, db_str(rows, i, 5)),
                   .object = arena_str(a, db_str(rows, i, 6)),
                   .detail = arena_str(a, db_str(rows, i, 7)),
                   .result = arena_str(a, db_str(rows, i, 8)) },
    };
}

bool audit_list(struct db *db, const struct audit_query *query, struct arena *a,
                int64_t deadline_ms, struct audit_rows *out, struct err *e)
{
    struct db_rows *rows = NULL;
    size_t limit = query->limit < AUDIT_PAGE_MAX ? query->limit : AUDIT_PAGE_MAX;
    const struct db_param params[] = { DB_TEXT(query->actor),    DB_TEXT(query->action),
                                       DB_TEXT(query->object),   DB_TIME_US(query->from_us),
                                       DB_TIME_US(query->to_us), DB_INT8(query->before),
                                       DB_INT8((int64_t)limit) };
    if (!db_query(db, DB_SEARCH, &select_page, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct audit_row, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_row(rows, i, a);
    return true;
}

bool audit_count(struct db *db, const struct audit_figures *figures, struct arena *a,
                 int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    INVARIANT(figures->n <= AUDIT_BUCKETS_MAX);
    int64_t to = figures->from_us + (int64_t)figures->n * figures->step_s * 1000000;
    const struct db_param params[] = { DB_TIME_US(figures->from_us), DB_TIME_US(to),
                                       DB_INT8(figures->step_s) };
    if (!db_query(db, DB_SEARCH, &counts[figures->kind], params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    memset(figures->counts, 0, figures->n * sizeof(figures->counts[0]));
    for (size_t i = 0; i < db_row_count(rows); i++) {
        int64_t bucket = db_int(rows, i, 0);
        if (bucket >= 0 && bucket < (int64_t)figures->n)
            figures->counts[bucket] = db_int(rows, i, 1);
    }
    return true;
}
