/* SPDX-License-Identifier: Apache-2.0 */
/* One row a parameter. */
#include "services/app/settings.h"

#include "db/db.h"
#include "dns/dns.h"
#include "redis/url.h"
#include "services/app/build.h"
#include "services/app/server_key.h"
#include "services/app/zones.h"
#include "wire/smtp_command.h"

/* It stands in greetings, in HELO and in trace fields. */
static bool check_hostname(str text, struct err *e)
{
    return (smtp_is_helo_name(text) && str_find_byte(text, '[') < 0) ||
           ERR(e, ERR_SYNTAX, "must be a host name like mail.example.org");
}

static bool check_database(str text, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_conninfo_check(arena_cstr(&a, text), e);
    arena_fini(&a);
    return ok;
}

static bool check_redis(str text, struct err *e)
{
    struct redis_url url;
    bool ok = redis_url_parse(text, &url, e);
    explicit_bzero(&url, sizeof(url)); /* it may hold a password */
    return ok;
}

/* An address as libunbound takes it: the port stands behind '@'. */
static bool check_resolver(str text, struct err *e)
{
    struct net_address address;
    uint64_t port = 53;
    str ip;
    str rest;
    bool has_port = str_cut(text, '@', &ip, &rest);
    bool ok = net_address_parse_ip(ip, &address, NULL) &&
              (!has_port || (str_to_uint(rest, UINT16_MAX, &port) && port > 0));
    return ok || ERR(e, ERR_SYNTAX, "must be an IP address, as 192.0.2.53 or 127.0.0.1@5353");
}

static bool check_key(str text, struct err *e)
{
    uint8_t key[CRYPTO_SEAL_KEY];
    bool ok = app_server_key_parse(text, key, e);
    secret_wipe_memory(key, sizeof(key));
    return ok;
}

static bool check_zone(str text, struct err *e)
{
    struct arena a;
    str ascii;
    arena_init(&a);
    bool ok = dns_domain_to_ascii(&a, text, &ascii, NULL);
    arena_fini(&a);
    return ok || ERR(e, ERR_SYNTAX, "must be a domain");
}

static const struct {
    enum config_param param;
    const char *key;
    bool (*check)(str text, struct err *e);
} rows[] = {
    { CONFIG_HOSTNAME, "hostname", check_hostname },
    { CONFIG_DATABASE_URL, "database.url", check_database },
    { CONFIG_DATABASE_MIGRATION_URL, "database.migration_url", check_database },
    { CONFIG_REDIS_URL, "redis.url", check_redis },
    { CONFIG_SECURITY_KEY, "security.key", check_key },
    { CONFIG_DNS_FORWARD, "dns.forward", check_resolver },
    { CONFIG_DNS_STUB_ZONE, "dns.stub_zone", check_zone },
    { CONFIG_DNS_STUB_SERVER, "dns.stub_server", check_resolver },
};

/* The same as the API and the command line ask of a domain. */
static bool check_rotation(const struct config *c, struct err *e)
{
    enum {
        DAY_MS = 86400000
    };
    int64_t after_ms = config_int(c, CONFIG_DKIM_ROTATE_AFTER);
    return after_ms == 0 || after_ms >= DAY_MS ||
           ERR(e, ERR_SYNTAX,
               "%s:%d: dkim.rotate_after: 0 (never), or a day (1d) at least: the records of a new "
               "key take hours to be seen by all, and it would have to go before it is used",
               config_file(c), config_line(c, CONFIG_DKIM_ROTATE_AFTER));
}

bool app_settings_check(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        str text = str_from_cstr(config_text(c, rows[i].param));
        if (text.n == 0 || rows[i].check(text, e))
            continue;
        return err_wrap(e, "%s:%d: %s", config_file(c), config_line(c, rows[i].param), rows[i].key);
    }
    return check_rotation(c, e) && app_zones_check(c, e);
}

const char *app_settings_advice(const struct config *c, struct arena *a)
{
    static const char todo[] =
        "other servers will distrust or refuse its mail. Write the name that "
        "the DNS has for this server, like hostname: mail.example.org";
    str name = str_from_cstr(app_hostname(c, a));
    int line = config_line(c, CONFIG_HOSTNAME);
    if (str_find_byte(name, '.') >= 0)
        return NULL;
    str text = line > 0 ? arena_printf(a, "%s:%d: hostname: \"%.*s\" has no domain: %s",
                                       config_file(c), line, STR_FMT(name), todo)
                        : arena_printf(a,
                                       "hostname: it is not set, and this machine calls itself "
                                       "\"%.*s\", which has no domain: %s",
                                       STR_FMT(name), todo);
    return arena_cstr(a, text);
}
