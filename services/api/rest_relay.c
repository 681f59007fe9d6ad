/* SPDX-License-Identifier: Apache-2.0 */
/* Domains that mail is relayed for, for administrators. */
#include "account/relay.h"
#include "api_routes.h"
#include "base/address.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static const char *const verifications[] = {
    [ACCOUNT_RELAY_ANY] = "none",
    [ACCOUNT_RELAY_CALLOUT] = "callout",
    [ACCOUNT_RELAY_LIST] = "list",
};

static json_t *shape(const struct account_relay *r)
{
    json_t *o = json_object();
    api_set(o, "domain", api_text(r->domain));
    api_set(o, "verification", json_string(verifications[r->verification]));
    api_set(o, "whenDown", json_string(r->defers_when_down ? "defer" : "accept"));
    api_set(o, "recipients", json_integer(r->recipients));
    api_set(o, "createdAt", api_time(r->created_at_us));
    return o;
}

void rest_list_relay_domains(struct api_call *call, const void *params, const json_t *body)
{
    struct account_relays all;
    struct err e = ERR_CLEAR;
    (void)params;
    (void)body;
    if (!account_relay_list(call->app->accounts, STR_EMPTY, call->arena, call->deadline_ms, &all,
                            &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape(&all.list[i]));
    call_items(call, items);
}

/* The domain named in the path. False: answered. Yields. */
YIELDS static bool find(struct api_call *call, str domain, struct account_relay *out)
{
    struct account_relays found;
    struct err e = ERR_CLEAR;
    if (!account_relay_list(call->app->accounts, admin_domain(call, domain), call->arena,
                            call->deadline_ms, &found, &e)) {
        (void)call_fail(call, &e);
        return false;
    }
    if (found.n == 0) {
        (void)call_problem(call, "not-found", NULL);
        return false;
    }
    *out = found.list[0];
    return true;
}

/* Answers with the domain. Yields. */
YIELDS static void reply(struct api_call *call, str domain)
{
    struct account_relay relay;
    if (find(call, domain, &relay))
        call_json(call, 200, shape(&relay));
}

void rest_get_relay_domain(struct api_call *call, const struct get_relay_domain_params *p,
                           const json_t *body)
{
    (void)body;
    reply(call, p->domain);
}

/* What the body says of the list; NULL when it says nothing. */
static str *read_recipients(struct api_call *call, const json_t *body, size_t *n)
{
    const json_t *given = json_object_get(body, "recipients");
    *n = json_array_size(given);
    if (!given)
        return NULL;
    str *list = ARENA_ARRAY(call->arena, str, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const json_t *one = json_array_get(given, i);
        list[i] = str_of(json_string_value(one), json_string_length(one));
    }
    return list;
}

void rest_set_relay_domain(struct api_call *call, const struct set_relay_domain_params *p,
                           const json_t *body)
{
    struct err e = ERR_CLEAR;
    size_t n;
    const struct account_actor actor = call_account_actor(call);
    const str *recipients = read_recipients(call, body, &n);
    str word = api_get_text(body, "verification");
    struct account_relay relay = {
        .domain = admin_domain(call, p->domain),
        .defers_when_down = str_eq(api_get_text(body, "whenDown"), STR("defer")),
    };
    if (str_rfind_byte(relay.domain, '.') < 0) {
        (void)call_problem(call, "not-found", "A relay domain has at least two labels.");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(verifications); i++) {
        if (str_eq(word, str_from_cstr(verifications[i])))
            relay.verification = (enum account_relay_verification)i;
    }
    if (account_relay_set(call->app->accounts, &actor, &relay, recipients, n, call->arena,
                          call->deadline_ms, &e)) {
        reply(call, relay.domain);
    } else if (e.kind == ERR_SYNTAX && recipients) {
        (void)call_field_problem(call, "invalid-fields", "/recipients", e.msg);
    } else if (e.kind == ERR_SYNTAX) {
        (void)call_problem(call, "not-found", NULL);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_delete_relay_domain(struct api_call *call, const struct delete_relay_domain_params *p,
                              const json_t *body)
{
    (void)body;
    admin_delete(call, account_relay_remove, p->domain);
}

void rest_list_relay_recipients(struct api_call *call, const struct list_relay_recipients_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct account_relay relay;
    struct account_place place;
    struct admin_page page = { .limit = (size_t)p->limit };
    struct account_relay_recipients all;
    (void)body;
    if (!admin_page_place(call, p->cursor, 0, &place) || !find(call, p->domain, &relay))
        return;
    const struct account_relay_query query = { .domain = relay.domain,
                                               .after = place.name,
                                               .limit = page.limit + 1 };
    if (!account_relay_recipients(call->app->accounts, &query, call->arena, call->deadline_ms, &all,
                                  &e)) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < all.n && i < page.limit; i++)
        api_add(page.items, api_text(all.list[i]));
    page.has_next = all.n > page.limit;
    if (page.has_next) {
        page.next = (struct call_cursor){ .text = address_local(all.list[page.limit - 1]) };
    }
    admin_page_reply(call, &page);
}
