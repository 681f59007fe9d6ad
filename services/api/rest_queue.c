/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound queue, for administrators. */
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_admin.h"

/* The queue's number of an id that has the right form; what has not is no message of the queue. */
static bool read_id(struct api_call *call, str text, int64_t *id)
{
    struct err ignored = ERR_CLEAR;
    return queue_id_parse(text, id, &ignored) || call_problem(call, "not-found", NULL);
}

void rest_list_queue(struct api_call *call, const struct list_queue_params *p, const json_t *body)
{
    struct call_cursor at = { .text = STR_EMPTY };
    struct queue_rows rows;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct admin_queue_query query = { p->domain,     p->sender, p->recipient,
                                             p->has_status, p->status, p->limit };
    struct queue_filter filter = admin_queue_filter(call, &query);
    if (p->has_is_asked && p->is_asked)
        filter.status = QUEUE_STATUS_ASKED;
    filter.after_id = at.numbers[0];
    filter.after_rcpt = at.text;
    if (!queue_list(call->app->queue, &filter, call->arena, call->deadline_ms, &rows, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    struct call_cursor next = { .text = STR_EMPTY };
    if (rows.n > 0) {
        const struct queue_row *last = &rows.list[rows.n - 1];
        next = (struct call_cursor){ .numbers = { last->queue_id }, .text = last->recipient };
    }
    call_items_page(call, shape_queue_entries(&rows), rows.n == (size_t)p->limit ? &next : NULL);
}

void rest_list_queue_domains(struct api_call *call, const struct list_queue_domains_params *p,
                             const json_t *body)
{
    struct queue_groups groups;
    struct err e = ERR_CLEAR;
    (void)body;
    const struct admin_queue_query query = { p->domain,     p->sender, p->recipient,
                                             p->has_status, p->status, p->limit };
    struct queue_filter filter = admin_queue_filter(call, &query);
    if (!queue_list_domains(call->app->queue, &filter, call->arena, call->deadline_ms, &groups,
                            &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "items", shape_queue_domains(&groups));
    api_set(o, "total", json_integer(groups.total));
    call_json(call, 200, o);
}

void rest_get_queue_stats(struct api_call *call, const void *p, const json_t *body)
{
    struct queue_stats stats;
    struct err e = ERR_CLEAR;
    (void)p;
    (void)body;
    if (!queue_get_stats(call->app->queue, call->deadline_ms, &stats, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_json(call, 200, shape_queue_stats(&stats));
}

void rest_get_queue_message(struct api_call *call, const struct get_queue_message_params *p,
                            const json_t *body)
{
    struct queue_rows rows;
    struct err e = ERR_CLEAR;
    int64_t id;
    (void)body;
    if (!read_id(call, p->queue_id, &id))
        return;
    if (!queue_get(call->app->queue, id, call->arena, call->deadline_ms, &rows, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "id", api_text(p->queue_id));
    api_set(o, "recipients", shape_queue_entries(&rows));
    call_json(call, 200, o);
}

void rest_delete_queue_message(struct api_call *call, const struct delete_queue_message_params *p,
                               const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct queue_actor actor = call_queue_actor(call);
    int64_t id;
    (void)body;
    if (!read_id(call, p->queue_id, &id))
        return;
    if (queue_delete(call->app->queue, &actor, id, call->deadline_ms, &e)) {
        call_empty(call, 204);
    } else {
        (void)call_fail(call, &e);
    }
}

static void reply_retried(struct api_call *call, int64_t recipients)
{
    json_t *o = json_object();
    api_set(o, "recipients", json_integer(recipients));
    call_json(call, 200, o);
}

static bool is_tried(const struct queue_row *row)
{
    return row->due_us != 0 || row->is_asked;
}

void rest_retry_queue_message(struct api_call *call, const struct retry_queue_message_params *p,
                              const json_t *body)
{
    struct queue_rows rows;
    struct err e = ERR_CLEAR;
    struct queue_actor actor = call_queue_actor(call);
    int64_t id;
    int64_t waiting = 0;
    (void)body;
    if (!read_id(call, p->queue_id, &id))
        return;
    if (!queue_get(call->app->queue, id, call->arena, call->deadline_ms, &rows, &e) ||
        !queue_retry(call->app->queue, &actor, id, call->deadline_ms, &e)) {
        (void)(e.kind == ERR_CONFLICT ? call_problem(call, "held", "%s", e.msg)
                                      : call_fail(call, &e));
        return;
    }
    for (size_t i = 0; i < rows.n; i++)
        waiting += is_tried(&rows.list[i]);
    reply_retried(call, waiting);
}

void rest_retry_queue(struct api_call *call, const struct retry_queue_params *p, const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct queue_actor actor = call_queue_actor(call);
    const struct queue_filter filter = {
        .domain = admin_domain(call, api_get_text(body, "domain")),
        .sender = api_get_text(body, "sender"),
        .recipient = api_get_text(body, "recipient"),
        .status = admin_queue_status(api_get_text(body, "status")),
    };
    int64_t count = 0;
    (void)p;
    if (queue_retry_all(call->app->queue, &actor, &filter, call->deadline_ms, &count, &e)) {
        reply_retried(call, count);
    } else {
        (void)call_fail(call, &e);
    }
}
