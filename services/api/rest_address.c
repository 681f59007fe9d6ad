/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, for administrators: of accounts, and those that lead to others. */
#include "account/leads.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_admin.h"

static const enum account_address_kind kinds[] = {
    [LIST_ADDRESSES_KIND_ALL] = ACCOUNT_ADDRESS_ANY,
    [LIST_ADDRESSES_KIND_LOGIN] = ACCOUNT_ADDRESS_LOGIN,
    [LIST_ADDRESSES_KIND_ALIAS] = ACCOUNT_ADDRESS_ALIAS,
    [LIST_ADDRESSES_KIND_FORWARD] = ACCOUNT_ADDRESS_FORWARD,
    [LIST_ADDRESSES_KIND_GROUP] = ACCOUNT_ADDRESS_GROUP,
};

/* Number of the account that an id or an address names; 0 for none. */
YIELDS static bool find_account(struct api_call *call, str name, int64_t *out)
{
    struct account account;
    struct err e = ERR_CLEAR;
    struct account_directory *d = call->app->accounts;
    bool found = false;
    *out = api_id_parse(name);
    if (*out) {
        found = account_get(d, *out, call->arena, call->deadline_ms, &account, &e);
        if (!found && e.kind != ERR_NOT_FOUND)
            return call_fail(call, &e);
    } else if (!account_find_for_login(d, name, call->arena, call->deadline_ms, &found, &account,
                                       &e)) {
        return call_fail(call, &e);
    }
    *out = found ? account.account_id : 0;
    return true;
}

void rest_list_addresses(struct api_call *call, const struct list_addresses_params *p,
                         const json_t *body)
{
    struct account_address_rows rows;
    struct account_place place;
    struct err e = ERR_CLEAR;
    struct admin_page page = { .limit = (size_t)p->limit, .has_total = p->total };
    struct account_address_query query = { .search = arena_lower(call->arena, p->q),
                                           .domain = admin_domain(call, p->domain),
                                           .kind = kinds[p->kind],
                                           .limit = page.limit + 1 };
    (void)body;
    if (!admin_page_place(call, p->cursor, 0, &place) ||
        (p->has_account && !find_account(call, p->account, &query.account_id)))
        return;
    query.after = place.is_given ? place.name : STR_EMPTY;
    if (p->has_account && !query.account_id) {
        page.items = json_array(); /* an account that is not there has none */
        admin_page_reply(call, &page);
        return;
    }
    if (!account_address_page(call->app->accounts, &query, call->arena, call->deadline_ms, &rows,
                              &e) ||
        (p->total && !account_address_count(call->app->accounts, &query, call->arena,
                                            call->deadline_ms, &page.total, &e))) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < rows.n && i < page.limit; i++)
        api_add(page.items, shape_address(&rows.list[i]));
    page.has_next = rows.n > page.limit;
    if (page.has_next)
        page.next.text = rows.list[page.limit - 1].address;
    admin_page_reply(call, &page);
}

YIELDS static bool load(struct api_call *call, str address, struct account_address_row *out)
{
    struct err e = ERR_CLEAR;
    return account_address_get(call->app->accounts, address, call->arena, call->deadline_ms, out,
                               &e) ||
           admin_fail(call, &e);
}

/* ---- making and changing ---- */

static str *read_texts(struct api_call *call, const json_t *list, size_t *n)
{
    *n = json_array_size(list);
    str *texts = ARENA_ARRAY(call->arena, str, *n + 1);
    for (size_t i = 0; i < *n; i++)
        texts[i] = api_str(json_array_get(list, i));
    return texts;
}

static enum account_posting read_posting(const json_t *body)
{
    str word = api_get_text(body, "posting");
    if (str_eq(word, STR("domain")))
        return ACCOUNT_POSTING_DOMAIN;
    return str_eq(word, STR("members")) ? ACCOUNT_POSTING_MEMBERS : ACCOUNT_POSTING_ANYONE;
}

