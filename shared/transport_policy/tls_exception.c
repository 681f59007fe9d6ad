/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exceptions from TLS. */
#include "transport_policy/tls_exception.h"

#include "db/db.h"

#define COLUMNS "domain, account_id, pin, created, expires, created_by"
#define SELECT  "SELECT " COLUMNS " FROM tls_exception"

static const struct db_stmt find_stmt = {
    SELECT " WHERE domain = $1 AND expires > now() ORDER BY account_id, pin LIMIT $2"
};
static const struct db_stmt list_stmt = {
    SELECT " WHERE ($1 = '' OR domain = $1) AND ($2::int8 = 0 OR account_id = $2)"
           " ORDER BY domain, account_id, pin LIMIT $3"
};
static const struct db_stmt put_stmt = {
    "INSERT INTO tls_exception (domain, account_id, pin, expires, created_by) VALUES ($1, $2, $3,"
    " CASE WHEN $4::int8 = 0 THEN 'infinity'"
    " ELSE timestamptz 'epoch' + $4::int8 * interval '1 microsecond' END, $5)"
    " ON CONFLICT (domain, account_id, pin) DO UPDATE SET expires = EXCLUDED.expires,"
    " created_by = EXCLUDED.created_by, created = now()"
};
static const struct db_stmt remove_stmt = {
    "DELETE FROM tls_exception WHERE domain = $1 AND ($2::int8 = 0 OR account_id = $2)"
    " RETURNING " COLUMNS
};
static const struct db_stmt sweep_stmt = { "DELETE FROM tls_exception WHERE expires < now()" };

/* An end that never comes is 0 here. */
static int64_t read_end(const struct db_rows *r, size_t row)
{
    int64_t us = db_time_us(r, row, 4);
    return us == INT64_MAX ? 0 : us;
}

static void read_rows(const struct db_rows *r, struct arena *a, struct tls_exceptions *out)
{
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct tls_exception, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct tls_exception){
            .domain = db_str(r, i, 0),
            .account_id = db_int(r, i, 1),
            .pin = db_str(r, i, 2),
            .created_us = db_time_us(r, i, 3),
            .expires_us = read_end(r, i),
            .created_by = db_str(r, i, 5),
        };
    }
}

bool tls_exception_find(struct db *db, str domain, struct arena *a, int64_t deadline_ms,
                        struct tls_exceptions *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_TEXT(domain), DB_INT8(TLS_EXCEPTIONS_MAX) };
    if (!db_query(db, DB_DELIVER, &find_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    read_rows(r, a, out);
    return true;
}

bool tls_exception_list(struct db *db, const struct tls_exception_choice *choice, struct arena *a,
                        int64_t deadline_ms, struct tls_exceptions *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_TEXT(choice->domain), DB_INT8(choice->account_id),
                                       DB_INT8(TLS_EXCEPTIONS_LISTED) };
    if (!db_query(db, DB_READ, &list_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    read_rows(r, a, out);
    return true;
}

void tls_exception_send(struct db_tx *tx, const struct tls_exception *exception)
{
    const struct db_param params[] = {
        DB_TEXT(exception->domain),     DB_INT8(exception->account_id), DB_BYTEA(exception->pin),
        DB_INT8(exception->expires_us), DB_TEXT(exception->created_by),
    };
    db_tx_send(tx, &put_stmt, params, COUNT_OF(params));
}

bool tls_exception_remove(struct db_tx *tx, const struct tls_exception_choice *choice,
                          struct arena *a, struct tls_exceptions *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_TEXT(choice->domain), DB_INT8(choice->account_id) };
    db_tx_send(tx, &remove_stmt, params, COUNT_OF(params));
    if (!db_tx_flush(tx, a, &r, 1, NULL, e))
        return false;
    read_rows(r, a, out);
    return true;
}

bool tls_exception_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_DELIVER, &sweep_stmt, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

bool tls_exception_allows(const struct tls_exceptions *of, int64_t account_id, str key)
{
    for (size_t i = 0; i < of->n; i++) {
        const struct tls_exception *one = &of->list[i];
        if ((one->account_id == 0 || one->account_id == account_id) &&
            (one->pin.n == 0 || str_eq(one->pin, key)))
            return true;
    }
    return false;
}
