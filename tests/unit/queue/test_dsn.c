/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery reports: read back as mail, and nothing of a peer breaks their shape. */
#include "base/arena.h"
#include "mime/mime.h"
#include "queue/dsn.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

static const struct dsn_recipient two[] = {
    { .address = STR_INIT("ann@example.net"),
      .orcpt = STR_INIT("rfc822;ann@old.example"),
      .status = STR_INIT("5.1.1"),
      .diagnostic = STR_INIT("550-5.1.1 no such user\r\n550 5.1.1 here"),
      .remote = STR_INIT("mx.example.net [192.0.2.1]"),
      .last_attempt_us = INT64_C(1700000000000000) },
    { .address = STR_INIT("bob@example.net"), .status = STR_INIT("nonsense") },
};

static struct dsn sample(void)
{
    return (struct dsn){
        .action = DSN_FAILED,
        .reporting_mta = STR("mx.heronry.example"),
        .from = STR("mailer-daemon@heronry.example"),
        .to = STR("sender@heronry.example"),
        .message_id = STR("r1.abcdef@mx.heronry.example"),
        .now_us = INT64_C(1700000100000000),
        .envelope_id = STR("env-77"),
        .queue_id = STR("0g7m2v0000001"),
        .arrived_us = INT64_C(1699999990000000),
        .expires_us = INT64_C(1700600000000000),
        .recipients = two,
        .n = 2,
        .original = STR("From: sender@heronry.example\r\nSubject: hi\r\n\r\nsecret body\r\n"),
    };
}

struct composed {
    struct buf out;
    bool is_utf8;
    bool is_8bit;
};

static struct composed compose(const struct dsn *d)
{
    struct composed c;
    struct err e = ERR_CLEAR;
    buf_init(&c.out, DSN_MAX);
    if (!dsn_compose(d, &c.out, &c.is_utf8, &c.is_8bit, &e))
        fail_msg("%s", e.msg);
    return c;
}

/* Every line ends with CRLF, none is longer than 998, no other CR, LF or NUL. */
static void check_wire(str s)
{
    size_t line = 0;
    for (size_t i = 0; i < s.n; i++) {
        assert_int_not_equal(s.p[i], '\0');
        if (s.p[i] == '\r') {
            assert_true(i + 1 < s.n && s.p[i + 1] == '\n');
            assert_true(line <= 998);
            line = 0;
            i++;
            continue;
        }
        assert_int_not_equal(s.p[i], '\n');
        line++;
    }
    assert_true(str_has_suffix(s, STR("\r\n")));
}

static bool has(const struct composed *c, const char *text)
{
    return str_find(buf_str(&c->out), str_from_cstr(text)) >= 0;
}

static const char *const expected[] = {
    "From: Mail Delivery System <mailer-daemon@heronry.example>\r\n",
    "To: <sender@heronry.example>\r\n",
    "Auto-Submitted: auto-replied\r\n",
    "report-type=delivery-status",
    "Content-Type: message/delivery-status\r\n",
    "\r\n\r\nReporting-MTA: dns; mx.heronry.example\r\n",
    "Original-Envelope-Id: env-77\r\n",
    "Arrival-Date: Tue, 14 Nov 2023 22:13:10 +0000\r\n",
    "\r\nOriginal-Recipient: rfc822;ann@old.example\r\nFinal-Recipient: rfc822; ann@example.net\r\n",
    "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.net ([192.0.2.1])\r\n",
    "Diagnostic-Code: smtp; 550-5.1.1 no such user 550 5.1.1 here\r\n",
    "Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
    "\r\nFinal-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.0.0\r\n",
    "Content-Type: text/rfc822-headers\r\n\r\nFrom: sender@heronry.example\r\nSubject: hi\r\n",
};

static void test_failure(void **state)
{
    (void)state;
    struct dsn d = sample();
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        if (!has(&c, expected[i]))
            fail_msg("'%s' is not in\n%s", expected[i], buf_cstr(&c.out));
    }
    assert_false(has(&c, "secret body"));
    assert_false(has(&c, "Will-Retry-Until"));
    assert_false(c.is_utf8 || c.is_8bit);
    buf_fini(&c.out);
}

