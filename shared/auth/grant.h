/* SPDX-License-Identifier: Apache-2.0 */
/* What lets a request in without a password: sessions of browsers and tokens of programs. Their
 * secrets have 256 random bits; only the SHA-256 is kept. What is found is remembered for seconds.
 * Not for passwords (auth.h). Every error: also those of db_query. */
#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

#include "base/base.h"

struct db;
struct auth_grants;

enum {
    AUTH_SCOPE_ACCOUNT_READ = 1,
    AUTH_SCOPE_ACCOUNT_WRITE = 2,
    AUTH_SCOPE_MAIL_READ = 4,
    AUTH_SCOPE_MAIL_WRITE = 8,
    AUTH_SCOPE_MAIL_SEND = 16,
    AUTH_SCOPE_ADMIN_READ = 32,
    AUTH_SCOPE_ADMIN_WRITE = 64,
    AUTH_SCOPES_USER = 31,
    AUTH_SCOPES_ALL = 127
};

enum {
    AUTH_SECRET_MAX = 64,        /* octets of a secret as text, with its end */
    AUTH_TOKENS_MAX = 100,       /* of an account */
    AUTH_SESSION_SHORT_S = 86400 /* of a session that is not to outlive the browser */
};

struct auth_grant {
    bool is_session; /* of a browser; else a token */
    int64_t id;      /* of the session or token */
    int64_t account_id;
    str login;
    bool is_admin;
    unsigned scopes; /* AUTH_SCOPE_*; those of administrators only while the account is one */
    int64_t created_us;
    int64_t expires_us; /* INT64_MAX: never */
};

/* Keeps db. Gives. */
struct auth_grants *auth_grants_new(struct db *db);
void auth_grants_free(struct auth_grants **g);
/* Forgets what is remembered of the account, 0: of all: something of it changed. */
void auth_grants_forget(struct auth_grants *g, int64_t account_id);

/* What a request came with. */
struct auth_secret {
    bool is_session; /* of a cookie; else of a token */
    str text;
    str ip; /* of the client: noted as the place of last use */
};

/* Whom the secret lets in; out->id is 0 for one that is not known, has ended, or whose account is
 * disabled. Texts in arena. Yields. */
YIELDS bool auth_grant_find(struct auth_grants *g, const struct auth_secret *secret,
                            struct arena *a, int64_t deadline_ms, struct auth_grant *out,
                            struct err *e);
/* The same from what is remembered, without asking the database; false when it would have to be
 * asked. Texts in arena. */
bool auth_grant_recall(struct auth_grants *g, const struct auth_secret *secret, struct arena *a,
                       struct auth_grant *out);

/* What the session or token that the grant was found by allows now: AUTH_SCOPE_*, 0 when it lets in
 * no more. Asks the database. Yields. */
YIELDS bool auth_grant_scopes(struct auth_grants *g, const struct auth_grant *grant,
                              struct arena *a, int64_t deadline_ms, unsigned *out, struct err *e);

/* ---- sessions ---- */

struct auth_session_new {
    int64_t account_id;
    int64_t password_serial; /* of the password that let in (struct auth_ticket) */
    bool remember;           /* 30 days; else at most a day, and 12 hours without use */
    str ip;
    str user_agent; /* cut at 256 octets */
};

/* Makes a session; the secret for its cookie is written to `secret`. ERR_DENIED: the account is
 * gone, disabled, or has another password by now, and who let in had not heard of it yet. Yields.
 */
YIELDS bool auth_session_begin(struct auth_grants *g, const struct auth_session_new *wanted,
                               struct arena *a, int64_t deadline_ms, char secret[AUTH_SECRET_MAX],
                               struct auth_grant *out, struct err *e);

struct auth_session {
    int64_t id;
    str ip;
    str user_agent;
    int64_t created_us;
    int64_t last_used_us;
    int64_t expires_us;
};

struct auth_sessions {
    const struct auth_session *list; /* the last used first */
    size_t n;
};

/* Living sessions of the account, at most `limit`, from behind the one with these two values on
 * (INT64_MAX, 0: from the first). In arena. Yields. */
YIELDS bool auth_session_list(struct auth_grants *g, int64_t account_id, int64_t before_us,
                              int64_t before_id, size_t limit, struct arena *a, int64_t deadline_ms,
                              struct auth_sessions *out, struct err *e);
/* Ends one session of the account, or with `id` 0 all but `keep_id`; *ended is how many. Yields. */
YIELDS bool auth_session_end(struct auth_grants *g, int64_t account_id, int64_t id, int64_t keep_id,
                             struct arena *a, int64_t deadline_ms, int64_t *ended, struct err *e);
/* After a change of the password, which ends all sessions: this one goes on under a new secret,
 * which is written to `secret`; the former lets in no more. ERR_NOT_FOUND: the session has ended
 * meanwhile. Yields. */
YIELDS bool auth_session_renew(struct auth_grants *g, const struct auth_grant *session,
                               struct arena *a, int64_t deadline_ms, char secret[AUTH_SECRET_MAX],
                               struct err *e);

/* ---- tokens ---- */

struct auth_token {
    int64_t id;
    str name;
    str prefix; /* how its secret begins */
    unsigned scopes;
    int64_t created_us;
    int64_t last_used_us; /* 0: never */
    int64_t expires_us;   /* INT64_MAX: never */
};

struct auth_tokens {
    const struct auth_token *list; /* the newest first */
    size_t n;
};

/* Makes a token of `wanted`'s name, scopes and end and fills the rest; its secret "hrn_..." is
 * written to `secret`. ERR_LIMIT: the account has AUTH_TOKENS_MAX. Yields. */
YIELDS bool auth_token_create(struct auth_grants *g, int64_t account_id, struct auth_token *wanted,
                              struct arena *a, int64_t deadline_ms, char secret[AUTH_SECRET_MAX],
                              struct err *e);
/* Tokens with an id below `before_id` (INT64_MAX: from the first). In arena. Yields. */
YIELDS bool auth_token_list(struct auth_grants *g, int64_t account_id, int64_t before_id,
                            size_t limit, struct arena *a, int64_t deadline_ms,
                            struct auth_tokens *out, struct err *e);
/* Ends a token. ERR_NOT_FOUND. Yields. */
YIELDS bool auth_token_end(struct auth_grants *g, int64_t account_id, int64_t id, struct arena *a,
                           int64_t deadline_ms, struct err *e);

/* Removes sessions and tokens that have ended; about once an hour. Yields. */
YIELDS bool auth_grants_sweep(struct db *db, int64_t deadline_ms, struct err *e);

#endif
