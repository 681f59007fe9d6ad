/* SPDX-License-Identifier: Apache-2.0 */
/* From `listeners:` of the configuration to kinds, addresses and options. */
#include "services/app/listeners.h"

bool app_has_role(const char *roles, const char *role)
{
    str rest = str_from_cstr(roles);
    if (!roles)
        return true;
    while (!str_is_empty(rest)) {
        str one;
        (void)str_cut(rest, ',', &one, &rest);
        if (str_eq(str_trim(one), str_from_cstr(role)))
            return true;
    }
    return false;
}

bool app_check_roles(const char *roles, const struct app_services *services, struct err *e)
{
    str rest = str_from_cstr(roles);
    if (roles && str_is_empty(str_trim(rest)))
        return ERR(e, ERR_SYNTAX, "--roles needs at least one role");
    while (!str_is_empty(rest)) {
        str one;
        bool known = false;
        (void)str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        for (size_t i = 0; i < services->n; i++)
            known = known || str_eq(one, str_from_cstr(services->list[i]->role));
        if (!known)
            return ERR(e, ERR_SYNTAX, "there is no role \"%.*s\"", STR_FMT(one));
    }
    return true;
}

static bool find_kind(const struct app_services *services, const char *name,
                      struct app_listener *out)
{
    for (size_t i = 0; i < services->n; i++) {
        const struct app_service *service = services->list[i];
        for (size_t k = 0; k < service->n_listeners; k++) {
            if (!str_eq(str_from_cstr(service->listeners[k].name), str_from_cstr(name)))
                continue;
            out->service = service;
            out->kind = &service->listeners[k];
            return true;
        }
    }
    return false;
}

/* Names those that there are. */
static bool unknown_kind(const struct config *c, const struct app_services *services,
                         const char *name, int line, struct err *e)
{
    struct buf kinds;
    buf_init(&kinds, 200);
    for (size_t i = 0; i < services->n; i++) {
        for (size_t k = 0; k < services->list[i]->n_listeners; k++) {
            (void)buf_addf(&kinds, "%s%s", kinds.n ? ", " : "",
                           services->list[i]->listeners[k].name);
        }
    }
    (void)ERR(e, ERR_SYNTAX, "%s:%d: there is no kind of listener \"%.40s\", only %.*s",
              config_file(c), line, name, STR_FMT(buf_str(&kinds)));
    buf_fini(&kinds);
    return false;
}

static bool has_tls(const struct config *c)
{
    size_t n;
    (void)config_certificates(c, &n);
    return n > 0 || config_bool(c, CONFIG_TLS_SELF_SIGNED);
}

static bool plan_one(const struct config *c, const struct config_listener *wanted,
                     const struct app_services *services, struct app_listener *out, struct err *e)
{
    char text[NET_ADDRESS_TEXT];
    const char *file = config_file(c);
    if (!find_kind(services, wanted->kind, out))
        return unknown_kind(c, services, wanted->kind, wanted->line, e);
    if (!wanted->tls) {
        return ERR(e, ERR_SYNTAX,
                   "%s:%d: a listener without TLS beside others with it is not possible; "
                   "tls.self_signed: false turns TLS off for all",
                   file, wanted->line);
    }
    if (out->kind->implicit_tls && !has_tls(c)) {
        return ERR(e, ERR_SYNTAX, "%s:%d: %s needs TLS, but there are no tls.certificates", file,
                   wanted->line, wanted->kind);
    }
    unsigned port = wanted->port ? wanted->port : out->kind->default_port;
    bool is_unix = str_has_prefix(str_from_cstr(wanted->host), STR("unix:"));
    if (is_unix && !out->kind->may_be_unix) {
        return ERR(e, ERR_SYNTAX, "%s:%d: %s cannot listen at a unix socket", file, wanted->line,
                   wanted->kind);
    }
    if (is_unix && !net_address_parse(str_from_cstr(wanted->host), &out->address, e))
        return err_wrap(e, "%s:%d", file, wanted->line);
    if (is_unix)
        return true;
    bool is_ipv6 = strchr(wanted->host, ':') != NULL;
    int n = snprintf(text, sizeof(text), is_ipv6 ? "[%s]:%u" : "%s:%u", wanted->host, port);
    if (n < 0 || (size_t)n >= sizeof(text) ||
        !net_address_parse(str_of(text, (size_t)n), &out->address, e))
        return err_wrap(e, "%s:%d", file, wanted->line);
    out->proxy_protocol = wanted->proxy_protocol;
    return true;
}

