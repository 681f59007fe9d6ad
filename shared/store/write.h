/* SPDX-License-Identifier: Apache-2.0 */
/* Changing mail state by one statement, with the retries that are always right. Private to the
 * module. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "store/internal.h"

struct write_call {
    const struct db_stmt *stmt;
    const struct db_param *params;
    size_t n;
    int64_t deadline_ms;
};

/* Runs a statement of class DB_DELIVER that gives one row. Deadlocks are tried again up to 5 times
 * with jitter; an outcome that is not known becomes ERR_UNAVAILABLE. Other errors: those of
 * db_query. Yields. */
YIELDS bool store_write(struct store *s, const struct write_call *call, struct arena *a,
                        struct db_rows **rows, struct err *e);

#endif
