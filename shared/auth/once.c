/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of requests and their answers. */
#include "auth/once.h"

#include "db/db.h"

/* One row: whether the key was taken now, and what stands there otherwise. */
static const struct db_stmt begin = {
    "WITH taken AS ("
    " INSERT INTO idempotency AS i (account_id, key, request_hash) VALUES ($1, $2, $3)"
    " ON CONFLICT (account_id, key) DO UPDATE SET request_hash = $3, status = 0, at = now()"
    "  WHERE i.at < now() - interval '24 hours'"
    "     OR (i.status = 0 AND i.at < now() - interval '1 minute')"
    " RETURNING 1)"
    " SELECT true, true, 0, '', '' FROM taken"
    " UNION ALL"
    " SELECT false, request_hash = $3, status, location, body FROM idempotency"
    "  WHERE account_id = $1 AND key = $2 AND NOT EXISTS (SELECT 1 FROM taken)"
};
static const struct db_stmt keep = { "UPDATE idempotency SET status = $3, location = $4, body = $5"
                                     " WHERE account_id = $1 AND key = $2" };
static const struct db_stmt drop = {
    "DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND status = 0"
};

/* NOLINTNEXTLINE(readability-function-size): the request and its answer. */
bool auth_once_begin(struct db *db, int64_t account_id, str key, const uint8_t hash[AUTH_ONCE_HASH],
                     struct arena *a, int64_t deadline_ms, enum auth_once *out,
                     struct auth_once_answer *answer, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(key),
                                       DB_BYTEA(str_of((const char *)hash, AUTH_ONCE_HASH)) };
    if (!db_query(db, DB_AUTH, &begin, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = AUTH_ONCE_AT_WORK; /* without a row: somebody took it in this moment */
    if (db_row_count(rows) == 0)
        return true;
    *answer = (struct auth_once_answer){ .status = (int)db_int(rows, 0, 2),
                                         .location = db_str(rows, 0, 3),
                                         .body = db_str(rows, 0, 4) };
    if (db_int(rows, 0, 0)) {
        *out = AUTH_ONCE_FIRST;
    } else if (!db_int(rows, 0, 1)) {
        *out = AUTH_ONCE_OTHER;
    } else if (answer->status != 0) {
        *out = AUTH_ONCE_DONE;
    }
    return true;
}

bool auth_once_keep(struct db *db, int64_t account_id, str key,
                    const struct auth_once_answer *answer, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(key), DB_INT4(answer->status),
                                       DB_TEXT(answer->location), DB_TEXT(answer->body) };
    arena_init(&a);
    bool ok = db_query(db, DB_AUTH, &keep, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

bool auth_once_drop(struct db *db, int64_t account_id, str key, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(key) };
    arena_init(&a);
    bool ok = db_query(db, DB_AUTH, &drop, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
