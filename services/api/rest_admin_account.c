/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, for administrators. */
#include "account/profile.h"
#include "api_routes.h"
#include "auth/auth.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_admin.h"

static const enum account_order orders[] = {
    [LIST_ACCOUNTS_SORT_ADDRESS] = ACCOUNTS_BY_ADDRESS,
    [LIST_ACCOUNTS_SORT_ADDRESS_DESC] = ACCOUNTS_BY_ADDRESS_DESC,
    [LIST_ACCOUNTS_SORT_CREATED] = ACCOUNTS_BY_CREATED,
    [LIST_ACCOUNTS_SORT_CREATED_DESC] = ACCOUNTS_BY_CREATED_DESC,
    [LIST_ACCOUNTS_SORT_USED] = ACCOUNTS_BY_USED,
    [LIST_ACCOUNTS_SORT_USED_DESC] = ACCOUNTS_BY_USED_DESC,
};

static const enum account_filter filters[] = {
    [LIST_ACCOUNTS_STATUS_ALL] = ACCOUNTS_ALL,
    [LIST_ACCOUNTS_STATUS_ACTIVE] = ACCOUNTS_ACTIVE,
    [LIST_ACCOUNTS_STATUS_DISABLED] = ACCOUNTS_DISABLED,
    [LIST_ACCOUNTS_STATUS_ADMIN] = ACCOUNTS_ADMIN,
};

/* ---- one account ---- */

/* The account as it is now, with its addresses. */
YIELDS static bool load(struct api_call *call, int64_t id, json_t **out)
{
    struct account account;
    struct account_addresses addresses;
    struct err e = ERR_CLEAR;
    bool found = false;
    if (!account_get(call->app->accounts, id, call->arena, call->deadline_ms, &account, &e) ||
        !account_find_for_login(call->app->accounts, account.login, call->arena, call->deadline_ms,
                                &found, &account, &e) ||
        !account_addresses_of(call->app->accounts, &account, 1, call->arena, call->deadline_ms,
                              &addresses, &e))
        return call_fail(call, &e);
    if (!found)
        return call_problem(call, "not-found", NULL);
    *out = shape_admin_account(&account, &addresses);
    return true;
}

YIELDS static void reply_account(struct api_call *call, int64_t id)
{
    json_t *json;
    if (load(call, id, &json))
        call_json(call, 200, json);
}

void rest_get_account(struct api_call *call, const struct get_account_params *p, const json_t *body)
{
    struct account account;
    (void)body;
    if (admin_find_account(call, p->account_id, &account))
        reply_account(call, account.account_id);
}

/* ---- lists ---- */

static int64_t key_of(const struct account *account, enum account_order order)
{
    bool by_use = order == ACCOUNTS_BY_USED || order == ACCOUNTS_BY_USED_DESC;
    return by_use ? account->used_bytes : account->created_at_us;
}

