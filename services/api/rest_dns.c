/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS records that a domain of ours needs: only of what this server does. They are told, not
 * checked. */
#include "account/dkim.h"
#include "account/mta_sts.h"
#include "api_routes.h"
#include "services/api/admin_page.h"
#include "services/api/api.h"
#include "transport_policy/tlsa.h"

enum {
    SMTP_PORT = 25,
    RECORD_MAX = 1024
};

/* One domain's records on the way into a list. */
struct listing {
    struct api_call *call;
    str domain;
    const char *host; /* this server */
    json_t *items;
};

static void add(struct listing *l, const char *purpose, const char *type, str name, str value)
{
    json_t *o = json_object();
    api_set(o, "name", api_text(name));
    api_set(o, "type", json_string(type));
    api_set(o, "value", api_text(value));
    api_set(o, "purpose", json_string(purpose));
    api_add(l->items, o);
}

/* A name below the domain: "_dmarc" gives "_dmarc.example.org". */
static str below(const struct listing *l, const char *label)
{
    return arena_printf(l->call->arena, "%s.%.*s", label, STR_FMT(l->domain));
}

static void add_services(struct listing *l)
{
    static const struct {
        const char *name;
        unsigned port;
    } services[] = { { "imaps", 993 }, { "submissions", 465 }, { "submission", 587 } };
    struct arena *a = l->call->arena;
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        str name = arena_printf(a, "_%s._tcp.%.*s", services[i].name, STR_FMT(l->domain));
        add(l, services[i].name, "SRV", name,
            arena_printf(a, "0 1 %u %s.", services[i].port, l->host));
    }
}

YIELDS static bool add_keys(struct listing *l, struct err *e)
{
    struct arena *a = l->call->arena;
    struct account_dkim_list keys;
    if (!account_dkim_list(l->call->app->accounts, l->domain, a, l->call->deadline_ms, &keys, e))
        return false;
    for (size_t i = 0; i < keys.n; i++) {
        const struct account_dkim_key *key = &keys.list[i];
        str rsa =
            arena_printf(a, "%.*s._domainkey.%.*s", STR_FMT(key->selector), STR_FMT(l->domain));
        str ed =
            arena_printf(a, "%.*s-ed._domainkey.%.*s", STR_FMT(key->selector), STR_FMT(l->domain));
        add(l, "dkim", "TXT", rsa, key->rsa_record);
        add(l, "dkim", "TXT", ed, key->ed_record);
    }
    return true;
}

/* The policy host is this server, as the file is served here (RFC 8461 section 3). */
YIELDS static bool add_mta_sts(struct listing *l, struct err *e)
{
    struct arena *a = l->call->arena;
    struct account_mta_sts own;
    bool found = false;
    if (!account_mta_sts_find(l->call->app->accounts, l->domain, a, l->call->deadline_ms, &found,
                              &own, e))
        return false;
    if (!found)
        return true;
    add(l, "mtaSts", "TXT", below(l, "_mta-sts"),
        arena_printf(a, "v=STSv1; id=%.*s;", STR_FMT(own.id)));
    add(l, "mtaSts", "CNAME", below(l, "mta-sts"), arena_printf(a, "%s.", l->host));
    return true;
}

/* Of the certificate that is in use for our name now. Without TLS (on the command line, too) it is
 * not known. */
static void add_tlsa(struct listing *l)
{
    uint8_t key[TLS_KEY_SHA256];
    struct buf line;
    str name, value;
    const struct app *app = l->call->app;
    if (!app->tls || !tls_server_key_sha256(app->tls, l->host, key))
        return;
    buf_init(&line, RECORD_MAX);
    if (tlsa_format(str_from_cstr(l->host), SMTP_PORT, key, &line)) {
        static const str between = STR_INIT(". IN TLSA ");
        ptrdiff_t at = str_find(buf_str(&line), between);
        INVARIANT(at > 0);
        name = arena_str(l->call->arena, str_slice(buf_str(&line), 0, (size_t)at));
        value = arena_str(l->call->arena, str_skip(buf_str(&line), (size_t)at + between.n));
        add(l, "tlsa", "TLSA", name, str_trim(value));
    }
    buf_fini(&line);
}

/* Who tells us of our mail: at the address whose reports are read (reports.inbox). */
static void add_reports(struct listing *l)
{
    struct arena *a = l->call->arena;
    const char *inbox = config_text(l->call->app->config, CONFIG_REPORTS_INBOX);
    if (!*inbox)
        inbox = "postmaster";
    add(l, "dmarc", "TXT", below(l, "_dmarc"),
        arena_printf(a, "v=DMARC1; p=none; rua=mailto:%s@%.*s", inbox, STR_FMT(l->domain)));
    add(l, "tlsRpt", "TXT", below(l, "_smtp._tls"),
        arena_printf(a, "v=TLSRPTv1; rua=mailto:%s@%.*s", inbox, STR_FMT(l->domain)));
}

YIELDS static bool add_all(struct listing *l, struct err *e)
{
    struct arena *a = l->call->arena;
    add(l, "mx", "MX", l->domain, arena_printf(a, "10 %s.", l->host));
    add(l, "spf", "TXT", l->domain, STR("v=spf1 mx -all"));
    if (!add_keys(l, e) || !add_mta_sts(l, e))
        return false;
    add_reports(l);
    add_tlsa(l);
    add_services(l);
    return true;
}

void rest_list_dns_records(struct api_call *call, const struct list_dns_records_params *p,
                           const json_t *body)
{
    struct err e = ERR_CLEAR;
    struct listing l = { .call = call,
                         .domain = admin_domain(call, p->domain),
                         .host = call->app->hostname,
                         .items = json_array() };
    (void)body;
    if (add_all(&l, &e)) {
        call_items(call, l.items);
        return;
    }
    json_decref(l.items);
    (void)admin_fail(call, &e);
}
