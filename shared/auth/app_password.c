/* SPDX-License-Identifier: Apache-2.0 */
/* Making, listing and ending app passwords. */
#include "auth/app_password.h"

#include "auth/app_secret.h"
#include "auth/login.h"
#include "crypto/random.h"
#include "db/db.h"

static const struct db_stmt create = {
    "INSERT INTO app_password (account_id, secret_hash, verifier, label, protocols, networks,"
    " expires_at) SELECT $1, $2, $3, $4, $5, $6, $7"
    "  WHERE (SELECT count(*) FROM app_password WHERE account_id = $1) < $8"
    " RETURNING app_password_id, created_at"
};

static const struct db_stmt list = {
    "SELECT app_password_id, label, protocols, networks, created_at, expires_at, last_used_at,"
    "       last_used_ip FROM app_password WHERE account_id = $1 ORDER BY app_password_id DESC"
};

static const struct db_stmt end = {
    "DELETE FROM app_password WHERE account_id = $1 AND app_password_id = $2"
    " RETURNING app_password_id"
};

static const struct db_stmt sweep = {
    "DELETE FROM app_password WHERE expires_at < now() - interval '30 days'"
};

enum {
    GROUP = 4 /* characters between dashes */
};

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Five random bits a character: 140 of them. */
static void make_secret(char secret[AUTH_APP_SECRET_MAX])
{
    uint8_t bytes[APP_SECRET_CHARS];
    size_t n = 0;
    crypto_random_fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < APP_SECRET_CHARS; i++) {
        if (i > 0 && i % GROUP == 0)
            secret[n++] = '-';
        secret[n++] = alphabet[bytes[i] % 32];
    }
    secret[n] = '\0';
    secret_wipe_memory(bytes, sizeof(bytes));
}

static bool check_networks(const struct auth_app_password *wanted, struct err *e)
{
    struct net_network ignored;
    if (wanted->n_networks > AUTH_APP_NETWORKS_MAX)
        return ERR(e, ERR_SYNTAX, "at most %d networks", AUTH_APP_NETWORKS_MAX);
    for (size_t i = 0; i < wanted->n_networks; i++) {
        if (net_network_parse(wanted->networks[i], &ignored, NULL))
            continue;
        return ERR(e, ERR_SYNTAX, "%.*s is no address or network as 192.0.2.0/24",
                   STR_FMT(wanted->networks[i]));
    }
    return true;
}

/* The verifier's text for SCRAM, made in the pool; its salt is the account's. */
YIELDS static bool make_verifier(struct auth *auth, str login, str secret, struct arena *a,
                                 int64_t deadline_ms, str *out, struct err *e)
{
    uint8_t salt[SCRAM_SALT_SIZE];
    str stored;
    str phc;
    /* A hash of the cheapest kind comes along; it is thrown away. */
    static const struct crypto_argon2id cheap = { .memory_kib = 8, .passes = 1, .lanes = 1 };
    if (!auth_salt_of(auth, login, a, deadline_ms, salt, e) ||
        !hashing_enter(&auth->hashing, deadline_ms, e) ||
        !hashing_make(&auth->hashing, &cheap, salt, secret, deadline_ms, a, &stored, e))
        return false;
    (void)str_cut(stored, ' ', &phc, out);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): for whom, what, and where the secret goes. */
bool auth_app_password_create(struct auth *auth, int64_t account_id, str login,
                              struct auth_app_password *wanted, struct arena *a,
                              int64_t deadline_ms, char secret[AUTH_APP_SECRET_MAX], struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    str verifier;
    if (!check_networks(wanted, e))
        return false;
    make_secret(secret);
    app_secret_hash(str_from_cstr(secret), hash);
    if (!make_verifier(auth, login, str_from_cstr(secret), a, deadline_ms, &verifier, e))
        return false;
    const struct db_param params[] = {
        DB_INT8(account_id),
        DB_BYTEA(str_of((const char *)hash, sizeof(hash))),
        DB_TEXT(verifier),
        DB_TEXT(wanted->label),
        DB_INT4((int)wanted->protocols),
        DB_TEXTS(wanted->networks, wanted->n_networks),
        DB_TIME_US(wanted->expires_us),
        DB_INT4(AUTH_APP_PASSWORDS_MAX),
    };
    if (!db_query(auth->db, DB_AUTH, &create, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_LIMIT, "an account may have %d app passwords", AUTH_APP_PASSWORDS_MAX);
    wanted->id = db_int(rows, 0, 0);
    wanted->created_us = db_time_us(rows, 0, 1);
    wanted->last_used_us = 0;
    wanted->last_used_ip = STR_EMPTY;
    return true;
}

bool auth_app_password_list(struct auth *auth, int64_t account_id, struct arena *a,
                            int64_t deadline_ms, struct auth_app_passwords *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(auth->db, DB_AUTH, &list, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    struct auth_app_password *found =
        ARENA_ARRAY(a, struct auth_app_password, db_row_count(rows) + 1);
    *out = (struct auth_app_passwords){ found, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++) {
        str *networks = NULL;
        size_t n = db_strs(rows, i, 3, a, &networks);
        found[i] = (struct auth_app_password){ .id = db_int(rows, i, 0),
                                               .label = db_str(rows, i, 1),
                                               .protocols = (unsigned)db_int(rows, i, 2),
                                               .networks = networks,
                                               .n_networks = n,
                                               .created_us = db_time_us(rows, i, 4),
                                               .expires_us = db_time_us(rows, i, 5),
                                               .last_used_us = db_time_us_or(rows, i, 6, 0),
                                               .last_used_ip = db_str(rows, i, 7) };
    }
    return true;
}

bool auth_app_password_end(struct auth *auth, int64_t account_id, int64_t id, struct arena *a,
                           int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(id) };
    if (!db_query(auth->db, DB_AUTH, &end, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    auth_forget(auth, account_id);
    return db_row_count(rows) == 1 || ERR(e, ERR_NOT_FOUND, "there is no such app password");
}

bool auth_app_password_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_AUTH, &sweep, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