void rest_list_accounts(struct api_call *call, const struct list_accounts_params *p,
                        const json_t *body)
{
    struct account_list rows;
    struct account_addresses *addresses =
        ARENA_ARRAY(call->arena, struct account_addresses, ACCOUNT_PAGE_MAX);
    struct err e = ERR_CLEAR;
    struct admin_page page = { .limit = (size_t)p->limit, .has_total = p->total };
    struct account_query query = { .search = p->q,
                                   .domain = admin_domain(call, p->domain),
                                   .filter = filters[p->status],
                                   .order = orders[p->sort],
                                   .limit = page.limit + 1 };
    (void)body;
    if (!admin_page_place(call, p->cursor, p->sort, &query.after))
        return;
    if (!account_page(call->app->accounts, &query, call->arena, call->deadline_ms, &rows, &e) ||
        (p->total && !account_count(call->app->accounts, &query, call->arena, call->deadline_ms,
                                    &page.total, &e)) ||
        !account_addresses_of(call->app->accounts, rows.list, rows.n, call->arena,
                              call->deadline_ms, addresses, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    page.items = json_array();
    for (size_t i = 0; i < rows.n && i < page.limit; i++)
        api_add(page.items, shape_admin_account(&rows.list[i], &addresses[i]));
    page.has_next = rows.n > page.limit;
    if (page.has_next) {
        const struct account *last = &rows.list[page.limit - 1];
        page.next = (struct call_cursor){ .numbers = { key_of(last, query.order), p->sort },
                                          .text = last->login };
    }
    admin_page_reply(call, &page);
}

/* ---- changes ---- */

/* Hashes a password; a weak one is answered with 422. */
YIELDS static bool hash(struct api_call *call, str login, str password, str *out)
{
    struct err e = ERR_CLEAR;
    if (auth_hash_password(call->app->auth, login, password, call->arena, call->deadline_ms, out,
                           &e))
        return true;
    if (e.kind == ERR_SYNTAX || e.kind == ERR_LIMIT)
        return call_field_problem(call, "weak-password", "/password", e.msg);
    return call_fail(call, &e);
}

void rest_create_account(struct api_call *call, const struct create_account_params *p,
                         const json_t *body)
{
    struct err e = ERR_CLEAR;
    json_t *json;
    int64_t id = 0;
    const struct account_actor actor = call_account_actor(call);
    struct account_new account = {
        .address = api_get_text(body, "address"),
        .display_name = api_get_text(body, "displayName"),
        .quota_bytes = json_integer_value(json_object_get(body, "quotaBytes")),
        .is_admin = api_get_bool(body, "isAdmin", false),
    };
    (void)p;
    if (api_has(body, "password") &&
        !hash(call, account.address, api_get_text(body, "password"), &account.password_hash))
        return;
    if (!account_add(call->app->accounts, &actor, &account, call->arena, call->deadline_ms, &id,
                     &e)) {
        if (e.kind == ERR_SYNTAX || e.kind == ERR_NOT_FOUND) {
            (void)call_field_problem(call, "invalid-fields", "/address", e.msg);
        } else {
            (void)call_fail(call, &e);
        }
        return;
    }
    if (load(call, id, &json))
        call_created(call, json, "/api/v1/admin/accounts/%lld", (long long)id);
}

void rest_update_account(struct api_call *call, const struct update_account_params *p,
                         const json_t *body)
{
    struct account account;
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    const struct account_update update = {
        .has_name = api_has(body, "displayName"),
        .has_quota = api_has(body, "quotaBytes"),
        .has_disabled = api_has(body, "isDisabled"),
        .has_admin = api_has(body, "isAdmin"),
        .has_pop3 = api_has(body, "keepsPop3Deleted"),
        .has_sent = api_has(body, "savesSent"),
        .has_from_id = api_has(body, "usesFromId"),
        .display_name = api_get_text(body, "displayName"),
        .quota_bytes = json_integer_value(json_object_get(body, "quotaBytes")),
        .is_disabled = api_get_bool(body, "isDisabled", false),
        .is_admin = api_get_bool(body, "isAdmin", false),
        .keeps_pop3_deleted = api_get_bool(body, "keepsPop3Deleted", false),
        .saves_sent = api_get_bool(body, "savesSent", false),
        .uses_from_id = api_get_bool(body, "usesFromId", false),
    };
    if (!admin_find_account(call, p->account_id, &account))
        return;
    if (account_update(call->app->accounts, &actor, account.login, &update, call->arena,
                       call->deadline_ms, &e)) {
        reply_account(call, account.account_id);
    } else if (e.kind == ERR_DENIED) {
        (void)call_problem(call, "last-administrator", "Make somebody else one first.");
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_set_account_password(struct api_call *call, const struct set_account_password_params *p,
                               const json_t *body)
{
    struct account account;
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    struct account_change change = { .kind = ACCOUNT_SET_PASSWORD_HASH };
    if (!admin_find_account(call, p->account_id, &account) ||
        !hash(call, account.login, api_get_text(body, "password"), &change.text))
        return;
    if (account_change(call->app->accounts, &actor, account.login, &change, call->arena,
                       call->deadline_ms, &e)) {
        call_empty(call, 204);
    } else {
        (void)call_fail(call, &e);
    }
}
