/* SPDX-License-Identifier: Apache-2.0 */
/* Counts messages by the time they came. */
#include "store/figures.h"

#include "store/internal.h"

/* $1 from, $2 to, $3 step in seconds. */
static const struct db_stmt received = {
    "SELECT floor(extract(epoch FROM idate - $1) / $3)::int8, count(*), sum(size)::int8"
    "  FROM message WHERE idate >= $1 AND idate < $2 GROUP BY 1"
};

bool store_received_load(struct store *s, const struct store_received *wanted, struct arena *a,
                         int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    INVARIANT(wanted->n <= STORE_BUCKETS_MAX);
    int64_t to = wanted->from_us + (int64_t)wanted->n * wanted->step_s * 1000000;
    const struct db_param params[] = { DB_TIME_US(wanted->from_us), DB_TIME_US(to),
                                       DB_INT8(wanted->step_s) };
    if (!db_query(s->options.db, DB_SEARCH, &received, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    memset(wanted->counts, 0, wanted->n * sizeof(wanted->counts[0]));
    memset(wanted->bytes, 0, wanted->n * sizeof(wanted->bytes[0]));
    for (size_t i = 0; i < db_row_count(rows); i++) {
        int64_t bucket = db_int(rows, i, 0);
        if (bucket >= 0 && bucket < (int64_t)wanted->n) {
            wanted->counts[bucket] = db_int(rows, i, 1);
            wanted->bytes[bucket] = db_int(rows, i, 2);
        }
    }
    return true;
}
