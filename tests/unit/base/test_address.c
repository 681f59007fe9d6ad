/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/address.h. */
#include "base/address.h"

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    str text;
    bool is_whole; /* it has both halves */
    str local;
    str domain;
    str domain_or_all;
} cases[] = {
    { STR_INIT("a@x.test"), true, STR_INIT("a"), STR_INIT("x.test"), STR_INIT("x.test") },
    { STR_INIT("a@b@x.test"), true, STR_INIT("a@b"), STR_INIT("x.test"), STR_INIT("x.test") },
    { STR_INIT("@x.test"), true, STR_INIT(""), STR_INIT("x.test"), STR_INIT("x.test") },
    { STR_INIT("a@"), true, STR_INIT("a"), STR_INIT(""), STR_INIT("") },
    { STR_INIT("postmaster"), false, STR_INIT("postmaster"), STR_INIT(""), STR_INIT("postmaster") },
    { STR_INIT(""), false, STR_INIT(""), STR_INIT(""), STR_INIT("") },
};

static void splits_at_the_last_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str local;
        str domain;
        bool is_whole = address_split(cases[i].text, &local, &domain);
        assert_true(is_whole == cases[i].is_whole);
        assert_true(str_eq(local, cases[i].local) && str_eq(domain, cases[i].domain));
        assert_true(str_eq(address_local(cases[i].text), cases[i].local));
        assert_true(str_eq(address_domain(cases[i].text), cases[i].domain));
        assert_true(str_eq(address_domain_or_all(cases[i].text), cases[i].domain_or_all));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_the_last_at),
    };
    return cmocka_run_group_tests_name("base/address", tests, NULL, NULL);
}
