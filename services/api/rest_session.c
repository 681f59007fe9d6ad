/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: signing in and out, the list of them. */
#include "api_routes.h"
#include "auth/sign_in.h"
#include "services/api/api.h"
#include "services/api/session_cookie.h"
#include "services/api/shape_account.h"

/* What a failed login is told (the same for every reason of a wrong name or password, R24). */
static bool fail_login(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_DENIED)
        return call_problem(call, "wrong-credentials", NULL);
    if (e->kind == ERR_LIMIT) {
        call_field(call, "retry-after", STR("60"));
        return call_problem(call, "too-many-requests",
                            "There were too many failures; wait a minute.");
    }
    return call_fail(call, e);
}

/* Tells other processes, so that what they remember of the account goes, and its event streams
 * whose session has ended. */
static void tell_ended(const struct api_call *call)
{
    notify_tell(call->app->notify, NOTIFY_ACCOUNT, call->who.account_id);
}

/* An old session of the same browser ends when the new one is there: ids are new at each change of
 * rights (ATTACKS A6). */
YIELDS static void end_former(struct api_call *call)
{
    int64_t ended = 0;
    struct err ignored = ERR_CLEAR;
    if (call->is_signed_in && call->who.is_session &&
        auth_session_end(call->api->grants, call->who.account_id, call->who.id, 0, call->arena,
                         call->deadline_ms, &ended, &ignored) &&
        ended > 0)
        tell_ended(call);
}

YIELDS static bool load_account(struct api_call *call, struct account *account, str **addresses,
                                size_t *n)
{
    struct err e = ERR_CLEAR;
    return (account_get(call->app->accounts, call->who.account_id, call->arena, call->deadline_ms,
                        account, &e) &&
            account_addresses(call->app->accounts, call->who.account_id, call->arena,
                              call->deadline_ms, addresses, n, &e)) ||
           call_fail(call, &e);
}

YIELDS static void answer_session(struct api_call *call)
{
    struct account account;
    str *addresses;
    size_t n;
    if (!load_account(call, &account, &addresses, &n))
        return;
    json_t *o = json_object();
    api_set(o, "id", api_id(call->who.id));
    api_set(o, "account", shape_account(&account, addresses, n));
    api_set(o, "scopes", shape_scopes(call->who.scopes));
    api_set(o, "createdAt", api_time(call->who.created_us));
    api_set(o, "expiresAt", api_time_or_null(call->who.expires_us));
    call_json(call, 200, o);
}

void rest_sign_in(struct api_call *call, const void *p, const json_t *body)
{
    char secret[AUTH_SECRET_MAX];
    struct auth_grant made;
    struct err e = ERR_CLEAR;
    (void)p;
    const struct auth_attempt attempt = {
        .login = api_get_text(body, "login"),
        .password = api_get_text(body, "password"),
        .peer = &call->http->peer,
        .protocol = "http",
        .session = call->id,
    };
    const bool remember = api_get_bool(body, "remember", false);
    struct auth_sign_in sign_in = {
        .auth = call->app->auth,
        .grants = call->api->grants,
        .attempt = &attempt,
        .session = { .remember = remember,
                     .ip = call->ip,
                     .user_agent = http_request_field(call->http, STR("user-agent")) },
    };
    if (!auth_sign_in(&sign_in, call->arena, call->deadline_ms, secret, &made, &e)) {
        (void)fail_login(call, &e);
        return;
    }
    end_former(call);
    call->who = made;
    int64_t life_s = (made.expires_us - made.created_us) / 1000000;
    session_cookie_set(call, secret, remember, life_s);
    answer_session(call);
}

void rest_get_session(struct api_call *call, const void *p, const json_t *body)
{
    (void)p;
    (void)body;
    answer_session(call);
}

void rest_sign_out(struct api_call *call, const void *p, const json_t *body)
{
    int64_t ended;
    struct err e = ERR_CLEAR;
    (void)p;
    (void)body;
    if (!call->who.is_session) {
        (void)call_problem(call, "not-a-session", "End a token by DELETE /tokens/{tokenId}.");
        return;
    }
    if (!auth_session_end(call->api->grants, call->who.account_id, call->who.id, 0, call->arena,
                          call->deadline_ms, &ended, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    tell_ended(call);
    call_audit(call, "logout", call->who.login, STR("http"), "ok");
    session_cookie_clear(call);
    call_field(call, "clear-site-data", STR("\"cache\", \"storage\""));
    call_empty(call, 204);
}

void rest_end_session(struct api_call *call, const struct end_session_params *p, const json_t *body)
{
    int64_t ended = 0;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!auth_session_end(call->api->grants, call->who.account_id, p->session_id, 0, call->arena,
                          call->deadline_ms, &ended, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    if (ended == 0) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    tell_ended(call);
    call_audit(call, "session.end", call->who.login, STR_EMPTY, "ok");
    call_empty(call, 204);
}

void rest_end_other_sessions(struct api_call *call, const void *p, const json_t *body)
{
    int64_t ended = 0;
    struct err e = ERR_CLEAR;
    int64_t own = call->who.is_session ? call->who.id : 0;
    (void)p;
    (void)body;
    if (!auth_session_end(call->api->grants, call->who.account_id, 0, own, call->arena,
                          call->deadline_ms, &ended, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    tell_ended(call);
    call_audit(call, "session.end", call->who.login, STR("all others"), "ok");
    json_t *o = json_object();
    api_set(o, "ended", json_integer(ended));
    call_json(call, 200, o);
}

static json_t *shape_session_info(const struct auth_session *s, bool is_current)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(s->id));
    api_set(o, "isCurrent", json_boolean(is_current));
    api_set(o, "ip", api_text(s->ip));
    api_set(o, "userAgent", api_text(s->user_agent));
    api_set(o, "createdAt", api_time(s->created_us));
    api_set(o, "lastUsedAt", api_time(s->last_used_us));
    api_set(o, "expiresAt", api_time(s->expires_us));
    return o;
}

void rest_list_sessions(struct api_call *call, const struct list_sessions_params *p,
                        const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX, 0 } };
    struct auth_sessions sessions;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    if (!auth_session_list(call->api->grants, call->who.account_id, at.numbers[0], at.numbers[1],
                           (size_t)p->limit, call->arena, call->deadline_ms, &sessions, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    for (size_t i = 0; i < sessions.n; i++) {
        const struct auth_session *s = &sessions.list[i];
        api_add(items, shape_session_info(s, call->who.is_session && s->id == call->who.id));
        next = (struct call_cursor){ .numbers = { s->last_used_us, s->id } };
    }
    call_items_page(call, items, sessions.n == (size_t)p->limit ? &next : NULL);
}
