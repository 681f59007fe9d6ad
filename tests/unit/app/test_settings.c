/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the configuration with a form of their own. */
#include "services/app/settings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *error; /* its beginning; NULL: the file is good */
} cases[] = {
    { "logging: { level: info }\n", NULL },
    { "hostname: mail.example\n", NULL },
    { "hostname: mail\n", NULL },
    { "\nhostname: bad host name\n", "f.yaml:2: hostname: must be a host name" },
    { "hostname: \"[192.0.2.1]\"\n", "f.yaml:1: hostname: must be a host name" },
    { "database: { url: \"postgresql://a:secret@db1,db2/x?sslmode=verify-full\" }\n", NULL },
    { "database: { url: \"host=/run/x dbname=y\" }\n", NULL },
    { "database: { url: \"mysql://a:secret@db/x\" }\n",
      "f.yaml:1: database.url: the database URL cannot be read" },
    { "database: { url: \"postgresql://a:secret%zz@db/x\" }\n",
      "f.yaml:1: database.url: the database URL cannot be read" },
    { "database:\n  url: postgresql://db/x\n  migration_url: postgresql://db/x?secret=1\n",
      "f.yaml:3: database.migration_url: the database URL cannot be read" },
    { "redis: { url: \"rediss://a:secret@redis:6380/1\" }\n", NULL },
    { "redis: { url: \"http://a:secret@redis\" }\n", "f.yaml:1: redis.url: Redis URL: must begin" },
    { "dns: { forward: 192.0.2.53 }\n", NULL },
    { "dns: { forward: \"2001:db8::1@5353\" }\n", NULL },
    { "dns: { forward: resolver }\n", "f.yaml:1: dns.forward: must be an IP address" },
    { "dns: { forward: \"192.0.2.53@0\" }\n", "f.yaml:1: dns.forward: must be an IP address" },
    { "dns: { forward: \"192.0.2.53@65536\" }\n", "f.yaml:1: dns.forward: must be an IP address" },
    { "dns: { stub_zone: test.example, stub_server: \"127.0.0.1@5353\" }\n", NULL },
#define UPDATE(zone, server, key)                                           \
    "dns:\n  updates: [{ zone: " zone ", server: \"" server "\", key: " key \
    ", secret: c2Vjcg== }]\n"
    { UPDATE("a.example", "192.0.2.53", "us.a.example"), NULL },
    { UPDATE("a.example", "[2001:db8::1]:5353", "us"), NULL },
    { UPDATE("a.example", "2001:db8::1", "us"), NULL },
    { UPDATE("A.example", "192.0.2.53", "us"), "f.yaml:2: dns.updates: zone must be a domain" },
    { UPDATE("a.example", "ns.a.example", "us"), "f.yaml:2: dns.updates: server must be an" },
    { UPDATE("a.example", "192.0.2.53:0", "us"), "f.yaml:2: dns.updates: server must be an" },
    { UPDATE("a.example", "unix:/x", "us"), "f.yaml:2: dns.updates: server must be an" },
    { UPDATE("a.example", "192.0.2.53", "Us!"), "f.yaml:2: dns.updates: key must be the name" },
    { "dkim: { rotate_after: 0s }\n", NULL },
    { "dkim: { rotate_after: 1d }\n", NULL },
    { "\ndkim: { rotate_after: 23h }\n",
      "f.yaml:2: dkim.rotate_after: 0 (never), or a day (1d) at least: the records" },
    { "dns: { stub_zone: \"a..b\", stub_server: 127.0.0.1 }\n",
      "f.yaml:1: dns.stub_zone: must be" },
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *c = NULL;
        struct err e = ERR_CLEAR;
        if (!config_parse(str_from_cstr(cases[i].text), "f.yaml", NULL, NULL, &c, &e))
            fail_msg("%s: %s", cases[i].text, e.msg);
        bool ok = app_settings_check(c, &e);
        if (ok != !cases[i].error)
            fail_msg("%s: %s", cases[i].text, e.msg);
        if (!ok) {
            assert_int_equal(e.kind, ERR_SYNTAX);
            if (!str_has_prefix(str_from_cstr(e.msg), str_from_cstr(cases[i].error)))
                fail_msg("%s: %s", cases[i].text, e.msg);
            assert_null(strstr(e.msg, "secret"));
        }
        config_free(&c);
    }
}

static void test_defaults(void **state)
{
    struct err e = ERR_CLEAR;
    struct config *c = config_defaults();
    (void)state;
    assert_true(app_settings_check(c, &e));
    config_free(&c);
}

/* A name without a domain is told once, with what to do; a full one is not. */
static void test_advice(void **state)
{
    static const struct {
        const char *text;
        const char *advice; /* its beginning; NULL: none */
    } names[] = {
        { "hostname: mail.example\n", NULL },
        { "\nhostname: mail\n", "f.yaml:2: hostname: \"mail\" has no domain: " },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct config *c = NULL;
        struct err e = ERR_CLEAR;
        struct arena a;
        arena_init(&a);
        assert_true(config_parse(str_from_cstr(names[i].text), "f.yaml", NULL, NULL, &c, &e));
        const char *advice = app_settings_advice(c, &a);
        assert_int_equal(!advice, !names[i].advice);
        if (advice)
            assert_true(str_has_prefix(str_from_cstr(advice), str_from_cstr(names[i].advice)));
        config_free(&c);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