static void test_delay(void **state)
{
    (void)state;
    struct dsn d = sample();
    const struct dsn_recipient r = { .address = STR("ann@example.net"),
                                     .status = STR("4.4.1"),
                                     .diagnostic = STR("connect: timed out") };
    d.action = DSN_DELAYED;
    d.recipients = &r;
    d.n = 1;
    d.return_full = true; /* counts for failures only (RFC 3461 4.3) */
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_true(has(&c, "Action: delayed\r\nStatus: 4.4.1\r\n"));
    assert_true(has(&c, "Diagnostic-Code: x-heronry; connect: timed out\r\n"));
    assert_true(has(&c, "Will-Retry-Until: Tue, 21 Nov 2023 20:53:20 +0000\r\n"));
    assert_true(has(&c, "Content-Type: text/rfc822-headers\r\n\r\nFrom: sender"));
    assert_false(has(&c, "secret body"));
    buf_fini(&c.out);
}

static const struct {
    const char *given;
    enum dsn_action action;
    const char *shown;
} statuses[] = {
    { "5.7.26", DSN_FAILED, "Status: 5.7.26\r\n" },
    { "", DSN_FAILED, "Status: 5.0.0\r\n" },
    { "4.4.7", DSN_FAILED, "Status: 5.4.7\r\n" },
    { "4.2.2", DSN_FAILED, "Status: 5.0.0\r\n" },
    { "5.1", DSN_FAILED, "Status: 5.0.0\r\n" },
    { "5.1.1\r\nX: y", DSN_FAILED, "Status: 5.0.0\r\n" },
    { "5.1234.1", DSN_FAILED, "Status: 5.0.0\r\n" },
    { "2.0.0", DSN_DELAYED, "Status: 4.0.0\r\n" },
    { "4.7.0", DSN_DELAYED, "Status: 4.7.0\r\n" },
};

static void test_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct dsn d = sample();
        const struct dsn_recipient r = { .address = STR("a@b"),
                                         .status = str_from_cstr(statuses[i].given) };
        d.action = statuses[i].action;
        d.recipients = &r;
        d.n = 1;
        struct composed c = compose(&d);
        if (!has(&c, statuses[i].shown))
            fail_msg("%s is not shown as %s", statuses[i].given, statuses[i].shown);
        /* Who is told "try again later" hears that it was. */
        assert_true(has(&c, "in the queue since") == (strcmp(statuses[i].given, "4.4.7") == 0));
        buf_fini(&c.out);
    }
}

