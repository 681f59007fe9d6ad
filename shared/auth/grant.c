/* SPDX-License-Identifier: Apache-2.0 */
/* Finds whom a secret lets in, and remembers it for a few seconds. */
#include "auth/grants.h"

#include "base/base64.h"
#include "base/failpoint.h"
#include "crypto/random.h"
#include "crypto/secret.h"

#include <stdlib.h>

enum {
    REMEMBERED_MAX = 20000,
    REMEMBERED_MS = 5000,
    REMEMBERED_TESTED_MS = 600 * 1000, /* so that only a hint makes it forgotten */
    SECRET_BYTES = 32,
    USED_STEP_US = 60 * 1000000 /* the last use is written this often */
};

/* One row: kind and rights of the secret, whether the last use is to be written. */
static const struct db_stmt find_session = {
    "SELECT s.session_id, s.account_id, a.login, a.is_admin, 127, s.created_at, s.expires_at,"
    "       s.last_used_at"
    "  FROM session s JOIN account a USING (account_id)"
    " WHERE s.secret_hash = $1 AND s.expires_at > now() AND s.last_used_at > now() - s.idle_limit"
    "   AND a.disabled_at IS NULL AND a.password_serial = s.password_serial"
};

static const struct db_stmt find_token = {
    "SELECT t.token_id, t.account_id, a.login, a.is_admin, t.scopes, t.created_at, t.expires_at,"
    "       t.last_used_at"
    "  FROM api_token t JOIN account a USING (account_id)"
    " WHERE t.secret_hash = $1 AND t.expires_at > now() AND a.disabled_at IS NULL"
};

static const struct db_stmt session_scopes = {
    "SELECT a.is_admin, 127 FROM session s JOIN account a USING (account_id)"
    " WHERE s.session_id = $1 AND s.expires_at > now() AND a.disabled_at IS NULL"
    "   AND a.password_serial = s.password_serial"
};
static const struct db_stmt token_scopes = {
    "SELECT a.is_admin, t.scopes FROM api_token t JOIN account a USING (account_id)"
    " WHERE t.token_id = $1 AND t.expires_at > now() AND a.disabled_at IS NULL"
};

static const struct db_stmt use_session = {
    "UPDATE session SET last_used_at = now(), ip = $2 WHERE session_id = $1"
};
static const struct db_stmt use_token = {
    "UPDATE api_token SET last_used_at = now() WHERE token_id = $1 AND $2::text IS NOT NULL"
};

static const struct db_stmt sweep_sessions = {
    "DELETE FROM session WHERE expires_at < now() OR last_used_at < now() - idle_limit"
};
static const struct db_stmt sweep_tokens = {
    "DELETE FROM api_token WHERE expires_at < now() - interval '30 days'"
};
static const struct db_stmt sweep_keys = {
    "DELETE FROM idempotency WHERE at < now() - interval '24 hours'"
};

/* ---- what is remembered ---- */

struct remembered {
    struct list link;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    int64_t end_ms;
    struct auth_grant grant; /* its login points to `login` */
    char login[];
};

static struct remembered *remembered_of(struct list *link)
{
    return CONTAINER_OF(link, struct remembered, link);
}

static void drop(struct auth_grants *g, struct remembered *r)
{
    (void)map_remove(&g->by_hash, grants_hash_str(r->hash));
    list_remove(&r->link);
    free(r);
}

static void make_room(struct auth_grants *g, int64_t now_ms)
{
    LIST_FOR_EACH (link, &g->oldest_first) {
        if (remembered_of(link)->end_ms > now_ms && g->by_hash.n < REMEMBERED_MAX)
            break;
        drop(g, remembered_of(link));
    }
}

static const struct auth_grant *recall(struct auth_grants *g, str hash, bool is_session)
{
    struct remembered *r = map_find(&g->by_hash, hash);
    if (r && r->end_ms <= clock_monotonic_ms()) {
        drop(g, r);
        return NULL;
    }
    return r && r->grant.is_session == is_session ? &r->grant : NULL;
}

static void remember(struct auth_grants *g, const uint8_t hash[CRYPTO_SHA256_SIZE],
                     const struct auth_grant *grant)
{
    int64_t now_ms = clock_monotonic_ms();
    struct remembered *former = map_find(&g->by_hash, grants_hash_str(hash));
    if (former)
        drop(g, former);
    make_room(g, now_ms);
    struct remembered *r = heap_zalloc(sizeof(*r) + grant->login.n);
    r->end_ms =
        now_ms + (FAILPOINT_FAILS("auth-grants-stay") ? REMEMBERED_TESTED_MS : REMEMBERED_MS);
    r->grant = *grant;
    memcpy(r->hash, hash, sizeof(r->hash));
    memcpy(r->login, grant->login.p, grant->login.n);
    r->grant.login = str_of(r->login, grant->login.n);
    list_add_tail(&g->oldest_first, &r->link);
    bool ok = map_put(&g->by_hash, grants_hash_str(r->hash), r, NULL);
    INVARIANT(ok);
}

