/* SPDX-License-Identifier: Apache-2.0 */
/* Which zone a name is in. */
#include "services/app/zones.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char file[] =
    "dns:\n"
    "  updates:\n"
    "    - { zone: example.org, server: 192.0.2.1, key: outer, secret: YQ== }\n"
    "    - { zone: in.example.org, server: \"[2001:db8::1]:5353\", key: inner, secret: Yg==,"
    " algorithm: hmac-sha512 }\n"
    "    - { zone: org.test, server: 192.0.2.2, key: other, secret: Yw== }\n";

static void test_find(void **state)
{
    static const struct {
        const char *name;
        const char *key; /* NULL: it is in none */
        const char *server;
    } cases[] = {
        { "example.org", "outer", "192.0.2.1:53" },
        { "_dmarc.example.org", "outer", "192.0.2.1:53" },
        { "in.example.org", "inner", "[2001:db8::1]:5353" },
        { "a._domainkey.in.example.org", "inner", "[2001:db8::1]:5353" },
        { "begin.example.org", "outer", "192.0.2.1:53" },
        { "badexample.org", NULL, NULL },
        { "org", NULL, NULL },
        { "", NULL, NULL },
    };
    struct config *c = NULL;
    struct err e = ERR_CLEAR;
    (void)state;
    assert_true(config_parse(str_from_cstr(file), "f.yaml", NULL, NULL, &c, &e));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dns_update_zone zone;
        char text[NET_ADDRESS_TEXT];
        bool found = app_zone_find(c, str_from_cstr(cases[i].name), &zone);
        if (found != (cases[i].key != NULL))
            fail_msg("%s", cases[i].name);
        if (!found)
            continue;
        assert_string_equal(zone.key_name, cases[i].key);
        assert_true(str_eq(net_address_text(&zone.server, text), str_from_cstr(cases[i].server)));
    }
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
