/* SPDX-License-Identifier: Apache-2.0 */
/* For how long mailboxes keep their messages: one's own, and for administrators those of an
 * account. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/one.h"
#include "services/api/shape_mail.h"
#include "store/expunged.h"

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

YIELDS static void set(struct api_call *call, const struct one_owner *owner, int64_t mailbox_id,
                       const json_t *body)
{
    struct err e = ERR_CLEAR;
    int days = (int)json_integer_value(json_object_get(body, "days"));
    if (!is_possible(call, mailbox_id))
        return;
    if (!store_keep_set(call->app->store, owner->account_id, (int)mailbox_id, days,
                        call->deadline_ms, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_audit(call, "mailbox.retention", owner->login,
               arena_printf(call->arena, "mailbox %lld: %d days", (long long)mailbox_id, days),
               "ok");
    answer(call, days);
}

void rest_set_mailbox_retention(struct api_call *call, const struct set_mailbox_retention_params *p,
                                const json_t *body)
{
    const struct one_owner owner = one_self(call);
    set(call, &owner, p->mailbox_id, body);
}

/* ---- for administrators ---- */

void rest_set_account_mailbox_retention(struct api_call *call,
                                        const struct set_account_mailbox_retention_params *p,
                                        const json_t *body)
{
    struct one_owner owner;
    if (one_named(call, p->account_id, &owner))
        set(call, &owner, p->mailbox_id, body);
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
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape(&all.list[i], &keeps));
    call_items(call, items);
}
