/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that mail of some domains is handed to, for administrators. */
#include "account/transport.h"
#include "api_routes.h"
#include "base/address.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"

enum {
    PORT_OF_SMTP = 25,
    PORT_OF_LMTP = 24
};

static const char *const words[] = {
    [ACCOUNT_TRANSPORT_VERIFY] = "verify",
    [ACCOUNT_TRANSPORT_ENCRYPT] = "encrypt",
    [ACCOUNT_TRANSPORT_MAY] = "may",
};

static json_t *number_or_null(unsigned n)
{
    return n > 0 ? json_integer(n) : json_null();
}

static json_t *shape(const struct account_transport *t)
{
    json_t *o = json_object();
    api_set(o, "domain", api_text(t->domain));
    api_set(o, "host", api_text_or_null(t->host));
    api_set(o, "port", number_or_null(t->port));
    api_set(o, "protocol", json_string(account_transport_protocol_name(t->protocol)));
    api_set(o, "tls", json_string(words[t->tls]));
    api_set(o, "login", api_text_or_null(t->login));
    api_set(o, "auth", api_text_or_null(str_from_cstr(account_transport_auth_name(t->auth))));
    api_set(o, "connections", number_or_null(t->connections));
    api_set(o, "perMinute", number_or_null(t->per_minute));
    api_set(o, "pool", api_text_or_null(t->pool));
    api_set(o, "ehloName", api_text_or_null(t->ehlo_name));
    api_set(o, "createdAt", api_time(t->created_at_us));
    return o;
}

void rest_list_transports(struct api_call *call, const void *params, const json_t *body)
{
    struct account_transports all;
    struct err e = ERR_CLEAR;
    (void)params;
    (void)body;
    if (!account_transport_list(call->app->accounts, call->arena, call->deadline_ms, &all, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < all.n; i++)
        api_add(items, shape(&all.list[i]));
    call_items(call, items);
}

static enum account_transport_tls read_tls(const json_t *body)
{
    str word = api_get_text(body, "tls");
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq(word, str_from_cstr(words[i])))
            return (enum account_transport_tls)i;
    }
    return ACCOUNT_TRANSPORT_VERIFY;
}

/* That of the body, or what servers of the protocol are at. */
static unsigned read_port(const json_t *body, enum account_transport_protocol protocol)
{
    const json_t *port = json_object_get(body, "port");
    if (json_is_integer(port))
        return (unsigned)json_integer_value(port);
    return protocol == ACCOUNT_TRANSPORT_LMTP ? PORT_OF_LMTP : PORT_OF_SMTP;
}

/* Answers with the transport of the domain. Yields. */
YIELDS static void reply(struct api_call *call, str domain)
{
    struct account_transports all;
    struct err e = ERR_CLEAR;
    if (!account_transport_list(call->app->accounts, call->arena, call->deadline_ms, &all, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    for (size_t i = 0; i < all.n; i++) {
        if (str_eq(all.list[i].domain, domain)) {
            call_json(call, 200, shape(&all.list[i]));
            return;
        }
    }
    (void)call_problem(call, "not-found", NULL); /* it never was, or was removed meanwhile */
}

/* The written form of what it is for: "*", or something of a domain with a dot. */
static bool read_key(struct api_call *call, str text, str *out)
{
    struct err ignored = ERR_CLEAR;
    str domain = address_domain_or_all(text);
    return (str_eq(text, STR("*")) || str_find_byte(domain, '.') > 0) &&
           account_transport_key(call->arena, text, out, &ignored);
}

void rest_get_transport(struct api_call *call, const struct get_transport_params *p,
                        const json_t *body)
{
    str key;
    (void)body;
    if (read_key(call, p->domain, &key)) {
        reply(call, key);
    } else {
        (void)call_problem(call, "not-found", NULL);
    }
}

void rest_set_transport(struct api_call *call, const struct set_transport_params *p,
                        const json_t *body)
{
    struct err e = ERR_CLEAR;
    const struct account_actor actor = call_account_actor(call);
    const enum account_transport_protocol protocol =
        account_transport_protocol_parse(api_get_text(body, "protocol"));
    const struct account_transport t = {
        .domain = p->domain,
        .host = api_get_text(body, "host"),
        .port = read_port(body, protocol),
        .protocol = protocol,
        .tls = read_tls(body),
        .login = api_get_text(body, "login"),
        .auth = account_transport_auth_parse(api_get_text(body, "auth")),
        .connections = (unsigned)json_integer_value(json_object_get(body, "connections")),
        .per_minute = (unsigned)json_integer_value(json_object_get(body, "perMinute")),
        .pool = api_get_text(body, "pool"),
        .ehlo_name = api_get_text(body, "ehloName"),
    };
    str key;
    if (!read_key(call, p->domain, &key)) {
        (void)call_problem(call, "not-found", NULL);
    } else if (account_transport_set(call->app->accounts, &actor, &t,
                                     api_get_text(body, "password"), call->arena, call->deadline_ms,
                                     &e)) {
        reply(call, key);
    } else if (e.kind == ERR_SYNTAX || e.kind == ERR_UNSUPPORTED) {
        (void)call_field_problem(call, "invalid-fields", "/host", e.msg);
    } else {
        (void)call_fail(call, &e);
    }
}

void rest_delete_transport(struct api_call *call, const struct delete_transport_params *p,
                           const json_t *body)
{
    (void)body;
    admin_delete(call, account_transport_remove, p->domain);
}
