/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says about TLS on its way (RFC 8689). */
#include "queue/queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void rules(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool requiretls;
        enum queue_tls_rule rule;
    } cases[] = {
        { "Subject: x\r\n\r\n", false, QUEUE_TLS_AS_EVER },
        { "Subject: x\r\n\r\n", true, QUEUE_TLS_REQUIRED },
        { "TLS-Required: No\r\n\r\n", false, QUEUE_TLS_NOT_REQUIRED },
        { "Subject: x\r\ntls-required:  no \r\n\r\n", false, QUEUE_TLS_NOT_REQUIRED },
        { "TLS-Required: No\r\n\r\n", true, QUEUE_TLS_REQUIRED },
        { "TLS-Required: Yes\r\n\r\n", false, QUEUE_TLS_AS_EVER },
        { "TLS-Required: Nope\r\n\r\n", false, QUEUE_TLS_AS_EVER },
        { "TLS-Required:\r\n\r\n", false, QUEUE_TLS_AS_EVER },
        { "TLS-Required: No\r\nTLS-Required: No\r\n\r\n", false, QUEUE_TLS_AS_EVER },
        { "Subject: x\r\n\r\nTLS-Required: No\r\n", false, QUEUE_TLS_AS_EVER },
        { "", false, QUEUE_TLS_AS_EVER },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum queue_tls_rule rule =
            queue_tls_rule_of(str_from_cstr(cases[i].header), cases[i].requiretls);
        if (rule != cases[i].rule)
            fail_msg("case %zu: %d", i, (int)rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
    };
    return cmocka_run_group_tests_name("queue/tls_rule", tests, NULL, NULL);
}
