/* SPDX-License-Identifier: Apache-2.0 */
/* Failure reports: when there is one, and what it gives away of the message. */
#include "mime/mime.h"
#include "reports/failure.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A message from stranger@author.test, whose own signature is broken. */
struct setting {
    struct mailauth_spf spf;
    struct mailauth_dkim signature;
    struct mailauth_dkim_results dkim;
    struct mailauth_dmarc dmarc;
    struct mailauth_verdict verdict;
    struct mime_header header;
    struct reports_failed failed;
};

static void set_up(struct setting *s, struct arena *a, const char *record, const char *header)
{
    struct err e = ERR_CLEAR;
    *s = (struct setting){
        .spf = { .result = MAILAUTH_FAIL, .domain = STR("mail.author.test") },
        .signature = { .result = MAILAUTH_FAIL,
                       .signature = { .domain = STR("author.test"),
                                      .selector = STR("s1"),
                                      .identity = STR("stranger@author.test") } },
        .dmarc = { .result = MAILAUTH_FAIL,
                   .author = STR("author.test"),
                   .policy_domain = STR("author.test") },
    };
    if (!mailauth_dmarc_record_parse(str_from_cstr(record), &s->dmarc.record, &e))
        fail_msg("%s: %s", record, e.msg);
    s->dkim = (struct mailauth_dkim_results){ .list = &s->signature, .n = 1 };
    s->verdict = (struct mailauth_verdict){ .spf = &s->spf,
                                            .dkim = &s->dkim,
                                            .dmarc = &s->dmarc,
                                            .sender = STR("stranger@mail.author.test") };
    mime_header_parse(a, str_from_cstr(header), &s->header);
    s->failed = (struct reports_failed){ .verdict = &s->verdict,
                                         .header = &s->header,
                                         .hostname = "mx.here.test",
                                         .source_ip = STR("192.0.2.7"),
                                         .result = STR("reject"),
                                         .now_s = 1700000000 };
}

#define RUF "v=DMARC1; p=reject; ruf=mailto:x@author.test"

