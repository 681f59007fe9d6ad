/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists for administrators. */
#include "services/api/admin_page.h"

#include "api_routes.h"

bool admin_page_place(struct api_call *call, str cursor, unsigned order, struct account_place *out)
{
    struct call_cursor at = { .text = STR_EMPTY };
    if (!call_cursor_read(call, cursor, &at, &out->is_given))
        return false;
    if (out->is_given && at.numbers[1] != (int64_t)order)
        return call_problem(call, "invalid-cursor", "The cursor is of another order.");
    out->number = at.numbers[0];
    out->name = at.text;
    return true;
}

void admin_page_reply(struct api_call *call, struct admin_page *page)
{
    json_t *o = json_object();
    api_set(o, "items", page->items);
    api_set(o, "nextCursor", page->has_next ? call_cursor_format(call, &page->next) : json_null());
    api_set(o, "total", page->has_total ? json_integer(page->total) : json_null());
    call_json(call, 200, o);
}

bool admin_fail(struct api_call *call, const struct err *e)
{
    return e->kind == ERR_SYNTAX ? call_problem(call, "not-found", NULL) : call_fail(call, e);
}

bool admin_find_account(struct api_call *call, str name, struct account *out)
{
    struct err e = ERR_CLEAR;
    struct account_directory *d = call->app->accounts;
    int64_t id = api_id_parse(name);
    bool found = true;
    bool ok = id ? account_get(d, id, call->arena, call->deadline_ms, out, &e)
                 : account_find_for_login(d, name, call->arena, call->deadline_ms, &found, out, &e);
    if (!ok)
        return call_fail(call, &e);
    return found || call_problem(call, "not-found", NULL);
}

void admin_reply_deleted(struct api_call *call, bool is_done, const struct err *e)
{
    if (is_done) {
        call_empty(call, 204);
    } else {
        (void)admin_fail(call, e);
    }
}

void admin_delete(struct api_call *call, admin_remove_fn remove, str name)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    bool ok = remove(call->app->accounts, &actor, name, call->arena, call->deadline_ms, &e);
    admin_reply_deleted(call, ok, &e);
}

str admin_domain(struct api_call *call, str domain)
{
    struct err ignored = ERR_CLEAR;
    str normal = domain;
    if (domain.n)
        (void)account_domain_normalize(call->arena, domain, &normal, &ignored);
    return normal;
}

_Static_assert((int)DUMP_QUEUE_STATUS_HELD == (int)LIST_QUEUE_STATUS_HELD &&
                   (int)LIST_QUEUE_DOMAINS_STATUS_HELD == (int)LIST_QUEUE_STATUS_HELD &&
                   (int)DUMP_QUEUE_STATUS_FAILED == (int)LIST_QUEUE_STATUS_FAILED &&
                   (int)LIST_QUEUE_DOMAINS_STATUS_FAILED == (int)LIST_QUEUE_STATUS_FAILED,
               "lists of the queue know the same status");

struct queue_filter admin_queue_filter(struct api_call *call, const struct admin_queue_query *q)
{
    static const enum queue_status statuses[] = {
        [LIST_QUEUE_STATUS_PENDING] = QUEUE_STATUS_PENDING,
        [LIST_QUEUE_STATUS_DEFERRED] = QUEUE_STATUS_DEFERRED,
        [LIST_QUEUE_STATUS_FAILED] = QUEUE_STATUS_FAILED,
        [LIST_QUEUE_STATUS_HELD] = QUEUE_STATUS_HELD,
    };
    return (struct queue_filter){
        .domain = admin_domain(call, q->domain),
        .sender = q->sender,
        .recipient = q->recipient,
        .status = q->has_status ? statuses[q->status] : QUEUE_STATUS_ANY,
        .limit = (unsigned)q->limit,
    };
}

enum queue_status admin_queue_status(str name)
{
    static const enum queue_status all[] = { QUEUE_STATUS_PENDING, QUEUE_STATUS_DEFERRED,
                                             QUEUE_STATUS_FAILED, QUEUE_STATUS_HELD };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (str_eq(name, str_from_cstr(queue_status_name(all[i]))))
            return all[i];
    }
    return QUEUE_STATUS_ANY;
}
