/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a command may come. */
#include "services/imap/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void slow_commands_end(void **state)
{
    static const struct {
        const char *name;
        uint64_t octets; /* that came until now */
        int64_t now_ms;  /* since it began */
        int64_t want_ms;
    } cases[] = {
        { "nothing came yet", 0, 0, 300000 },
        { "drops of a literal add up", 300, 240000, 300000 },
        { "just fast enough", 153600, 540000, 600000 },
        { "fast, but it stalls", 20000000, 120000, 420000 },
        { "never longer than an hour", 100000000, 3480000, 3600000 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct imap_pace pace = { .began_ms = 7000, .octets = cases[i].octets };
        int64_t at = imap_pace_deadline(&pace, cases[i].now_ms + 7000) - 7000;
        if (at != cases[i].want_ms)
            fail_msg("%s: %lld ms", cases[i].name, (long long)at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slow_commands_end) };
    return cmocka_run_group_tests_name("imap/pace", tests, NULL, NULL);
}
