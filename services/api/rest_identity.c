/* SPDX-License-Identifier: Apache-2.0 */
/* As whom mail is written. */
#include "api_routes.h"
#include "services/api/api.h"
#include "services/api/clean_html.h"
#include "services/api/shape_account.h"

YIELDS static bool load_all(struct api_call *call, struct account_identities *out)
{
    struct err e = ERR_CLEAR;
    return account_identity_list(call->app->accounts, call->who.account_id, call->arena,
                                 call->deadline_ms, out, &e) ||
           call_fail(call, &e);
}

void rest_list_identities(struct api_call *call, const void *p, const json_t *body)
{
    struct account_identities all;
    (void)p;
    (void)body;
    if (load_all(call, &all))
        call_items(call, shape_identities(&all));
}

/* Fields of the body take the place of what stands in *out. */
static void read_fields(const json_t *body, struct account_identity *out)
{
    const struct {
        const char *name;
        str *to;
    } fields[] = {
        { "name", &out->name },
        { "address", &out->address },
        { "replyTo", &out->reply_to },
        { "signatureHtml", &out->signature_html },
        { "signatureText", &out->signature_text },
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (api_has(body, fields[i].name))
            *fields[i].to = api_get_text(body, fields[i].name);
    }
    out->is_default = api_get_bool(body, "isDefault", out->is_default);
}

YIELDS static bool check_address(struct api_call *call, str address)
{
    str local;
    str domain;
    bool may = false;
    struct err e = ERR_CLEAR;
    if (!account_address_normalize(call->arena, address, &local, &domain, &e))
        return call_field_problem(call, "invalid-fields", "/address", "is not an address");
    if (!account_may_send_as(call->app->accounts, call->who.account_id, local, domain, call->arena,
                             call->deadline_ms, &may, &e))
        return call_fail(call, &e);
    return may || call_field_problem(call, "invalid-fields", "/address",
                                     "is not an address of this account");
}

/* Keeps it with its signature made harmless. */
YIELDS static bool put(struct api_call *call, struct account_identity *identity)
{
    struct err e = ERR_CLEAR;
    struct clean_html_wanted signature = { .html = identity->signature_html };
    if (!clean_html(&signature, call->arena, call->deadline_ms, &e))
        return call_fail(call, &e);
    identity->signature_html = signature.fragment;
    return account_identity_put(call->app->accounts, call->who.account_id, identity, call->arena,
                                call->deadline_ms, &e) ||
           call_fail(call, &e);
}

void rest_create_identity(struct api_call *call, const struct create_identity_params *p,
                          const json_t *body)
{
    struct account_identity identity = { 0 };
    (void)p;
    read_fields(body, &identity);
    if (!check_address(call, identity.address) || !put(call, &identity))
        return;
    call_created(call, shape_identity(&identity), "/api/v1/identities/%d", identity.identity_id);
}

static struct account_identity *find(struct account_identities *all, int64_t id)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].identity_id == id)
            return &all->list[i];
    }
    return NULL;
}

void rest_update_identity(struct api_call *call, const struct update_identity_params *p,
                          const json_t *body)
{
    struct account_identities all;
    if (!load_all(call, &all))
        return;
    struct account_identity *identity = find(&all, p->identity_id);
    if (!identity) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    bool was_default = identity->is_default;
    read_fields(body, identity);
    if (!check_address(call, identity->address) || !put(call, identity))
        return;
    identity->is_default = identity->is_default || was_default;
    call_json(call, 200, shape_identity(identity));
}

void rest_delete_identity(struct api_call *call, const struct delete_identity_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    (void)body;
    if (p->identity_id > INT32_MAX) {
        (void)call_problem(call, "not-found", NULL);
    } else if (account_identity_remove(call->app->accounts, call->who.account_id,
                                       (int)p->identity_id, call->arena, call->deadline_ms, &e)) {
        call_empty(call, 204);
    } else {
        (void)call_fail(call, &e);
    }
}
