/* SPDX-License-Identifier: Apache-2.0 */
/* All that is known of mail in the queue but its text; for administrators. */
#include "api_routes.h"
#include "queue/dump.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/api/shape_admin.h"

static json_t *shape_notify(unsigned bits)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = { { QUEUE_NOTIFY_FAILURE, "failure" },
                  { QUEUE_NOTIFY_DELAY, "delay" },
                  { QUEUE_NOTIFY_SUCCESS, "success" } };
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (bits & words[i].bit)
            api_add(list, json_string(words[i].word));
    }
    return list;
}

static json_t *shape_envelope(const struct queue_dumped *d)
{
    static const char *const rules[] = { [QUEUE_TLS_AS_EVER] = "default",
                                         [QUEUE_TLS_REQUIRED] = "required",
                                         [QUEUE_TLS_NOT_REQUIRED] = "notRequired" };
    json_t *o = json_object();
    api_set(o, "accountId", api_id_or_null(d->account_id));
    api_set(o, "messageId", api_text(d->message_id));
    ptrdiff_t end = str_find_byte(d->session, '.');
    api_set(o, "session", api_text(end < 0 ? d->session : str_slice(d->session, 0, (size_t)end)));
    api_set(o, "transaction", api_text(end < 0 ? STR_EMPTY : d->session));
    api_set(o, "envelopeId", api_text(d->envelope_id));
    api_set(o, "originalRecipient", api_text(d->orcpt));
    api_set(o, "notify", shape_notify(d->notify));
    api_set(o, "ret", json_string(!d->has_ret ? "default" : d->return_full ? "full" : "headers"));
    api_set(o, "is8Bit", json_boolean(d->is_8bit));
    api_set(o, "isUtf8", json_boolean(d->is_utf8));
    api_set(o, "tlsRule", json_string(rules[d->tls_rule]));
    api_set(o, "holdRequest", api_text(d->hold_request));
    api_set(o, "isHeldByHand", json_boolean(d->is_kept));
    api_set(o, "isWaived", json_boolean(d->is_waived));
    api_set(o, "remote", api_text(d->remote));
    api_set(o, "tls", api_text(d->tls));
    api_set(o, "delayTold", json_boolean(d->delay_told));
    return o;
}

void rest_dump_queue(struct api_call *call, const struct dump_queue_params *p, const json_t *body)
{
    struct call_cursor at = { .text = STR_EMPTY };
    struct queue_dump dump;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct admin_queue_query query = { p->domain,     p->sender, p->recipient,
                                             p->has_status, p->status, p->limit };
    struct queue_filter filter = admin_queue_filter(call, &query);
    filter.after_id = at.numbers[0];
    filter.after_rcpt = at.text;
    if (!queue_dump(call->app->queue, &filter, call->arena, call->deadline_ms, &dump, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    struct call_cursor next = { .text = STR_EMPTY };
    for (size_t i = 0; i < dump.n; i++) {
        const struct queue_row *row = &dump.list[i].row;
        json_t *o = json_object();
        api_set(o, "entry", shape_queue_entry(row));
        api_set(o, "envelope", shape_envelope(&dump.list[i]));
        api_add(items, o);
        next = (struct call_cursor){ .numbers = { row->queue_id }, .text = row->recipient };
    }
    call_items_page(call, items, dump.n == (size_t)p->limit ? &next : NULL);
}
