/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in the database. */
#include "compose/upload.h"

#include "base/base64.h"
#include "crypto/random.h"
#include "db/db.h"

enum {
    ID_BYTES = 18
};

static const struct db_stmt begin = { "SELECT upload_begin($1, $2, $3, $4, $5)::text" };
static const struct db_stmt add = { "SELECT upload_add($1, $2, $3, $4, $5)" };
static const struct db_stmt get = {
    "SELECT name, type, size, received, expires_at FROM upload"
    " WHERE account_id = $1 AND upload_id = $2 AND (expires_at > now() OR EXISTS ("
    "   SELECT 1 FROM draft d WHERE d.account_id = $1 AND $2 = ANY (d.uploads)))"
};
static const struct db_stmt read_part = {
    "SELECT substring(data FROM ($3 - start_at)::int + 1 FOR $4::int) FROM upload_part"
    " WHERE account_id = $1 AND upload_id = $2 AND start_at <= $3"
    " ORDER BY start_at DESC LIMIT 1"
};
static const struct db_stmt drop = {
    "WITH used AS (SELECT EXISTS (SELECT 1 FROM draft WHERE account_id = $1"
    "   AND $2 = ANY (uploads)) AS is_used),"
    " gone AS (DELETE FROM upload WHERE account_id = $1 AND upload_id = $2"
    "   AND NOT (SELECT is_used FROM used) RETURNING 1)"
    " SELECT (SELECT is_used FROM used) OR EXISTS (SELECT 1 FROM gone)"
};
static const struct db_stmt sweep = {
    "DELETE FROM upload u WHERE expires_at < now() AND NOT EXISTS ("
    " SELECT 1 FROM draft d WHERE d.account_id = u.account_id AND u.upload_id = ANY (d.uploads))"
};

static str make_id(struct arena *a)
{
    char bytes[ID_BYTES];
    struct buf text;
    buf_init(&text, COMPOSE_UPLOAD_ID);
    crypto_random_fill(bytes, sizeof(bytes));
    bool ok =
        buf_add_byte(&text, 'u') && base64_encode(BASE64_URL, str_of(bytes, sizeof(bytes)), &text);
    INVARIANT(ok);
    str id = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return id;
}

bool compose_upload_begin(struct db *db, int64_t account_id, struct compose_upload *u, str first,
                          struct arena *a, int64_t deadline_ms, struct err *e)
{
    u->id = make_id(a);
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(u->id), DB_TEXT(u->name),
                                       DB_TEXT(u->type), DB_INT8(u->size) };
    if (!db_query(db, DB_DELIVER, &begin, params, COUNT_OF(params), a, deadline_ms, NULL, e))
        return false;
    return compose_upload_add(db, account_id, u, 0, first, a, deadline_ms, e);
}

/* NOLINTNEXTLINE(readability-function-size): a place and octets. */
bool compose_upload_add(struct db *db, int64_t account_id, struct compose_upload *u, int64_t from,
                        str octets, struct arena *a, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(u->id), DB_INT8(from),
                                       DB_INT8(u->size), DB_BYTEA(octets) };
    return db_query(db, DB_DELIVER, &add, params, COUNT_OF(params), a, deadline_ms, NULL, e) &&
           compose_upload_get(db, account_id, u->id, a, deadline_ms, u, e);
}

bool compose_upload_get(struct db *db, int64_t account_id, str id, struct arena *a,
                        int64_t deadline_ms, struct compose_upload *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(id) };
    if (!db_query(db, DB_READ, &get, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such upload");
    *out = (struct compose_upload){ .id = arena_str(a, id),
                                    .name = db_str(rows, 0, 0),
                                    .type = db_str(rows, 0, 1),
                                    .size = db_int(rows, 0, 2),
                                    .received = db_int(rows, 0, 3),
                                    .expires_us = db_time_us(rows, 0, 4) };
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a range is two values. */
bool compose_upload_read(struct db *db, int64_t account_id, str id, size_t from, size_t n,
                         struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(id), DB_INT8((int64_t)from),
                                       DB_INT8((int64_t)n) };
    if (!db_query(db, DB_READ, &read_part, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = db_row_count(rows) ? db_str(rows, 0, 0) : STR_EMPTY;
    return true;
}

bool compose_upload_drop(struct db *db, int64_t account_id, str id, struct arena *a,
                         int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(id) };
    if (!db_query(db, DB_DELIVER, &drop, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    return db_int(rows, 0, 0) || ERR(e, ERR_NOT_FOUND, "there is no such upload");
}

bool compose_upload_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_DELIVER, &sweep, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
