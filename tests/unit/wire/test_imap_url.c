/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs. */
#include "base/base.h"
#include "wire/imap_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void urls_are_read_and_written(void **state)
{
    static const struct {
        const char *in;
        const char *again;   /* NULL: refused */
        const char *mailbox; /* seen from "a/b" */
    } cases[] = {
        { "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
          "/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=HEADER", "Drafts" },
        { "/Drafts;uidvalidity=1/;uid=20/;section=1.MIME",
          "/Drafts;UIDVALIDITY=1/;UID=20/;SECTION=1.MIME", "Drafts" },
        { "/Drafts/;UID=3002", "/Drafts/;UID=3002", "Drafts" },
        { "/a/b%3Bc/;UID=1/;PARTIAL=0.1024", "/a/b%3Bc/;UID=1/;PARTIAL=0.1024", "a/b;c" },
        { "/x/;UID=1/;SECTION=HEADER.FIELDS%20(To)/;PARTIAL=5",
          "/x/;UID=1/;SECTION=HEADER.FIELDS%20(To)/;PARTIAL=5", "x" },
        { "/%C3%A4/;UID=1", "/%C3%A4/;UID=1", "\xc3\xa4" },
        { ";UID=20/;SECTION=1.2", "/;UID=20/;SECTION=1.2", "a/b" },
        { "/;UID=20", "/;UID=20", "a/b" },
        { "c/;UID=20", "c/;UID=20", "a/c" },
        { "imap://ada;AUTH=*@mail.example:143/x/;UID=1", "imap://ada@mail.example:143/x/;UID=1",
          "x" },
        { "imap://mail.example/x/;UID=1", "imap://mail.example/x/;UID=1", "x" },
        { "//mail.example/x/;UID=1", NULL, NULL },
        { "imap:///x/;UID=1", NULL, NULL },
        { "imap://mail.example", NULL, NULL },
        { "/x", NULL, NULL },
        { "", NULL, NULL },
        { "/x/;UID=0", NULL, NULL },
        { "/x/;UID=4294967296", NULL, NULL },
        { "/x/;UID=1/;SECTION=FOO", NULL, NULL },
        { "/x/;UID=1/;PARTIAL=1.0", NULL, NULL },
        { "/x/;UID=1/;PARTIAL=", NULL, NULL },
        { "/x/;UID=1;URLAUTH=anonymous", NULL, NULL },
        { "/x/;UID=1/;SECTION=1/;FOO=1", NULL, NULL },
        { "/x;UIDVALIDITY=0/;UID=1", NULL, NULL },
        { ";UIDVALIDITY=1/;UID=1", NULL, NULL },
        { "/%GG/;UID=1", NULL, NULL },
        { "/%4/;UID=1", NULL, NULL },
        { "/x%00/;UID=1", NULL, NULL },
        { "/%FF/;UID=1", NULL, NULL },
        { "/a b/;UID=1", NULL, NULL },
        { "/x?SUBJECT%20a", NULL, NULL },
    };
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_url url;
        struct err e = ERR_CLEAR;
        bool ok = imap_url_parse(&a, str_from_cstr(cases[i].in), &url, &e);
        if (ok != (cases[i].again != NULL))
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        if (!ok)
            continue;
        buf_clear(&text);
        assert_true(imap_url_format(&text, &url));
        assert_string_equal(buf_cstr(&text), cases[i].again);
        str mailbox = imap_url_mailbox(&a, &url, STR("a/b"));
        if (!str_eq(mailbox, str_from_cstr(cases[i].mailbox)))
            fail_msg("case %zu: mailbox %.*s", i, STR_FMT(mailbox));
    }
    buf_fini(&text);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
