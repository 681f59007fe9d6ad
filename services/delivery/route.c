/* SPDX-License-Identifier: Apache-2.0 */
/* From a domain to addresses: MX records, the domain itself without them, and what must not be
 * connected to. Absence is final, failure is not: a resolver's trouble never returns a message. */
#include "services/delivery/route.h"

/* A search for addresses, and why hosts had none. */
struct search {
    const struct delivery *d;
    struct arena *a;
    int64_t deadline_ms;
    struct delivery_route *route;
    bool saw_failure; /* a lookup that may work later */
    bool saw_private;
    bool saw_own;
};

static bool no_route(struct delivery_route *out, enum queue_outcome outcome, const char *status,
                     const char *reply)
{
    out->n = 0;
    out->failure = (struct queue_result){ .outcome = outcome,
                                          .status = str_from_cstr(status),
                                          .reply = str_from_cstr(reply) };
    return true;
}

size_t delivery_cut_mx(const struct dns_mx_list *mx, str own, bool *is_loop)
{
    *is_loop = false;
    for (size_t i = 0; i < mx->n; i++) {
        if (!str_ieq(mx->list[i].host, own))
            continue;
        *is_loop = true;
        size_t n = 0;
        while (n < i && mx->list[n].preference < mx->list[i].preference)
            n++;
        return n;
    }
    return mx->n;
}

static bool is_own(const struct delivery *d, const struct net_address *address)
{
    uint8_t wanted[16];
    uint8_t own[16];
    size_t n = net_address_octets(address, wanted);
    for (size_t i = 0; i < d->n_own; i++) {
        if (net_address_octets(&d->own[i], own) == n && memcmp(wanted, own, n) == 0)
            return true;
    }
    return false;
}

static void add_address(struct search *s, str host, struct net_address *address)
{
    const struct config *config = s->d->app->config;
    if (s->route->n == DELIVERY_ADDRESSES_MAX)
        return;
    if (!config_bool(config, CONFIG_DELIVERY_ALLOW_PRIVATE)) {
        bool special = net_address_is_special(address);
        bool own = !special && is_own(s->d, address);
        s->saw_private = s->saw_private || special;
        s->saw_own = s->saw_own || own;
        if (special || own)
            return;
    }
    net_address_set_port(address, (uint16_t)config_int(config, CONFIG_DELIVERY_PORT));
    s->route->hosts[s->route->n++] = (struct delivery_host){ host, *address };
}

YIELDS static bool add_host(struct search *s, str host, struct err *e)
{
    struct dns_addresses found;
    struct err fault = ERR_CLEAR;
    if (!dns_query_addresses(s->d->app->dns, host, s->a, s->deadline_ms, &found, &fault)) {
        if (fault.kind == ERR_SYNTAX)
            return true; /* a name that cannot exist has no address */
        *e = fault;
        return false;
    }
    s->saw_failure = s->saw_failure || found.status == DNS_TEMPFAIL || found.status == DNS_BOGUS;
    for (size_t i = 0; i < found.n; i++)
        add_address(s, host, &found.list[i]);
    return true;
}

/* Nothing to connect to: says why. */
static bool judge(const struct search *s)
{
    struct delivery_route *out = s->route;
    if (out->n > 0)
        return true;
    if (s->saw_failure)
        return no_route(out, QUEUE_DEFERRED, "4.4.3",
                        "the addresses of the mail servers could not be looked up");
    if (s->saw_own)
        return no_route(out, QUEUE_FAILED, "5.4.6", "mail for this domain would come back to us");
    if (s->saw_private)
        return no_route(out, QUEUE_FAILED, "5.4.4", "the mail servers have no public address");
    return no_route(out, QUEUE_FAILED, "5.4.4", "the mail servers of this domain have no address");
}

/* True when the answer to the MX question already decides. */
static bool is_decided(const struct dns_mx_list *mx, struct delivery_route *out)
{
    switch (mx->status) {
    case DNS_NXDOMAIN:
        return no_route(out, QUEUE_FAILED, "5.1.2", "the domain does not exist");
    case DNS_TEMPFAIL:
        return no_route(out, QUEUE_DEFERRED, "4.4.3",
                        "the mail servers of this domain could not be looked up");
    case DNS_BOGUS:
        return no_route(out, QUEUE_DEFERRED, "4.4.3",
                        "the answer about this domain's mail servers has a wrong DNSSEC signature");
    case DNS_OK:
        if (mx->n == 1 && mx->list[0].host.n == 0)
            return no_route(out, QUEUE_FAILED, "5.1.10",
                            "556 the domain takes no mail (null MX, RFC 7505)");
        return false;
    case DNS_NODATA:
        return false;
    }
    return false;
}

bool delivery_find_route(const struct delivery *d, str domain, struct arena *a, int64_t deadline_ms,
                         struct delivery_route *out, struct err *e)
{
    struct dns_mx_list mx;
    struct err fault = ERR_CLEAR;
    bool is_loop;
    *out = (struct delivery_route){ .n = 0 };
    if (!dns_query_mx(d->app->dns, domain, a, deadline_ms, &mx, &fault)) {
        if (fault.kind == ERR_SYNTAX)
            return no_route(out, QUEUE_FAILED, "5.1.2", "this is no domain of the internet");
        *e = fault;
        return false;
    }
    if (is_decided(&mx, out))
        return true;
    struct search s = { .d = d, .a = a, .deadline_ms = deadline_ms, .route = out };
    if (mx.status == DNS_NODATA)
        return add_host(&s, domain, e) && judge(&s);
    size_t n = delivery_cut_mx(&mx, str_from_cstr(d->app->hostname), &is_loop);
    s.saw_own = is_loop;
    for (size_t i = 0; i < n && out->n < DELIVERY_ADDRESSES_MAX; i++) {
        if (!add_host(&s, mx.list[i].host, e))
            return false;
    }
    return judge(&s);
}
