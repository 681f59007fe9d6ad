/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that mail of a domain is signed with. */
#include "account/dkim.h"
#include "api_routes.h"
#include "crypto/key_file.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "services/app/publisher.h"

enum {
    PUT_BACK_MS = 20000
};

static const char *const states[] = { [ACCOUNT_DKIM_WAITING] = "waiting",
                                      [ACCOUNT_DKIM_SIGNING] = "signing",
                                      [ACCOUNT_DKIM_RETIRED] = "retired" };

static json_t *shape_records(struct api_call *call, const struct account_dkim_key *key, str domain)
{
    json_t *list = json_array();
    struct published_record records[PUBLISHED_KEY_RECORDS];
    size_t n = published_key_records(domain, key, call->arena, records);
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        api_set(o, "name", api_text(records[i].name));
        api_set(o, "value", api_text(records[i].value));
        api_add(list, o);
    }
    return list;
}

static json_t *shape_key(struct api_call *call, const struct account_dkim_key *key, str domain)
{
    json_t *o = json_object();
    api_set(o, "selector", api_text(key->selector));
    api_set(o, "state", json_string(states[key->state]));
    api_set(o, "records", shape_records(call, key, domain));
    api_set(o, "createdAt", api_time(key->created_at_us));
    api_set(o, "signingAt", api_time_or_null(key->signing_at_us));
    api_set(o, "retiredAt", api_time_or_null(key->retired_at_us));
    return o;
}

/* All keys of a domain; false: answered. Yields. */
static YIELDS bool load(struct api_call *call, str domain, struct account_dkim_list *keys)
{
    struct err e = ERR_CLEAR;
    return account_dkim_list(call->app->accounts, domain, call->arena, call->deadline_ms, keys,
                             &e) ||
           admin_fail(call, &e);
}

/* The key of a selector, NULL: answered. Yields. */
static YIELDS const struct account_dkim_key *find(struct api_call *call, str domain, str selector)
{
    struct account_dkim_list keys;
    if (!load(call, domain, &keys))
        return NULL;
    for (size_t i = 0; i < keys.n; i++) {
        if (str_eq(keys.list[i].selector, selector))
            return &keys.list[i];
    }
    (void)call_problem(call, "not-found", NULL);
    return NULL;
}

void rest_list_dkim_keys(struct api_call *call, const struct list_dkim_keys_params *p,
                         const json_t *body)
{
    struct account_dkim_list keys;
    str domain = admin_domain(call, p->domain);
    (void)body;
    if (!load(call, domain, &keys))
        return;
    json_t *items = json_array();
    for (size_t i = 0; i < keys.n; i++)
        api_add(items, shape_key(call, &keys.list[i], domain));
    call_items(call, items);
}

void rest_create_dkim_key(struct api_call *call, const struct create_dkim_key_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str domain = admin_domain(call, p->domain);
    const struct account_dkim_name name = { domain, api_get_text(body, "selector") };
    str made;
    if (!account_dkim_make(call->app->accounts, &actor, &name, call->arena, call->deadline_ms,
                           &made, &e)) {
        if (e.kind == ERR_SYNTAX) {
            (void)call_field_problem(call, "invalid-fields", "/selector", e.msg);
        } else {
            (void)call_fail(call, &e);
        }
        return;
    }
    const struct account_dkim_key *key = find(call, domain, made);
    if (key) {
        call_created(call, shape_key(call, key, domain),
                     "/api/v1/admin/domains/%.*s/dkim-keys/%.*s", STR_FMT(domain), STR_FMT(made));
    }
}

/* The text came in the body, which is nobody's but this call's: what it holds of it goes when it is
 * read. A body that the contract refuses does not come here, and is only freed. */
static void wipe(str text)
{
    secret_wipe_memory((char *)(uintptr_t)text.p, text.n);
}

static bool read_key(struct api_call *call, const json_t *body, struct crypto_key **out)
{
    struct err e = ERR_CLEAR;
    str text = api_get_text(body, "privateKey");
    bool ok = crypto_key_file_parse(text, out, &e);
    wipe(text);
    wipe(call->body);
    return ok || call_field_problem(call, "invalid-fields", "/privateKey", e.msg);
}

static json_t *shape_import(struct api_call *call, const struct account_dkim_import *what,
                            const struct account_dkim_key *kept)
{
    json_t *o = json_object();
    api_set(o, "selector", api_text(kept->selector));
    api_set(o, "state", json_string(states[kept->state]));
    api_set(o, "kind", json_string(crypto_key_kind(what->key) == CRYPTO_RSA ? "rsa" : "ed25519"));
    api_set(o, "bits", json_integer(crypto_key_bits(what->key)));
    api_set(o, "records", shape_records(call, kept, what->name.domain));
    api_set(o, "isKept", json_boolean(!what->is_rehearsal));
    return o;
}

