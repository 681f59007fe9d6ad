/* SPDX-License-Identifier: Apache-2.0 */
/* One writing statement with its retries. */
#include "store/write.h"

#include "crypto/random.h"
#include "runtime/runtime.h"

enum {
    WRITE_RETRIES = 5,
    WRITE_RETRY_MS = 20 /* grows by this with each try */
};

bool store_write(struct store *s, const struct write_call *call, struct arena *a,
                 struct db_rows **rows, struct err *e)
{
    for (int64_t round = 1;; round++) {
        if (db_query(s->options.db, DB_DELIVER, call->stmt, call->params, call->n, a,
                     call->deadline_ms, rows, e)) {
            return db_row_count(*rows) == 1 ||
                   ERR(e, ERR_INTERNAL, "a writing statement gave %zu rows", db_row_count(*rows));
        }
        if (e->kind == ERR_UNKNOWN_OUTCOME)
            return ERR(e, ERR_UNAVAILABLE, "it is not known whether the change was made");
        if (!db_is_deadlock(e) || round > WRITE_RETRIES)
            return false;
        int64_t pause = (int64_t)crypto_random_below((uint64_t)round * WRITE_RETRY_MS) + 1;
        if (!fiber_sleep_until(clock_deadline_in(pause), e))
            return false;
    }
}
