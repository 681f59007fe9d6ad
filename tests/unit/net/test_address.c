/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks as text, and which of them are no part of the public internet. */
#include "net/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_parse_and_format(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *ip; /* NULL: must not parse */
        const char *shown;
        unsigned port;
    } cases[] = {
        { "192.0.2.1:25", "192.0.2.1", "192.0.2.1:25", 25 },
        { "[2001:db8::1]:65535", "2001:db8::1", "[2001:db8::1]:65535", 65535 },
        { "[::ffff:192.0.2.9]:1", "192.0.2.9", "192.0.2.9:1", 1 },
        { "*:0", "::", "[::]:0", 0 },
        { "unix:/run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock", 0 },
        { "192.0.2.1", NULL, NULL, 0 },
        { "192.0.2.1:65536", NULL, NULL, 0 },
        { "192.0.2.1:", NULL, NULL, 0 },
        { "192.0.2.1: 5", NULL, NULL, 0 },
        { "192.0.2:25", NULL, NULL, 0 },
        { "192.0.2.256:25", NULL, NULL, 0 },
        { "2001:db8::1:25", NULL, NULL, 0 },
        { "[192.0.2.1]:25", NULL, NULL, 0 },
        { "[2001:db8::1:25", NULL, NULL, 0 },
        { "[]:25", NULL, NULL, 0 },
        { ":25", NULL, NULL, 0 },
        { "localhost:25", NULL, NULL, 0 },
        { "unix:", NULL, NULL, 0 },
        { "", NULL, NULL, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_address a;
        struct err e = ERR_CLEAR;
        char text[NET_ADDRESS_TEXT];
        bool ok = net_address_parse(str_from_cstr(cases[i].text), &a, &e);
        assert_int_equal(ok, cases[i].ip != NULL);
        if (!ok) {
            assert_int_equal(e.kind, ERR_SYNTAX);
            continue;
        }
        assert_string_equal(net_address_ip(&a, text).p, cases[i].ip);
        assert_string_equal(net_address_text(&a, text).p, cases[i].shown);
        assert_int_equal(net_address_port(&a), cases[i].port);
    }
}

static void test_a_long_unix_path_is_refused(void **state)
{
    (void)state;
    char text[5 + 120];
    struct net_address a;
    memset(text, 'x', sizeof(text));
    memcpy(text, "unix:", 5);
    assert_false(net_address_parse(str_of(text, 5 + 108), &a, NULL));
    assert_true(net_address_parse(str_of(text, 5 + 107), &a, NULL));
}

static struct net_address ip(const char *text)
{
    struct net_address a;
    struct err e = ERR_CLEAR;
    assert_true(net_address_parse_ip(str_from_cstr(text), &a, &e));
    return a;
}

static void test_octets_and_ports(void **state)
{
    (void)state;
    uint8_t octets[16];
    struct net_address a = ip("192.0.2.7");
    net_address_set_port(&a, 587);
    assert_int_equal(net_address_port(&a), 587);
    assert_int_equal(net_address_octets(&a, octets), 4);
    assert_memory_equal(octets, "\xc0\x00\x02\x07", 4);
    assert_true(net_address_is_ipv4(&a));
    a = ip("::ffff:192.0.2.7");
    assert_int_equal(net_address_octets(&a, octets), 4);
    a = ip("2001:db8::7");
    assert_int_equal(net_address_octets(&a, octets), 16);
    assert_false(net_address_is_ipv4(&a));
    assert_false(net_address_from_ip(octets, 5, 1, &a));
    assert_false(net_address_parse_ip(STR("192.0.2.1\0"), &a, NULL));
    assert_false(net_address_parse_ip(STR("192.0.2.1 "), &a, NULL));
}

static void test_same_ip(void **state)
{
    struct net_address one = ip("192.0.2.1");
    struct net_address mapped = ip("::ffff:192.0.2.1");
    struct net_address other = ip("2001:db8::1");
    struct net_address local;
    (void)state;
    net_address_set_port(&one, 25);
    assert_true(net_address_is_same_ip(&one, &mapped));
    assert_false(net_address_is_same_ip(&one, &other));
    assert_true(net_address_parse(STR("unix:/x"), &local, NULL));
    assert_false(net_address_is_same_ip(&local, &local));
}

