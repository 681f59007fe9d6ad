/* SPDX-License-Identifier: Apache-2.0 */
/* Holding, releasing, rescheduling, failing, dropping and rerouting mail in the queue; for
 * administrators. */
#include "account/transport.h"
#include "api_routes.h"
#include "base/base64.h"
#include "queue/act.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static enum queue_action read_action(const json_t *body)
{
    static const enum queue_action all[] = { QUEUE_ACT_HOLD,       QUEUE_ACT_RELEASE,
                                             QUEUE_ACT_RESCHEDULE, QUEUE_ACT_FAIL,
                                             QUEUE_ACT_DROP,       QUEUE_ACT_TRANSPORT };
    str word = api_get_text(body, "action");
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (str_eq(word, str_from_cstr(queue_action_name(all[i]))))
            return all[i];
    }
    return QUEUE_ACT_RELEASE; /* the contract lets nothing else pass */
}

/* One that there is, in its written form; "mx" and, as nothing, "default". False: it was answered.
 */
YIELDS static bool read_transport(struct api_call *call, str text, str *out)
{
    struct account_transports all;
    struct err e = ERR_CLEAR;
    *out = text;
    if (str_eq(text, STR("default")))
        *out = STR_EMPTY;
    if (str_eq(text, STR("default")) || str_eq(text, STR(ACCOUNT_TRANSPORT_OWN)))
        return true;
    if (text.n > 0 && account_transport_key(call->arena, text, out, &e)) {
        if (!account_transport_list(call->app->accounts, call->arena, call->deadline_ms, &all, &e))
            return call_fail(call, &e);
        for (size_t i = 0; i < all.n; i++) {
            if (str_eq(all.list[i].domain, *out))
                return true;
        }
    }
    str why = arena_printf(call->arena, "\"%.*s\" is none that there is (transport list)",
                           STR_FMT(str_slice(text, 0, 100)));
    return call_field_problem(call, "invalid-fields", "/transport", arena_cstr(call->arena, why));
}

/* False: it was answered. */
YIELDS static bool read_act(struct api_call *call, const json_t *body, struct queue_act *act)
{
    struct err ignored = ERR_CLEAR;
    str id = api_get_text(body, "id");
    *act = (struct queue_act){
        .action = read_action(body),
        .filter = { .domain = admin_domain(call, api_get_text(body, "domain")),
                    .sender = api_get_text(body, "sender"),
                    .recipient = api_get_text(body, "recipient"),
                    .status = admin_queue_status(api_get_text(body, "status")) },
        .at_us = api_get_time(body, "at", 0),
        .older_s = json_integer_value(json_object_get(body, "olderThanSeconds")),
        .is_rehearsal = json_is_true(json_object_get(body, "dryRun")),
    };
    if (id.n > 0 && !queue_id_parse(id, &act->queue_id, &ignored))
        return call_problem(call, "not-found", NULL);
    if (!queue_act_selects(act)) {
        return call_field_problem(call, "invalid-fields", "/id",
                                  "or something else has to say which mail is meant");
    }
    if (act->action == QUEUE_ACT_RESCHEDULE && act->at_us == 0)
        return call_field_problem(call, "invalid-fields", "/at", "is needed to reschedule");
    return act->action != QUEUE_ACT_TRANSPORT ||
           read_transport(call, api_get_text(body, "transport"), &act->transport);
}

void rest_act_on_queue(struct api_call *call, const struct act_on_queue_params *p,
                       const json_t *body)
{
    struct queue_act act;
    struct queue_acted done;
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = call_queue_actor(call);
    (void)p;
    if (!read_act(call, body, &act))
        return;
    if (!queue_act(call->app->queue, &actor, &act, call->deadline_ms, &done, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "recipients", json_integer(done.recipients));
    api_set(o, "messages", json_integer(done.messages));
    api_set(o, "shortened", json_integer(done.shortened));
    api_set(o, "shortenedTo", api_time_or_null(done.ends_us));
    api_set(o, "held", json_integer(done.held));
    call_json(call, 200, o);
}

/* ---- reading ---- */

void rest_export_queue_message(struct api_call *call, const struct export_queue_message_params *p,
                               const json_t *body)
{
    const struct queue_actor actor = call_queue_actor(call);
    struct err e = ERR_CLEAR;
    struct buf data;
    int64_t id;
    str octets;
    (void)body;
    if (!queue_id_parse(p->queue_id, &id, &e)) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    if (!queue_export_part(call->app->queue, &actor, id, (size_t)p->part * QUEUE_PART_BYTES,
                           call->arena, call->deadline_ms, &octets, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    bool is_last = octets.n < QUEUE_PART_BYTES;
    buf_init(&data, base64_encoded_size(BASE64_STANDARD, QUEUE_PART_BYTES) + 1);
    INVARIANT(base64_encode(BASE64_STANDARD, octets, &data));
    json_t *o = json_object();
    api_set(o, "id", api_text(p->queue_id));
    api_set(o, "part", json_integer(p->part));
    api_set(o, "data", json_stringn(data.p ? data.p : "", data.n));
    api_set(o, "next", is_last ? json_null() : json_integer(p->part + 1));
    buf_fini(&data);
    call_json(call, 200, o);
}
