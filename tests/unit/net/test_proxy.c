/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers: good ones, bad ones, and each of them in pieces. */
#include "net/proxy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4_PART "\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x00\x19"
#define IPV6_HOST "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"

struct proxy_case {
    const char *name;
    str input;
    enum net_proxy_result result;
    size_t used;
    const char *peer; /* NULL: no addresses */
    const char *local;
};

static const struct proxy_case cases[] = {
    { "v1 IPv4", STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\nEHLO x\r\n"),
      NET_PROXY_DONE, 43, "192.0.2.1:1234", "198.51.100.2:25" },
    { "v1 IPv6", STR_INIT("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"), NET_PROXY_DONE, 44,
      "[2001:db8::1]:65535", "[2001:db8::2]:0" },
    { "v1 unknown", STR_INIT("PROXY UNKNOWN\r\n"), NET_PROXY_DONE, 15, NULL, NULL },
    { "v1 unknown with more", STR_INIT("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), NET_PROXY_DONE, 35,
      NULL, NULL },
    { "v1 wrong family", STR_INIT("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), NET_PROXY_BAD, 0,
      NULL, NULL },
    { "v1 v4 in TCP6", STR_INIT("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "v1 port too big", STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), NET_PROXY_BAD, 0,
      NULL, NULL },
    { "v1 leading zero", STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), NET_PROXY_BAD, 0,
      NULL, NULL },
    { "v1 two spaces", STR_INIT("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "v1 a word too many", STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), NET_PROXY_BAD, 0,
      NULL, NULL },
    { "v1 no port", STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "v1 UDP", STR_INIT("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), NET_PROXY_BAD, 0, NULL, NULL },
    { "v1 bare LF",
      STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\nxxxxxxxxxxxxxxxxxxxxxxxxxx"
               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
      NET_PROXY_BAD, 0, NULL, NULL },
    { "v1 too long",
      STR_INIT(
          "PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
      NET_PROXY_BAD, 0, NULL, NULL },
    { "v1 lower case", STR_INIT("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "no header", STR_INIT("EHLO client.example\r\n"), NET_PROXY_BAD, 0, NULL, NULL },
    { "v2 IPv4", STR_INIT(SIGNATURE "\x21\x11\x00\x0c" IPV4_PART "rest"), NET_PROXY_DONE, 28,
      "192.0.2.1:1234", "198.51.100.2:25" },
    { "v2 IPv6 with TLV",
      STR_INIT(SIGNATURE "\x21\x21\x00\x29" IPV6_HOST "\x01" IPV6_HOST "\x02"
                         "\x01\x01\x02\x02"
                         "\x03\x00\x02hi"),
      NET_PROXY_DONE, 57, "[2001:db8::1]:257", "[2001:db8::2]:514" },
    { "v2 local", STR_INIT(SIGNATURE "\x20\x00\x00\x00"), NET_PROXY_DONE, 16, NULL, NULL },
    { "v2 local with addresses", STR_INIT(SIGNATURE "\x20\x11\x00\x0c" IPV4_PART), NET_PROXY_DONE,
      28, NULL, NULL },
    { "v2 unix", STR_INIT(SIGNATURE "\x21\x31\x00\x01x"), NET_PROXY_DONE, 17, NULL, NULL },
    { "v2 wrong version", STR_INIT(SIGNATURE "\x11\x11\x00\x0c" IPV4_PART), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "v2 wrong command", STR_INIT(SIGNATURE "\x22\x11\x00\x0c" IPV4_PART), NET_PROXY_BAD, 0, NULL,
      NULL },
    { "v2 short addresses", STR_INIT(SIGNATURE "\x21\x11\x00\x0b" IPV4_PART), NET_PROXY_BAD, 0,
      NULL, NULL },
    { "v2 too long", STR_INIT(SIGNATURE "\x21\x11\xff\xff" IPV4_PART), NET_PROXY_BAD, 0, NULL,
      NULL },
};

/* Every prefix of a good header asks for more, every prefix of a bad one for more or nothing. */
static void check_prefixes(const struct proxy_case *c)
{
    size_t whole = c->result == NET_PROXY_DONE ? c->used : c->input.n;
    for (size_t n = 0; n < whole; n++) {
        struct net_proxy out;
        size_t used;
        enum net_proxy_result result = net_proxy_parse(str_slice(c->input, 0, n), &out, &used);
        if (result == NET_PROXY_DONE || (c->result == NET_PROXY_DONE && result == NET_PROXY_BAD))
            fail_msg("%s at %zu", c->name, n);
    }
}

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct proxy_case *c = &cases[i];
        struct net_proxy out;
        size_t used;
        char text[NET_ADDRESS_TEXT];
        if (net_proxy_parse(c->input, &out, &used) != c->result)
            fail_msg("%s", c->name);
        check_prefixes(c);
        if (c->result != NET_PROXY_DONE)
            continue;
        assert_int_equal(used, c->used);
        assert_int_equal(out.has_addresses, c->peer != NULL);
        if (!c->peer)
            continue;
        assert_string_equal(net_address_text(&out.peer, text).p, c->peer);
        assert_string_equal(net_address_text(&out.local, text).p, c->local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_headers) };
    return cmocka_run_group_tests_name("net/proxy", tests, NULL, NULL);
}
