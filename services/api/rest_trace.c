/* SPDX-License-Identifier: Apache-2.0 */
/* Where is my mail? For administrators about any message, for everybody about their own. */
#include "api_routes.h"
#include "queue/trace.h"
#include "services/api/api.h"
#include "services/api/one.h"
#include "services/api/told.h"

/* ---- shapes ---- */

/* The next word of a text; moves *rest behind it. */
static str next_word(str *rest)
{
    ptrdiff_t end = str_find_byte(*rest, ' ');
    str word = end >= 0 ? str_slice(*rest, 0, (size_t)end) : *rest;
    *rest = str_skip(*rest, word.n + (end >= 0));
    return word;
}

static json_t *shape_tls(str secured)
{
    if (str_is_empty(secured))
        return json_null();
    json_t *o = json_object();
    api_set(o, "version", api_text(next_word(&secured)));
    api_set(o, "cipher", api_text(next_word(&secured)));
    api_set(o, "verifiedBy", api_text(next_word(&secured)));
    return o;
}

static json_t *shape_attempt(const struct queue_attempt *attempt)
{
    json_t *o = json_object();
    api_set(o, "at", api_time(attempt->at_us));
    api_set(o, "number", json_integer(attempt->number));
    api_set(o, "state", json_string(queue_trace_state_name(attempt->state)));
    api_set(o, "stage", api_text(attempt->stage));
    api_set(o, "server", api_text(attempt->remote));
    api_set(o, "code", api_text(attempt->code));
    api_set(o, "reply", api_text(attempt->reply));
    api_set_told(o, attempt->reply);
    api_set(o, "tls", shape_tls(attempt->secured));
    api_set(o, "policy", api_text(attempt->tls));
    api_set(o, "milliseconds", json_integer(attempt->took_ms));
    api_set(o, "frontend", api_text(attempt->node));
    return o;
}

/* Administrators are told what holds it, too: rules and transports are theirs. */
static json_t *shape_delivery(const struct queue_traced *t, bool is_admin)
{
    char id[QUEUE_ID_TEXT];
    json_t *attempts = json_array();
    json_t *o = json_object();
    for (size_t i = 0; i < t->n; i++)
        api_add(attempts, shape_attempt(&t->attempts[i]));
    api_set(o, "id", api_text(queue_id_format(t->queue_id, id)));
    api_set(o, "messageId", api_text(t->message_id));
    api_set(o, "accountId", api_id_or_null(t->account_id));
    api_set(o, "sender", api_text(t->sender));
    api_set(o, "recipient", api_text(t->recipient));
    api_set(o, "state", json_string(queue_trace_state_name(t->state)));
    api_set(o, "question", t->question.n ? api_text(t->question) : json_null());
    api_set_told(o, t->question);
    api_set(o, "waits", api_waits(is_admin ? t->waits : STR_EMPTY));
    api_set(o, "createdAt", api_time(t->created_us));
    api_set(o, "nextAttemptAt", t->next_us ? api_time(t->next_us) : json_null());
    api_set(o, "expiresAt", t->expires_us ? api_time(t->expires_us) : json_null());
    api_set(o, "attempts", attempts);
    return o;
}

static json_t *shape_deliveries(const struct queue_traces *found, bool is_admin)
{
    json_t *items = json_array();
    for (size_t i = 0; i < found->n; i++)
        api_add(items, shape_delivery(&found->list[i], is_admin));
    return items;
}

/* ---- any message ---- */

void rest_trace_mail(struct api_call *call, const struct trace_mail_params *p, const json_t *body)
{
    struct call_cursor at = { .text = STR_EMPTY };
    struct queue_traces found;
    struct err e = ERR_CLEAR;
    bool given;
    (void)body;
    if (!call_cursor_read(call, p->cursor, &at, &given))
        return;
    const struct queue_trace_query query = {
        .text = p->query,
        .sender = p->sender,
        .recipient = p->recipient,
        .since_us = p->has_from ? p->from : 0,
        .until_us = p->has_to ? p->to : 0,
        .before_id = at.numbers[0],
        .limit = (unsigned)p->limit,
    };
    if (!queue_trace(call->app->queue, &query, call->arena, call->deadline_ms, &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    const struct call_cursor next = { .numbers = { found.last_id } };
    call_items_page(call, shape_deliveries(&found, true), found.last_id ? &next : NULL);
}

/* ---- the own ---- */

void rest_list_message_deliveries(struct api_call *call,
                                  const struct list_message_deliveries_params *p,
                                  const json_t *body)
{
    struct store_mail mail;
    struct queue_traces found = { .n = 0 };
    struct err e = ERR_CLEAR;
    (void)body;
    if (!one_message(call, p->message_id, false, &mail))
        return;
    const struct queue_trace_query query = { .message_id = mail.message_id,
                                             .account_id = call->who.account_id };
    if (mail.message_id.n > 0 &&
        !queue_trace(call->app->queue, &query, call->arena, call->deadline_ms, &found, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    call_items(call, shape_deliveries(&found, false));
}
