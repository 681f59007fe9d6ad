/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for automation: of one's own account, and of any account for administrators. */
#include "api_routes.h"
#include "services/api/api.h"
#include "services/api/one.h"
#include "services/api/shape_account.h"

/* ---- making ---- */

YIELDS static void create(struct api_call *call, const struct one_owner *owner,
                          struct auth_token *token, const json_t *body)
{
    char secret[AUTH_SECRET_MAX];
    struct err e = ERR_CLEAR;
    token->name = api_get_text(body, "name");
    if (!call_read_expiry(call, body, &token->expires_us))
        return;
    if (!auth_token_create(call->api->grants, owner->account_id, token, call->arena,
                           call->deadline_ms, secret, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_audit(call, "token.create", owner->login, token->prefix, "ok");
    json_t *o = json_object();
    api_set(o, "token", shape_token(token));
    api_set(o, "secret", json_string(secret));
    call->is_secret = true;
    call_created(call, o, "%s", one_path(call, owner, "tokens", token->id));
}

/* A token that was stolen must not leave others behind. */
static bool may_make(struct api_call *call)
{
    return call->who.is_session || call->is_operator ||
           call_problem(call, "session-only", "No token makes tokens. Sign in to make one.");
}

void rest_create_token(struct api_call *call, const struct create_token_params *p,
                       const json_t *body)
{
    const struct one_owner owner = one_self(call);
    struct auth_token token = { .scopes = shape_scopes_read(json_object_get(body, "scopes")) };
    (void)p;
    if (!may_make(call))
        return;
    if (token.scopes & ~owner.scopes) {
        (void)call_problem(call, "not-an-administrator",
                           "Scopes for administrators need an administrator.");
        return;
    }
    create(call, &owner, &token, body);
}

void rest_create_account_token(struct api_call *call, const struct create_account_token_params *p,
                               const json_t *body)
{
    struct one_owner owner;
    struct auth_token token = { .scopes = shape_scopes_read(json_object_get(body, "scopes")) };
    if (!may_make(call) || !one_named(call, p->account_id, &owner))
        return;
    if (token.scopes & ~owner.scopes) {
        (void)call_field_problem(call, "invalid-fields", "/scopes",
                                 "scopes for administrators need an administrator, and the account "
                                 "is none");
        return;
    }
    create(call, &owner, &token, body);
}

/* ---- listing and ending ---- */

/* Behind which id the page begins; false: it was answered. */
static bool read_place(struct api_call *call, str cursor, int64_t *before_id)
{
    struct call_cursor at = { .numbers = { INT64_MAX } };
    bool given;
    bool ok = call_cursor_read(call, cursor, &at, &given);
    *before_id = at.numbers[0];
    return ok;
}

YIELDS static void list(struct api_call *call, const struct one_owner *owner, int64_t before_id,
                        size_t limit)
{
    struct auth_tokens tokens;
    struct err e = ERR_CLEAR;
    if (!auth_token_list(call->api->grants, owner->account_id, before_id, limit, call->arena,
                         call->deadline_ms, &tokens, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    for (size_t i = 0; i < tokens.n; i++) {
        api_add(items, shape_token(&tokens.list[i]));
        next.numbers[0] = tokens.list[i].id;
    }
    call_items_page(call, items, tokens.n == limit ? &next : NULL);
}

void rest_list_tokens(struct api_call *call, const struct list_tokens_params *p, const json_t *body)
{
    const struct one_owner owner = one_self(call);
    int64_t before_id;
    (void)body;
    if (read_place(call, p->cursor, &before_id))
        list(call, &owner, before_id, (size_t)p->limit);
}

void rest_list_account_tokens(struct api_call *call, const struct list_account_tokens_params *p,
                              const json_t *body)
{
    struct one_owner owner;
    int64_t before_id;
    (void)body;
    if (read_place(call, p->cursor, &before_id) && one_named(call, p->account_id, &owner))
        list(call, &owner, before_id, (size_t)p->limit);
}

YIELDS static void end(struct api_call *call, const struct one_owner *owner, int64_t id)
{
    struct err e = ERR_CLEAR;
    if (!auth_token_end(call->api->grants, owner->account_id, id, call->arena, call->deadline_ms,
                        &e)) {
        (void)call_fail(call, &e);
        return;
    }
    notify_tell(call->app->notify, NOTIFY_ACCOUNT, owner->account_id);
    call_audit(call, "token.revoke", owner->login, STR_EMPTY, "ok");
    call_empty(call, 204);
}

void rest_revoke_token(struct api_call *call, const struct revoke_token_params *p,
                       const json_t *body)
{
    const struct one_owner owner = one_self(call);
    (void)body;
    end(call, &owner, p->token_id);
}

void rest_revoke_account_token(struct api_call *call, const struct revoke_account_token_params *p,
                               const json_t *body)
{
    struct one_owner owner;
    (void)body;
    if (one_named(call, p->account_id, &owner))
        end(call, &owner, p->token_id);
}
