/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in: a password, and the session of a browser for it. What is remembered of passwords
 * (auth.h) may be late; the session is made by what the database knows. */
#ifndef AUTH_SIGN_IN_H
#define AUTH_SIGN_IN_H

#include "auth/auth.h"
#include "auth/grant.h"

struct auth_sign_in {
    struct auth *auth;
    struct auth_grants *grants;
    const struct auth_attempt *attempt;
    struct auth_session_new session; /* the account and its password's serial are filled in */
};

/* Checks the login and makes a session; the secret for its cookie is written to `secret`. A login
 * that was remembered and holds no more is checked once more, as one that was never remembered: a
 * right password gets in, a wrong one waits, is counted and written down. Errors of auth_login.
 * Texts of *out in arena. Yields. */
YIELDS bool auth_sign_in(struct auth_sign_in *s, struct arena *a, int64_t deadline_ms,
                         char secret[AUTH_SECRET_MAX], struct auth_grant *out, struct err *e);

#endif
