/* SPDX-License-Identifier: Apache-2.0 */
/* App passwords: of one's own account, and of any account for administrators. */
#include "api_routes.h"
#include "auth/app_password.h"
#include "services/api/api.h"
#include "services/api/one.h"
#include "services/api/shape_account.h"

/* ---- making ---- */

static void read_networks(struct api_call *call, const json_t *list, struct auth_app_password *out)
{
    str *networks = ARENA_ARRAY(call->arena, str, json_array_size(list) + 1);
    out->n_networks = json_array_size(list);
    out->networks = networks;
    for (size_t i = 0; i < out->n_networks; i++)
        networks[i] = str_from_cstr(json_string_value(json_array_get(list, i)));
}

YIELDS static void create(struct api_call *call, const struct one_owner *owner, const json_t *body)
{
    char secret[AUTH_APP_SECRET_MAX];
    struct err e = ERR_CLEAR;
    struct auth_app_password wanted = {
        .label = api_get_text(body, "label"),
        .protocols = shape_app_protocols_read(json_object_get(body, "protocols")),
    };
    read_networks(call, json_object_get(body, "networks"), &wanted);
    if (!call_read_expiry(call, body, &wanted.expires_us))
        return;
    if (!auth_app_password_create(call->app->auth, owner->account_id, owner->login, &wanted,
                                  call->arena, call->deadline_ms, secret, &e)) {
        if (e.kind == ERR_SYNTAX) {
            (void)call_field_problem(call, "invalid-fields", "/networks", e.msg);
        } else {
            (void)call_fail(call, &e);
        }
        return;
    }
    call_audit(call, "app_password.create", owner->login, wanted.label, "ok");
    json_t *o = json_object();
    api_set(o, "appPassword", shape_app_password(&wanted));
    api_set(o, "password", json_string(secret));
    call->is_secret = true;
    call_created(call, o, "%s", one_path(call, owner, "app-passwords", wanted.id));
}

void rest_create_app_password(struct api_call *call, const struct create_app_password_params *p,
                              const json_t *body)
{
    const struct one_owner owner = one_self(call);
    (void)p;
    if (!call->who.is_session) {
        (void)call_problem(call, "session-only", "Sign in to make an app password.");
        return;
    }
    create(call, &owner, body);
}

void rest_create_account_app_password(struct api_call *call,
                                      const struct create_account_app_password_params *p,
                                      const json_t *body)
{
    struct one_owner owner;
    if (one_named(call, p->account_id, &owner))
        create(call, &owner, body);
}

/* ---- listing and ending ---- */

YIELDS static void list(struct api_call *call, const struct one_owner *owner)
{
    struct auth_app_passwords found;
    struct err e = ERR_CLEAR;
    if (!auth_app_password_list(call->app->auth, owner->account_id, call->arena, call->deadline_ms,
                                &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < found.n; i++)
        api_add(items, shape_app_password(&found.list[i]));
    call_items(call, items);
}

void rest_list_app_passwords(struct api_call *call, const void *p, const json_t *body)
{
    const struct one_owner owner = one_self(call);
    (void)p;
    (void)body;
    list(call, &owner);
}

void rest_list_account_app_passwords(struct api_call *call,
                                     const struct list_account_app_passwords_params *p,
                                     const json_t *body)
{
    struct one_owner owner;
    (void)body;
    if (one_named(call, p->account_id, &owner))
        list(call, &owner);
}

YIELDS static void end(struct api_call *call, const struct one_owner *owner, int64_t id)
{
    struct err e = ERR_CLEAR;
    if (!auth_app_password_end(call->app->auth, owner->account_id, id, call->arena,
                               call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    notify_tell(call->app->notify, NOTIFY_ACCOUNT, owner->account_id);
    call_audit(call, "app_password.revoke", owner->login, STR_EMPTY, "ok");
    call_empty(call, 204);
}

void rest_revoke_app_password(struct api_call *call, const struct revoke_app_password_params *p,
                              const json_t *body)
{
    const struct one_owner owner = one_self(call);
    (void)body;
    end(call, &owner, p->app_password_id);
}

void rest_revoke_account_app_password(struct api_call *call,
                                      const struct revoke_account_app_password_params *p,
                                      const json_t *body)
{
    struct one_owner owner;
    (void)body;
    if (one_named(call, p->account_id, &owner))
        end(call, &owner, p->app_password_id);
}
