/* SPDX-License-Identifier: Apache-2.0 */
/* Logins with app passwords: is it one of this account, and may it be used here? One that may not
 * is answered like a wrong password (ATTACKS U14). */
#include "auth/app_password.h"
#include "auth/app_secret.h"
#include "auth/login.h"
#include "db/db.h"

enum {
    USED_STEP_US = 60 * 1000000 /* the last use is written this often */
};

static const struct {
    const char *protocol;
    unsigned bit;
} protocols[] = {
    { "imap", AUTH_APP_IMAP },
    { "pop3", AUTH_APP_POP3 },
    { "smtp", AUTH_APP_SMTP },
};

#define COLUMNS "app_password_id, label, protocols, networks, verifier, last_used_at"

static const struct db_stmt find_by_hash = {
    "SELECT " COLUMNS " FROM app_password"
    " WHERE account_id = $1 AND secret_hash = $2 AND expires_at > now()"
};
static const struct db_stmt find_all = {
    "SELECT " COLUMNS " FROM app_password WHERE account_id = $1 AND expires_at > now()"
};
static const struct db_stmt note_use = {
    "UPDATE app_password SET last_used_at = now(), last_used_ip = $2 WHERE app_password_id = $1"
};

bool login_is_app_shaped(str password)
{
    return app_secret_is_shaped(password);
}

static unsigned bit_of(const char *protocol)
{
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        if (strcmp(protocol, protocols[i].protocol) == 0)
            return protocols[i].bit;
    }
    return 0;
}

/* Whether the row's app password is good for this protocol and address. */
static bool may_be_used(const struct login *l, const struct db_rows *rows, size_t row)
{
    str *texts = NULL;
    size_t n = db_strs(rows, row, 3, l->a, &texts);
    struct net_network *list = ARENA_ARRAY(l->a, struct net_network, n + 1);
    struct net_networks networks = { list, 0 };
    for (size_t i = 0; i < n; i++) {
        if (net_network_parse(texts[i], &list[networks.n], NULL))
            networks.n++;
    }
    bool is_there =
        n == 0 || (l->attempt->peer && net_networks_contain(&networks, l->attempt->peer));
    return is_there && ((unsigned)db_int(rows, row, 2) & bit_of(l->attempt->protocol)) != 0;
}

/* That the last use cannot be written is no reason to refuse. */
YIELDS static void take(struct login *l, const struct db_rows *rows, size_t row)
{
    struct err ignored = ERR_CLEAR;
    char text[NET_ADDRESS_TEXT] = "";
    str ip = l->attempt->peer ? net_address_ip(l->attempt->peer, text) : STR_EMPTY;
    const struct db_param params[] = { DB_INT8(db_int(rows, row, 0)), DB_TEXT(ip) };
    int64_t used = db_time_us_or(rows, row, 5, 0);
    l->way = arena_cstr(l->a, arena_printf(l->a, "app password %lld (%.*s)",
                                           (long long)db_int(rows, row, 0),
                                           STR_FMT(db_str(rows, row, 1))));
    l->app_password_id = db_int(rows, row, 0);
    if (clock_utc_us() - used <= USED_STEP_US)
        return;
    (void)db_query(l->auth->db, DB_AUTH, &note_use, params, COUNT_OF(params), l->a, l->deadline_ms,
                   NULL, &ignored);
}

YIELDS static bool ask(struct login *l, const struct db_stmt *stmt, const struct db_param *params,
                       size_t n, struct db_rows **rows, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (db_query(l->auth->db, DB_AUTH, stmt, params, n, l->a, l->deadline_ms, rows, &why))
        return true;
    return ERR(e, why.kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_UNAVAILABLE,
               "find app password: %s", why.msg);
}

static int64_t account_of(const struct login *l)
{
    return l->is_found && !l->account.is_disabled ? l->account.account_id : 0;
}

bool login_try_app_password(struct login *l, bool *matches, struct err *e)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct db_rows *rows = NULL;
    *matches = false;
    app_secret_hash(l->attempt->password, hash);
    const struct db_param params[] = { DB_INT8(account_of(l)),
                                       DB_BYTEA(str_of((const char *)hash, sizeof(hash))) };
    if (!ask(l, &find_by_hash, params, COUNT_OF(params), &rows, e))
        return false;
    *matches = db_row_count(rows) == 1 && may_be_used(l, rows, 0);
    if (*matches)
        take(l, rows, 0);
    return true;
}

bool login_try_app_proof(struct login *l, const struct scram_proof *proof, bool *matches,
                         struct scram_verifier *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_of(l)) };
    *matches = false;
    if (!ask(l, &find_all, params, COUNT_OF(params), &rows, e))
        return false;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (!scram_verifier_parse(db_str(rows, i, 4), out, NULL) ||
            memcmp(out->salt, proof->salt, sizeof(out->salt)) != 0 ||
            !scram_proof_is_right(out, proof->auth_message, proof->proof))
            continue;
        *matches = may_be_used(l, rows, i);
        if (*matches)
            take(l, rows, i);
        return true;
    }
    return true;
}
