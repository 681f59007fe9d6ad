/* SPDX-License-Identifier: Apache-2.0 */
/* An address without a port is that of a server at the usual one. */
#include "services/app/zones.h"

#include "dns/dns.h"

enum {
    DNS_PORT = 53
};

static bool read_server(const char *text, struct net_address *out)
{
    str all = str_from_cstr(text);
    if (net_address_parse_ip(all, out, NULL)) {
        net_address_set_port(out, DNS_PORT);
        return true;
    }
    return net_address_parse(all, out, NULL) && out->sa.ss_family != AF_UNIX &&
           net_address_port(out) > 0;
}

static bool is_name(const char *text)
{
    struct arena a;
    str ascii;
    arena_init(&a);
    bool ok = dns_domain_to_ascii(&a, str_from_cstr(text), &ascii, NULL) &&
              str_eq(ascii, str_from_cstr(text));
    arena_fini(&a);
    return ok;
}

bool app_zones_check(const struct config *c, struct err *e)
{
    size_t n;
    const struct config_dns_update *list = config_dns_updates(c, &n);
    for (size_t i = 0; i < n; i++) {
        struct net_address server;
        const char *wrong = NULL;
        if (!is_name(list[i].zone)) {
            wrong = "zone must be a domain in small letters and A-labels, as example.org";
        } else if (!read_server(list[i].server, &server)) {
            wrong = "server must be an address, as 192.0.2.53 or [2001:db8::53]:5353";
        } else if (!is_name(list[i].key)) {
            wrong = "key must be the name of a TSIG key in small letters, as heronry.example.org";
        }
        if (wrong) {
            return ERR(e, ERR_SYNTAX, "%s:%d: dns.updates: %s", config_file(c), list[i].line,
                       wrong);
        }
    }
    return true;
}

static bool is_in(str name, str zone)
{
    return str_eq(name, zone) ||
           (name.n > zone.n && str_has_suffix(name, zone) && name.p[name.n - zone.n - 1] == '.');
}

bool app_zone_find(const struct config *c, str name, struct dns_update_zone *out)
{
    size_t n;
    const struct config_dns_update *list = config_dns_updates(c, &n);
    const struct config_dns_update *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (is_in(name, str_from_cstr(list[i].zone)) &&
            (!best || strlen(list[i].zone) > strlen(best->zone)))
            best = &list[i];
    }
    if (!best)
        return false;
    *out = (struct dns_update_zone){ .name = str_from_cstr(best->zone),
                                     .key_name = best->key,
                                     .algorithm = best->algorithm,
                                     .secret = best->secret };
    return read_server(best->server, &out->server);
}