static void test_groups(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        const char *group[3];
    } cases[] = {
        { "192.0.2.200", { "192.0.2.200/32", "192.0.2.0/24", "192.0.0.0/16" } },
        { "::ffff:192.0.2.200", { "192.0.2.200/32", "192.0.2.0/24", "192.0.0.0/16" } },
        { "2001:db8:1:2:3:4:5:6", { "2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32" } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_address a = ip(cases[i].ip);
        char text[NET_ADDRESS_TEXT];
        for (unsigned level = 0; level < 3; level++)
            assert_string_equal(net_address_group(&a, level, text).p, cases[i].group[level]);
    }
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *inside; /* NULL: must not parse */
        const char *outside;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
        { "10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1" },
        { "192.0.2.1", "192.0.2.1", "192.0.2.2" },
        { "192.0.2.128/25", "192.0.2.129", "192.0.2.127" },
        { "0.0.0.0/0", "203.0.113.1", "2001:db8::1" },
        { "::1", "::1", "::2" },
        { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
        { "::/0", "2001:db8::1", NULL },
        { "::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3" },
        { "10.0.0.1/8", NULL, NULL },
        { "10.0.0.0/33", NULL, NULL },
        { "10.0.0.0/", NULL, NULL },
        { "2001:db8::1/64", NULL, NULL },
        { "2001:db8::/129", NULL, NULL },
        { "10.0.0/8", NULL, NULL },
        { "", NULL, NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_network network;
        struct err e = ERR_CLEAR;
        bool ok = net_network_parse(str_from_cstr(cases[i].network), &network, &e);
        assert_int_equal(ok, cases[i].inside != NULL);
        if (!ok) {
            assert_int_equal(e.kind, ERR_SYNTAX);
            continue;
        }
        struct net_networks networks = { &network, 1 };
        struct net_address inside = ip(cases[i].inside);
        assert_true(net_networks_contain(&networks, &inside));
        if (!cases[i].outside)
            continue;
        struct net_address outside = ip(cases[i].outside);
        assert_false(net_networks_contain(&networks, &outside));
    }
    struct net_address any = ip("192.0.2.1");
    assert_false(net_networks_contain(NULL, &any));
}

static void test_special_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        bool special;
        bool loopback;
    } cases[] = {
        { "127.0.0.1", true, true },
        { "127.255.255.255", true, true },
        { "::1", true, true },
        { "::ffff:127.0.0.1", true, true },
        { "::127.0.0.1", true, false },
        { "0.0.0.0", true, false },
        { "::", true, false },
        { "10.1.2.3", true, false },
        { "172.15.255.255", false, false },
        { "172.16.0.1", true, false },
        { "172.32.0.0", false, false },
        { "192.168.1.1", true, false },
        { "169.254.169.254", true, false },
        { "100.64.0.1", true, false },
        { "100.128.0.0", false, false },
        { "198.19.255.255", true, false },
        { "224.0.0.1", true, false },
        { "255.255.255.255", true, false },
        { "203.0.113.9", true, false },
        { "8.8.8.8", false, false },
        { "::ffff:8.8.8.8", false, false },
        { "64:ff9b::10.0.0.1", true, false },
        { "2001:db8::1", true, false },
        { "2001:4860:4860::8888", false, false },
        { "2002:7f00:1::", true, false },
        { "fc00::1", true, false },
        { "fdff::1", true, false },
        { "fe80::1", true, false },
        { "ff02::1", true, false },
        { "2a00::1", false, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_address a = ip(cases[i].ip);
        if (net_address_is_special(&a) != cases[i].special ||
            net_address_is_loopback(&a) != cases[i].loopback)
            fail_msg("%s", cases[i].ip);
    }
    struct net_address local;
    assert_true(net_address_parse(STR("unix:/x"), &local, NULL));
    assert_true(net_address_is_special(&local));
    assert_true(net_address_is_loopback(&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format), cmocka_unit_test(test_a_long_unix_path_is_refused),
        cmocka_unit_test(test_octets_and_ports), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_networks),         cmocka_unit_test(test_special_addresses),
        cmocka_unit_test(test_same_ip),
    };
    return cmocka_run_group_tests_name("net/address", tests, NULL, NULL);
}