static void test_when_there_is_one(void **state)
{
    static const struct {
        const char *record;
        const char *header;
        bool is_dkim_aligned;
        bool is_spf_aligned;
        bool is_wanted;
    } cases[] = {
        { RUF, "From: a\r\n", false, false, true },
        { RUF, "From: a\r\n", true, false, false },
        { RUF "; fo=1", "From: a\r\n", true, false, true },
        { RUF "; fo=1", "From: a\r\n", false, true, true },
        { RUF "; fo=1", "From: a\r\n", true, true, false },
        { RUF "; fo=0:1", "From: a\r\n", false, false, true },
        { RUF "; fo=d:s", "From: a\r\n", false, false, false },
        { RUF "; fo=d:0", "From: a\r\n", false, false, true },
        { RUF "; psd=y", "From: a\r\n", false, false, false },
        { "v=DMARC1; p=reject; rua=mailto:x@author.test", "From: a\r\n", false, false, false },
        { RUF, "From: a\r\nAuto-Submitted: auto-generated\r\n", false, false, false },
        { RUF, "From: a\r\nAuto-Submitted: no\r\n", false, false, true },
        { RUF, "Content-Type: multipart/report; report-type=feedback-report\r\n", false, false,
          false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct setting s;
        arena_init(&a);
        set_up(&s, &a, cases[i].record, cases[i].header);
        s.dmarc.is_dkim_aligned = cases[i].is_dkim_aligned;
        s.dmarc.is_spf_aligned = cases[i].is_spf_aligned;
        if (reports_failure_is_wanted(&s.failed) != cases[i].is_wanted)
            fail_msg("%zu: %s", i, cases[i].record);
        s.verdict.sender = STR_EMPTY;
        assert_false(reports_failure_is_wanted(&s.failed));
        arena_fini(&a);
    }
}

static const char original[] =
    "Return-Path: <\"a secret\"@author.test>\r\n"
    "Received: from x (y [192.0.2.7]) by mx.here.test for <SRS0=ab=cd=secret.test=secret@f.test>\r\n"
    "DKIM-Signature: v=1; d=author.test; s=s1; i=secret@author.test; h=from; bh=x; b=y\r\n"
    "DKIM-Signature: v=1; d=author.test; h=from; z=To:secret=40here.test; b=y\r\n"
    "From: \"secret@author.test\" <secret@author.test>\r\n"
    "Reply-To: =?utf-8?q?secret=40author.test?= <\"a\\\"secret\"@author.test>, secret @b.test (secret)\r\n"
    "Received: by x (secret @author.test) for \"sec\\\"secret\"@f.test; now\r\n"
    "To: secret@here.test\r\n"
    "Cc: secret\r\n"
    "Subject: secret\r\n"
    "X-Original-To: secret\r\n"
    "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
    "Message-ID: <1@author.test>\r\n"
    "\r\n"
    "secret\r\n";

static void test_what_it_tells(void **state)
{
    static const char *const lines[] = {
        "Content-Type: multipart/report; report-type=feedback-report;",
        "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\n",
        "\r\nVersion: 1\r\n",
        "\r\nUser-Agent: Heronry\r\n",
        "\r\nArrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        "\r\nOriginal-Mail-From: <redacted@mail.author.test>\r\n",
        "\r\nSource-IP: 192.0.2.7\r\n",
        "\r\nReported-Domain: author.test\r\n",
        "\r\nAuth-Failure: dmarc\r\n",
        "\r\nIdentity-Alignment: dkim, spf\r\n",
        "\r\nDelivery-Result: reject\r\n",
        "\r\nDKIM-Domain: author.test\r\nDKIM-Identity: redacted@author.test\r\nDKIM-Selector: s1\r\n",
        "\r\nSPF-DNS: txt : mail.author.test : \"v=spf1 \\\"-all\"\r\n",
        "Content-Type: text/rfc822-headers\r\n\r\nReturn-Path: <redacted@author.test>\r\n",
        " <redacted@f.test>\r\n",
        " i=redacted@author.test;",
        "\r\nFrom: <redacted@author.test>\r\n",
        "\r\nReply-To: <redacted@author.test>, <redacted@b.test>\r\n",
        " x (redacted@author.test) for redacted@f.test;",
        "\r\nMessage-ID: <1@author.test>\r\n",
    };
    struct arena a;
    struct setting s;
    struct buf fields, header, mail;
    struct err e = ERR_CLEAR;
    const str to = STR_INIT("x@author.test");
    const struct reports_sender sender = { .organization = STR_INIT("Here"),
                                           .contact = STR_INIT("postmaster@here.test"),
                                           .from = STR_INIT("noreply@here.test"),
                                           .domain = STR_INIT("here.test") };
    (void)state;
    arena_init(&a);
    buf_init(&fields, REPORTS_FAILURE_FIELDS_MAX);
    buf_init(&header, REPORTS_FAILURE_HEADER_MAX);
    buf_init(&mail, REPORTS_FAILURE_MAIL_MAX);
    set_up(&s, &a, RUF, original);
    assert_true(reports_failure_add_fields(&s.failed, &fields));
    reports_failure_add_header(&s.header, &header);
    const struct reports_failure failure = { .domain = STR("author.test"),
                                             .spf_domain = STR("mail.author.test"),
                                             .fields = buf_str(&fields),
                                             .header = buf_str(&header) };
    const struct reports_failure_mail content = { .failure = &failure,
                                                  .spf = STR("v=spf1 \"-all"),
                                                  .sender = &sender,
                                                  .to = &to,
                                                  .n_to = 1,
                                                  .now_us = 1700000000000000 };
    assert_true(reports_failure_format(&content, &mail, &e));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (str_find(buf_str(&mail), str_from_cstr(lines[i])) < 0)
            fail_msg("%s is not in\n%s", lines[i], strstr(buf_cstr(&mail), "Feedback-Type"));
    }
    if (str_find(buf_str(&mail), STR("secret")) >= 0)
        fail_msg("it gives something away:\n%s", buf_cstr(&mail));
    buf_fini(&fields);
    buf_fini(&header);
    buf_fini(&mail);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_there_is_one),
        cmocka_unit_test(test_what_it_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
