/* SPDX-License-Identifier: Apache-2.0 */
/* A message as it leaves: what is added, what is taken out, and that all else stays. */
#include "submit/submit.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

#define DATE "Date: Tue, 1 Jul 2003 08:52:37 +0000\r\n"

static const struct {
    const char *name;
    str content;
    const char *head; /* what the result begins with, after Received */
    bool adds_date;
    bool adds_id;
} cases[] = {
    { "complete already", STR_INIT("Date: x\r\nMessage-ID: <y@z>\r\n\r\nbody\r\n"),
      "Date: x\r\nMessage-ID: <y@z>\r\n\r\nbody\r\n", false, false },
    { "no date", STR_INIT("Message-ID: <y@z>\r\n\r\nbody\r\n"),
      "Message-ID: <y@z>\r\n" DATE "\r\nbody\r\n", true, false },
    { "nothing", STR_INIT("A: b\r\n\r\nDate: in the body\r\n"), "A: b\r\n" DATE "Message-ID: <",
      true, true },
    { "blind copies",
      STR_INIT("Bcc: a@b,\r\n c@d\r\nDate: x\r\nbCC : e\r\nmessage-id: <y@z>\r\n"
               "Resent-Bcc: f\r\n\r\nBcc: body\r\n"),
      "Date: x\r\nmessage-id: <y@z>\r\n\r\nBcc: body\r\n", false, false },
    { "trace of a delivery",
      STR_INIT("Return-Path: <a@b>\r\nDelivered-To: c@d\r\nDate: x\r\nMessage-ID: <y@z>\r\n"
               "Authentication-Results: mx.example; spf=pass\r\n\r\n"),
      "Date: x\r\nMessage-ID: <y@z>\r\n\r\n", false, false },
};

static void complete(str content, struct buf *out)
{
    struct err e = ERR_CLEAR;
    const struct submit_completion completion = {
        .received = STR("Received: here\r\n"),
        .hostname = STR("mx.example"),
        .now_utc = 1057049557,
        .unique1 = 1,
        .unique2 = 2,
    };
    if (!submit_complete(content, &completion, out, &e))
        fail_msg("%s", e.msg);
}

static void test_completes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 10000);
        complete(cases[i].content, &out);
        str rest = buf_str(&out);
        assert_true(str_has_prefix(rest, STR("Received: here\r\n")));
        rest = str_skip(rest, 16);
        str head = str_from_cstr(cases[i].head);
        if (!str_has_prefix(rest, head) || (!cases[i].adds_id && rest.n != head.n))
            fail_msg("%s: %s", cases[i].name, buf_cstr(&out));
        assert_int_equal(str_find(rest, STR("@mx.example>\r\n")) >= 0, cases[i].adds_id);
        buf_fini(&out);
    }
}

/* RFC 5322 section 3.6.2: who writes in the name of another is the Sender. */
static void test_a_writer_is_told(void **state)
{
    struct err e = ERR_CLEAR;
    struct buf out;
    const struct submit_completion completion = {
        .hostname = STR("mx.example"),
        .writer = STR("ben@b.example"),
        .writer_name = STR("Ben Böhm"),
    };
    (void)state;
    buf_init(&out, 10000);
    assert_true(submit_complete(STR("From: a@b\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\n"),
                                &completion, &out, &e));
    assert_string_equal(buf_cstr(&out), "From: a@b\r\nDate: x\r\nMessage-ID: <y@z>\r\n"
                                        "Sender: =?utf-8?b?QmVuIELDtmht?= <ben@b.example>\r\n\r\n");
    buf_fini(&out);
}

static void test_header_without_end(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10000);
    complete(STR("From: a@b\r\nMessage-ID: <y@z>\r\n"), &out);
    assert_string_equal(buf_cstr(&out),
                        "Received: here\r\nFrom: a@b\r\nMessage-ID: <y@z>\r\n" DATE "\r\n");
    buf_fini(&out);
}

static void test_needs_room(void **state)
{
    (void)state;
    struct buf out;
    struct err e = ERR_CLEAR;
    const struct submit_completion completion = { .hostname = STR("mx.example") };
    buf_init(&out, 20);
    assert_false(submit_complete(STR("From: a@b.example.org\r\n\r\n"), &completion, &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completes),
        cmocka_unit_test(test_a_writer_is_told),
        cmocka_unit_test(test_header_without_end),
        cmocka_unit_test(test_needs_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