/* No report about a report: mail without a sender (RFC 5321 section 4.5.5). */
static void test_null_sender(void **state)
{
    (void)state;
    struct dsn d = sample();
    struct err e = ERR_CLEAR;
    struct buf out;
    bool unused = false;
    d.to = STR_EMPTY;
    buf_init(&out, DSN_MAX);
    assert_false(dsn_compose(&d, &out, &unused, &unused, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_int_equal(out.n, 0);
}

/* Text of peers that tries to add fields, parts and lines. */
static void test_hostile(void **state)
{
    (void)state;
    struct dsn d = sample();
    char big[1500];
    memset(big, 'x', sizeof(big));
    const struct dsn_recipient hostile[] = {
        { .address = STR("a\r\nBcc: evil@x"),
          .orcpt = STR("rfc822;b\r\nX-Injected: 1"),
          .status = STR("5.1.1"),
          .diagnostic = STR("550 \xff\xfe\r\n\r\n--boundary\r\n.\r\nX-Injected: 1"),
          .remote = STR("mx\r\nX-Injected: 1") },
        { .address = STR("long@x"), .diagnostic = str_of(big, sizeof(big)) },
    };
    char original[1500];
    memset(original, 'y', sizeof(original));
    const str start = STR("Subject: a\nX: b\rc\0d\n");
    memcpy(original, start.p, start.n);
    d.recipients = hostile;
    d.n = 2;
    d.original = str_of(original, sizeof(original));
    d.envelope_id = STR("e\r\nX-Injected: 1");
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_false(has(&c, "\r\nX-Injected"));
    assert_false(has(&c, "\r\nBcc"));
    assert_false(has(&c, "\r\n--boundary"));
    assert_false(c.is_8bit);
    buf_fini(&c.out);
}

static void test_utf8(void **state)
{
    (void)state;
    struct dsn d = sample();
    const struct dsn_recipient r = { .address = STR("\xc3\xbcser@example.net"),
                                     .status = STR("5.1.1") };
    d.recipients = &r;
    d.n = 1;
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_true(c.is_utf8 && c.is_8bit);
    assert_true(has(&c, "Content-Type: message/global-delivery-status\r\n"));
    assert_true(has(&c, "Final-Recipient: utf-8; \xc3\xbcser@example.net\r\n"));
    assert_true(has(&c, "Content-Type: message/global-headers\r\n"));
    buf_fini(&c.out);
    /* 8-bit text that is no UTF-8, or did not come by SMTPUTF8, goes back in the old type. */
    static const str headers[] = { STR_INIT("Subject: \xff\xfe\r\n\r\nbody"),
                                   STR_INIT("Subject: \xc3\xbc\r\n\r\nbody") };
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        d = sample();
        d.original = headers[i];
        d.is_utf8 = i == 0;
        c = compose(&d);
        assert_false(c.is_utf8);
        assert_true(c.is_8bit);
        assert_true(has(&c, "text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n"));
        buf_fini(&c.out);
    }
    d.is_utf8 = true;
    c = compose(&d);
    assert_true(c.is_utf8);
    buf_fini(&c.out);
}

/* What was asked for with NOTIFY=SUCCESS; xtext is decoded (RFC 3461 6.3), and harmless. */
static void test_success(void **state)
{
    (void)state;
    const struct dsn_recipient r = { .address = STR("ann@example.net"),
                                     .orcpt = STR("rfc822;ann+2Bx@old.example+0D+0AEvil:"),
                                     .status = STR("2.1.5"),
                                     .diagnostic = STR("250 2.1.5 taken"),
                                     .remote = STR("mx.example.net [192.0.2.1]") };
    static const struct {
        enum dsn_action action;
        const char *word;
    } cases[] = { { DSN_RELAYED, "relayed" }, { DSN_DELIVERED, "delivered" } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dsn d = sample();
        char wanted[64];
        d.action = cases[i].action;
        d.envelope_id = STR("QQ+2B3+3Dx");
        d.recipients = &r;
        d.n = 1;
        d.return_full = true;
        struct composed c = compose(&d);
        check_wire(buf_str(&c.out));
        (void)snprintf(wanted, sizeof(wanted), "Action: %s\r\nStatus: 2.1.5\r\n", cases[i].word);
        assert_true(has(&c, wanted));
        assert_true(has(&c, "Original-Recipient: rfc822;ann+x@old.example Evil:\r\n"));
        assert_true(has(&c, "Original-Envelope-Id: QQ+3=x\r\n"));
        assert_false(has(&c, "Diagnostic-Code"));
        assert_false(has(&c, "secret body"));
        buf_fini(&c.out);
    }
}

/* Whoever reads reports, as we do of others (mime/delivery_status.h), understands ours. */
static void test_read_back(void **state)
{
    (void)state;
    static const enum mime_delivery_action actions[] = { [DSN_FAILED] = MIME_DELIVERY_FAILED,
                                                         [DSN_DELAYED] = MIME_DELIVERY_DELAYED,
                                                         [DSN_RELAYED] = MIME_DELIVERY_RELAYED,
                                                         [DSN_DELIVERED] =
                                                             MIME_DELIVERY_DELIVERED };
    const struct dsn_recipient r = { .address = STR("\xc3\xbcser@example.net"),
                                     .orcpt = STR("utf-8;\\x{FC}ser@old.example"),
                                     .status = STR("5.1.1"),
                                     .diagnostic = STR("550 5.1.1 who?"),
                                     .remote = STR("mx.example.net") };
    struct mime_delivery_status got;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        struct dsn d = sample();
        d.action = (enum dsn_action)i;
        d.recipients = &r;
        d.n = 1;
        struct composed c = compose(&d);
        str text = mime_delivery_status_text(mime_structure_parse(&a, buf_str(&c.out)), &a);
        mime_delivery_status_parse(&a, text, &got);
        buf_fini(&c.out);
        assert_int_equal(got.n, d.n);
        assert_true(str_eq(got.reporting_mta, d.reporting_mta));
        assert_int_equal(got.recipients[0].action, actions[i]);
        assert_true(str_eq(got.recipients[0].final, r.address));
        assert_true(str_eq(got.recipients[0].original, STR("\xc3\xbcser@old.example")));
        assert_true(str_has_prefix(got.recipients[0].remote, r.remote));
        if (i == DSN_FAILED)
            assert_true(str_eq(got.recipients[0].diagnostic, r.diagnostic));
    }
    arena_fini(&a);
}

