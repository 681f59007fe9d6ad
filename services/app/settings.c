/* SPDX-License-Identifier: Apache-2.0 */
/* One row a parameter. */
#include "services/app/settings.h"

#include "db/db.h"
#include "dns/dns.h"
#include "redis/url.h"
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

bool app_settings_check(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        str text = str_from_cstr(config_text(c, rows[i].param));
        if (text.n == 0 || rows[i].check(text, e))
            continue;
        return err_wrap(e, "%s:%d: %s", config_file(c), config_line(c, rows[i].param), rows[i].key);
    }
    return app_zones_check(c, e);
}
