/* SPDX-License-Identifier: Apache-2.0 */
/* Names in RDATA and domains as people write them. */
#include "dns/dns.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_names_on_the_wire(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        str rdata;
        size_t at;
        const char *name; /* NULL: malformed */
        size_t end;
    } cases[] = {
        { "plain", STR_INIT("\4mail\7Example\3org\0"), 0, "mail.Example.org", 18 },
        { "behind a preference", STR_INIT("\0\x0a\x02mx\x01x\0!"), 2, "mx.x", 8 },
        { "root", STR_INIT("\0"), 0, "", 1 },
        { "empty", STR_INIT(""), 0, NULL, 0 },
        { "behind the end", STR_INIT("\0"), 1, NULL, 0 },
        { "no end", STR_INIT("\x04mail"), 0, NULL, 0 },
        { "cut label", STR_INIT("\x05mail"), 0, NULL, 0 },
        { "compression", STR_INIT("\x04mail\xc0\x0c"), 0, NULL, 0 },
        { "dot in a label",
          STR_INIT("\x03"
                   "a.b\0"),
          0, NULL, 0 },
        { "NUL in a label",
          STR_INIT("\x03"
                   "a\0b\0"),
          0, NULL, 0 },
        { "space in a label",
          STR_INIT("\x03"
                   "a b\0"),
          0, NULL, 0 },
        { "8-bit label", STR_INIT("\x02\xc3\xbc\0"), 0, NULL, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        size_t end = 0;
        buf_init(&out, 253);
        bool ok = dns_parse_name(cases[i].rdata, cases[i].at, &out, &end);
        if (ok != (cases[i].name != NULL))
            fail_msg("%s", cases[i].what);
        if (ok) {
            assert_string_equal(buf_cstr(&out), cases[i].name);
            assert_int_equal(end, cases[i].end);
        } else {
            assert_int_equal(out.n, 0);
        }
        buf_fini(&out);
    }
}

static void test_the_longest_name(void **state)
{
    (void)state;
    char rdata[300];
    struct buf out;
    size_t end;
    memset(rdata, 'a', sizeof(rdata));
    for (size_t at = 0; at < 256; at += 64)
        rdata[at] = 63;
    rdata[192] = 61; /* 64 + 64 + 64 + 62 + 1 = 255 octets, the most there may be */
    rdata[254] = 0;
    buf_init(&out, 1000);
    assert_true(dns_parse_name(str_of(rdata, sizeof(rdata)), 0, &out, &end));
    assert_int_equal(end, 255);
    assert_int_equal(out.n, 253);
    buf_clear(&out);
    rdata[192] = 62;
    rdata[255] = 0;
    assert_false(dns_parse_name(str_of(rdata, sizeof(rdata)), 0, &out, &end));
    buf_fini(&out);
}

static void test_domains_of_people(void **state)
{
    (void)state;
    static const struct {
        const char *domain;
        const char *ascii; /* NULL: no domain */
    } cases[] = {
        { "example.org", "example.org" },
        { "EXAMPLE.Org", "example.org" },
        { "B\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example" },
        { "b\x75\xcc\x88"
          "cher.example",
          "xn--bcher-kva.example" },                    /* decomposed */
        { "fa\xc3\x9f.example", "xn--fa-hia.example" }, /* not folded to ss */
        { "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
        { "a-b.c1", "a-b.c1" },
        { "localhost", "localhost" },
        { "", NULL },
        { ".", NULL },
        { "example.org.", NULL },
        { "a..b", NULL },
        { "-a.example", NULL },
        { "a-.example", NULL },
        { "a_b.example", NULL },
        { "a b.example", NULL },
        { "a@b.example", NULL },
        { "[192.0.2.1]", NULL },
        { "\xff.example", NULL },
        { "xn--\xc3\xbc.example", NULL },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct err e = ERR_CLEAR;
        str out;
        arena_init(&a);
        bool ok = dns_domain_to_ascii(&a, str_from_cstr(cases[i].domain), &out, &e);
        if (ok != (cases[i].ascii != NULL) || (ok && !str_eq(out, str_from_cstr(cases[i].ascii))))
            fail_msg("%s", cases[i].domain);
        if (!ok)
            assert_int_equal(e.kind, ERR_SYNTAX);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_on_the_wire),
        cmocka_unit_test(test_the_longest_name),
        cmocka_unit_test(test_domains_of_people),
    };
    return cmocka_run_group_tests_name("dns/names", tests, NULL, NULL);
}
