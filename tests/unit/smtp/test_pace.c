/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a message may come: each limit at its edge. */
#include "services/smtp/pace.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t now_ms;
        uint64_t octets;
        int64_t deadline_ms;
    } cases[] = {
        { "nothing yet: the grace", 0, 0, 60000 },
        { "a little, late: still the grace", 59000, 15000, 60000 },
        { "exactly the rate at the end of the grace", 60000, 15360, 60000 },
        { "a second earned", 60000, 15616, 61000 },
        { "much, early: the block", 1000, 10000000, 181000 },
        { "much, late: the block", 1000000, 10000000, 1180000 },
        { "very much, very late: the whole", 3500000, 1000000000, 3600000 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t deadline =
            smtp_block_deadline(5000, 5000 + cases[i].now_ms, cases[i].octets) - 5000;
        if (deadline != cases[i].deadline_ms)
            fail_msg("%s: %lld", cases[i].name, (long long)deadline);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
