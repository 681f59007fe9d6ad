/* SPDX-License-Identifier: Apache-2.0 */
/* Senders of one recipient each. */
#include "wire/smtp_verp.h"

#include "wire/smtp_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    str sender;
    str recipient;
    str wanted; /* empty: the sender as it is */
} cases[] = {
    { STR_INIT("news@example.org"), STR_INIT("leo@far.example"),
      STR_INIT("news+leo=far.example@example.org") },
    { STR_INIT("news+july@example.org"), STR_INIT("Leo+x=y@far.example"),
      STR_INIT("news+july+Leo+x=y=far.example@example.org") },
    /* A recipient that has to be quoted makes a sender that has to be, once. */
    { STR_INIT("news@example.org"), STR_INIT("\"a b\"@far.example"),
      STR_INIT("\"news+a b=far.example\"@example.org") },
    { STR_INIT("\"the news\"@example.org"), STR_INIT("leo@far.example"),
      STR_INIT("\"the news+leo=far.example\"@example.org") },
    { STR_INIT("news@example.org"), STR_INIT("\"a>b\\\"\"@far.example"),
      STR_INIT("\"news+a>b\\\"=far.example\"@example.org") },
    /* The domain of the recipient is ASCII, its local part need not be. */
    { STR_INIT("news@example.org"),
      STR_INIT("j\xc3\xbcrgen@b\xc3\xbc"
               "cher.example"),
      STR_INIT("news+j\xc3\xbcrgen=xn--bcher-kva.example@example.org") },
    { STR_INIT("news@example.org"), STR_INIT("leo@[192.0.2.1]"),
      STR_INIT("\"news+leo=[192.0.2.1]\"@example.org") },
    { STR_INIT(""), STR_INIT("leo@far.example"), STR_INIT("") },
    { STR_INIT("news@[192.0.2.1]"), STR_INIT("leo@far.example"), STR_INIT("") },
    { STR_INIT("no address"), STR_INIT("leo@far.example"), STR_INIT("") },
    { STR_INIT("news@example.org"), STR_INIT("no address"), STR_INIT("") },
    { STR_INIT("news@example.org"), STR_INIT("leo@far.example\r\nDATA"), STR_INIT("") },
    /* 64 octets are a local part, 65 are none. */
    { STR_INIT("news@example.org"),
      STR_INIT("01234567890123456789012345678901234567890123456@far.example"),
      STR_INIT("news+01234567890123456789012345678901234567890123456=far.example@example.org") },
    { STR_INIT("news@example.org"),
      STR_INIT("012345678901234567890123456789012345678901234567@far.example"), STR_INIT("") },
};

static void test_senders(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str wanted = cases[i].wanted.n > 0 ? cases[i].wanted : cases[i].sender;
        str got = smtp_verp_sender(cases[i].sender, cases[i].recipient, &a);
        struct smtp_path path;
        if (!str_eq(got, wanted))
            fail_msg("%.*s and %.*s: %.*s", STR_FMT(cases[i].sender), STR_FMT(cases[i].recipient),
                     STR_FMT(got));
        if (cases[i].wanted.n > 0) /* what we make we would take */
            assert_int_equal(smtp_mailbox_parse(got, &a, &path), SMTP_GOOD);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_senders) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
