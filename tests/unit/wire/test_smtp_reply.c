/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: written without a way to break them, read without trust (ATTACKS O3). */
#include "wire/smtp_reply.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static void test_format(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        str status;
        str text;
        const char *wire;
    } cases[] = {
        { 250, STR_INIT("2.1.0"), STR_INIT("good"), "250 2.1.0 good\r\n" },
        { 250, STR_INIT(""), STR_INIT("a\nb\nc"), "250-a\r\n250-b\r\n250 c\r\n" },
        { 550, STR_INIT("5.1.1"), STR_INIT("a\nb"), "550-5.1.1 a\r\n550 5.1.1 b\r\n" },
        { 250, STR_INIT(""), STR_INIT("x\ry\t\x7f\xc3"), "250 x?y???\r\n" },
        { 220, STR_INIT(""), STR_INIT(""), "220 \r\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 1000);
        assert_true(smtp_reply_format(&out, cases[i].code, cases[i].status, cases[i].text));
        assert_string_equal(buf_cstr(&out), cases[i].wire);
        buf_fini(&out);
    }
}

static void test_format_cuts_lines(void **state)
{
    (void)state;
    char text[2000];
    struct buf out;
    memset(text, 'x', sizeof(text));
    buf_init(&out, 600);
    assert_true(smtp_reply_format(&out, 250, STR("2.0.0"), str_of(text, sizeof(text))));
    assert_int_equal(out.n, 512);
    size_t before = out.n;
    assert_false(smtp_reply_format(&out, 250, STR("2.0.0"), str_of(text, sizeof(text))));
    assert_int_equal(out.n, before);
    buf_fini(&out);
}

static enum smtp_reply_step feed(struct smtp_reply *r, const char *const *lines, struct err *e)
{
    enum smtp_reply_step step = SMTP_REPLY_MORE;
    for (size_t i = 0; lines[i] && step == SMTP_REPLY_MORE; i++)
        step = smtp_reply_add_line(r, str_from_cstr(lines[i]), e);
    return step;
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *lines[4];
        enum smtp_reply_step step;
        unsigned code;
        const char *status;
        const char *text;
    } cases[] = {
        { { "250 ok" }, SMTP_REPLY_DONE, 250, "", "ok" },
        { { "250" }, SMTP_REPLY_DONE, 250, "", "" },
        { { "550 5.1.1 no such user" }, SMTP_REPLY_DONE, 550, "5.1.1", "5.1.1 no such user" },
        { { "550-5.1.1 no", "550 5.1.1 user" }, SMTP_REPLY_DONE, 550, "5.1.1", "5.1.1 no\nuser" },
        { { "550-5.1.1 no", "550-5.1.1", "550 5.1.1 user 5.1.1 here" },
          SMTP_REPLY_DONE,
          550,
          "5.1.1",
          "5.1.1 no\n\nuser 5.1.1 here" },
        { { "550-5.1.1 no", "550 5.7.1 user" },
          SMTP_REPLY_DONE,
          550,
          "5.7.1",
          "5.1.1 no\n5.7.1 user" },
        { { "550-no", "550 5.1.1 user" }, SMTP_REPLY_DONE, 550, "5.1.1", "no\n5.1.1 user" },
        { { "550 4.1.1 class differs" }, SMTP_REPLY_DONE, 550, "", "4.1.1 class differs" },
        { { "250-a" }, SMTP_REPLY_MORE, 250, "", "a" },
        { { "250-a", "251 b" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "000 x" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "199 x" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "600 x" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "999 x" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "hello" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "25" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "250x" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "" }, SMTP_REPLY_BAD, 0, "", "" },
        { { "421 bell\a" }, SMTP_REPLY_DONE, 421, "", "bell?" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_reply r;
        struct err e = ERR_CLEAR;
        smtp_reply_init(&r);
        enum smtp_reply_step step = feed(&r, cases[i].lines, &e);
        if (step != cases[i].step)
            fail_msg("%s: step %d", cases[i].lines[0], (int)step);
        if (step == SMTP_REPLY_BAD) {
            assert_int_equal(e.kind, ERR_SYNTAX);
        } else {
            assert_int_equal(r.code, cases[i].code);
            assert_string_equal(r.status, cases[i].status);
            assert_string_equal(buf_cstr(&r.text), cases[i].text);
        }
        smtp_reply_fini(&r);
    }
}