/* Of what the directory refused; `pointer` is the field whose value is none. */
static void refuse(struct api_call *call, const char *pointer, const struct err *e)
{
    if (e->kind == ERR_CONFLICT || e->kind == ERR_LIMIT)
        pointer = "/targets";
    if (e->kind == ERR_DENIED) {
        (void)call_problem(call, "in-use", "%s", e->msg);
    } else if (e->kind == ERR_EXISTS || e->kind == ERR_UNAVAILABLE || e->kind == ERR_TIMEOUT) {
        (void)call_fail(call, e);
    } else {
        (void)call_field_problem(call, "invalid-fields", pointer, e->msg);
    }
}

YIELDS static bool add_lead(struct api_call *call, const struct account_actor *actor,
                            const json_t *body, struct err *e)
{
    struct account_lead_new lead = {
        .address = api_get_text(body, "address"),
        .is_group = str_eq(api_get_text(body, "kind"), STR("group")),
        .posting = read_posting(body),
    };
    lead.targets = read_texts(call, json_object_get(body, "targets"), &lead.n);
    return account_lead_add(call->app->accounts, actor, &lead, call->arena, call->deadline_ms, e);
}

/* Exactly one of both ways is given, and the account is there. Else it is answered. Yields. */
YIELDS static bool check_new(struct api_call *call, const json_t *body, int64_t *account_id)
{
    bool has_account = api_has(body, "account");
    *account_id = 0;
    if (has_account && !find_account(call, api_get_text(body, "account"), account_id))
        return false;
    if (has_account == api_has(body, "targets")) {
        return call_field_problem(call, "invalid-fields", "/account",
                                  "is needed, or targets, and not both");
    }
    return !has_account || *account_id ||
           call_field_problem(call, "invalid-fields", "/account", "names no account");
}

void rest_create_address(struct api_call *call, const struct create_address_params *p,
                         const json_t *body)
{
    struct account_address_row row;
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str address = api_get_text(body, "address");
    int64_t account_id;
    (void)p;
    if (!check_new(call, body, &account_id))
        return;
    bool ok = account_id ? account_address_add(call->app->accounts, &actor, address, account_id,
                                               call->arena, call->deadline_ms, &e)
                         : add_lead(call, &actor, body, &e);
    if (!ok) {
        refuse(call, "/address", &e);
    } else if (load(call, address, &row)) {
        call_created(call, shape_address(&row), "/api/v1/admin/addresses/%.*s",
                     STR_FMT(row.address));
    }
}

void rest_update_address(struct api_call *call, const struct update_address_params *p,
                         const json_t *body)
{
    struct account_address_row row;
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    struct account_address_update update = {
        .has_targets = api_has(body, "targets"),
        .has_posting = api_has(body, "posting"),
        .has_senders = api_has(body, "senders"),
        .has_on_behalf = api_has(body, "onBehalf"),
        .posting = read_posting(body),
    };
    update.targets = read_texts(call, json_object_get(body, "targets"), &update.n_targets);
    update.senders = read_texts(call, json_object_get(body, "senders"), &update.n_senders);
    const char *where = update.has_senders ? "/senders" : "/onBehalf";
    update.on_behalf = read_texts(call, json_object_get(body, "onBehalf"), &update.n_on_behalf);
    if (!load(call, p->address, &row))
        return;
    if (!account_address_update(call->app->accounts, &actor, row.address, &update, call->arena,
                                call->deadline_ms, &e)) {
        refuse(call, e.kind != ERR_NOT_FOUND ? "/targets" : where, &e);
    } else if (load(call, row.address, &row)) {
        call_json(call, 200, shape_address(&row));
    }
}

void rest_get_address(struct api_call *call, const struct get_address_params *p, const json_t *body)
{
    struct account_address_row row;
    (void)body;
    if (load(call, p->address, &row))
        call_json(call, 200, shape_address(&row));
}

void rest_delete_address(struct api_call *call, const struct delete_address_params *p,
                         const json_t *body)
{
    (void)body;
    admin_delete(call, account_address_remove, p->address);
}
