/* SPDX-License-Identifier: Apache-2.0 */
/* One login on its way, whatever proves it: what auth.c (passwords), scram_login.c and
 * bearer_login.c share. Private to the module. */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "account/account.h"
#include "auth/auth.h"
#include "auth/cache.h"
#include "auth/grant.h"
#include "auth/hashing.h"
#include "auth/scram.h"
#include "auth/throttle.h"

struct auth {
    struct account_directory *accounts;
    struct db *db;
    struct auth_grants *grants;  /* of tokens */
    struct auth_options options; /* without zeros */
    struct throttle throttle;
    struct auth_cache cache;
    unsigned forgets; /* calls of auth_forget: who logs in meanwhile is not remembered */
    struct hashing hashing;
    int64_t second;            /* of checks_in_second */
    unsigned checks_in_second; /* by everybody, in this process */
    /* Verified instead of a hash that is not there, so that nobody can be told apart by time. */
    char dummy[CRYPTO_PHC_SIZE];
    bool has_salt_key; /* salt_key is read from the database */
    uint8_t salt_key[CRYPTO_SHA256_SIZE];
};

/* One attempt on its way. */
struct login {
    struct auth *auth;
    const struct auth_attempt *attempt;
    struct arena *a;
    int64_t deadline_ms;
    int64_t answer_at_ms;   /* a failure is not answered before */
    struct secret password; /* prepared */
    uint8_t mac[CRYPTO_HMAC_SIZE];
    struct throttle_subject subject;
    unsigned forgets; /* auth->forgets when the account was read */
    bool is_found;    /* account is filled */
    struct account account;
    const char *way;         /* what proved it, for the audit: NULL is the password */
    int64_t app_password_id; /* that proved it, or 0 */
    int64_t token_id;        /* the same */
    const char *result;      /* for the metric and the log */
};

/* Begins one: names its counters, starts its clock. */
void login_init(struct login *l, struct auth *auth, const struct auth_attempt *attempt,
                struct arena *a, int64_t deadline_ms);
/* Whether there may be a try at all, by the limits of address, account and process; waits for an
 * account under attack. ERR_LIMIT, ERR_CANCELLED, ERR_TIMEOUT. Yields. */
YIELDS bool login_enter(struct login *l, struct err *e);
/* Finds the account of the attempt's name; that there is none is no failure. ERR_UNAVAILABLE,
 * ERR_CANCELLED. Yields. */
YIELDS bool login_look_up(struct login *l, struct err *e);
/* Whether the account that was found may log in. */
bool login_is_usable(const struct login *l);
/* Counts the failure, writes it down, lets the client wait, and fails with ERR_DENIED. Yields. */
YIELDS bool login_deny(struct login *l, struct err *e);
/* Writes the success down and fills *out. Yields. */
YIELDS void login_admit(struct login *l, struct auth_identity *out);
/* The metric and the log line of the attempt. */
void login_report(const struct login *l, bool ok, const struct err *e);

/* The verifier of SCRAM in what is stored of a password; false when it has none. */
bool login_verifier_of(str stored, struct scram_verifier *out);

/* ---- scram_login.c ---- */

/* Salt and iterations to answer a client's first message with: of the account, or some that look
 * the same from process to process and prove nobody. Limits as auth_login. Yields. */
YIELDS bool auth_scram_begin(struct auth *auth, const struct auth_attempt *attempt, struct arena *a,
                             int64_t deadline_ms, struct scram_verifier *out, struct err *e);

/* What came of the messages in between. */
struct scram_proof {
    uint8_t salt[SCRAM_SALT_SIZE]; /* that was sent */
    bool is_bound;                 /* nonce and channel are the right ones */
    str auth_message;
    const uint8_t *proof; /* CRYPTO_SHA256_SIZE octets */
};

/* Ends it: by the password of the account or one of its app passwords that have this salt.
 * *server_final is what proves us to the client, in arena. Errors of auth_login. Yields. */
YIELDS bool auth_scram_finish(struct auth *auth, const struct auth_attempt *attempt,
                              const struct scram_proof *proof, struct arena *a, int64_t deadline_ms,
                              struct auth_identity *out, str *server_final, struct err *e);

/* The salt of everything that is kept of the passwords of a login (in any case of its letters): the
 * same in all processes, for names that nobody has too. ERR_UNAVAILABLE, ERR_CANCELLED. Yields. */
YIELDS bool auth_salt_of(struct auth *auth, str login, struct arena *a, int64_t deadline_ms,
                         uint8_t out[SCRAM_SALT_SIZE], struct err *e);

/* ---- app_login.c ---- */

/* Whether the text looks like an app password, with or without its dashes: then what was right is
 * remembered for this protocol and address only. */
bool login_is_app_shaped(str password);
/* Looks whether the attempt's password is an app password of the account that was found, for this
 * protocol, address and moment. Asks the database whether there is an account or not. Yields. */
YIELDS bool login_try_app_password(struct login *l, bool *matches, struct err *e);
/* The same by a proof of SCRAM; *out is the verifier that it was right for. Yields. */
YIELDS bool login_try_app_proof(struct login *l, const struct scram_proof *proof, bool *matches,
                                struct scram_verifier *out, struct err *e);

/* ---- bearer_login.c ---- */

/* A login with a token (the attempt's password) of the API for the attempt's name (may be empty).
 * Errors of auth_login. Yields. */
YIELDS bool auth_bearer_login(struct auth *auth, const struct auth_attempt *attempt,
                              struct arena *a, int64_t deadline_ms, struct auth_identity *out,
                              struct err *e);
/* The scopes that a token needs for a protocol, as words for an error message. Static. */
const char *auth_bearer_scopes(const char *protocol);

#endif
