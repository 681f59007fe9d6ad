/* SPDX-License-Identifier: Apache-2.0 */
/* A login and its session. */
#include "auth/sign_in.h"

YIELDS static bool begin(struct auth_sign_in *s, const struct auth_identity *who, struct arena *a,
                         int64_t deadline_ms, char secret[AUTH_SECRET_MAX], struct auth_grant *out,
                         struct err *e)
{
    s->session.account_id = who->account_id;
    s->session.password_serial = who->ticket.password_serial;
    return auth_session_begin(s->grants, &s->session, a, deadline_ms, secret, out, e);
}

bool auth_sign_in(struct auth_sign_in *s, struct arena *a, int64_t deadline_ms,
                  char secret[AUTH_SECRET_MAX], struct auth_grant *out, struct err *e)
{
    struct auth_identity who;
    struct err late = ERR_CLEAR;
    if (!auth_login(s->auth, s->attempt, a, deadline_ms, &who, e))
        return false;
    if (begin(s, &who, a, deadline_ms, secret, out, &late))
        return true;
    if (late.kind != ERR_DENIED) {
        *e = late;
        return false;
    }
    /* The account was changed elsewhere, and the hint has not come here. */
    auth_forget(s->auth, who.account_id);
    return auth_login(s->auth, s->attempt, a, deadline_ms, &who, e) &&
           begin(s, &who, a, deadline_ms, secret, out, e);
}
