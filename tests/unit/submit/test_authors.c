/* SPDX-License-Identifier: Apache-2.0 */
/* Who a header claims to be written by (ATTACKS U9). */
#include "submit/submit.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static const struct {
    const char *name;
    str header;
    enum submit_verdict verdict;
    const char *authors; /* "local@domain local@domain" */
} cases[] = {
    { "plain", STR_INIT("From: a@b.example\r\n\r\n"), SUBMIT_DONE, "a@b.example" },
    { "with a name", STR_INIT("From: \"c@d.example\" <a@b.example>\r\n\r\n"), SUBMIT_DONE,
      "a@b.example" },
    { "folded, odd case", STR_INIT("fROM :\r\n A\r\n <a@b.example>\r\n\r\n"), SUBMIT_DONE,
      "a@b.example" },
    { "with a sender", STR_INIT("From: a@b\r\nSender: c@d\r\n\r\n"), SUBMIT_DONE, "a@b c@d" },
    { "resent", STR_INIT("Resent-From: e@f, g@h\r\nFrom: a@b\r\n\r\n"), SUBMIT_DONE,
      "a@b e@f g@h" },
    { "none", STR_INIT("Subject: x\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "in the body only", STR_INIT("Subject: x\r\n\r\nFrom: a@b\r\n"), SUBMIT_FROM_MISSING, "" },
    { "empty", STR_INIT("From:\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "two fields", STR_INIT("From: a@b\r\nX: y\r\nFrom: c@d\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "two fields, one with a space", STR_INIT("From: a@b\r\nFrom : c@d\r\n\r\n"),
      SUBMIT_FROM_MISSING, "" },
    { "two of one domain", STR_INIT("From: a@b, c@B\r\nSender: a@b\r\n\r\n"), SUBMIT_DONE,
      "a@b c@B a@b" },
    { "two of two domains", STR_INIT("From: a@b, c@d\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "three, the last elsewhere", STR_INIT("From: a@b, c@b, c@d\r\n\r\n"), SUBMIT_FROM_MISSING,
      "" },
    { "group", STR_INIT("From: us: a@b;\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "empty group", STR_INIT("From: us:;\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "no domain", STR_INIT("From: a\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "group as sender", STR_INIT("From: a@b\r\nSender: us:;\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "two in brackets", STR_INIT("From: <a@b><c@d>\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "two in brackets, apart", STR_INIT("From: <a@b> <c@d>\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "a word behind", STR_INIT("From: A <a@b> c@d\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "an address before", STR_INIT("From: c@d <a@b>\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "the same before", STR_INIT("From: A@b <a@b> (a)\r\n\r\n"), SUBMIT_DONE, "a@b" },
    { "no route", STR_INIT("From: <@c@d:a@b>\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "a route", STR_INIT("From: <@d:a@b>\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
    { "two in a sender", STR_INIT("From: a@b\r\nSender: <a@b><c@d>\r\n\r\n"), SUBMIT_FROM_MISSING,
      "" },
    { "two in resent", STR_INIT("From: a@b\r\nResent-From: <a@b> c@d\r\n\r\n"), SUBMIT_FROM_MISSING,
      "" },
    { "empty sender", STR_INIT("From: a@b\r\nSender:\r\n\r\n"), SUBMIT_FROM_MISSING, "" },
};

static void test_authors(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct submit_author authors[SUBMIT_MAX_AUTHORS];
        struct buf found;
        size_t n;
        enum submit_verdict verdict = submit_read_authors(cases[i].header, &a, authors, &n);
        if (verdict != cases[i].verdict)
            fail_msg("%s: verdict %d", cases[i].name, (int)verdict);
        if (verdict != SUBMIT_DONE)
            continue;
        buf_init(&found, 1000);
        for (size_t j = 0; j < n; j++) {
            assert_true(buf_addf(&found, "%s%.*s@%.*s", j > 0 ? " " : "", STR_FMT(authors[j].local),
                                 STR_FMT(authors[j].domain)));
        }
        if (!str_eq(buf_str(&found), str_from_cstr(cases[i].authors)))
            fail_msg("%s: found %s", cases[i].name, buf_cstr(&found));
        buf_fini(&found);
    }
    arena_fini(&a);
}

/* A second From far behind must not be overlooked, and many addresses are refused, not cut. */
static void test_nothing_hides_behind_limits(void **state)
{
    (void)state;
    struct arena a;
    struct buf header;
    struct submit_author authors[SUBMIT_MAX_AUTHORS];
    size_t n;
    arena_init(&a);
    buf_init(&header, 1 << 20);
    assert_true(buf_add(&header, STR("From: a@b\r\n")));
    for (int i = 0; i < 1500; i++)
        assert_true(buf_add(&header, STR("X-Fill: y\r\n")));
    assert_int_equal(submit_read_authors(buf_str(&header), &a, authors, &n), SUBMIT_DONE);
    assert_true(buf_add(&header, STR("From: c@d\r\n")));
    assert_int_equal(submit_read_authors(buf_str(&header), &a, authors, &n), SUBMIT_FROM_MISSING);
    buf_clear(&header);
    assert_true(buf_add(&header, STR("From: a@b\r\nResent-From: a@b")));
    for (int i = 0; i < SUBMIT_MAX_AUTHORS - 2; i++)
        assert_true(buf_add(&header, STR(", a@b")));
    assert_int_equal(submit_read_authors(buf_str(&header), &a, authors, &n), SUBMIT_DONE);
    assert_int_equal(n, SUBMIT_MAX_AUTHORS);
    assert_true(buf_add(&header, STR(", a@b")));
    assert_int_equal(submit_read_authors(buf_str(&header), &a, authors, &n), SUBMIT_FROM_MISSING);
    buf_fini(&header);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authors),
        cmocka_unit_test(test_nothing_hides_behind_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
