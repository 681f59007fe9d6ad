/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by SCRAM: which verifier a name gets, and what its proof is worth. */
#include "auth/login.h"
#include "crypto/hmac.h"
#include "db/db.h"

/* One key for all processes: the salt of a name that nobody has must be the same wherever and
 * whenever it is asked for. */
static const struct db_stmt read_salt_key = {
    "SELECT secret FROM auth_secret WHERE name = 'scram-salt'"
};

YIELDS static bool ensure_salt_key(struct auth *auth, struct arena *a, int64_t deadline_ms,
                                   struct err *e)
{
    struct db_rows *rows = NULL;
    struct err why = ERR_CLEAR;
    if (auth->has_salt_key)
        return true;
    if (!db_query(auth->db, DB_AUTH, &read_salt_key, NULL, 0, a, deadline_ms, &rows, &why))
        return ERR(e, why.kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_UNAVAILABLE, "%s", why.msg);
    if (db_row_count(rows) != 1 || db_str(rows, 0, 0).n != sizeof(auth->salt_key))
        return ERR(e, ERR_UNAVAILABLE, "the key of salts is not in the database");
    memcpy(auth->salt_key, db_str(rows, 0, 0).p, sizeof(auth->salt_key));
    auth->has_salt_key = true;
    return true;
}

bool auth_salt_of(struct auth *auth, str login, struct arena *a, int64_t deadline_ms,
                  uint8_t out[SCRAM_SALT_SIZE], struct err *e)
{
    uint8_t mac[CRYPTO_HMAC_SIZE];
    str key = str_of((const char *)auth->salt_key, sizeof(auth->salt_key));
    struct buf folded;
    if (!ensure_salt_key(auth, a, deadline_ms, e))
        return false;
    buf_init(&folded, login.n);
    (void)buf_add_lower(&folded, login);
    crypto_hmac_sha256(key, buf_str(&folded), mac);
    buf_fini(&folded);
    memcpy(out, mac, SCRAM_SALT_SIZE);
    return true;
}

static bool begin(struct login *l, struct scram_verifier *out, struct err *e)
{
    if (!login_enter(l, e) || !login_look_up(l, e))
        return false;
    str name = l->is_found ? l->account.login : l->attempt->login;
    *out = (struct scram_verifier){ .iterations = SCRAM_ITERATIONS };
    if (!auth_salt_of(l->auth, name, l->a, l->deadline_ms, out->salt, e))
        return false;
    struct scram_verifier stored;
    if (login_is_usable(l) && login_verifier_of(l->account.password_hash, &stored))
        *out = stored;
    return true;
}

bool auth_scram_begin(struct auth *auth, const struct auth_attempt *attempt, struct arena *a,
                      int64_t deadline_ms, struct scram_verifier *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct login l;
    login_init(&l, auth, attempt, a, deadline_ms);
    if (begin(&l, out, &why))
        return true;
    login_report(&l, false, &why);
    return ERR(e, why.kind, "%s", why.msg);
}

/* By the password that the account has now. */
static bool is_main_password(const struct login *l, const struct scram_proof *proof,
                             struct scram_verifier *out)
{
    return login_is_usable(l) && login_verifier_of(l->account.password_hash, out) &&
           memcmp(out->salt, proof->salt, sizeof(out->salt)) == 0 &&
           scram_proof_is_right(out, proof->auth_message, proof->proof);
}

static bool finish(struct login *l, const struct scram_proof *proof, struct auth_identity *out,
                   str *server_final, struct err *e)
{
    struct scram_verifier verifier = { .iterations = 0 };
    bool by_app = false;
    l->way = "SCRAM";
    if (!throttle_check_again(&l->auth->throttle, &l->subject, e) || !login_look_up(l, e) ||
        !login_try_app_proof(l, proof, &by_app, &verifier, e))
        return false;
    if (!proof->is_bound || (!by_app && !is_main_password(l, proof, &verifier)))
        return login_deny(l, e);
    login_admit(l, out);
    *server_final = scram_server_final(&verifier, proof->auth_message, l->a);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an attempt, its proof, and two answers. */
bool auth_scram_finish(struct auth *auth, const struct auth_attempt *attempt,
                       const struct scram_proof *proof, struct arena *a, int64_t deadline_ms,
                       struct auth_identity *out, str *server_final, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct login l;
    login_init(&l, auth, attempt, a, deadline_ms);
    bool ok = finish(&l, proof, out, server_final, &why);
    login_report(&l, ok, &why);
    if (!ok && e)
        *e = why;
    return ok;
}
