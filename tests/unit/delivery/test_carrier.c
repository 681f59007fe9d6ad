/* SPDX-License-Identifier: Apache-2.0 */
/* When one more connection to a destination is worth it. */
#include "services/delivery/carrier.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_help(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct carrier_load load; /* left, connections, of them opening, ms of a message */
        bool is_worth;
    } cases[] = {
        { "ten at a fast server", { 9, 1, 0, 5 }, false },
        { "ten at one that is not so fast", { 9, 1, 0, 30 }, true },
        { "over two it is good enough", { 7, 2, 0, 30 }, false },
        { "a hundred at a fast server", { 99, 1, 0, 5 }, true },
        { "over three of them", { 99, 3, 0, 5 }, false },
        { "the last one behind a slow one", { 1, 1, 0, 201 }, true },
        { "which is not slow yet", { 1, 1, 0, 200 }, false },
        { "nothing is left", { 0, 1, 0, 60000 }, false },
        { "those that open are for what is left", { 3, 4, 3, 60000 }, false },
        { "and for no more", { 4, 4, 3, 60000 }, true },
        { "many at a slow server", { 50, 19, 0, 300 }, true },
        { "nobody knows yet how fast it is", { 99, 1, 0, 0 }, false },
        { "for ever", { 2000, 20, 0, INT32_MAX }, true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (carrier_is_help_worth(&cases[i].load) != cases[i].is_worth)
            fail_msg("%s", cases[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_help) };
    return cmocka_run_group_tests_name("delivery/carrier", tests, NULL, NULL);
}
