/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of auth: who is this, and may they try again? Passwords against argon2id hashes in the
 * offload pool, with a cache of successes, limits per address and per account that all processes
 * share through Redis, and an audit row of each password that was checked. It does not know which
 * protocol asks.
 *
 * An unknown name, a disabled account, one without password and a wrong password cannot be told
 * apart: not by the error, not by the time (PROMISES R24). */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/password.h"
#include "auth/sasl.h"
#include "auth/ticket.h"
#include "crypto/argon2id.h"
#include "net/address.h"
#include "runtime/runtime.h"

struct account_directory;
struct auth;
struct db;
struct redis;

/* Numbers of PROMISES "auth limits"; 0 means the default beside each. */
struct auth_options {
    unsigned per_ip_per_minute;    /* 10 failures; x3 for /24 and /48, x9 for /16 and /32 */
    unsigned per_ip_per_day;       /* 50 failures, the same multiples */
    unsigned per_account_per_hour; /* 20 failures before each further try waits */
    unsigned per_second;           /* 300 checks of everybody together, in this process */
    int64_t delay_ms;              /* 2 s before a failure is answered; below 0: none (tests) */
    int64_t delay_max_ms;          /* 15 s for an account under attack */
    int64_t cache_ms;              /* 60 s that a success is remembered; below 0: never */
    struct crypto_argon2id hash;   /* of new hashes; all 0: CRYPTO_ARGON2ID_DEFAULT */
};

/* Keeps all of them; `redis` may be NULL (failures are then counted in this process alone,
 * at a quarter of the numbers; the same while Redis is away); `options` may be NULL. Computes one
 * hash, so it takes some 20 ms. Gives. */
struct auth *auth_new(struct account_directory *accounts, struct db *db, struct redis *redis,
                      const struct auth_options *options);
void auth_free(struct auth **auth);

struct auth_attempt {
    str login;                      /* as the client sent it */
    str password;                   /* the same; wiped by its owner (secret.h) */
    const struct net_address *peer; /* of the client */
    const char *protocol;           /* static: "smtp", "imap"; for the audit log */
    str session;                    /* id for the log */
    /* The account's own password as the database has it now: nothing that is remembered, no app
     * password. For who is signed in already and is to prove it once more (auth_login only). */
    bool is_own_now;
};

struct auth_identity {
    int64_t account_id;
    str login; /* its first address, in the arena */
    bool is_admin;
    struct auth_ticket ticket; /* what it was let in with: ask again whether it still is */
};

/* Checks one login. Failures have waited their delay already; answer at once. ERR_DENIED: not this
 * name and password (535 5.7.8, NO [AUTHENTICATIONFAILED]); ERR_LIMIT: too many failures from
 * there, nothing was checked (454 4.7.0, NO [UNAVAILABLE]); ERR_UNAVAILABLE: the database is away
 * or too many logins wait (the same replies); ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool auth_login(struct auth *auth, const struct auth_attempt *attempt, struct arena *a,
                       int64_t deadline_ms, struct auth_identity *out, struct err *e);

/* A name and a password came in plain text, where others may have read them: writes that down as an
 * audit row "auth.exposed" (ATTACKS U1). Checks nothing, so it tells the client nothing; whoever
 * calls it bounds how often one connection may. Yields. */
YIELDS void auth_note_exposed(struct auth *auth, const struct auth_attempt *attempt);

/* Checks a new password (auth_password_check) and for the account of this login and makes of it in
 * the pool what is to be stored: the PHC string and, behind a space, the verifier of SCRAM-SHA-256.
 * In the arena. ERR_SYNTAX and ERR_LIMIT as there, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CANCELLED.
 * Yields. */
YIELDS bool auth_hash_password(struct auth *auth, str login, str password, struct arena *a,
                               int64_t deadline_ms, str *stored, struct err *e);

/* Forgets remembered successes of the account: its password changed or it was disabled. 0 forgets
 * all. Those of other processes end with their time. */
void auth_forget(struct auth *auth, int64_t account_id);

#endif
