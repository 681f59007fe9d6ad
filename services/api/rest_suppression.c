/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that accounts and domains are not to write to, for administrators. */
#include "account/suppression.h"
#include "api_routes.h"
#include "base/address.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static json_t *shape(const struct account_suppression *s)
{
    json_t *o = json_object();
    api_set(o, "sender", api_text(s->sender));
    api_set(o, "address", api_text(s->address));
    api_set(o, "isManual", json_boolean(s->is_manual));
    api_set(o, "isInForce", json_boolean(s->is_in_force));
    api_set(o, "status", api_text_or_null(s->status));
    api_set(o, "reason", api_text(s->reason));
    api_set(o, "createdAt", api_time(s->created_us));
    api_set(o, "expiresAt", api_time_or_null(s->expires_us));
    return o;
}

YIELDS static bool read_list(struct api_call *call, str sender, struct account_suppressions *out)
{
    struct err e = ERR_CLEAR;
    return account_suppression_list(call->app->accounts, sender, call->app->sending.suppresses,
                                    call->arena, call->deadline_ms, out, &e) ||
           admin_fail(call, &e);
}

void rest_list_suppressions(struct api_call *call, const struct list_suppressions_params *p,
                            const json_t *body)
{
    struct account_suppressions all;
    (void)body;
    if (!read_list(call, p->sender, &all))
        return;
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape(&all.list[i]));
    call_items(call, items);
}

void rest_list_all_suppressions(struct api_call *call, const struct list_all_suppressions_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct account_suppressions found;
    struct account_place place;
    struct admin_page page = { .limit = (size_t)p->limit };
    (void)body;
    if (!admin_page_place(call, p->cursor, 0, &place))
        return;
    const struct account_suppression_query query = {
        .search = arena_lower(call->arena, p->q),
        .with_manual = p->kind != LIST_ALL_SUPPRESSIONS_KIND_REFUSED,
        .with_refused = p->kind != LIST_ALL_SUPPRESSIONS_KIND_MANUAL,
        .heeds_refused = call->app->sending.suppresses,
        .before = place.number,
        .limit = page.limit + 1
    };
    if (!account_suppression_page(call->app->accounts, &query, call->arena, call->deadline_ms,
                                  &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < found.n && i < page.limit; i++)
        api_add(page.items, shape(&found.list[i]));
    page.has_next = found.n > page.limit;
    if (page.has_next)
        page.next = (struct call_cursor){ .numbers = { found.list[page.limit - 1].id, 0 } };
    admin_page_reply(call, &page);
}

/* Only mail that leaves is asked about: of an address here it would be without effect. False: it
 * was answered. Yields. */
YIELDS static bool check_elsewhere(struct api_call *call, str address)
{
    struct err e = ERR_CLEAR;
    struct account_route route;
    if (!account_route(call->app->accounts, address_local(address), address_domain(address),
                       call->arena, call->deadline_ms, &route, &e)) {
        return e.kind == ERR_SYNTAX || call_fail(call, &e);
    }
    return route.kind == ACCOUNT_ROUTE_REMOTE ||
           call_field_problem(call, "invalid-parameter", "/recipient",
                              "is of a domain of this server, and this is about mail that leaves");
}

void rest_add_suppression(struct api_call *call, const struct add_suppression_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    struct account_suppression_put put = { .address = p->recipient,
                                           .reason = api_get_text(body, "reason") };
    if (!check_elsewhere(call, p->recipient))
        return;
    if (!account_suppression_add(call->app->accounts, &actor, p->sender, &put, call->arena,
                                 call->deadline_ms, &e)) {
        (void)admin_fail(call, &e);
    } else if (put.was_there) {
        call_json(call, 200, shape(&put.there));
    } else {
        call_empty(call, 204);
    }
}

void rest_remove_suppression(struct api_call *call, const struct remove_suppression_params *p,
                             const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    (void)body;
    bool ok = account_suppression_remove(call->app->accounts, &actor, p->sender, p->recipient,
                                         call->arena, call->deadline_ms, &e);
    admin_reply_deleted(call, ok, &e);
}
