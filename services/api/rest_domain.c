/* SPDX-License-Identifier: Apache-2.0 */
/* Domains, for administrators. */
#include "account/dkim.h"
#include "account/tenant.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_admin.h"

enum {
    ROTATE_MIN_S = 86400 /* records take hours to be seen by all */
};

static const enum account_domain_order orders[] = {
    [LIST_DOMAINS_SORT_NAME] = ACCOUNT_DOMAINS_BY_NAME,
    [LIST_DOMAINS_SORT_NAME_DESC] = ACCOUNT_DOMAINS_BY_NAME_DESC,
    [LIST_DOMAINS_SORT_CREATED] = ACCOUNT_DOMAINS_BY_CREATED,
    [LIST_DOMAINS_SORT_CREATED_DESC] = ACCOUNT_DOMAINS_BY_CREATED_DESC,
};

void rest_list_domains(struct api_call *call, const struct list_domains_params *p,
                       const json_t *body)
{
    struct account_domain_rows rows;
    struct err e = ERR_CLEAR;
    struct admin_page page = { .limit = (size_t)p->limit };
    struct account_domain_query query = { .search = arena_lower(call->arena, p->q),
                                          .tenant = arena_lower(call->arena, p->tenant),
                                          .order = orders[p->sort],
                                          .limit = page.limit + 1 };
    (void)body;
    if (!admin_page_place(call, p->cursor, p->sort, &query.after))
        return;
    if (!account_domain_page(call->app->accounts, &query, call->arena, call->deadline_ms, &rows,
                             &e) ||
        (p->total && !account_domain_count(call->app->accounts, &query, call->arena,
                                           call->deadline_ms, &page.total, &e))) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    page.has_total = p->total;
    for (size_t i = 0; i < rows.n && i < page.limit; i++)
        api_add(page.items, shape_domain(&rows.list[i]));
    if (rows.n > page.limit) {
        const struct account_domain_row *last = &rows.list[page.limit - 1];
        page.next =
            (struct call_cursor){ .numbers = { last->created_at_us, p->sort }, .text = last->name };
        page.has_next = true;
    }
    admin_page_reply(call, &page);
}

/* Answers with the domain; 201 when it was made. */
YIELDS static void reply_domain(struct api_call *call, str name, bool is_new)
{
    struct account_domain_row row;
    struct err e = ERR_CLEAR;
    if (!account_domain_get(call->app->accounts, name, call->arena, call->deadline_ms, &row, &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    if (is_new) {
        call_created(call, shape_domain(&row), "/api/v1/admin/domains/%.*s", STR_FMT(row.name));
    } else {
        call_json(call, 200, shape_domain(&row));
    }
}

void rest_create_domain(struct api_call *call, const struct create_domain_params *p,
                        const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str name = api_get_text(body, "name");
    (void)p;
    if (account_domain_add(call->app->accounts, &actor, name, call->arena, call->deadline_ms, &e)) {
        reply_domain(call, name, true);
    } else if (e.kind == ERR_SYNTAX) {
        (void)call_field_problem(call, "invalid-fields", "/name", e.msg);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_get_domain(struct api_call *call, const struct get_domain_params *p, const json_t *body)
{
    (void)body;
    reply_domain(call, p->domain, false);
}

/* False: answered. Yields. */
YIELDS static bool change_alias(struct api_call *call, str domain, const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    if (!json_object_get(body, "aliasOf") ||
        account_domain_set_alias(call->app->accounts, &actor, domain, api_get_text(body, "aliasOf"),
                                 call->arena, call->deadline_ms, &e))
        return true;
    if (e.kind == ERR_SYNTAX || e.kind == ERR_NOT_FOUND) {
        return call_field_problem(call, "invalid-fields", "/aliasOf", "names no domain of ours");
    }
    return e.kind == ERR_CONFLICT ? call_problem(call, "in-use", "%s", e.msg) : call_fail(call, &e);
}

/* Never, or not so often that keys change faster than the DNS. False: answered. */
static bool check_rotation(struct api_call *call, const json_t *body)
{
    const json_t *seconds = json_object_get(body, "dkimRotateAfterSeconds");
    json_int_t s = json_integer_value(seconds); /* 0: not said, or null */
    return s == 0 || s >= ROTATE_MIN_S ||
           call_field_problem(call, "invalid-fields", "/dkimRotateAfterSeconds",
                              "must be 0 (never), or a day (86400) at least");
}

YIELDS static bool change_rotation(struct api_call *call, str domain, const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    const json_t *seconds = json_object_get(body, "dkimRotateAfterSeconds");
    int64_t rotate_ms =
        json_is_integer(seconds) ? json_integer_value(seconds) * 1000 : ACCOUNT_DKIM_ROTATE_DEFAULT;
    return !seconds ||
           account_dkim_set_rotation(call->app->accounts, &actor, domain, rotate_ms, call->arena,
                                     call->deadline_ms, &e) ||
           admin_fail(call, &e);
}

YIELDS static bool change_tenant(struct api_call *call, str domain, const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    if (!json_object_get(body, "tenant") ||
        account_domain_set_tenant(call->app->accounts, &actor, domain, api_get_text(body, "tenant"),
                                  call->arena, call->deadline_ms, &e))
        return true;
    if (e.kind == ERR_SYNTAX || e.kind == ERR_NOT_FOUND)
        return call_field_problem(call, "invalid-fields", "/tenant", "there is no such tenant");
    return call_fail(call, &e);
}

void rest_update_domain(struct api_call *call, const struct update_domain_params *p,
                        const json_t *body)
{
    struct account_domain_row row;
    struct err e = ERR_CLEAR;
    if (!check_rotation(call, body))
        return;
    if (!account_domain_get(call->app->accounts, p->domain, call->arena, call->deadline_ms, &row,
                            &e)) {
        (void)admin_fail(call, &e);
    } else if (change_alias(call, row.name, body) && change_rotation(call, row.name, body) &&
               change_tenant(call, row.name, body)) {
        reply_domain(call, row.name, false);
    }
}

void rest_delete_domain(struct api_call *call, const struct delete_domain_params *p,
                        const json_t *body)
{
    (void)body;
    admin_delete(call, account_domain_remove, p->domain);
}
