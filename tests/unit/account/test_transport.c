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
        { .domain = STR_INIT("*"), .host = STR_INIT("h"), .port = 25 },
        { .domain = STR_INIT("@example.org"), .host = STR_INIT("h"), .port = 25 },
        { .domain = STR_INIT("far.example"), .host = STR_INIT("h"), .port = 25 },
        { .domain = STR_INIT("mia@example.org"), .host = STR_INIT("h"), .port = 25 },
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
        const struct account_way way = account_transport_choose(
            &all, str_from_cstr(cases[i].domain), str_from_cstr(cases[i].sender), &a);
        const struct account_transport *t = way.relay;
        assert_non_null(t);
        if (!str_eq(t->domain, str_from_cstr(cases[i].wanted)))
            fail_msg("%s to %s: %.*s", cases[i].sender, cases[i].domain, STR_FMT(t->domain));
        assert_int_equal(account_transport_is_of_sender(t), strchr(cases[i].wanted, '@') != NULL);
    }
    assert_null(
        account_transport_choose(&none, STR("far.example"), STR("mia@example.org"), &a).relay);
    arena_fini(&a);
}

static void test_one_that_was_chosen_by_hand_counts_first(void **state)
{
    static struct account_transport list[] = {
        { .domain = STR_INIT("*"), .host = STR_INIT("smart"), .connections = 9 },
        { .domain = STR_INIT("far.example"), .host = STR_INIT("far"), .per_minute = 7 },
        { .domain = STR_INIT("else.example"), .host = STR_INIT("else"), .connections = 3 },
        { .domain = STR_INIT("mia@example.org"), .pool = STR_INIT("bulk") },
    };
    static const struct {
        str named;
        int relay; /* place in the list; -1: none */
        int connections;
        int rate;
    } cases[] = {
        { STR_INIT(""), 1, 0, 1 },
        { STR_INIT("else.example"), 2, 2, 1 },
        { STR_INIT("*"), 0, 0, 1 },
        { STR_INIT("mx"), -1, -1, -1 },
        { STR_INIT("gone.example"), 1, 0, 1 },
    };
    const struct account_transports all = { .list = list, .n = COUNT_OF(list) };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct account_way way = account_transport_choose_named(
            &all, STR("far.example"), STR("mia@example.org"), cases[i].named, &a);
        assert_ptr_equal(way.relay, cases[i].relay < 0 ? NULL : &list[cases[i].relay]);
        assert_ptr_equal(way.connections,
                         cases[i].connections < 0 ? NULL : &list[cases[i].connections]);
        assert_ptr_equal(way.rate, cases[i].rate < 0 ? NULL : &list[cases[i].rate]);
        assert_ptr_equal(way.pool, &list[3]);
    }
    arena_fini(&a);
}

static void test_each_thing_is_of_the_first_that_says_it(void **state)
{
    static struct account_transport list[] = {
        { .domain = STR_INIT("*"), .host = STR_INIT("smart"), .per_minute = 60, .connections = 9 },
        { .domain = STR_INIT("far.example"), .connections = 2, .ehlo_name = STR_INIT("us") },
        { .domain = STR_INIT("@example.org"), .pool = STR_INIT("bulk"), .connections = 5 },
    };
    static struct account_transport general[] = { { .domain = STR_INIT("*"), .per_minute = 6 } };
    const struct account_transports all = { .list = list, .n = COUNT_OF(list) };
    const struct account_transports limits = { .list = general, .n = 1 };
    struct arena a;
    (void)state;
    arena_init(&a);
    struct account_way way =
        account_transport_choose(&all, STR("far.example"), STR("mia@example.org"), &a);
    assert_ptr_equal(way.relay, &list[0]);
    assert_ptr_equal(way.rate, &list[0]);
    assert_ptr_equal(way.connections, &list[1]);
    assert_ptr_equal(way.name, &list[1]);
    assert_ptr_equal(way.pool, &list[2]);
    /* The smarthost has one limit; without one each destination has its own. */
    assert_true(str_eq(account_transport_subject(way.rate, STR("far.example")), STR("*")));
    way = account_transport_choose(&limits, STR("far.example"), STR_EMPTY, &a);
    assert_null(way.relay);
    assert_true(
        str_eq(account_transport_subject(way.rate, STR("far.example")), STR("far.example")));
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
        cmocka_unit_test(test_one_that_was_chosen_by_hand_counts_first),
        cmocka_unit_test(test_each_thing_is_of_the_first_that_says_it),
        cmocka_unit_test(test_names_of_transports),
    };
    return cmocka_run_group_tests_name("account/transport", tests, NULL, NULL);
}
