/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is held because it cannot go securely, and where less will do; for administrators. */
#include "api_routes.h"
#include "base/hex.h"
#include "queue/hold.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

static void reply_count(struct api_call *call, int64_t recipients)
{
    json_t *o = json_object();
    api_set(o, "recipients", json_integer(recipients));
    call_json(call, 200, o);
}

/* 0 for never, as exceptions have it. False: it was answered. */
static bool read_end(struct api_call *call, const json_t *body, int64_t *out_us)
{
    if (!call_read_expiry(call, body, out_us))
        return false;
    if (*out_us == INT64_MAX)
        *out_us = 0;
    return true;
}

/* The octets of a key in hexadecimal; empty when none is given. False: it was answered. */
static bool read_key(struct api_call *call, const json_t *body, str *out)
{
    struct err e = ERR_CLEAR;
    struct buf octets;
    str key = api_get_text(body, "key");
    buf_init(&octets, TLS_PIN_SIZE);
    bool ok = hex_decode(key, &octets, &e) ||
              call_field_problem(call, "invalid-fields", "/key", "is not hexadecimal");
    *out = arena_str(call->arena, buf_str(&octets));
    buf_fini(&octets);
    return ok;
}

static bool fail(struct api_call *call, const struct err *e)
{
    if (e->kind == ERR_CONFLICT) {
        return call_problem(call, "no-certificate",
                            "The server showed no certificate that it could be known again by. "
                            "Allow any server (anyServer), which means without TLS, too.");
    }
    return call_fail(call, e);
}

/* ---- one message ---- */

static enum queue_choice read_choice(const json_t *body)
{
    static const enum queue_choice all[] = { QUEUE_CHOICE_CANCEL, QUEUE_CHOICE_RETRY,
                                             QUEUE_CHOICE_SEND, QUEUE_CHOICE_WHITELIST };
    str word = api_get_text(body, "choice");
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (str_eq(word, str_from_cstr(queue_choice_name(all[i]))))
            return all[i];
    }
    return QUEUE_CHOICE_RETRY; /* the contract lets nothing else pass */
}

/* `account_id` 0: a message of anybody's. Yields. */
YIELDS static void decide(struct api_call *call, str queue_id, int64_t account_id,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = call_queue_actor(call);
    struct queue_decision decision = {
        .account_id = account_id,
        .domain = admin_domain(call, api_get_text(body, "domain")),
        .choice = read_choice(body),
        .any = json_is_true(json_object_get(body, "anyServer")),
    };
    int64_t count = 0;
    if (!queue_id_parse(queue_id, &decision.queue_id, &e)) {
        (void)call_problem(call, "not-found", NULL);
        return;
    }
    if (!read_end(call, body, &decision.expires_us))
        return;
    if (queue_decide(call->app->queue, &actor, &decision, call->deadline_ms, &count, &e)) {
        reply_count(call, count);
    } else {
        (void)fail(call, &e);
    }
}

void rest_decide_queue_message(struct api_call *call, const struct decide_queue_message_params *p,
                               const json_t *body)
{
    decide(call, p->queue_id, 0, body);
}

void rest_decide_delivery(struct api_call *call, const struct decide_delivery_params *p,
                          const json_t *body)
{
    decide(call, p->queue_id, call->who.account_id, body);
}

/* ---- exceptions ---- */

static json_t *shape_exception(const struct tls_exception *exception)
{
    json_t *o = json_object();
    struct buf key;
    buf_init(&key, (size_t)2 * TLS_PIN_SIZE);
    bool is_pinned = exception->pin.n > 0 && hex_encode(exception->pin, &key);
    api_set(o, "domain", api_text(exception->domain));
    api_set(o, "accountId", api_id_or_null(exception->account_id));
    api_set(o, "key", is_pinned ? api_text(buf_str(&key)) : json_null());
    buf_fini(&key);
    api_set(o, "createdAt", api_time(exception->created_us));
    api_set(o, "createdBy", api_text(exception->created_by));
    api_set(o, "expiresAt", api_time_or_null(exception->expires_us));
    return o;
}

void rest_list_tls_exceptions(struct api_call *call, const struct list_tls_exceptions_params *p,
                              const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct tls_exceptions all;
    (void)body;
    if (!queue_list_whitelist(call->app->queue, admin_domain(call, p->domain), call->arena,
                              call->deadline_ms, &all, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape_exception(&all.list[i]));
    call_items(call, items);
}

void rest_create_tls_exception(struct api_call *call, const struct create_tls_exception_params *p,
                               const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = call_queue_actor(call);
    struct queue_whitelisting w = {
        .domain = admin_domain(call, api_get_text(body, "domain")),
        .any = json_is_true(json_object_get(body, "anyServer")),
    };
    int64_t count = 0;
    (void)p;
    if (!read_key(call, body, &w.pin) || !read_end(call, body, &w.expires_us))
        return;
    if (queue_whitelist(call->app->queue, &actor, &w, call->deadline_ms, &count, &e)) {
        reply_count(call, count);
    } else {
        (void)fail(call, &e);
    }
}

void rest_delete_tls_exceptions(struct api_call *call, const struct delete_tls_exceptions_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = call_queue_actor(call);
    (void)body;
    bool ok = queue_unwhitelist(call->app->queue, &actor, admin_domain(call, p->domain),
                                call->deadline_ms, &e);
    admin_reply_deleted(call, ok, &e);
}
