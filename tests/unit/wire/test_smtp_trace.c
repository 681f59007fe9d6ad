/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields: their text, hops, and fields that only we may write (ATTACKS S26). */
#include "wire/smtp_trace.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static void test_received(void **state)
{
    (void)state;
    static const struct {
        struct smtp_trace trace;
        const char *text;
    } cases[] = {
        { { .helo = STR_INIT("client.example"),
            .peer_ip = STR_INIT("192.0.2.1"),
            .hostname = STR_INIT("mx.example"),
            .session = STR_INIT("abc"),
            .recipient = STR_INIT("a@b.example"),
            .tls_version = STR_INIT("TLSv1.3"),
            .tls_cipher = STR_INIT("TLS_AES_128_GCM_SHA256"),
            .is_esmtp = true,
            .at_utc = 1057049557 },
          "Received: from client.example ([192.0.2.1])\r\n"
          "\tby mx.example with ESMTPS id abc\r\n"
          "\t(TLSv1.3 TLS_AES_128_GCM_SHA256)\r\n"
          "\tfor <a@b.example>;\r\n"
          "\tTue, 1 Jul 2003 08:52:37 +0000\r\n" },
        { { .helo = STR_INIT("c"),
            .peer_ip = STR_INIT("2001:db8::1"),
            .hostname = STR_INIT("mx"),
            .session = STR_INIT("x"),
            .at_utc = 0 },
          "Received: from c ([IPv6:2001:db8::1])\r\n"
          "\tby mx with SMTP id x;\r\n"
          "\tThu, 1 Jan 1970 00:00:00 +0000\r\n" },
        { { .hostname = STR_INIT("mx"),
            .session = STR_INIT("x"),
            .is_esmtp = true,
            .is_auth = true },
          "Received: by mx with ESMTPA id x;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 2000);
        assert_true(smtp_trace_received(&cases[i].trace, &out));
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_fini(&out);
    }
}

static void test_delivery(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    assert_true(smtp_trace_delivery(STR(""), STR("a@b"), &out));
    assert_string_equal(buf_cstr(&out), "Return-Path: <>\r\nDelivered-To: a@b\r\n");
    buf_clear(&out);
    assert_true(smtp_trace_delivery(STR("c@d"), STR_EMPTY, &out));
    assert_string_equal(buf_cstr(&out), "Return-Path: <c@d>\r\n");
    buf_fini(&out);
}

static void test_hops(void **state)
{
    (void)state;
    assert_int_equal(smtp_trace_hops(STR("Received: a\r\nX: b\r\nrEcEiVeD : c\r\n\r\n"
                                         "Received: in the body\r\n")),
                     2);
    assert_int_equal(smtp_trace_hops(STR("Received: a\r\n\tReceived: folded\r\n\r\n")), 1);
    assert_int_equal(smtp_trace_hops(STR("")), 0);
}

static void test_forged_fields(void **state)
{
    (void)state;
    static const struct {
        str name;
        str body;
        bool forged;
    } cases[] = {
        { STR_INIT("Return-Path"), STR_INIT(" <a@b>"), true },
        { STR_INIT("return-path "), STR_INIT(" <a@b>"), true },
        { STR_INIT("X-Spam-Flag"), STR_INIT(" NO"), true },
        { STR_INIT("X-Spammer"), STR_INIT(" NO"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" mx.example; spf=pass"), true },
        { STR_INIT("AUTHENTICATION-RESULTS"), STR_INIT("MX.Example;spf=pass"), true },
        { STR_INIT("Authentication-Results"), STR_INIT("\r\n\t mx.example 1; none"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" (a (b\\)) c) mx.example; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx.example\"; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx\\.Example\"; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx.exam\r\nple\"; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx.example"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx.exampl\"; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"mx.example.org\"; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" mx.example/1; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" mx.example(c); x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" mx.example.org; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" mx.example.; dmarc=pass"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"MX.example.\"; dmarc=pass"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" in.MX.example; dmarc=pass"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" \"in.mx.example.\"; x"), true },
        { STR_INIT("Authentication-Results"), STR_INIT(" inmx.example; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" .; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT("; x"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" other; mx.example"), false },
        { STR_INIT("Authentication-Results"), STR_INIT(" (open mx.example"), false },
        { STR_INIT("Subject"), STR_INIT(" mx.example; x"), false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (smtp_trace_is_forged(cases[i].name, cases[i].body, STR("mx.example")) !=
            cases[i].forged)
            fail_msg("%.*s:%.*s", STR_FMT(cases[i].name), STR_FMT(cases[i].body));
    }
}

static void test_strip(void **state)
{
    (void)state;
    static const str bcc[] = { STR_INIT("Bcc") };
    static const struct {
        str message;
        str stripped;
    } cases[] = {
        { STR_INIT("A: b\r\n\r\nbody\r\n"), STR_INIT("A: b\r\n\r\nbody\r\n") },
        { STR_INIT("Return-Path: <x>\r\nA: b\r\n\r\n"), STR_INIT("A: b\r\n\r\n") },
        { STR_INIT("A: b\r\nbcc: c,\r\n d\r\nE: f\r\nBCC : g\r\n\r\nBcc: body\r\n"),
          STR_INIT("A: b\r\nE: f\r\n\r\nBcc: body\r\n") },
        { STR_INIT("Bcc: only"), STR_INIT("") },
        { STR_INIT(""), STR_INIT("") },
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str out = smtp_trace_strip(cases[i].message, STR("mx.example"), bcc, 1, &a);
        if (!str_eq(out, cases[i].stripped))
            fail_msg("case %zu: '%.*s'", i, STR_FMT(out));
    }
    str clean = STR("A: b\r\n\r\n");
    assert_ptr_equal(smtp_trace_strip(clean, STR("mx.example"), NULL, 0, &a).p, clean.p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_received), cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_hops),     cmocka_unit_test(test_forged_fields),
        cmocka_unit_test(test_strip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
