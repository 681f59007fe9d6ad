/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of browsers. */
#include "auth/grants.h"

#include "base/utf8.h"

enum {
    AGENT_MAX = 256,
    LONG_S = 30 * 86400, /* a session that is to be remembered */
    SHORT_IDLE_S = 12 * 3600
};

/* Behind whoever disables the account just now, or before: then the session ends with that. */
static const struct db_stmt begin = {
    "INSERT INTO session (account_id, secret_hash, password_serial, ip, user_agent, idle_limit,"
    "                     expires_at)"
    " SELECT account_id, $2, password_serial, $3, $4, $5 * interval '1 second',"
    "        now() + $6 * interval '1 second'"
    "   FROM account WHERE account_id = $1 AND disabled_at IS NULL AND password_serial = $7 FOR SHARE"
    " RETURNING session_id, created_at, expires_at,"
    "   (SELECT login FROM account a WHERE a.account_id = $1),"
    "   (SELECT is_admin FROM account a WHERE a.account_id = $1)"
};

static const struct db_stmt list = {
    "SELECT s.session_id, s.ip, s.user_agent, s.created_at, s.last_used_at, s.expires_at"
    "  FROM session s"
    "  JOIN account a USING (account_id)"
    " WHERE account_id = $1 AND (last_used_at, session_id) < ($2, $3)"
    "   AND expires_at > now() AND last_used_at > now() - idle_limit"
    "   AND a.password_serial = s.password_serial"
    " ORDER BY last_used_at DESC, session_id DESC LIMIT $4"
};

static const struct db_stmt end = {
    "DELETE FROM session WHERE account_id = $1 AND ($2 = 0 OR session_id = $2)"
    "   AND session_id <> $3 RETURNING session_id"
};

static const struct db_stmt renew = {
    "UPDATE session s SET password_serial = a.password_serial, secret_hash = $3 FROM account a"
    " WHERE s.account_id = $1 AND s.session_id = $2 AND a.account_id = s.account_id"
    "   AND a.disabled_at IS NULL"
    " RETURNING s.session_id"
};

bool auth_session_begin(struct auth_grants *g, const struct auth_session_new *wanted,
                        struct arena *a, int64_t deadline_ms, char secret[AUTH_SECRET_MAX],
                        struct auth_grant *out, struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    str agent = utf8_is_valid(wanted->user_agent) ? utf8_cut(wanted->user_agent, AGENT_MAX)
                                                  : STR("(not text)");
    grants_make_secret(STR_EMPTY, secret, hash);
    const struct db_param params[] = {
        DB_INT8(wanted->account_id),
        DB_BYTEA(grants_hash_str(hash)),
        DB_TEXT(wanted->ip),
        DB_TEXT(agent),
        DB_INT8(wanted->remember ? LONG_S : SHORT_IDLE_S),
        DB_INT8(wanted->remember ? LONG_S : AUTH_SESSION_SHORT_S),
        DB_INT8(wanted->password_serial),
    };
    if (!db_query(g->db, DB_AUTH, &begin, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_DENIED, "the login does not hold any more");
    *out = (struct auth_grant){
        .is_session = true,
        .id = db_int(rows, 0, 0),
        .account_id = wanted->account_id,
        .login = db_str(rows, 0, 3),
        .is_admin = db_int(rows, 0, 4) != 0,
        .scopes = db_int(rows, 0, 4) ? AUTH_SCOPES_ALL : AUTH_SCOPES_USER,
        .created_us = db_time_us(rows, 0, 1),
        .expires_us = db_time_us(rows, 0, 2),
    };
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a place in the list is two values. */
bool auth_session_list(struct auth_grants *g, int64_t account_id, int64_t before_us,
                       int64_t before_id, size_t limit, struct arena *a, int64_t deadline_ms,
                       struct auth_sessions *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TIME_US(before_us),
                                       DB_INT8(before_id), DB_INT8((int64_t)limit) };
    if (!db_query(g->db, DB_AUTH, &list, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    struct auth_session *sessions = ARENA_ARRAY(a, struct auth_session, db_row_count(rows) + 1);
    *out = (struct auth_sessions){ sessions, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++) {
        sessions[i] = (struct auth_session){ .id = db_int(rows, i, 0),
                                             .ip = db_str(rows, i, 1),
                                             .user_agent = db_str(rows, i, 2),
                                             .created_us = db_time_us(rows, i, 3),
                                             .last_used_us = db_time_us(rows, i, 4),
                                             .expires_us = db_time_us(rows, i, 5) };
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): what is ended and what stays. */
bool auth_session_end(struct auth_grants *g, int64_t account_id, int64_t id, int64_t keep_id,
                      struct arena *a, int64_t deadline_ms, int64_t *ended, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(id), DB_INT8(keep_id) };
    if (!db_query(g->db, DB_AUTH, &end, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *ended = (int64_t)db_row_count(rows);
    auth_grants_forget(g, account_id);
    return true;
}

bool auth_session_renew(struct auth_grants *g, const struct auth_grant *session, struct arena *a,
                        int64_t deadline_ms, char secret[AUTH_SECRET_MAX], struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    grants_make_secret(STR_EMPTY, secret, hash);
    const struct db_param params[] = { DB_INT8(session->account_id), DB_INT8(session->id),
                                       DB_BYTEA(grants_hash_str(hash)) };
    bool ok = db_query(g->db, DB_AUTH, &renew, params, COUNT_OF(params), a, deadline_ms, &rows, e);
    auth_grants_forget(g, session->account_id);
    if (!ok)
        return false;
    return db_row_count(rows) == 1 || ERR(e, ERR_NOT_FOUND, "the session has ended");
}
