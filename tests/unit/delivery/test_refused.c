/* SPDX-License-Identifier: Apache-2.0 */
/* What of a failure says that nobody has the name, and so something of who wrote to it. */
#include "services/delivery/refused.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_is_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum queue_outcome outcome;
        const char *stage;
        const char *status;
        bool is_nobody;
    } cases[] = {
        { "no such user", QUEUE_FAILED, "rcpt", "5.1.1", true },
        { "no such domain there", QUEUE_FAILED, "rcpt", "5.1.2", true },
        { "a bad address", QUEUE_FAILED, "rcpt", "5.1.3", true },
        { "it moved", QUEUE_FAILED, "rcpt", "5.1.6", true },
        { "as a large provider says it", QUEUE_FAILED, "rcpt", "5.1.10", true },
        { "something about the address", QUEUE_FAILED, "rcpt", "5.1.0", true },
        { "a disabled mailbox", QUEUE_FAILED, "rcpt", "5.2.1", true },
        { "our address is on a list", QUEUE_FAILED, "rcpt", "5.7.1", false },
        { "a full mailbox", QUEUE_FAILED, "rcpt", "5.2.2", false },
        { "no code says what it is about", QUEUE_FAILED, "rcpt", "", false },
        { "the sender is refused", QUEUE_FAILED, "mail", "5.1.1", false },
        { "our own finding", QUEUE_FAILED, "mail", "5.1.3", false },
        { "the text is refused", QUEUE_FAILED, "message", "5.1.1", false },
        { "before any server", QUEUE_FAILED, "lookup", "5.1.2", false },
        { "nobody knows where", QUEUE_FAILED, NULL, "5.1.1", false },
        { "for now", QUEUE_DEFERRED, "rcpt", "5.1.1", false },
        { "taken", QUEUE_DELIVERED, "message", "2.0.0", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct queue_result result = { .outcome = cases[i].outcome,
                                             .stage = cases[i].stage,
                                             .remote = STR("mx.example [192.0.2.1]"),
                                             .status = str_from_cstr(cases[i].status) };
        if (delivery_is_nobody(&result) != cases[i].is_nobody)
            fail_msg("%s", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