/* Only what people read is in their language. */
static void test_languages(void **state)
{
    (void)state;
    static const struct {
        enum language language;
        enum dsn_action action;
        const char *subject;
        const char *text;
    } cases[] = {
        { LANGUAGE_ENGLISH, DSN_FAILED, "Undelivered mail returned", "could not be delivered" },
        { LANGUAGE_ENGLISH, DSN_DELAYED, "Delayed mail",
          "It is given up on Tue, 21 Nov 2023 20:53:20 +0000.\r\n" },
        { LANGUAGE_GERMAN, DSN_FAILED, "=?utf-8?q?Nicht_zustellbar=3A_Nachricht_geht",
          "    mx.example.net [192.0.2.1] sagte: 550-5.1.1 no such user" },
        { LANGUAGE_GERMAN, DSN_DELAYED, "=?utf-8?q?Verz=C3=B6gerte_Nachricht",
          "Aufgegeben wird sie am 21. November 2023, 20:53 Uhr (UTC).\r\n" },
        { LANGUAGE_GERMAN, DSN_RELAYED, "=?utf-8?q?Nachricht_an_den_n=C3=A4chsten",
          "meldet nicht, ob sie ankam" },
        { LANGUAGE_GERMAN, DSN_DELIVERED, "Nachricht zugestellt", "Du wolltest Bescheid" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dsn d = sample();
        char language[64];
        d.language = cases[i].language;
        d.action = cases[i].action;
        struct composed c = compose(&d);
        check_wire(buf_str(&c.out));
        (void)snprintf(language, sizeof(language), "Content-Language: %s\r\nContent-Type: text/",
                       language_tag(d.language));
        if (!has(&c, cases[i].subject) || !has(&c, cases[i].text) || !has(&c, language))
            fail_msg("%zu: %s", i, buf_cstr(&c.out));
        assert_true(has(&c, "Reporting-MTA: dns; mx.heronry.example\r\n"));
        assert_true(has(&c, "Final-Recipient: rfc822; ann@example.net\r\nAction: "));
        assert_false(c.is_utf8 || c.is_8bit);
        buf_fini(&c.out);
    }
}

/* What we found out about a server is no word of it (RFC 3461 9.2). */
static void test_findings(void **state)
{
    (void)state;
    static const struct {
        const char *diagnostic;
        const char *type;
        const char *words[N_LANGUAGES];
    } cases[] = {
        { "550 5.1.1 who?", "smtp", { "mx.far.test said: ", "mx.far.test sagte: " } },
        { "550-5.1.1 who?\r\n550 is", "smtp", { "mx.far.test said: ", "mx.far.test sagte: " } },
        { "421", "smtp", { "mx.far.test said: ", "mx.far.test sagte: " } },
        { "cannot connect to 192.0.2.1:25: Connection refused",
          "x-heronry",
          { "Last tried at mx.far.test: ", "Zuletzt versucht bei mx.far.test: " } },
        { "8-bit text for a server of 7 bits: a line is too long",
          "x-heronry",
          { "Last tried at mx.far.test: ", "Zuletzt versucht bei mx.far.test: " } },
        { "5500 of them",
          "x-heronry",
          { "Last tried at mx.far.test: ", "Zuletzt versucht bei mx.far.test: " } },
    };
    for (size_t i = 0; i < COUNT_OF(cases) * N_LANGUAGES; i++) {
        const enum language language = (enum language)(i % N_LANGUAGES);
        const size_t k = i / N_LANGUAGES;
        struct dsn d = sample();
        char typed[200];
        char words[200];
        const struct dsn_recipient r = { .address = STR("ann@far.test"),
                                         .diagnostic = str_from_cstr(cases[k].diagnostic),
                                         .remote = STR("mx.far.test") };
        d.language = language;
        d.recipients = &r;
        d.n = 1;
        struct composed c = compose(&d);
        check_wire(buf_str(&c.out));
        (void)snprintf(typed, sizeof(typed), "Status: 5.0.0\r\n%sDiagnostic-Code: %s; %.8s",
                       strcmp(cases[k].type, "smtp") == 0 ? "Remote-MTA: dns; mx.far.test\r\n" : "",
                       cases[k].type, cases[k].diagnostic);
        (void)snprintf(words, sizeof(words), "    %s%.8s", cases[k].words[language],
                       cases[k].diagnostic);
        if (!has(&c, typed) || !has(&c, words))
            fail_msg("%zu: %s", i, buf_cstr(&c.out));
        buf_fini(&c.out);
    }
}

/* A reply of several lines is told whole, in the field as in the text for people. */
static void test_long_reply(void **state)
{
    (void)state;
    static const char reply[] =
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated.\n"
        "5.7.26 The sender must authenticate with at least one of SPF or DKIM.\n"
        "5.7.26  DKIM = did not pass, SPF for one.example with ip: 192.0.2.1 = did not pass\n"
        "5.7.26 For how to set this up, see https://far.test/help/answer?of=81126 - the end";
    const struct dsn_recipient r = { .address = STR("ann@far.test"),
                                     .diagnostic = str_from_cstr(reply),
                                     .remote = STR("mx.far.test") };
    struct dsn d = sample();
    d.recipients = &r;
    d.n = 1;
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_true(
        has(&c, "\r\n    mx.far.test said: 550 5.7.26 This mail has been blocked because the\r\n"
                "    sender is unauthenticated. 5.7.26 The sender must authenticate with at\r\n"));
    assert_true(has(&c, "\r\n    up, see https://far.test/help/answer?of=81126 - the end\r\n"));
    assert_true(has(&c,
                    "Diagnostic-Code: smtp; 550 5.7.26 This mail has been blocked because the\r\n"
                    " sender is unauthenticated. 5.7.26"));
    assert_true(has(&c, "answer?of=81126 - the end\r\n\r\n--")); /* the end of the part */
    buf_fini(&c.out);
}

static void test_cap(void **state)
{
    (void)state;
    struct dsn d = sample();
    size_t n = (size_t)4 * 1024 * 1024;
    char *original = heap_alloc(n);
    for (size_t i = 0; i < n; i++)
        original[i] = i % 70 == 69 ? '\n' : 'z';
    d.original = str_of(original, n);
    d.return_full = true;
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_in_range(c.out.n, DSN_RETURN_MAX, DSN_RETURN_MAX + 8192);
    assert_true(has(&c, "Of your message, only the first 64 kB are enclosed."));
    buf_fini(&c.out);
    free(original);
}

/* Whether a report says that there is more: of a message, or of a header that does not end. */
static void test_says_that_it_is_cut(void **state)
{
    static const struct {
        const char *original;
        bool is_full;
        bool is_cut;
        bool says;
    } cases[] = {
        { "Subject: x\r\n\r\nbody\r\n", true, false, false },
        { "Subject: x\r\n\r\nbody\r\n", true, true, true },
        { "Subject: x\r\n\r\nbody\r\n", false, true, false },
        { "Subject: x\r\nTo: y\r\n", false, true, true },
        { "Subject: x\r\nTo: y\r\n", false, false, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dsn d = sample();
        d.original = str_from_cstr(cases[i].original);
        d.return_full = cases[i].is_full;
        d.is_original_cut = cases[i].is_cut;
        d.language = LANGUAGE_GERMAN;
        struct composed c = compose(&d);
        assert_int_equal(has(&c, "Von deiner Nachricht liegen nur die ersten 64 kB bei."),
                         cases[i].says);
        buf_fini(&c.out);
    }
}

/* As many recipients as a message may have, each with as long a reply as is kept. */
static void test_many(void **state)
{
    (void)state;
    struct dsn d = sample();
    char diagnostic[1024];
    memset(diagnostic, 'w', sizeof(diagnostic));
    struct dsn_recipient *many = heap_zalloc(1000 * sizeof(*many));
    for (size_t i = 0; i < 1000; i++) {
        many[i] = (struct dsn_recipient){ .address = STR("somebody.with.a.name@example.net"),
                                          .diagnostic = str_of(diagnostic, sizeof(diagnostic)) };
    }
    d.recipients = many;
    d.n = 1000;
    struct composed c = compose(&d);
    check_wire(buf_str(&c.out));
    assert_true(has(&c, "and 900 more"));
    buf_fini(&c.out);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure),  cmocka_unit_test(test_delay),
        cmocka_unit_test(test_status),   cmocka_unit_test(test_null_sender),
        cmocka_unit_test(test_hostile),  cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_success),  cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_cap),      cmocka_unit_test(test_says_that_it_is_cut),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_languages),
        cmocka_unit_test(test_findings), cmocka_unit_test(test_long_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
