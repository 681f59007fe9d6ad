/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of programs. */
#include "auth/grants.h"

enum {
    PREFIX_SHOWN = 8 /* octets of a secret that are kept to recognise it by */
};

static const struct db_stmt create = {
    "INSERT INTO api_token (account_id, secret_hash, prefix, name, scopes, expires_at)"
    " SELECT $1, $2, $3, $4, $5, $6"
    "  WHERE (SELECT count(*) FROM api_token WHERE account_id = $1) < $7"
    " RETURNING token_id, created_at"
};

static const struct db_stmt list = {
    "SELECT token_id, name, prefix, scopes, created_at, last_used_at, expires_at FROM api_token"
    " WHERE account_id = $1 AND token_id < $2 ORDER BY token_id DESC LIMIT $3"
};

static const struct db_stmt end = {
    "DELETE FROM api_token WHERE account_id = $1 AND token_id = $2 RETURNING token_id"
};

bool auth_token_create(struct auth_grants *g, int64_t account_id, struct auth_token *wanted,
                       struct arena *a, int64_t deadline_ms, char secret[AUTH_SECRET_MAX],
                       struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    grants_make_secret(STR("hrn_"), secret, hash);
    wanted->prefix = arena_str(a, str_of(secret, PREFIX_SHOWN));
    const struct db_param params[] = {
        DB_INT8(account_id),      DB_BYTEA(grants_hash_str(hash)), DB_TEXT(wanted->prefix),
        DB_TEXT(wanted->name),    DB_INT4((int)wanted->scopes),    DB_TIME_US(wanted->expires_us),
        DB_INT4(AUTH_TOKENS_MAX),
    };
    if (!db_query(g->db, DB_AUTH, &create, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_LIMIT, "an account may have %d tokens", AUTH_TOKENS_MAX);
    wanted->id = db_int(rows, 0, 0);
    wanted->created_us = db_time_us(rows, 0, 1);
    wanted->last_used_us = 0;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a place in the list and a number. */
bool auth_token_list(struct auth_grants *g, int64_t account_id, int64_t before_id, size_t limit,
                     struct arena *a, int64_t deadline_ms, struct auth_tokens *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(before_id),
                                       DB_INT8((int64_t)limit) };
    if (!db_query(g->db, DB_AUTH, &list, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    struct auth_token *tokens = ARENA_ARRAY(a, struct auth_token, db_row_count(rows) + 1);
    *out = (struct auth_tokens){ tokens, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++) {
        tokens[i] = (struct auth_token){ .id = db_int(rows, i, 0),
                                         .name = db_str(rows, i, 1),
                                         .prefix = db_str(rows, i, 2),
                                         .scopes = (unsigned)db_int(rows, i, 3),
                                         .created_us = db_time_us(rows, i, 4),
                                         .last_used_us = db_time_us_or(rows, i, 5, 0),
                                         .expires_us = db_time_us(rows, i, 6) };
    }
    return true;
}

bool auth_token_end(struct auth_grants *g, int64_t account_id, int64_t id, struct arena *a,
                    int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(id) };
    if (!db_query(g->db, DB_AUTH, &end, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    auth_grants_forget(g, account_id);
    return db_row_count(rows) == 1 || ERR(e, ERR_NOT_FOUND, "there is no such token");
}
