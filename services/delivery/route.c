/* SPDX-License-Identifier: Apache-2.0 */
/* From a domain to addresses: MX records, the domain itself without them, and what must not be
 * connected to. Absence is final, failure is not: a resolver's trouble never returns a message. */
#include "services/delivery/route.h"

#include "crypto/random.h"
#include "net/net.h"
#include "obs/obs.h"
#include "services/delivery/choose.h"
#include "services/delivery/egress.h"

enum {
    TLSA_MS = 20 * 1000, /* for the TLSA records of one host: another one may have better servers */
    HOSTS_MAX = 20,      /* looked up for one destination: who lists hundreds has us ask for him */
    FOUND_MAX = 40       /* addresses that are chosen from */
};

/* Addresses that may be connected to, of all servers that were looked up. */
struct found {
    struct delivery_found *list; /* NULL: none yet */
    size_t n;
};

/* A search for addresses, and why hosts had none. */
struct search {
    const struct delivery *d;
    struct arena *a;
    int64_t deadline_ms;
    struct delivery_route *route;
    struct found usable;
    struct found barred;
    unsigned server;    /* how many were looked up */
    unsigned n_servers; /* of them have an address that can be reached */
    bool is_secure;     /* DNSSEC vouches for the names of the hosts */
    bool saw_failure;   /* a lookup that may work later */
    str unnamed;        /* a host that the domain's policy does not name */
    str no_tlsa;        /* why the TLSA records of a host are not known; empty: they are */
    bool saw_private;
    bool saw_own;
    bool saw_beyond; /* an address of a kind that the pool has none of */
};

static bool is_named(const char *const *names, size_t n, str host)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(str_from_cstr(names[i]), host))
            return true;
    }
    return false;
}

