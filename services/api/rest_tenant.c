/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants, for administrators. Which domains are in one is said of the domains (rest_domain.c). */
#include "account/tenant.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_sending.h"

static json_t *shape(const struct api_call *call, const struct account_tenant *t)
{
    json_t *o = json_object();
    api_set(o, "name", api_text(t->name));
    api_set(o, "domains", json_integer(t->domains));
    api_set(o, "sending", shape_sending(&t->sending, &call->app->sending));
    api_set(o, "createdAt", api_time(t->created_at_us));
    return o;
}

void rest_list_tenants(struct api_call *call, const struct list_tenants_params *p,
                       const json_t *body)
{
    struct account_tenants rows;
    struct account_place place;
    struct err e = ERR_CLEAR;
    struct admin_page page = { .limit = (size_t)p->limit };
    (void)body;
    if (!admin_page_place(call, p->cursor, 0, &place))
        return;
    const struct account_tenant_query query = { .search = arena_lower(call->arena, p->q),
                                                .after = place.name,
                                                .limit = page.limit + 1 };
    if (!account_tenant_page(call->app->accounts, &query, call->arena, call->deadline_ms, &rows,
                             &e)) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < rows.n && i < page.limit; i++)
        api_add(page.items, shape(call, &rows.list[i]));
    page.has_next = rows.n > page.limit;
    if (page.has_next)
        page.next = (struct call_cursor){ .text = rows.list[page.limit - 1].name };
    admin_page_reply(call, &page);
}

/* Answers with the tenant; 201 when it was made. Yields. */
YIELDS static void reply(struct api_call *call, str name, bool is_new)
{
    struct account_tenant tenant;
    struct err e = ERR_CLEAR;
    if (!account_tenant_get(call->app->accounts, name, call->arena, call->deadline_ms, &tenant,
                            &e)) {
        (void)admin_fail(call, &e);
    } else if (is_new) {
        call_created(call, shape(call, &tenant), "/api/v1/admin/tenants/%.*s",
                     STR_FMT(tenant.name));
    } else {
        call_json(call, 200, shape(call, &tenant));
    }
}

/* Answers what went wrong with a name of the body. */
static void refuse_name(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_SYNTAX) {
        (void)call_field_problem(call, "invalid-fields", "/name", e->msg);
    } else {
        (void)call_fail(call, e);
    }
}

void rest_create_tenant(struct api_call *call, const struct create_tenant_params *p,
                        const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str name = api_get_text(body, "name");
    (void)p;
    if (account_tenant_add(call->app->accounts, &actor, name, call->arena, call->deadline_ms, &e)) {
        reply(call, name, true);
    } else {
        refuse_name(call, &e);
    }
}

void rest_get_tenant(struct api_call *call, const struct get_tenant_params *p, const json_t *body)
{
    (void)body;
    reply(call, p->tenant, false);
}

void rest_update_tenant(struct api_call *call, const struct update_tenant_params *p,
                        const json_t *body)
{
    struct account_tenant tenant;
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str name = api_get_text(body, "name");
    if (!account_tenant_get(call->app->accounts, p->tenant, call->arena, call->deadline_ms, &tenant,
                            &e)) {
        (void)admin_fail(call, &e);
    } else if (account_tenant_rename(call->app->accounts, &actor, tenant.name, name, call->arena,
                                     call->deadline_ms, &e)) {
        reply(call, name, false);
    } else {
        refuse_name(call, &e);
    }
}

void rest_delete_tenant(struct api_call *call, const struct delete_tenant_params *p,
                        const json_t *body)
{
    (void)body;
    admin_delete(call, account_tenant_remove, p->tenant);
}
