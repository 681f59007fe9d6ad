/* SPDX-License-Identifier: Apache-2.0 */
/* From conninfo to addresses, and the parameters of one connection. libpq would resolve names with
 * a blocking call and try the next of several hosts only after the kernel gave the first one up, so
 * names are resolved here and each address is one endpoint with a deadline of its own. */
#include "db/conn.h"

#include "base/clock.h"
#include "net/resolve.h"

enum {
    CONNINFO_PARAMS_MAX = 64,
    TEXT_MAX = 256,
    PORT_DEFAULT = 5432
};

static char *copy(str s)
{
    if (s.n == 0)
        return NULL;
    char *p = heap_alloc(s.n + 1);
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static str option(const struct db_endpoints *ep, const char *keyword)
{
    for (const PQconninfoOption *o = ep->options; o && o->keyword; o++) {
        if (strcmp(o->keyword, keyword) == 0)
            return str_from_cstr(o->val);
    }
    return STR_EMPTY;
}

static void clear_list(struct db_endpoints *ep)
{
    for (size_t i = 0; i < ep->n; i++) {
        free(ep->list[i].host);
        free(ep->list[i].address);
        free(ep->list[i].port);
    }
    ep->n = 0;
}

static void add_endpoint(struct db_endpoints *ep, str host, str address, str port)
{
    if (ep->n < DB_ENDPOINTS_MAX)
        ep->list[ep->n++] = (struct db_endpoint){ copy(host), copy(address), copy(port) };
}

/* ---- one round over the hosts of the conninfo, which may have to be resolved ---- */

struct host {
    char name[TEXT_MAX]; /* host or address */
    char port[16];
    bool is_name;
};

/* The i-th host of comma lists; a single port counts for all hosts (libpq's rule). */
static bool next_host(str *hosts, str *addresses, str *ports, struct host *out)
{
    str host;
    str address;
    str port;
    bool more = str_cut(*hosts, ',', &host, hosts);
    more = str_cut(*addresses, ',', &address, addresses) || more;
    bool more_ports = str_cut(*ports, ',', &port, ports);
    if (!more_ports && str_is_empty(*ports))
        *ports = port;
    str named = str_is_empty(address) ? host : address;
    (void)snprintf(out->name, sizeof(out->name), "%.*s", STR_FMT(named));
    (void)snprintf(out->port, sizeof(out->port), "%.*s", STR_FMT(port));
    struct net_address numeric;
    out->is_name = named.n > 0 && named.p[0] != '/' && named.p[0] != '@' &&
                   !net_address_parse_ip(named, &numeric, NULL);
    return more;
}

static size_t list_hosts(const struct db_endpoints *ep, struct host *out, size_t max)
{
    str hosts = option(ep, "host");
    str addresses = option(ep, "hostaddr");
    str ports = option(ep, "port");
    size_t n = 0;
    bool more = true;
    while (more && n < max)
        more = next_host(&hosts, &addresses, &ports, &out[n++]);
    return n;
}

static void add_numeric(struct db_endpoints *ep, const struct host *h)
{
    struct net_address numeric;
    str name = str_from_cstr(h->name);
    bool is_ip = net_address_parse_ip(name, &numeric, NULL);
    add_endpoint(ep, name, is_ip ? name : STR_EMPTY, str_from_cstr(h->port));
}

/* ---- resolving, in a fiber ---- */

struct db_resolution {
    struct db *db; /* NULL when the db was closed meanwhile */
    struct host hosts[DB_ENDPOINTS_MAX];
    size_t n;
};

/* Adds what the name resolves to; after a yield the db may be gone. */
YIELDS static bool resolve_host(struct db_resolution *res, size_t i, struct err *e)
{
    const struct host *h = &res->hosts[i];
    struct net_address found[4];
    size_t n = 0;
    uint64_t port = PORT_DEFAULT;
    str_to_uint(str_from_cstr(h->port), UINT16_MAX, &port);
    if (!net_resolve(h->name, (uint16_t)port, clock_deadline_in(DB_CONNECT_MS), found,
                     COUNT_OF(found), &n, e))
        return false;
    for (size_t k = 0; k < n && res->db; k++) {
        char text[NET_ADDRESS_TEXT];
        add_endpoint(&res->db->endpoints, str_from_cstr(h->name), net_address_ip(&found[k], text),
                     str_from_cstr(h->port));
    }
    return true;
}

static void resolve_all(void *arg)
{
    struct db_resolution *res = arg;
    struct err e = ERR_CLEAR;
    for (size_t i = 0; i < res->n && res->db; i++) {
        if (res->hosts[i].is_name) {
            resolve_host(res, i, &e);
        } else {
            add_numeric(&res->db->endpoints, &res->hosts[i]);
        }
    }
    struct db *db = res->db;
    free(res);
    if (!db)
        return;
    db->endpoints.resolution = NULL;
    bool ok = db->endpoints.n > 0;
    db->endpoints.resolved_ms = ok ? clock_monotonic_ms() : INT64_MIN;
    db_endpoints_changed(db, ok ? NULL : e.msg);
}

bool db_endpoints_ready(struct db *db)
{
    struct db_endpoints *ep = &db->endpoints;
    if (ep->resolution)
        return false;
    if (!ep->has_names || (ep->resolved_ms != INT64_MIN &&
                           clock_monotonic_ms() < ep->resolved_ms + DB_RESOLVE_TTL_MS))
        return true;
    clear_list(ep);
    struct db_resolution *res = HEAP_NEW(struct db_resolution);
    res->db = db;
    res->n = list_hosts(ep, res->hosts, DB_ENDPOINTS_MAX);
    if (fiber_spawn(db->rt, "db-resolve", resolve_all, res, NULL, NULL)) {
        ep->resolution = res;
        return false;
    }
    free(res); /* too many fibers: no endpoint, so the attempt fails and comes again */
    return true;
}

/* libpq's own sentence would quote what it did not understand, often with the password (R31). */
static const char not_readable[] = "the database URL cannot be read; write "
                                   "postgresql://user:password@host/name, with special characters "
                                   "of the password as %XX";

bool db_conninfo_check(const char *conninfo, struct err *e)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (!options)
        return ERR(e, ERR_SYNTAX, "%s", not_readable);
    PQconninfoFree(options);
    return true;
}