size_t delivery_cut_mx(const struct dns_mx_list *mx, const char *const *own, size_t n_own,
                       bool *is_loop)
{
    *is_loop = false;
    for (size_t i = 0; i < mx->n; i++) {
        if (!is_named(own, n_own, mx->list[i].host))
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
    for (size_t i = 0; i < d->n_own; i++) {
        if (net_address_is_same_ip(&d->own[i], address))
            return true;
    }
    return false;
}

/* Whether we may connect to it at all. */
static bool is_foreign(struct search *s, const struct net_address *address)
{
    bool is_free =
        s->route->relay.port != 0 || config_bool(s->d->app->config, CONFIG_DELIVERY_ALLOW_PRIVATE);
    bool special = !is_free && net_address_is_special(address);
    bool own = !is_free && !special && is_own(s->d, address);
    s->saw_private = s->saw_private || special;
    s->saw_own = s->saw_own || own;
    return !special && !own;
}

static void add_address(struct search *s, const struct delivery_host *host,
                        struct net_address *address, bool is_barred)
{
    const struct config *config = s->d->app->config;
    struct found *found = is_barred ? &s->barred : &s->usable;
    if (!found->list)
        found->list = ARENA_ARRAY(s->a, struct delivery_found, FOUND_MAX);
    if (found->n == FOUND_MAX || !is_foreign(s, address))
        return;
    if (s->route->pool && !delivery_egress_reaches(s->route->pool, address)) {
        s->saw_beyond = true;
        return;
    }
    net_address_set_port(address, s->route->relay.port
                                      ? (uint16_t)s->route->relay.port
                                      : (uint16_t)config_int(config, CONFIG_DELIVERY_PORT));
    struct delivery_found *one = &found->list[found->n++];
    *one = (struct delivery_found){ .host = *host,
                                    .server = s->server,
                                    .has_route = net_has_route(address) };
    one->host.address = *address;
}

/* Equal addresses share the load: which of them come first is random. So many of a kind are enough
 * of one server. */
static void add_addresses(struct search *s, const struct delivery_host *host,
                          const struct dns_addresses *all, bool is_barred)
{
    size_t n_of[2] = { 0 };
    size_t before = s->usable.n;
    bool reaches = false;
    for (size_t i = all->n; i > 1; i--) {
        size_t other = (size_t)crypto_random_below(i);
        struct net_address kept = all->list[i - 1];
        all->list[i - 1] = all->list[other];
        all->list[other] = kept;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (n_of[net_address_is_ipv4(&all->list[i])]++ < DELIVERY_ADDRESSES_MAX)
            add_address(s, host, &all->list[i], is_barred);
    }
    for (size_t i = before; i < s->usable.n; i++)
        reaches = reaches || s->usable.list[i].has_route;
    s->n_servers += reaches;
    s->server++;
}

/* What the host's TLSA records demand. False with *e clear: they cannot be known now, so the host
 * is not to be connected to. Yields. */
YIELDS static bool find_dane(struct search *s, str host, const struct dns_addresses *found,
                             const struct dane **out, struct err *e)
{
    const struct config *config = s->d->app->config;
    const struct dane_host asked = { .name = host,
                                     .port = (unsigned)config_int(config, CONFIG_DELIVERY_PORT),
                                     .addresses = found };
    struct err fault = ERR_CLEAR;
    *out = NULL;
    if (!s->is_secure || found->n == 0 || !config_bool(config, CONFIG_DELIVERY_DANE))
        return true;
    struct dane *dane = ARENA_NEW(s->a, struct dane);
    *out = dane;
    int64_t most_ms = clock_deadline_in(TLSA_MS);
    if (dane_find(s->d->app->dns, &asked, s->a, most_ms, dane, &fault))
        return true;
    if (fault.kind != ERR_CANCELLED) {
        s->no_tlsa = arena_printf(s->a, "%.*s: %s", STR_FMT(host), fault.msg);
    } else {
        *e = fault;
    }
    return false;
}

/* Whether the domain's policy lets us connect to the host. One that proves itself by TLSA records
 * needs no other word (RFC 8461 section 2). */
static bool may_use(struct search *s, struct delivery_host *host)
{
    const struct mta_sts_policy *policy = s->route->policy;
    if (!policy || policy->mode == MTA_STS_NONE || mta_sts_policy_allows(policy, host->name) ||
        (host->dane && host->dane->demand == TLSA_AUTHENTICATE))
        return true;
    host->is_unnamed = policy->mode == MTA_STS_TESTING;
    if (!host->is_unnamed)
        s->unnamed = host->name;
    return host->is_unnamed;
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
    struct delivery_host one = { .name = host };
    bool is_barred = !find_dane(s, host, &found, &one.dane, &fault);
    if (fault.kind != ERR_NONE) {
        *e = fault;
        return false;
    }
    if (is_barred)
        one.dane = NULL;
    is_barred = is_barred || !may_use(s, &one);
    const struct mta_sts_policy *policy = s->route->policy;
    one.is_proven = s->is_secure ||
                    (policy && policy->mode != MTA_STS_NONE && mta_sts_policy_allows(policy, host));
    add_addresses(s, &one, &found, is_barred);
    return true;
}

/* What decides without any address, one row a reason. */
enum reason {
    NO_SUCH_DOMAIN,
    MX_UNKNOWN,
    MX_FORGED,
    NULL_MX,
    ADDRESS_UNKNOWN,
    OUR_OWN,
    PRIVATE_ONLY,
    NO_ADDRESS
};

static bool no_route(struct delivery_route *out, enum reason reason)
{
    static const struct {
        enum queue_outcome outcome;
        const char *status;
        const char *reply;
    } reasons[] = {
        [NO_SUCH_DOMAIN] = { QUEUE_FAILED, "5.1.2", "the domain does not exist" },
        [MX_UNKNOWN] = { QUEUE_DEFERRED, "4.4.3", "its mail servers could not be looked up" },
        [MX_FORGED] = { QUEUE_DEFERRED, "4.4.3", "its MX records have a wrong DNSSEC signature" },
        [NULL_MX] = { QUEUE_FAILED, "5.1.10", "556 the domain takes no mail (null MX)" },
        [ADDRESS_UNKNOWN] = { QUEUE_DEFERRED, "4.4.3",
                              "the addresses of its mail servers could not be looked up" },
        [OUR_OWN] = { QUEUE_FAILED, "5.4.6", "mail for this domain would come back to us" },
        [PRIVATE_ONLY] = { QUEUE_FAILED, "5.4.4", "its mail servers have no public address" },
        [NO_ADDRESS] = { QUEUE_FAILED, "5.4.4", "its mail servers have no address" },
    };
    out->n = 0;
    out->n_barred = 0;
    out->failure = (struct queue_result){ .outcome = reasons[reason].outcome,
                                          .status = str_from_cstr(reasons[reason].status),
                                          .reply = str_from_cstr(reasons[reason].reply) };
    return true;
}

/* Of a host that we may not connect to, because it may demand what we do not know. */
static bool no_tlsa(const struct search *s)
{
    s->route->failure = (struct queue_result){ .outcome = QUEUE_DEFERRED,
                                               .status = STR("4.7.5"),
                                               .reply = s->no_tlsa,
                                               .tls = STR("tlsa dnssec-invalid") };
    return true;
}

static bool not_named(const struct search *s)
{
    s->route->failure = (struct queue_result){
        .outcome = QUEUE_DEFERRED,
        .status = STR("4.7.5"),
        .reply = arena_printf(s->a,
                              "the MTA-STS policy of %.*s is enforced and does not name its mail "
                              "server %.*s",
                              STR_FMT(s->route->domain), STR_FMT(s->unnamed)),
        .tls = STR("sts validation-failure")
    };
    return true;
}

static bool beyond_the_pool(const struct search *s)
{
    s->route->is_own_fault = true;
    s->route->failure = (struct queue_result){
        .outcome = QUEUE_DEFERRED,
        .status = STR("4.4.1"),
        .reply = arena_printf(s->a,
                              "the pool \"%.*s\" has no address of the kind (IPv4, IPv6) that its "
                              "mail servers have",
                              STR_FMT(s->route->pool->name)),
    };
    return true;
}

static void choose(const struct search *s)
{
    struct delivery_route *route = s->route;
    route->n = delivery_choose(s->usable.list, s->usable.n, route->hosts, DELIVERY_ADDRESSES_MAX);
    if (s->barred.n == 0)
        return;
    route->barred = ARENA_ARRAY(s->a, struct delivery_host, DELIVERY_ADDRESSES_MAX);
    route->n_barred =
        delivery_choose(s->barred.list, s->barred.n, route->barred, DELIVERY_ADDRESSES_MAX);
}

/* After all hosts were looked up. */
static bool judge(const struct search *s)
{
    choose(s);
    if (s->route->n > 0)
        return true;
    if (s->no_tlsa.n)
        return no_tlsa(s);
    if (s->unnamed.n)
        return not_named(s);
    if (s->saw_failure)
        return no_route(s->route, ADDRESS_UNKNOWN);
    if (s->saw_beyond)
        return beyond_the_pool(s);
    if (s->saw_own)
        return no_route(s->route, OUR_OWN);
    return no_route(s->route, s->saw_private ? PRIVATE_ONLY : NO_ADDRESS);
}

/* True when the answer to the MX question already decides. */
static bool is_decided(const struct dns_mx_list *mx, struct delivery_route *out)
{
    bool is_null = mx->n == 1 && mx->list[0].host.n == 0;
    switch (mx->status) {
    case DNS_NXDOMAIN:
        return no_route(out, NO_SUCH_DOMAIN);
    case DNS_TEMPFAIL:
        return no_route(out, MX_UNKNOWN);
    case DNS_BOGUS:
        return no_route(out, MX_FORGED);
    case DNS_OK:
        return is_null && no_route(out, NULL_MX);
    case DNS_NODATA:
        return false;
    }
    return false;
}

struct queue_result delivery_no_lookup(struct arena *a, const struct err *e)
{
    return (struct queue_result){ .outcome = QUEUE_DEFERRED,
                                  .status = STR("4.4.3"),
                                  .reply = arena_printf(a, "the domain could not be looked up: %s",
                                                        e->msg) };
}

/* The domain's own policy, if it has one. Yields. */
YIELDS static bool find_policy(const struct search *s, struct err *e)
{
    struct delivery_route *route = s->route;
    struct mta_sts_found *found = ARENA_NEW(s->a, struct mta_sts_found);
    if (!s->d->policies)
        return true;
    if (!mta_sts_find(s->d->policies, route->domain, s->a, s->deadline_ms, found, e))
        return false;
    if (found->has_policy)
        route->policy = &found->policy;
    route->policy_fault = found->fault;
    if (found->why.n) {
        obs_log(EV_DELIVERY_POLICY_FAILED, STR_EMPTY, OBS_STR("domain", route->domain),
                OBS_CSTR("fault", found->fault), OBS_STR("reason", found->why));
    }
    return true;
}

static void wipe_password(void *secret)
{
    secret_wipe(secret);
}

/* To the operator's server: neither MX records nor policies of the domain count. Yields. */
YIELDS static bool go_to_relay(struct search *s, struct err *e)
{
    struct net_address address;
    struct err ignored = ERR_CLEAR;
    str host = s->route->relay.host;
    arena_defer(s->a, wipe_password, &s->route->password);
    if (!account_transport_unseal(s->d->app->accounts, &s->route->relay, s->a, &s->route->password,
                                  e)) {
        s->route->is_own_fault = true;
        return false;
    }
    if (!net_address_parse_ip(host, &address, &ignored))
        return add_host(s, host, e) && judge(s);
    const struct delivery_host one = { .name = host };
    add_address(s, &one, &address, false);
    return judge(s);
}

/* What the MX records are left with when this server, and others of its operator, are taken out. */
static size_t cut_own(struct search *s, const struct dns_mx_list *mx)
{
    const struct config_list others = config_list(s->d->app->config, CONFIG_DELIVERY_OWN_NAMES);
    const char **names = ARENA_ARRAY(s->a, const char *, others.n + 1);
    for (size_t i = 0; i < others.n; i++)
        names[i] = others.items[i];
    names[others.n] = s->d->app->hostname;
    return delivery_cut_mx(mx, names, others.n + 1, &s->saw_own);
}

/* Whether a further server would not be tried anyway. */
static bool has_enough(const struct search *s)
{
    return s->n_servers >= DELIVERY_ADDRESSES_MAX ||
           (s->n_servers >= DELIVERY_SERVERS_FEW && s->usable.n >= DELIVERY_ADDRESSES_MAX);
}

/* The servers of the MX records. One that turns out to be at an address of ours ends them: servers
 * that are preferred no more than it would send the mail back. Yields. */
YIELDS static bool add_mail_exchangers(struct search *s, const struct dns_mx_list *mx,
                                       struct err *e)
{
    size_t n = cut_own(s, mx);
    bool is_loop = s->saw_own;
    size_t kept = 0;
    size_t kept_barred = 0;
    s->saw_own = false;
    s->saw_failure = n > HOSTS_MAX; /* one of the others may have an address */
    for (size_t i = 0; i < n && i < HOSTS_MAX && !has_enough(s); i++) {
        if (i > 0 && mx->list[i].preference != mx->list[i - 1].preference) {
            kept = s->usable.n;
            kept_barred = s->barred.n;
        }
        if (!add_host(s, mx->list[i].host, e))
            return false;
        if (s->saw_own) {
            s->usable.n = kept;
            s->barred.n = kept_barred;
            break;
        }
    }
    s->saw_own = s->saw_own || is_loop;
    return true;
}

/* What other servers see of us. */
static bool find_looks(const struct delivery *d, const struct account_way *way,
                       struct delivery_route *out, struct err *e)
{
    str pool = way->pool ? way->pool->pool : STR_EMPTY;
    out->ehlo_name = way->name ? way->name->ehlo_name : STR_EMPTY;
    out->pool = delivery_egress_find(d, pool);
    out->is_own_fault = !out->pool;
    return out->pool ||
           ERR(e, ERR_NOT_FOUND,
               "delivery.pools of this frontend has no \"%.*s\", the pool of the transport \"%.*s\"",
               STR_FMT(pool), STR_FMT(way->pool ? way->pool->domain : STR_EMPTY));
}

bool delivery_find_route(const struct delivery *d, str domain, const struct account_way *way,
                         struct arena *a, int64_t deadline_ms, struct delivery_route *out,
                         struct err *e)
{
    struct dns_mx_list mx;
    struct err fault = ERR_CLEAR;
    *out = (struct delivery_route){ .domain = domain, .password = SECRET_EMPTY };
    struct search s = { .d = d, .a = a, .deadline_ms = deadline_ms, .route = out };
    if (!find_looks(d, way, out, e))
        return false;
    if (way->relay) {
        out->relay = *way->relay;
        return go_to_relay(&s, e);
    }
    if (!dns_query_mx(d->app->dns, domain, a, deadline_ms, &mx, &fault)) {
        if (fault.kind == ERR_SYNTAX)
            return no_route(out, NO_SUCH_DOMAIN);
        *e = fault;
        return false;
    }
    if (is_decided(&mx, out))
        return true;
    s.is_secure = mx.secure;
    if (!find_policy(&s, e) ||
        !tls_exception_find(d->app->db, domain, a, deadline_ms, &out->exceptions, e))
        return false;
    if (mx.status == DNS_NODATA)
        return add_host(&s, domain, e) && judge(&s);
    return add_mail_exchangers(&s, &mx, e) && judge(&s);
}
