/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for automation. */
#include "api_routes.h"
#include "services/api/api.h"
#include "services/api/shape_account.h"

void rest_create_token(struct api_call *call, const struct create_token_params *p,
                       const json_t *body)
{
    char secret[AUTH_SECRET_MAX];
    struct err e = ERR_CLEAR;
    struct auth_token token = { .name = api_get_text(body, "name"),
                                .scopes = shape_scopes_read(json_object_get(body, "scopes")) };
    (void)p;
    if (!call->who.is_session) {
        (void)call_problem(call, "session-only", "Sign in to make a token.");
        return;
    }
    if (token.scopes & ~call->who.scopes) {
        (void)call_problem(call, "not-an-administrator",
                           "Scopes for administrators need an administrator.");
        return;
    }
    if (!call_read_expiry(call, body, &token.expires_us))
        return;
    if (!auth_token_create(call->api->grants, call->who.account_id, &token, call->arena,
                           call->deadline_ms, secret, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_audit(call, "token.create", call->who.login, token.prefix, "ok");
    json_t *o = json_object();
    api_set(o, "token", shape_token(&token));
    api_set(o, "secret", json_string(secret));
    call->is_secret = true;
    call_created(call, o, "/api/v1/tokens/%lld", (long long)token.id);
}

void rest_list_tokens(struct api_call *call, const struct list_tokens_params *p, const json_t *body)
{
    struct call_cursor at = { .numbers = { INT64_MAX } };
    struct auth_tokens tokens;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    if (!auth_token_list(call->api->grants, call->who.account_id, at.numbers[0], (size_t)p->limit,
                         call->arena, call->deadline_ms, &tokens, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    json_t *items = json_array();
    json_t *next = json_null();
    for (size_t i = 0; i < tokens.n; i++)
        api_add(items, shape_token(&tokens.list[i]));
    if (tokens.n == (size_t)p->limit) {
        next = call_cursor_format(
            call, &(struct call_cursor){ .numbers = { tokens.list[tokens.n - 1].id } });
    }
    api_set(o, "items", items);
    api_set(o, "nextCursor", next);
    call_json(call, 200, o);
}

void rest_revoke_token(struct api_call *call, const struct revoke_token_params *p,
                       const json_t *body)
{
    struct err e = ERR_CLEAR;
    (void)body;
    if (!auth_token_end(call->api->grants, call->who.account_id, p->token_id, call->arena,
                        call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    notify_tell(call->app->notify, NOTIFY_ACCOUNT, call->who.account_id);
    call_audit(call, "token.revoke", call->who.login, STR_EMPTY, "ok");
    call_empty(call, 204);
}