void db_endpoints_init(struct db_endpoints *ep, const char *conninfo)
{
    *ep = (struct db_endpoints){ .resolved_ms = INT64_MIN };
    ep->options = PQconninfoParse(conninfo, NULL);
    if (!ep->options) {
        ep->parse_error = copy(str_from_cstr(not_readable));
        return;
    }
    struct host *hosts = heap_zalloc(DB_ENDPOINTS_MAX * sizeof(*hosts));
    size_t n = list_hosts(ep, hosts, DB_ENDPOINTS_MAX);
    for (size_t i = 0; i < n; i++)
        ep->has_names = ep->has_names || hosts[i].is_name;
    for (size_t i = 0; i < n && !ep->has_names; i++)
        add_numeric(ep, &hosts[i]);
    free(hosts);
}

void db_endpoints_fini(struct db_endpoints *ep)
{
    if (ep->resolution)
        ep->resolution->db = NULL;
    clear_list(ep);
    PQconninfoFree(ep->options);
    free(ep->parse_error);
    *ep = (struct db_endpoints){ .resolved_ms = INT64_MIN };
}

/* ---- the parameters of a connection ---- */

/* Given to the server at the start of a session. PgBouncer refuses `options` unless told to ignore
 * them (ignore_startup_parameters); so they are left out where statements are unnamed, and the
 * role's own settings count (ALTER ROLE ... SET statement_timeout). */
static const char *const class_options[DB_CLASS_COUNT] = {
    [DB_READ] = "-c statement_timeout=10s",
    [DB_AUTH] = "-c statement_timeout=10s",
    [DB_DELIVER] = "-c statement_timeout=30s",
    [DB_SEARCH] = "-c statement_timeout=5s",
};
static const char every_option[] = " -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
                                   " -c client_min_messages=warning -c jit=off";

/* Used when the conninfo does not say otherwise. */
static const char *const defaults[][2] = {
    { "target_session_attrs", "read-write" },
    { "keepalives", "1" },
    { "keepalives_idle", "5" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "3" },
    { "tcp_user_timeout", "10000" },
    { "gssencmode", "disable" }, /* it would look for tickets in files */
    { "application_name", "heronry" },
};

struct params {
    const char *keywords[CONNINFO_PARAMS_MAX];
    const char *values[CONNINFO_PARAMS_MAX];
    size_t n;
};

static void add_param(struct params *p, const char *keyword, const char *value)
{
    INVARIANT(p->n < CONNINFO_PARAMS_MAX - 1);
    if (!value || !*value)
        return;
    p->keywords[p->n] = keyword;
    p->values[p->n++] = value;
}

static bool is_ours(const char *keyword)
{
    static const char *const ours[] = { "host",    "hostaddr",        "port",
                                        "options", "client_encoding", "fallback_application_name" };
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        if (strcmp(keyword, ours[i]) == 0)
            return true;
    }
    return false;
}

PGconn *db_endpoint_connect(const struct db *db, size_t endpoint, enum db_class class)
{
    const struct db_endpoints *ep = &db->endpoints;
    const struct db_endpoint *at = &ep->list[endpoint];
    struct params p = { .n = 0 };
    for (const PQconninfoOption *o = ep->options; o->keyword; o++) {
        if (!is_ours(o->keyword))
            add_param(&p, o->keyword, o->val);
    }
    for (size_t i = 0; i < COUNT_OF(defaults); i++) {
        if (str_is_empty(option(ep, defaults[i][0])))
            add_param(&p, defaults[i][0], defaults[i][1]);
    }
    add_param(&p, "host", at->host);
    add_param(&p, "hostaddr", at->address);
    add_param(&p, "port", at->port);
    add_param(&p, "client_encoding", "UTF8");
    char options[1024];
    str given = option(ep, "options");
    (void)snprintf(options, sizeof(options), "%.*s %s%s", STR_FMT(given),
                   db->named_statements ? class_options[class] : "",
                   db->named_statements ? every_option : "");
    add_param(&p, "options", str_is_empty(str_trim(str_from_cstr(options))) ? NULL : options);
    return PQconnectStartParams(p.keywords, p.values, 0);
}