struct auth_grants *auth_grants_new(struct db *db)
{
    struct auth_grants *g = HEAP_NEW(struct auth_grants);
    g->db = db;
    map_init(&g->by_hash, REMEMBERED_MAX);
    list_init(&g->oldest_first);
    return g;
}

void auth_grants_free(struct auth_grants **g)
{
    if (!*g)
        return;
    auth_grants_forget(*g, 0);
    map_fini(&(*g)->by_hash);
    free(*g);
    *g = NULL;
}

void auth_grants_forget(struct auth_grants *g, int64_t account_id)
{
    g->forgets++;
    LIST_FOR_EACH (link, &g->oldest_first) {
        if (account_id == 0 || remembered_of(link)->grant.account_id == account_id)
            drop(g, remembered_of(link));
    }
}

/* ---- secrets ---- */

str grants_hash_str(const uint8_t hash[CRYPTO_SHA256_SIZE])
{
    return str_of((const char *)hash, CRYPTO_SHA256_SIZE);
}

void grants_make_secret(str prefix, char secret[AUTH_SECRET_MAX], uint8_t hash[CRYPTO_SHA256_SIZE])
{
    char bytes[SECRET_BYTES];
    struct buf text;
    buf_init(&text, AUTH_SECRET_MAX - 1);
    crypto_random_fill(bytes, sizeof(bytes));
    bool ok =
        buf_add(&text, prefix) && base64_encode(BASE64_URL, str_of(bytes, sizeof(bytes)), &text);
    INVARIANT(ok);
    memcpy(secret, text.p, text.n);
    secret[text.n] = '\0';
    crypto_sha256(buf_str(&text), hash);
    secret_wipe_memory(bytes, sizeof(bytes));
    secret_wipe_memory(text.p, text.n);
    buf_fini(&text);
}

/* ---- finding ---- */

static unsigned allowed_scopes(bool is_admin, unsigned scopes)
{
    return scopes & (unsigned)(is_admin ? AUTH_SCOPES_ALL : AUTH_SCOPES_USER);
}

static void read_grant(const struct db_rows *rows, bool is_session, struct arena *a,
                       struct auth_grant *out)
{
    *out = (struct auth_grant){
        .is_session = is_session,
        .id = db_int(rows, 0, 0),
        .account_id = db_int(rows, 0, 1),
        .login = arena_str(a, db_str(rows, 0, 2)),
        .is_admin = db_int(rows, 0, 3) != 0,
        .created_us = db_time_us(rows, 0, 5),
        .expires_us = db_time_us(rows, 0, 6),
    };
    out->scopes = allowed_scopes(out->is_admin, (unsigned)db_int(rows, 0, 4));
}

/* That the last use cannot be written is no reason to refuse. */
YIELDS static void note_use(struct auth_grants *g, const struct auth_grant *grant, str ip,
                            struct arena *a, int64_t deadline_ms)
{
    struct err ignored = ERR_CLEAR;
    const struct db_param params[] = { DB_INT8(grant->id), DB_TEXT(ip) };
    (void)db_query(g->db, DB_AUTH, grant->is_session ? &use_session : &use_token, params,
                   COUNT_OF(params), a, deadline_ms, NULL, &ignored);
}

bool auth_grant_recall(struct auth_grants *g, const struct auth_secret *secret, struct arena *a,
                       struct auth_grant *out)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    crypto_sha256(secret->text, hash);
    const struct auth_grant *known = recall(g, grants_hash_str(hash), secret->is_session);
    if (!known)
        return false;
    *out = *known;
    out->login = arena_str(a, known->login);
    return true;
}

bool auth_grant_find(struct auth_grants *g, const struct auth_secret *secret, struct arena *a,
                     int64_t deadline_ms, struct auth_grant *out, struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    unsigned forgets = g->forgets;
    *out = (struct auth_grant){ .id = 0 };
    if (auth_grant_recall(g, secret, a, out))
        return true;
    crypto_sha256(secret->text, hash);
    const struct db_param params[] = { DB_BYTEA(grants_hash_str(hash)) };
    if (!db_query(g->db, DB_AUTH, secret->is_session ? &find_session : &find_token, params,
                  COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return true;
    read_grant(rows, secret->is_session, a, out);
    int64_t used = db_time_us_or(rows, 0, 7, 0);
    if (clock_utc_us() - used > USED_STEP_US)
        note_use(g, out, secret->ip, a, deadline_ms);
    if (forgets == g->forgets)
        remember(g, hash, out);
    return true;
}

bool auth_grant_scopes(struct auth_grants *g, const struct auth_grant *grant, struct arena *a,
                       int64_t deadline_ms, unsigned *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(grant->id) };
    *out = 0;
    if (!db_query(g->db, DB_AUTH, grant->is_session ? &session_scopes : &token_scopes, params,
                  COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 1)
        *out = allowed_scopes(db_int(rows, 0, 0) != 0, (unsigned)db_int(rows, 0, 1));
    return true;
}

bool auth_grants_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_AUTH, &sweep_sessions, NULL, 0, &a, deadline_ms, NULL, e) &&
              db_query(db, DB_AUTH, &sweep_tokens, NULL, 0, &a, deadline_ms, NULL, e) &&
              db_query(db, DB_AUTH, &sweep_keys, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
