/* SPDX-License-Identifier: Apache-2.0 */
/* What a server's reply to a callout says of a recipient. */
#include "services/delivery/callout.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        const char *status;
        enum account_probe_verdict verdict;
    } cases[] = {
        { 250, "2.1.5", ACCOUNT_PROBE_GOOD },
        { 251, "", ACCOUNT_PROBE_GOOD },
        { 550, "5.1.1", ACCOUNT_PROBE_BAD },
        { 550, "", ACCOUNT_PROBE_BAD },
        { 553, "5.1.3", ACCOUNT_PROBE_BAD },
        { 550, "5.4.1", ACCOUNT_PROBE_BAD }, /* as a large provider says it */
        { 550, "5.7.1", ACCOUNT_PROBE_UNKNOWN },
        { 554, "5.7.606", ACCOUNT_PROBE_UNKNOWN },
        { 552, "", ACCOUNT_PROBE_UNKNOWN },
        { 552, "5.2.2", ACCOUNT_PROBE_UNKNOWN },
        { 550, "5.2.2", ACCOUNT_PROBE_UNKNOWN },
        { 550, "5.3.4", ACCOUNT_PROBE_UNKNOWN },
        { 450, "4.2.0", ACCOUNT_PROBE_UNKNOWN },
        { 421, "", ACCOUNT_PROBE_UNKNOWN },
        { 354, "", ACCOUNT_PROBE_UNKNOWN },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (delivery_callout_verdict(cases[i].code, str_from_cstr(cases[i].status)) !=
            cases[i].verdict)
            fail_msg("%u %s", cases[i].code, cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_verdicts) };
    return cmocka_run_group_tests_name("delivery/callout", tests, NULL, NULL);
}
