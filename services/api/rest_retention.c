/* SPDX-License-Identifier: Apache-2.0 */
/* For how long mailboxes keep their messages: one's own, and for administrators those of an
 * account. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_mail.h"
#include "store/expunged.h"

/* A mailbox of an account. */
struct kept {
    int64_t account_id;
    str login;
    int64_t mailbox_id;
};

static json_t *days_or_null(int days)
{
    return days ? json_integer(days) : json_null();
}

static void answer(struct api_call *call, int days)
{
    json_t *o = json_object();
    api_set(o, "days", days_or_null(days));
    call_json(call, 200, o);
}

static bool is_possible(struct api_call *call, int64_t mailbox_id)
{
    return mailbox_id <= INT32_MAX || call_problem(call, "not-found", NULL);
}

void rest_get_mailbox_retention(struct api_call *call, const struct get_mailbox_retention_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    int days = 0;
    (void)body;
    if (!is_possible(call, p->mailbox_id))
        return;
    if (store_keep_get(call->app->store, call->who.account_id, (int)p->mailbox_id,
                       call->deadline_ms, &days, &e)) {
        answer(call, days);
    } else {
        (void)call_fail(call, &e);
    }
}

YIELDS static void set(struct api_call *call, const struct kept *kept, const json_t *body)
{
    struct err e = ERR_CLEAR;
    int days = (int)json_integer_value(json_object_get(body, "days"));
    if (!is_possible(call, kept->mailbox_id))
        return;
    if (!store_keep_set(call->app->store, kept->account_id, (int)kept->mailbox_id, days,
                        call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_audit(
        call, "mailbox.retention", kept->login,
        arena_printf(call->arena, "mailbox %lld: %d days", (long long)kept->mailbox_id, days),
        "ok");
    answer(call, days);
}

void rest_set_mailbox_retention(struct api_call *call, const struct set_mailbox_retention_params *p,
                                const json_t *body)
{
    set(call, &(struct kept){ call->who.account_id, call->who.login, p->mailbox_id }, body);
}

/* ---- for administrators ---- */

void rest_set_account_mailbox_retention(struct api_call *call,
                                        const struct set_account_mailbox_retention_params *p,
                                        const json_t *body)
{
    struct account account;
    if (admin_find_account(call, p->account_id, &account))
        set(call, &(struct kept){ account.account_id, account.login, p->mailbox_id }, body);
}

static json_t *shape(const struct store_mailbox *box, const struct store_keeps *keeps)
{
    json_t *o = json_object();
    int days = 0;
    for (size_t i = 0; i < keeps->n; i++)
        days = keeps->list[i].mailbox_id == box->mailbox_id ? keeps->list[i].days : days;
    api_set(o, "id", api_id(box->mailbox_id));
    api_set(o, "path", api_text(box->name));
    api_set(o, "role", shape_role(box->role));
    api_set(o, "totalMessages", json_integer(box->state.messages));
    api_set(o, "size", json_integer(box->state.bytes));
    api_set(o, "retentionDays", days_or_null(days));
    return o;
}

void rest_list_account_mailboxes(struct api_call *call,
                                 const struct list_account_mailboxes_params *p, const json_t *body)
{
    struct account account;
    struct store_mailboxes all;
    struct store_keeps keeps;
    struct err e = ERR_CLEAR;
    (void)body;
    if (!admin_find_account(call, p->account_id, &account))
        return;
    if (!store_mailbox_list(call->app->store, account.account_id, call->arena, call->deadline_ms,
                            &all, &e) ||
        !store_keep_list(call->app->store, account.account_id, call->arena, call->deadline_ms,
                         &keeps, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape(&all.list[i], &keeps));
    api_set(o, "items", items);
    call_json(call, 200, o);
}