/* server.ports for the kind; NULL: its standard port. */
static const struct config_port *find_port(const struct config *c, const char *kind)
{
    size_t n;
    const struct config_port *ports = config_ports(c, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_from_cstr(ports[i].kind), str_from_cstr(kind)))
            return &ports[i];
    }
    return NULL;
}

static bool check_ports(const struct config *c, const struct app_services *services, struct err *e)
{
    size_t n;
    const struct config_port *ports = config_ports(c, &n);
    for (size_t i = 0; i < n; i++) {
        struct app_listener found;
        if (!find_kind(services, ports[i].kind, &found))
            return unknown_kind(c, services, ports[i].kind, ports[i].line, e);
        if (ports[i].port && found.kind->implicit_tls && !has_tls(c)) {
            return ERR(e, ERR_SYNTAX, "%s:%d: %s needs TLS, but there are no tls.certificates",
                       config_file(c), ports[i].line, ports[i].kind);
        }
    }
    return true;
}

static bool parse_standard_address(const struct config *c, unsigned port, struct net_address *out,
                                   struct err *e)
{
    char text[NET_ADDRESS_TEXT];
    const char *host = config_text(c, CONFIG_SERVER_ADDRESS);
    int n = snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    if (n > 0 && (size_t)n < sizeof(text) && net_address_parse(str_of(text, (size_t)n), out, NULL))
        return true;
    return ERR(e, ERR_SYNTAX, "%s:%d: server.address must be a numeric IP address or *",
               config_file(c), config_line(c, CONFIG_SERVER_ADDRESS));
}

/* What a file without listeners means. */
static bool plan_standard(const struct config *c, const struct app_services *services,
                          const char *roles, struct arena *a, struct app_listeners *out,
                          struct err *e)
{
    size_t most = 0;
    for (size_t i = 0; i < services->n; i++)
        most += services->list[i]->n_listeners;
    out->list = ARENA_ARRAY(a, struct app_listener, most);
    if (!check_ports(c, services, e))
        return false;
    for (size_t i = 0; i < services->n; i++) {
        const struct app_service *service = services->list[i];
        for (size_t k = 0; k < service->n_listeners; k++) {
            const struct app_listener_kind *kind = &service->listeners[k];
            const struct config_port *port = find_port(c, kind->name);
            bool is_usual = !kind->is_on_request && (!kind->implicit_tls || has_tls(c));
            bool is_wanted = port ? port->port > 0 : is_usual;
            if (!is_wanted || !app_has_role(roles, service->role))
                continue;
            struct app_listener *one = &out->list[out->n++];
            *one = (struct app_listener){ .service = service, .kind = kind };
            one->proxy_protocol = true;
            if (!parse_standard_address(c, port ? port->port : kind->default_port, &one->address,
                                        e))
                return false;
        }
    }
    return true;
}

bool app_listeners_plan(const struct config *c, const struct app_services *services,
                        const char *roles, struct arena *a, struct app_listeners *out,
                        struct err *e)
{
    size_t n;
    const struct config_listener *wanted = config_listeners(c, &n);
    *out = (struct app_listeners){ 0 };
    if (n == 0)
        return plan_standard(c, services, roles, a, out, e);
    out->list = ARENA_ARRAY(a, struct app_listener, n);
    for (size_t i = 0; i < n; i++) {
        struct app_listener *one = &out->list[out->n];
        if (!plan_one(c, &wanted[i], services, one, e))
            return false;
        out->n += app_has_role(roles, one->service->role);
    }
    return true;
}

/* The number of the configuration when the kind names a parameter for it. */
static unsigned limit(const struct app *app, enum config_param param, unsigned otherwise)
{
    return param ? (unsigned)config_int(app->config, param) : otherwise;
}

bool app_listener_open(struct app *app, const struct app_listener *plan, int fd,
                       struct net_listener **out, struct err *e)
{
    const struct app_listener_kind *kind = plan->kind;
    *out = NULL;
    if (kind->listen)
        return kind->listen(app, plan, fd, e);
    const struct net_listener_options options = {
        .protocol = kind->protocol,
        .service = kind->context(app, kind),
        .implicit_tls = kind->implicit_tls ? app->tls : NULL,
        .proxy_from = plan->proxy_protocol ? app->proxies : NULL,
        .max_connections = (unsigned)config_int(app->config, CONFIG_LIMITS_CONNECTIONS),
        .max_per_ip = limit(app, kind->per_ip_param, kind->max_per_ip),
        .max_new_per_minute = limit(app, kind->new_per_minute_param, kind->max_new_per_minute),
        .tally = app->tally,
        .shares_counts = true,
        .limit_scope = kind->limit_scope,
    };
    *out = net_listener_new(app->runtime, fd, &options);
    return true;
}
