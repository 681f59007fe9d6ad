/* SPDX-License-Identifier: Apache-2.0 */
/* One statement looks at one session or at all of a process. */
#include "auth/ticket.h"

#include "db/db.h"

#include <assert.h>

/* The numbers are those of enum auth_standing. A session by an app password or a token does not end
 * with the account's password: that is what those are for. */
static const struct db_stmt look = {
    "SELECT i.account_id, CASE"
    "   WHEN c.account_id IS NULL OR c.disabled_at IS NOT NULL THEN 1"
    "   WHEN i.app <> 0 THEN CASE WHEN EXISTS (SELECT FROM app_password p"
    "     WHERE p.app_password_id = i.app AND p.expires_at > now()) THEN 0 ELSE 3 END"
    "   WHEN i.token <> 0 THEN CASE WHEN EXISTS (SELECT FROM api_token t"
    "     WHERE t.token_id = i.token AND t.expires_at > now()) THEN 0 ELSE 3 END"
    "   WHEN c.password_serial <> i.serial THEN 2 ELSE 0 END"
    "  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"
    "    AS i(account_id, serial, app, token) LEFT JOIN account c USING (account_id)"
};
static_assert(AUTH_STANDS == 0 && AUTH_ACCOUNT_ENDED == 1 && AUTH_PASSWORD_CHANGED == 2 &&
                  AUTH_SECRET_ENDED == 3,
              "the statement says these numbers");

YIELDS static bool ask(struct db *db, const struct auth_ticket *tickets, size_t n, struct arena *a,
                       int64_t deadline_ms, struct db_rows **rows, struct err *e)
{
    enum {
        COLUMNS = 4
    };
    int64_t *columns[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++)
        columns[c] = ARENA_ARRAY(a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        columns[0][i] = tickets[i].account_id;
        columns[1][i] = tickets[i].password_serial;
        columns[2][i] = tickets[i].app_password_id;
        columns[3][i] = tickets[i].token_id;
    }
    const struct db_param params[] = { DB_INT8S(columns[0], n), DB_INT8S(columns[1], n),
                                       DB_INT8S(columns[2], n), DB_INT8S(columns[3], n) };
    return db_query(db, DB_READ, &look, params, COUNT_OF(params), a, deadline_ms, rows, e);
}

bool auth_ticket_check(struct db *db, const struct auth_ticket *ticket, struct arena *a,
                       int64_t deadline_ms, enum auth_standing *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!ask(db, ticket, 1, a, deadline_ms, &rows, e))
        return false;
    *out = (enum auth_standing)db_int(rows, 0, 1);
    return true;
}

bool auth_tickets_ended(struct db *db, const struct auth_ticket *tickets, size_t n, struct arena *a,
                        int64_t deadline_ms, struct auth_accounts *out, struct err *e)
{
    struct db_rows *rows = NULL;
    *out = (struct auth_accounts){ NULL, 0 };
    if (n == 0)
        return true;
    if (!ask(db, tickets, n, a, deadline_ms, &rows, e))
        return false;
    int64_t *list = ARENA_ARRAY(a, int64_t, n);
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (db_int(rows, i, 1) != AUTH_STANDS)
            list[out->n++] = db_int(rows, i, 0);
    }
    out->list = list;
    return true;
}
