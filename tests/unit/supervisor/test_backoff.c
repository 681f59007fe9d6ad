/* SPDX-License-Identifier: Apache-2.0 */
/* Waits before a restart. */
#include "services/supervisor/backoff.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_doubles_to_the_most(void **state)
{
    static const int64_t expected[] = { 100,  200,   400,   800,   1600, 3200,
                                        6400, 12800, 25600, 30000, 30000 };
    struct backoff b = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_int_equal(backoff_next(&b, 0), expected[i]);
}

static void test_a_good_life_begins_anew(void **state)
{
    struct backoff b = { 0 };
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)backoff_next(&b, 10);
    assert_int_equal(backoff_next(&b, BACKOFF_RESET_MS - 1), 3200);
    assert_int_equal(backoff_next(&b, BACKOFF_RESET_MS), BACKOFF_FIRST_MS);
    assert_int_equal(backoff_next(&b, 0), 2 * BACKOFF_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_to_the_most),
        cmocka_unit_test(test_a_good_life_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
