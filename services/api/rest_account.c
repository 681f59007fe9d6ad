/* SPDX-License-Identifier: Apache-2.0 */
/* The own account: name, password, settings. */
#include "api_routes.h"
#include "auth/auth.h"
#include "services/api/api.h"
#include "services/api/session_cookie.h"
#include "services/api/shape_account.h"

enum {
    SETTINGS_TRIES = 5 /* when another tab changes settings in the same moment */
};

YIELDS static void answer_me(struct api_call *call)
{
    struct account account;
    str *addresses;
    size_t n;
    struct err e = ERR_CLEAR;
    if (!account_get(call->app->accounts, call->who.account_id, call->arena, call->deadline_ms,
                     &account, &e) ||
        !account_addresses(call->app->accounts, call->who.account_id, call->arena,
                           call->deadline_ms, &addresses, &n, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_json(call, 200, shape_account(&account, addresses, n));
}

void rest_get_me(struct api_call *call, const void *p, const json_t *body)
{
    (void)p;
    (void)body;
    answer_me(call);
}

void rest_update_me(struct api_call *call, const void *p, const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    (void)p;
    if (!account_set_display_name(call->app->accounts, &actor, call->who.account_id,
                                  api_get_text(body, "displayName"), call->arena, call->deadline_ms,
                                  &e)) {
        (void)call_fail(call, &e);
        return;
    }
    answer_me(call);
}

/* The old password is checked as a login is: with its limits, delays and audit row. But not by what
 * is remembered of it: it may have been changed elsewhere a moment ago. */
YIELDS static bool check_current(struct api_call *call, const json_t *body)
{
    struct auth_identity identity;
    struct err e = ERR_CLEAR;
    const struct auth_attempt attempt = {
        .login = call->who.login,
        .password = api_get_text(body, "currentPassword"),
        .peer = &call->http->peer,
        .protocol = "http",
        .session = call->id,
        .is_own_now = true,
    };
    if (auth_login(call->app->auth, &attempt, call->arena, call->deadline_ms, &identity, &e))
        return true;
    if (e.kind == ERR_DENIED)
        return call_field_problem(call, "invalid-fields", "/currentPassword", "is not right");
    if (e.kind == ERR_LIMIT) {
        call_field(call, "retry-after", STR("60"));
        return call_problem(call, "too-many-requests", "There were too many failures.");
    }
    return call_fail(call, &e);
}

/* The session of this browser goes on, under a new secret (ATTACKS A6). */
YIELDS static bool renew_session(struct api_call *call, struct err *e)
{
    char secret[AUTH_SECRET_MAX];
    if (!call->who.is_session)
        return true;
    if (!auth_session_renew(call->api->grants, &call->who, call->arena, call->deadline_ms, secret,
                            e))
        return false;
    /* Again: what was found between the two changes may be remembered elsewhere. */
    notify_tell(call->app->notify, NOTIFY_ACCOUNT, call->who.account_id);
    session_cookie_renew(call, secret);
    return true;
}

void rest_change_password(struct api_call *call, const void *p, const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct account_change change = { .kind = ACCOUNT_SET_PASSWORD_HASH };
    const struct account_actor actor = call_account_actor(call);
    (void)p;
    if (!check_current(call, body))
        return;
    if (!auth_hash_password(call->app->auth, call->who.login, api_get_text(body, "newPassword"),
                            call->arena, call->deadline_ms, &change.text, &e)) {
        if (e.kind == ERR_SYNTAX || e.kind == ERR_LIMIT) {
            (void)call_field_problem(call, "weak-password", "/newPassword", e.msg);
        } else {
            (void)call_fail(call, &e);
        }
        return;
    }
    if (account_change(call->app->accounts, &actor, call->who.login, &change, call->arena,
                       call->deadline_ms, &e) &&
        renew_session(call, &e)) {
        call_empty(call, 204);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_get_settings(struct api_call *call, const void *p, const json_t *body)
{
    str kept;
    struct err e = ERR_CLEAR;
    (void)p;
    (void)body;
    if (account_settings_get(call->app->accounts, call->who.account_id, call->arena,
                             call->deadline_ms, &kept, &e)) {
        call_json(call, 200, shape_settings(kept));
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_update_settings(struct api_call *call, const void *p, const json_t *body)
{
    str kept;
    struct err e = ERR_CLEAR;
    (void)p;
    for (int tries = 0; tries < SETTINGS_TRIES; tries++) {
        e = ERR_CLEAR;
        if (!account_settings_get(call->app->accounts, call->who.account_id, call->arena,
                                  call->deadline_ms, &kept, &e))
            break;
        str merged = shape_settings_merge(kept, body, call->arena);
        if (account_settings_set(call->app->accounts, call->who.account_id, kept, merged,
                                 call->arena, call->deadline_ms, &e)) {
            call_json(call, 200, shape_settings(merged));
            return;
        }
        if (e.kind != ERR_CONFLICT)
            break;
    }
    (void)call_fail(call, &e);
}
