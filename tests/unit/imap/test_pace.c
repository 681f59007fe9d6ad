/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a command may come. */
#include "services/imap/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND
};

static void slow_commands_end(void **state)
{
    static const struct {
        const char *name;
        uint64_t octets; /* that came until now */
        int64_t now_ms;  /* since it began */
        int64_t want_ms;
    } cases[] = {
        { "nothing came yet", 0, 0, 5 * MINUTE },
        { "drops of a literal add up", 300, 4 * MINUTE, 5 * MINUTE },
        { "just fast enough", 10 * 60 * 256, 9 * MINUTE, 10 * MINUTE },
        { "fast, but it stalls", 20 * 1024 * 1024, 2 * MINUTE, 7 * MINUTE },
        { "never longer than an hour", 100 * 1024 * 1024, 58 * MINUTE, 60 * MINUTE },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct imap_pace pace = { .began_ms = 7 * SECOND, .octets = cases[i].octets };
        int64_t at = imap_pace_deadline(&pace, cases[i].now_ms + 7 * SECOND) - 7 * SECOND;
        if (at != cases[i].want_ms)
            fail_msg("%s: %lld ms", cases[i].name, (long long)at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slow_commands_end) };
    return cmocka_run_group_tests_name("imap/pace", tests, NULL, NULL);
}
