/* SPDX-License-Identifier: Apache-2.0 */
/* Written forms of domains, addresses and tenants. */
#include "account/account.h"
#include "account/tenant.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct name_case {
    const char *in;
    const char *out; /* NULL: refused */
};

static const struct name_case domains[] = {
    { "Example.ORG", "example.org" },
    { "localhost", "localhost" },
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "a_b.example", "a_b.example" },
    { "", NULL },
    { ".example", NULL },
    { "example.", NULL },
    { "a..b", NULL },
    { "-a.example", NULL },
    { "a-.example", NULL },
    { "a b.example", NULL },
    { "[127.0.0.1]", NULL },
    { "B\xc3\x9c"
      "CHER.example",
      "xn--bcher-kva.example" },
    { "b\xff.example", NULL },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NULL },
};

static const struct name_case addresses[] = {
    { "Ada@Example.org", "ada|example.org" },
    { "ada+news@example.org", "ada+news|example.org" },
    { "o'neil@example.org", "o'neil|example.org" },
    { "J\xc3\x9cRGEN@b\xc3\xbc"
      "cher.example",
      "j\xc3\xbcrgen|xn--bcher-kva.example" },
    { "ju\xcc\x88rgen@example.org", "j\xc3\xbcrgen|example.org" },
    { "\xff@example.org", NULL },
    { "a\xc2\x8d@example.org", NULL },
    { "ada", NULL },
    { "@example.org", NULL },
    { "a@b@example.org", NULL },
    { "a b@example.org", NULL },
    { "ada@", NULL },
    { "a\r\nb@example.org", NULL },
};

static const struct name_case tenants[] = {
    { "Acme", "acme" },
    { "a", "a" },
    { "7-seas_of.Rhye", "7-seas_of.rhye" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
    { "", NULL },
    { "-acme", NULL },
    { ".", NULL },
    { "a b", NULL },
    { "a@b", NULL },
    { "tenant:a", NULL },
    { "b\xc3\xbc", NULL },
};

static void domains_are_checked(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        str out = STR_EMPTY;
        struct err e = ERR_CLEAR;
        bool ok = account_domain_normalize(&a, str_from_cstr(domains[i].in), &out, &e);
        assert_int_equal(ok, domains[i].out != NULL);
        if (ok)
            assert_string_equal(out.p, domains[i].out);
        else
            assert_int_equal(e.kind, ERR_SYNTAX);
    }
    arena_fini(&a);
}

static void tenants_are_checked(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(tenants); i++) {
        str out = STR_EMPTY;
        struct err e = ERR_CLEAR;
        bool ok = account_tenant_normalize(&a, str_from_cstr(tenants[i].in), &out, &e);
        assert_int_equal(ok, tenants[i].out != NULL);
        assert_int_equal(e.kind, ok ? ERR_NONE : ERR_SYNTAX);
        if (ok) {
            assert_true(str_eq(out, str_from_cstr(tenants[i].out)));
        }
    }
    arena_fini(&a);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        str local = STR_EMPTY;
        str domain = STR_EMPTY;
        struct err e = ERR_CLEAR;
        bool ok =
            account_address_normalize(&a, str_from_cstr(addresses[i].in), &local, &domain, &e);
        assert_int_equal(ok, addresses[i].out != NULL);
        if (ok) {
            str joined = arena_printf(&a, "%.*s|%.*s", STR_FMT(local), STR_FMT(domain));
            assert_string_equal(joined.p, addresses[i].out);
        }
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_are_checked),
        cmocka_unit_test(tenants_are_checked),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
