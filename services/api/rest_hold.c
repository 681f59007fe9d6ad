/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is held because it cannot go securely, and where less will do; for administrators. */
#include "account/profile.h"
#include "api_routes.h"
#include "base/hex.h"
#include "queue/hold.h"
#include "services/api/admin_page.h"
#include "services/api/admin_trial.h"
#include "services/api/api.h"

enum {
    AFTER_TRIAL_MS = 10 * 1000 /* for the database, behind servers that took long */
};

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

/* `what`: why there is no certificate to go by. */
static bool fail(struct api_call *call, const char *what, const struct err *e)
{
    if (e->kind == ERR_CONFLICT) {
        return call_problem(call, "no-certificate",
                            "%s. Allow any server (anyServer, or --any), which means without TLS, "
                            "too.",
                            what);
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
    } else if (e.kind == ERR_DENIED) {
        (void)call_problem(call, "held", "%s", e.msg);
    } else {
        (void)fail(call, "The server showed no certificate that it could be known again by", &e);
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

static json_t *shape_key(str pin)
{
    struct buf key;
    buf_init(&key, (size_t)2 * TLS_PIN_SIZE);
    bool is_pinned = pin.n > 0 && hex_encode(pin, &key);
    json_t *o = is_pinned ? api_text(buf_str(&key)) : json_null();
    buf_fini(&key);
    return o;
}

/* `login`: of its account; empty for everybody's, and where the account is gone. */
static json_t *shape_exception(const struct tls_exception *exception, str login)
{
    json_t *o = json_object();
    api_set(o, "domain", api_text(exception->domain));
    api_set(o, "accountId", api_id_or_null(exception->account_id));
    api_set(o, "account", api_text_or_null(login));
    api_set(o, "key", shape_key(exception->pin));
    api_set(o, "createdAt", api_time(exception->created_us));
    api_set(o, "createdBy", api_text(exception->created_by));
    api_set(o, "expiresAt", api_time_or_null(exception->expires_us));
    return o;
}

/* Answers with them. Yields. */
YIELDS static void reply_exceptions(struct api_call *call, const struct tls_exceptions *all)
{
    struct err e = ERR_CLEAR;
    struct account *accounts = ARENA_ARRAY(call->arena, struct account, all->n);
    struct account_addresses *names = ARENA_ARRAY(call->arena, struct account_addresses, all->n);
    for (size_t i = 0; i < all->n; i++)
        accounts[i] = (struct account){ .account_id = all->list[i].account_id };
    if (!account_addresses_of(call->app->accounts, accounts, all->n, call->arena, call->deadline_ms,
                              names, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < all->n; i++) {
        str login = names[i].n > 0 ? names[i].list[0] : STR_EMPTY;
        api_add(items, shape_exception(&all->list[i], login));
    }
    call_items(call, items);
}

YIELDS static void list_exceptions(struct api_call *call, const struct tls_exception_choice *choice)
{
    struct err e = ERR_CLEAR;
    struct tls_exceptions all;
    if (queue_list_whitelist(call->app->queue, choice, call->arena, call->deadline_ms, &all, &e)) {
        reply_exceptions(call, &all);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_list_tls_exceptions(struct api_call *call, const struct list_tls_exceptions_params *p,
                              const json_t *body)
{
    const struct tls_exception_choice choice = { .domain = admin_domain(call, p->domain) };
    (void)body;
    list_exceptions(call, &choice);
}

void rest_list_own_tls_exceptions(struct api_call *call, const void *p, const json_t *body)
{
    const struct tls_exception_choice choice = { .account_id = call->who.account_id };
    (void)p;
    (void)body;
    list_exceptions(call, &choice);
}

struct shown_keys {
    str *keys; /* each once */
    size_t n;
    str why; /* the first server has none, if n is 0 */
};

static void add_key(struct shown_keys *shown, str key)
{
    bool is_new = key.n > 0;
    for (size_t i = 0; i < shown->n; i++)
        is_new = is_new && !str_eq(shown->keys[i], key);
    if (is_new)
        shown->keys[shown->n++] = key;
}

/* Of the first server, if it has none. One that took the recipient so was good enough without. */
static str why_keyless(const struct app_trial *trial)
{
    if (trial->is_own || trial->n_ends > 0)
        return STR("it is a domain of this server");
    if (trial->n == 0)
        return trial->problem;
    const struct app_trial_host *first = &trial->hosts[0];
    bool is_plain = first->tls.n == 0 && strcmp(first->stage, "recipient") == 0;
    return is_plain ? STR("it offers no TLS, or none that works") : first->reply;
}

/* What the servers of the domain show now: no held mail has met any. The operator may say it before
 * there is mail. Yields. */
YIELDS static struct shown_keys look_at_servers(struct api_call *call, str domain)
{
    struct app_trial trial;
    struct err e = ERR_CLEAR;
    struct shown_keys shown = { .n = 0 };
    if (!admin_try_delivery(call, arena_printf(call->arena, "postmaster@%.*s", STR_FMT(domain)),
                            &trial, &e)) {
        shown.why = arena_str(call->arena, str_from_cstr(e.msg));
        return shown;
    }
    call->deadline_ms = clock_deadline_in(AFTER_TRIAL_MS); /* the servers took theirs */
    shown.why = why_keyless(&trial);
    if (trial.n_ends > 0) /* those servers are not the domain's */
        return shown;
    shown.keys = ARENA_ARRAY(call->arena, str, trial.n);
    for (size_t i = 0; i < trial.n; i++)
        add_key(&shown, trial.hosts[i].key);
    return shown;
}

/* One exception for each key that is shown; ERR_CONFLICT where there is none. Yields. */
YIELDS static bool whitelist_keys(struct api_call *call, const struct queue_actor *actor,
                                  const struct queue_whitelisting *w, json_t *seen, int64_t *count,
                                  struct err *e)
{
    const struct shown_keys shown = look_at_servers(call, w->domain);
    *e = (struct err)ERR_CLEAR;
    for (size_t i = 0; i < shown.n; i++) {
        struct queue_whitelisting one = *w;
        int64_t more = 0;
        one.pin = shown.keys[i];
        if (!queue_whitelist(call->app->queue, actor, &one, call->deadline_ms, &more, e))
            return false;
        *count += more;
        api_add(seen, shape_key(shown.keys[i]));
    }
    return shown.n > 0 || ERR(e, ERR_CONFLICT, "No server of %.*s shows a certificate now (%.*s)",
                              STR_FMT(w->domain), STR_FMT(str_slice(shown.why, 0, 120)));
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
    if (w.any && w.pin.n > 0) {
        (void)call_field_problem(call, "invalid-fields", "/key",
                                 "is for one server, while any is to be allowed");
        return;
    }
    json_t *seen = json_array();
    bool ok = queue_whitelist(call->app->queue, &actor, &w, call->deadline_ms, &count, &e);
    if (!ok && e.kind == ERR_CONFLICT)
        ok = whitelist_keys(call, &actor, &w, seen, &count, &e);
    if (!ok) {
        json_decref(seen);
        (void)fail(call, e.msg, &e);
        return;
    }
    json_t *o = json_object();
    api_set(o, "recipients", json_integer(count));
    api_set(o, "keysSeen", seen);
    call_json(call, 200, o);
}

/* Of an account that is gone by its id only. False: it was answered. Yields. */
YIELDS static bool read_account(struct api_call *call, str name, int64_t *account_id)
{
    struct account account;
    *account_id = name.n > 0 ? api_id_parse(name) : 0;
    if (name.n == 0 || *account_id != 0)
        return true;
    if (!admin_find_account(call, name, &account))
        return false;
    *account_id = account.account_id;
    return true;
}

void rest_delete_tls_exceptions(struct api_call *call, const struct delete_tls_exceptions_params *p,
                                const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct tls_exceptions gone;
    const struct queue_actor actor = call_queue_actor(call);
    struct tls_exception_choice choice = { .domain = admin_domain(call, p->domain) };
    (void)body;
    if (!read_account(call, p->account, &choice.account_id))
        return;
    if (queue_unwhitelist(call->app->queue, &actor, &choice, call->arena, call->deadline_ms, &gone,
                          &e)) {
        reply_exceptions(call, &gone);
    } else {
        (void)admin_fail(call, &e);
    }
}

void rest_delete_own_tls_exceptions(struct api_call *call,
                                    const struct delete_own_tls_exceptions_params *p,
                                    const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct tls_exceptions gone;
    const struct queue_actor actor = call_queue_actor(call);
    const struct tls_exception_choice choice = { .domain = admin_domain(call, p->domain),
                                                 .account_id = call->who.account_id };
    (void)body;
    bool ok = queue_unwhitelist(call->app->queue, &actor, &choice, call->arena, call->deadline_ms,
                                &gone, &e);
    admin_reply_deleted(call, ok, &e);
}
