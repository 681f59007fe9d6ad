/* SPDX-License-Identifier: Apache-2.0 */
/* Which transport mail takes, by whom it is for and by who sends it. */
#include "account/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_what_is_said_of_the_recipient_comes_first(void **state)
{
    static struct account_transport list[] = {
        { .domain = STR_INIT("*") },
        { .domain = STR_INIT("@example.org") },
        { .domain = STR_INIT("far.example") },
        { .domain = STR_INIT("mia@example.org") },
    };
    static const struct {
        const char *domain;
        const char *sender;
        const char *wanted;
    } cases[] = {
        { "far.example", "mia@example.org", "far.example" },
        { "near.example", "mia@example.org", "mia@example.org" },
        { "near.example", "Mia@Example.ORG", "mia@example.org" },
        { "near.example", "mia+list@example.org", "mia@example.org" },
        { "near.example", "leo@example.org", "@example.org" },
        { "near.example", "mia@sub.example.org", "*" },
        { "near.example", "", "*" },
        { "near.example", "no address", "*" },
    };
    const struct account_transports all = { .list = list, .n = COUNT_OF(list) };
    const struct account_transports none = { .n = 0 };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct account_transport *t = account_transport_choose(
            &all, str_from_cstr(cases[i].domain), str_from_cstr(cases[i].sender), &a);
        assert_non_null(t);
        if (!str_eq(t->domain, str_from_cstr(cases[i].wanted)))
            fail_msg("%s to %s: %.*s", cases[i].sender, cases[i].domain, STR_FMT(t->domain));
        assert_int_equal(account_transport_is_of_sender(t), strchr(cases[i].wanted, '@') != NULL);
    }
    assert_null(account_transport_choose(&none, STR("far.example"), STR("mia@example.org"), &a));
    arena_fini(&a);
}

static void test_names_of_transports(void **state)
{
    static const struct {
        const char *given;
        const char *written; /* NULL: none */
    } cases[] = {
        { "*", "*" },
        { "Far.Example", "far.example" },
        { "@Example.ORG", "@example.org" },
        { "Mia@Example.ORG", "mia@example.org" },
        { "@", NULL },
        { "mia@", NULL },
        { "a b", NULL },
        { "", NULL },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str out;
        bool ok = account_transport_key(&a, str_from_cstr(cases[i].given), &out, &e);
        if (ok != (cases[i].written != NULL) ||
            (ok && !str_eq(out, str_from_cstr(cases[i].written))))
            fail_msg("\"%s\"", cases[i].given);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_of_the_recipient_comes_first),
        cmocka_unit_test(test_names_of_transports),
    };
    return cmocka_run_group_tests_name("account/transport", tests, NULL, NULL);
}
