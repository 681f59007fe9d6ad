/* SPDX-License-Identifier: Apache-2.0 */
/* When a crowd begins and ends, and how long errors wait. */
#include "services/smtp/stress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_crowd_ends_later_than_it_begins(void **state)
{
    static const struct {
        size_t open, max;
        bool was, is;
    } cases[] = {
        { 0, 10, false, false },    { 7, 10, false, false },      { 8, 10, false, true },
        { 10, 10, false, true },    { 7, 10, true, true },        { 6, 10, true, true },
        { 5, 10, true, false },     { 3999, 5000, false, false }, { 4000, 5000, false, true },
        { 3000, 5000, true, true }, { 2999, 5000, true, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (smtp_is_crowd(cases[i].open, cases[i].max, cases[i].was) != cases[i].is)
            fail_msg("%zu of %zu", cases[i].open, cases[i].max);
    }
}

static void errors_wait_longer_and_longer(void **state)
{
    static const int64_t seconds[] = { 0, 1, 1, 1, 1, 2, 2, 2, 2, 3 };
    (void)state;
    for (unsigned past = 0; past < COUNT_OF(seconds); past++)
        assert_int_equal(smtp_tarpit_ms(past), seconds[past] * SMTP_TARPIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_ends_later_than_it_begins),
        cmocka_unit_test(errors_wait_longer_and_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