static void test_caps(void **state)
{
    (void)state;
    struct smtp_reply r;
    struct err e = ERR_CLEAR;
    smtp_reply_init(&r);
    for (unsigned i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        assert_int_equal(smtp_reply_add_line(&r, STR("250-x"), &e), SMTP_REPLY_MORE);
    assert_int_equal(smtp_reply_add_line(&r, STR("250 x"), &e), SMTP_REPLY_BAD);
    assert_int_equal(e.kind, ERR_LIMIT);
    smtp_reply_clear(&r);
    char line[SMTP_REPLY_LINE_MAX + 1];
    memset(line, '2', sizeof(line));
    line[3] = ' ';
    e = ERR_CLEAR;
    assert_int_equal(smtp_reply_add_line(&r, str_of(line, sizeof(line)), &e), SMTP_REPLY_BAD);
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_int_equal(smtp_reply_add_line(&r, str_of(line, sizeof(line) - 1), &e), SMTP_REPLY_DONE);
    e = ERR_CLEAR;
    smtp_reply_clear(&r);
    assert_int_equal(smtp_reply_add_line(&r, STR("250 a\0b"), &e), SMTP_REPLY_BAD);
    smtp_reply_fini(&r);
}

static void test_extensions(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "250-mx.example STARTTLS", "250-SIZE 1000",   "250-8bitmime",   "250-AUTH PLAIN XOAUTH2",
        "250-AUTH=LOGIN",          "250-X-UNKNOWN x", "250 PIPELINING", NULL
    };
    struct smtp_reply r;
    struct smtp_extensions out;
    struct err e = ERR_CLEAR;
    smtp_reply_init(&r);
    assert_int_equal(feed(&r, lines, &e), SMTP_REPLY_DONE);
    smtp_extensions_parse(&r, &out);
    assert_false(out.starttls); /* the name of the server is no keyword */
    assert_true(out.has_size);
    assert_int_equal(out.size, 1000);
    assert_true(out.eight_bit_mime);
    assert_true(out.auth_plain);
    assert_true(out.auth_login);
    assert_true(out.pipelining);
    assert_false(out.smtputf8);
    smtp_reply_fini(&r);
}

/* RFC 9422: what is no limit that we know says nothing. */
static void test_limits(void **state)
{
    static const struct {
        const char *line;
        size_t rcpt_max;
        size_t mail_max;
        size_t domain_max;
    } cases[] = {
        { "250 LIMITS RCPTMAX=20 MAILMAX=5", 20, 5, 0 },
        { "250 limits X=1 mailmax=1 RCPTDOMAINMAX=1", 0, 1, 1 },
        { "250 LIMITS RCPTMAX=999999", 999999, 0, 0 },
        { "250 LIMITS RCPTMAX=1000000 MAILMAX=", 0, 0, 0 },
        { "250 LIMITS RCPTMAX=-1 MAILMAX=x RCPTMAX", 0, 0, 0 },
        { "250 LIMITS", 0, 0, 0 },
        { "250 XLIMITS RCPTMAX=1", 0, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const lines[] = { "250-mx.example", cases[i].line, NULL };
        struct smtp_reply r;
        struct smtp_extensions out;
        struct err e = ERR_CLEAR;
        smtp_reply_init(&r);
        assert_int_equal(feed(&r, lines, &e), SMTP_REPLY_DONE);
        smtp_extensions_parse(&r, &out);
        assert_int_equal(out.rcpt_max, cases[i].rcpt_max);
        assert_int_equal(out.mail_max, cases[i].mail_max);
        assert_int_equal(out.domain_max, cases[i].domain_max);
        smtp_reply_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),     cmocka_unit_test(test_format_cuts_lines),
        cmocka_unit_test(test_parse),      cmocka_unit_test(test_caps),
        cmocka_unit_test(test_extensions), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
