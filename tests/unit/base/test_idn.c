/* SPDX-License-Identifier: Apache-2.0 */
/* Names beyond ASCII: spellings that mean the same become the same octets. */
#include "base/idn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct idn_case {
    str in;
    const char *out; /* NULL: refused */
};

static const struct idn_case domains[] = {
    { STR_INIT("b\xc3\xbc"
               "cher.example"),
      "xn--bcher-kva.example" },
    { STR_INIT("B\xc3\x9c"
               "CHER.Example"),
      "xn--bcher-kva.example" },
    { STR_INIT("bu\xcc\x88"
               "cher.example"),
      "xn--bcher-kva.example" },
    { STR_INIT("XN--BCHER-KVA.example"), "xn--bcher-kva.example" },
    { STR_INIT("b\xc3\xbc"
               "cher\xe3\x80\x82"
               "example"),
      "xn--bcher-kva.example" },
    { STR_INIT("fa\xc3\x9f.example"), "xn--fa-hia.example" },
    { STR_INIT("\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"),
      "xn--r8jz45g.xn--zckzah" },
    { STR_INIT("plain.example"), "plain.example" },
    { STR_INIT("A-1.2B.a--b.EXAMPLE"), "a-1.2b.a--b.example" },
    { STR_INIT("a234567890123456789012345678901234567890123456789012345678901-3.example"),
      "a234567890123456789012345678901234567890123456789012345678901-3.example" },
    { STR_INIT("a2345678901234567890123456789012345678901234567890123456789012-4.example"), NULL },
    { STR_INIT("xn--a.example"), NULL }, /* no A-label */
    { STR_INIT(""), NULL },
    { STR_INIT("\xc3.example"), NULL },
    { STR_INIT("a\0\xc3\xbc.example"), NULL },
    { STR_INIT("xn--a\xc3\xbc.example"), NULL },
};

static const struct idn_case composed[] = {
    { STR_INIT("J\xc3\xbcrgen"), "J\xc3\xbcrgen" },
    { STR_INIT("Ju\xcc\x88rgen"), "J\xc3\xbcrgen" },
    { STR_INIT("\xe2\x84\xab"), "\xc3\x85" }, /* the sign of the unit is the letter */
    { STR_INIT(""), NULL },
    { STR_INIT("\xc0\xaf"), NULL },
    { STR_INIT("a\xc2\x85"
               "b"),
      NULL }, /* NEL */
    { STR_INIT("a\xe2\x80\xa8"
               "b"),
      NULL },                           /* a line separator */
    { STR_INIT("\xed\xa0\x80"), NULL }, /* half a surrogate */
};

static const struct idn_case folded[] = {
    { STR_INIT("J\xc3\x9cRGEN"), "j\xc3\xbcrgen" },
    { STR_INIT("JU\xcc\x88RGEN"), "j\xc3\xbcrgen" },
    { STR_INIT("\xce\x91\xce\x94\xce\x91"), "\xce\xb1\xce\xb4\xce\xb1" },
    { STR_INIT("\xe4\xbe\x8b"), "\xe4\xbe\x8b" },
    { STR_INIT("\xff"), NULL },
};

static void expect(const struct idn_case *c, bool ok, str out)
{
    if (ok != (c->out != NULL))
        fail_msg("\"%.*s\" was %s", STR_FMT(c->in), ok ? "taken" : "refused");
    if (ok && !str_eq(out, str_from_cstr(c->out)))
        fail_msg("\"%.*s\" became \"%.*s\"", STR_FMT(c->in), STR_FMT(out));
}

static void test_domains(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        struct err e = ERR_CLEAR;
        str out = STR_EMPTY;
        bool ok = idn_domain_to_ascii(&a, domains[i].in, &out, &e);
        expect(&domains[i], ok, out);
        assert_int_equal(e.kind, ok ? ERR_NONE : ERR_SYNTAX);
    }
    arena_fini(&a);
}

static void test_local_parts(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(composed); i++) {
        str out = STR_EMPTY;
        expect(&composed[i], idn_local_compose(&a, composed[i].in, &out), out);
    }
    for (size_t i = 0; i < COUNT_OF(folded); i++) {
        str out = STR_EMPTY;
        expect(&folded[i], idn_local_fold(&a, folded[i].in, &out), out);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_local_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