void rest_import_dkim_key(struct api_call *call, const struct import_dkim_key_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    struct crypto_key *key = NULL;
    struct account_dkim_key kept;
    if (!read_key(call, body, &key))
        return;
    const struct account_dkim_import what = {
        .name = { admin_domain(call, p->domain), api_get_text(body, "selector") },
        .key = key,
        .is_rehearsal = api_get_bool(body, "dryRun", false),
    };
    if (account_dkim_import(call->app->accounts, &actor, &what, call->arena, call->deadline_ms,
                            &kept, &e)) {
        call_json(call, 200, shape_import(call, &what, &kept));
    } else if (e.kind == ERR_SYNTAX || e.kind == ERR_LIMIT) {
        (void)call_field_problem(call, "invalid-fields",
                                 e.kind == ERR_SYNTAX ? "/selector" : "/privateKey", e.msg);
    } else {
        (void)admin_fail(call, &e);
    }
    crypto_key_free(&key);
}

void rest_update_dkim_key(struct api_call *call, const struct update_dkim_key_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str domain = admin_domain(call, p->domain);
    (void)body; /* the contract allows nothing but signing */
    const struct account_dkim_name name = { domain, p->selector };
    if (!account_dkim_activate(call->app->accounts, &actor, &name, call->arena, call->deadline_ms,
                               &e)) {
        (void)admin_fail(call, &e);
        return;
    }
    const struct account_dkim_key *key = find(call, domain, p->selector);
    if (key)
        call_json(call, 200, shape_key(call, key, domain));
}

/* Its records go first, where they were put into the DNS from here: who forgot the key could not
 * tell them from others. Those of a key that signs stay: what it has signed is on its way yet.
 * False: answered. Yields. */
static YIELDS bool withdraw(struct api_call *call, str domain, const struct account_dkim_key *key)
{
    const struct account_actor actor = call_account_actor(call);
    struct app_silent silent = { .n = 0 };
    const struct app_publisher p = { call->app,         &actor, domain, call->arena,
                                     call->deadline_ms, &silent };
    struct published_record records[PUBLISHED_KEY_RECORDS];
    if (key->state == ACCOUNT_DKIM_SIGNING)
        return true;
    size_t n = published_key_records(domain, key, call->arena, records);
    for (size_t i = 0; i < n; i++) {
        enum app_publishing outcome;
        struct err e = ERR_CLEAR;
        str why = STR_EMPTY;
        if (!app_withdraw(&p, &records[i], &outcome, &why, &e))
            return call_fail(call, &e);
        if (outcome == APP_PUBLISH_FAILED) {
            return call_problem(call, "unavailable", "%.*s cannot be taken out of the DNS: %.*s",
                                STR_FMT(records[i].name), STR_FMT(why));
        }
    }
    return true;
}

/* Somebody let it sign, or no more, while its records were taken out: a key that signs wants them.
 * Yields. */
static YIELDS void put_back(struct api_call *call, str domain, const struct account_dkim_key *key)
{
    const struct account_actor actor = call_account_actor(call);
    struct app_silent silent = { .n = 0 };
    const struct app_publisher p = {
        call->app, &actor, domain, call->arena, clock_deadline_in(PUT_BACK_MS), &silent
    };
    struct published_record records[PUBLISHED_KEY_RECORDS];
    size_t n = published_key_records(domain, key, call->arena, records);
    for (size_t i = 0; i < n; i++) {
        enum app_publishing outcome;
        struct err ignored = ERR_CLEAR; /* logged; `domain check` tells what is missing */
        (void)app_publish(&p, &records[i], &outcome, NULL, &ignored);
    }
    (void)call_problem(call, "unavailable", "The key was changed in the meantime; look again.");
}

/* No other key steps in for the one that signs. False: answered. */
static bool may_go(struct api_call *call, str domain, const struct account_dkim_key *key,
                   bool is_forced)
{
    if (key->state != ACCOUNT_DKIM_SIGNING || is_forced)
        return true;
    return call_problem(call, "in-use",
                        "It signs what %.*s sends, which would leave unsigned: activate another "
                        "key first, or force it.",
                        STR_FMT(domain));
}

void rest_delete_dkim_key(struct api_call *call, const struct delete_dkim_key_params *p,
                          const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    str domain = admin_domain(call, p->domain);
    const struct account_dkim_key *key = find(call, domain, p->selector);
    (void)body;
    if (!key || !may_go(call, domain, key, p->force) || !withdraw(call, domain, key))
        return;
    const struct account_dkim_name name = { domain, p->selector };
    bool ok = account_dkim_remove(call->app->accounts, &actor, &name, key->state, call->arena,
                                  call->deadline_ms, &e);
    if (!ok && e.kind == ERR_CONFLICT) {
        put_back(call, domain, key);
    } else {
        admin_reply_deleted(call, ok, &e);
    }
}
