/* SPDX-License-Identifier: Apache-2.0 */
/* __Host-: only over TLS, only for this host, whatever a neighbour sets. */
#include "services/api/session_cookie.h"

#include "http/http_values.h"

#define COOKIE     "__Host-heronry"
#define ATTRIBUTES "; Path=/; HttpOnly; Secure; SameSite=Strict"

bool session_cookie_read(const struct http_request *r, str *secret)
{
    return http_cookie_find(http_request_field(r, STR("cookie")), STR(COOKIE), secret) &&
           secret->n > 0;
}

void session_cookie_set(struct api_call *call, const char *secret, bool remember, int64_t max_age_s)
{
    str value = remember ? arena_printf(call->arena, COOKIE "=%s" ATTRIBUTES "; Max-Age=%lld",
                                        secret, (long long)max_age_s)
                         : arena_printf(call->arena, COOKIE "=%s" ATTRIBUTES, secret);
    call_field(call, "set-cookie", value);
}

void session_cookie_renew(struct api_call *call, const char *secret)
{
    const struct auth_grant *who = &call->who;
    int64_t life_s = (who->expires_us - who->created_us) / 1000000;
    int64_t left_s = (who->expires_us - clock_utc_us()) / 1000000;
    session_cookie_set(call, secret, life_s > AUTH_SESSION_SHORT_S, left_s);
}

void session_cookie_clear(struct api_call *call)
{
    call_field(call, "set-cookie", STR(COOKIE "=" ATTRIBUTES "; Max-Age=0"));
}
