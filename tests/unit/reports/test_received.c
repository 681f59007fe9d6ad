/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of others: those of the public suites (tests/vectors/dkim-dmarc), those that we write
 * ourselves read back, and what is no report. */
#include "mime/mime.h"
#include "received_check.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct reports_sender sender = { .organization = STR_INIT("Example & Sons"),
                                              .contact = STR_INIT("postmaster@example.org"),
                                              .from = STR_INIT("noreply@example.org"),
                                              .domain = STR_INIT("example.org") };

/* ---- by others ---- */

static const struct vector {
    const char *file;
    received_parse_fn parse;
    enum reports_kind kind;
    const char *domain;
    const char *organization;
    const char *id;
    size_t n;
    int64_t good;
    int64_t bad;
} vectors[] = {
    { "dkim-dmarc/dmarc-feedback/001.xml", reports_dmarc_parse, REPORTS_DMARC, "example.com",
      "Sample Reporter", "3v98abbp8ya9n3va8yr8oa3ya", 1, 123, 0 },
    { "dkim-dmarc/dmarc-feedback/003.xml", reports_dmarc_parse, REPORTS_DMARC, "stalw.art",
      "Fastmail Pty Ltd", "758848224", 4, 1, 8 },
    { "dkim-dmarc/dmarc-feedback/005.xml", reports_dmarc_parse, REPORTS_DMARC, "example.com",
      "Legacy Reporter", "legacy-1", 1, 1, 0 },
    { "dkim-dmarc/dmarc-feedback/100.eml", reports_message_parse, REPORTS_DMARC, "stalw.art",
      "google.com", "5264580628977113351", 1, 1, 0 },
    { "dkim-dmarc/dmarc-feedback/102.eml", reports_message_parse, REPORTS_DMARC, "stalw.art",
      "Mail.Ru", "28551467700969547611667865600", 1, 0, 1 },
    { "dkim-dmarc/dmarc-feedback/104.eml", reports_message_parse, REPORTS_DMARC, "stalw.art",
      "AMAZON-SES", "6b06c366-0631-4ca0-8337-f5aecf137918", 1, 0, 1 },
    { "dkim-dmarc/tlsrpt/rpt01.json", reports_tls_parse, REPORTS_TLS, "company-y.example",
      "Company-X", "5065427c-23d3-47ca-b6e0-946ea0e8c4be", 4, 5326, 303 },
    { "dkim-dmarc/tlsrpt/rpt01.eml", reports_message_parse, REPORTS_TLS, "company-y.example",
      "Company-X", "5065427c-23d3-47ca-b6e0-946ea0e8c4be", 4, 5326, 303 },
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct arena a;
        struct reports_received r;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        bool ok = v->parse(vectors_read(&a, v->file), &a, &r, &e);
        if (!ok)
            fail_msg("%s: %s", v->file, e.msg);
        check_received(&r);
        assert_string_equal(arena_cstr(&a, r.domain), v->domain);
        assert_string_equal(arena_cstr(&a, r.organization), v->organization);
        assert_string_equal(arena_cstr(&a, r.id), v->id);
        assert_int_equal(r.kind, v->kind);
        assert_int_equal(r.n, v->n);
        assert_int_equal(r.good, v->good);
        assert_int_equal(r.bad, v->bad);
        arena_fini(&a);
    }
}

/* Whether a text is a word of the JSON: "TrustedForwarder" is trusted_forwarder, null and
 * "Unspecified" are no text. */
static bool is_word(str text, str word)
{
    size_t n = 0;
    if (str_eq(word, STR("Unspecified")))
        return text.n == 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '_')
            continue;
        if (n == word.n || ascii_lower(text.p[i]) != ascii_lower(word.p[n++]))
            return false;
    }
    return n == word.n;
}

static bool are_signatures(struct arena *a, const json_t *list, str lines)
{
    str wanted = STR_EMPTY;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        wanted = arena_printf(a, "%.*s%s%.*s %.*s %.*s", STR_FMT(wanted), i ? "\n" : "",
                              STR_FMT(arena_lower(a, vectors_str(one, "result"))),
                              STR_FMT(vectors_str(one, "domain")),
                              STR_FMT(vectors_str(one, "selector")));
    }
    return str_eq(str_trim(lines), wanted);
}

/* A reason that the suite has no word for is "Other" to it, and kept by us as it is written. */
static bool is_row(struct arena *a, const json_t *record, const struct reports_dmarc_row *row)
{
    const json_t *top = json_object_get(record, "row");
    const json_t *done = json_object_get(top, "policy_evaluated");
    const json_t *names = json_object_get(record, "identifiers");
    const json_t *results = json_object_get(record, "auth_results");
    const json_t *reason = json_array_get(json_object_get(done, "reason"), 0);
    const json_t *spf = json_array_get(json_object_get(results, "spf"), 0);
    str scope = vectors_str(spf, "scope");
    return json_integer_value(json_object_get(top, "count")) == row->messages &&
           str_eq(vectors_str(top, "source_ip"), row->source) &&
           is_word(row->disposition, vectors_str(done, "disposition")) &&
           is_word(row->dkim, vectors_str(done, "dkim")) &&
           is_word(row->spf, vectors_str(done, "spf")) &&
           (str_eq(vectors_str(reason, "type_"), STR("Other")) ||
            is_word(row->override, vectors_str(reason, "type_"))) &&
           str_eq(vectors_str(reason, "comment"), row->comment) &&
           str_eq(vectors_str(names, "header_from"), row->header_from) &&
           str_eq(vectors_str(names, "envelope_from"), row->envelope_from) &&
           str_eq(vectors_str(spf, "domain"), row->spf_domain) &&
           is_word(row->spf_scope, str_eq(scope, STR("MailFrom")) ? STR("mfrom") : scope) &&
           is_word(row->spf_result, vectors_str(spf, "result")) &&
           are_signatures(a, json_object_get(results, "dkim"), row->signatures);
}

/* The suite says in JSON what it reads in each aggregate report: so do we, row by row. */
static void test_vectors_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors) && vectors[i].kind == REPORTS_DMARC; i++) {
        struct arena a;
        struct reports_received r;
        struct err e = ERR_CLEAR;
        str file = str_from_cstr(vectors[i].file);
        arena_init(&a);
        json_t *told =
            vectors_load(arena_printf(&a, "%.*s.json", STR_FMT(str_slice(file, 0, file.n - 4))).p);
        const json_t *about = json_object_get(told, "report_metadata");
        const json_t *range = json_object_get(about, "date_range");
        const json_t *records = json_object_get(told, "record");
        assert_true(vectors[i].parse(vectors_read(&a, vectors[i].file), &a, &r, &e));
        assert_true(str_eq(r.organization, vectors_str(about, "org_name")));
        assert_true(str_eq(r.contact, vectors_str(about, "email")));
        assert_true(str_eq(r.id, vectors_str(about, "report_id")));
        assert_int_equal(r.begin_s, json_integer_value(json_object_get(range, "begin")));
        assert_int_equal(r.end_s, json_integer_value(json_object_get(range, "end")));
        assert_true(
            str_eq(r.domain, vectors_str(json_object_get(told, "policy_published"), "domain")));
        assert_int_equal(r.n, json_array_size(records));
        for (size_t n = 0; n < r.n; n++) {
            if (!is_row(&a, json_array_get(records, n), &r.dmarc[n]))
                fail_msg("%s: record %zu", vectors[i].file, n);
        }
        json_decref(told);
        arena_fini(&a);
    }
}

/* A report has to name the domain that it is about (RFC 8460 section 4.4, "policy-domain"): one
 * that does not is about nobody of ours. Feedback on abuse (ARF, RFC 5965) is read by people: it
 * stays a mail. */
static void test_vectors_that_are_not_taken(void **state)
{
    static const struct {
        const char *file;
        received_parse_fn parse;
        const char *word;
    } cases[] = {
        { "dkim-dmarc/tlsrpt/rpt03.json", reports_tls_parse, "names no domain" },
        { "dkim-dmarc/arf/001.eml", reports_message_parse, "no file of a report" },
        { "dkim-dmarc/arf/003.eml", reports_message_parse, "no file of a report" },
        { "dkim-dmarc/arf/005.eml", reports_message_parse, "no file of a report" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct reports_received r;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        if (cases[i].parse(vectors_read(&a, cases[i].file), &a, &r, &e) ||
            !strstr(e.msg, cases[i].word))
            fail_msg("%s: %s", cases[i].file, e.msg);
        arena_fini(&a);
    }
}

static void test_details_of_a_report(void **state)
{
    struct arena a;
    struct reports_received r;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    assert_true(
        reports_dmarc_parse(vectors_read(&a, "dkim-dmarc/dmarc-feedback/005.xml"), &a, &r, &e));
    const struct reports_dmarc_row *row = &r.dmarc[0];
    assert_true(str_eq(r.policy, STR("p=reject sp=reject adkim=r aspf=r")));
    assert_true(str_eq(row->source, STR("192.0.2.1")));
    assert_true(str_eq(row->disposition, STR("quarantine")));
    assert_true(str_eq(row->override, STR("sampled_out")));
    assert_true(str_eq(row->comment, STR("legacy sampling")));
    assert_true(str_eq(row->spf_scope, STR("helo")));
    assert_true(reports_tls_parse(vectors_read(&a, "dkim-dmarc/tlsrpt/rpt01.json"), &a, &r, &e));
    assert_true(str_eq(r.tls[2].result, STR("starttls-not-supported")));
    assert_true(str_eq(r.tls[2].mx_ip, STR("203.0.113.56")));
    assert_int_equal(r.tls[2].sessions, 200);
    assert_int_equal(str_find(r.tls[0].policy, STR("mode: testing\nmx: *.mail.company-y")), 15);
    arena_fini(&a);
}

/* ---- our own ---- */

/* What leaves us as a mail comes back as the same rows. */
static void assert_round_trip(struct arena *a, enum reports_kind kind, const struct buf *text,
                              struct reports_received *back)
{
    enum {
        DAY = 20000
    };
    struct buf packed, mail;
    struct mime_header header;
    struct err e = ERR_CLEAR;
    const str to = STR_INIT("postmaster@remote.test");
    struct reports_document doc = {
        .kind = kind,
        .about = reports_about_of(a, kind, DAY, STR("remote.test"), &sender),
        .text = buf_str(text),
    };
    buf_init(&packed, REPORTS_DOCUMENT_MAX);
    buf_init(&mail, REPORTS_DOCUMENT_MAX);
    assert_true(reports_document_compress(doc.text, &packed, &e));
    doc.packed = buf_str(&packed);
    reports_document_name(a, &doc);
    assert_true(reports_mail_format(&doc, &to, 1, 1, &mail, &e));
    mime_header_parse(a, buf_str(&mail), &header);
    assert_true(reports_is_report(&header));
    assert_true(reports_message_parse(buf_str(&mail), a, back, &e));
    check_received(back);
    assert_true(str_eq(back->organization, sender.organization));
    assert_true(str_eq(back->domain, STR("remote.test")));
    assert_int_equal(back->begin_s, doc.about.begin_s);
    assert_int_equal(back->end_s, doc.about.end_s);
    assert_true(str_eq(back->id, doc.about.id));
    buf_fini(&packed);
    buf_fini(&mail);
}

static void test_our_own_tls_report(void **state)
{
    static const struct reports_tls_row rows[] = {
        { .policy_type = STR_INIT("sts"),
          .policy_domain = STR_INIT("remote.test"),
          .policy = STR_INIT("version: STSv1\nmode: enforce"),
          .result = STR_INIT("successful"),
          .sessions = 7 },
        { .policy_type = STR_INIT("sts"),
          .policy_domain = STR_INIT("remote.test"),
          .policy = STR_INIT("version: STSv1\nmode: enforce"),
          .result = STR_INIT("certificate-expired"),
          .mx = STR_INIT("mx.remote.test"),
          .mx_ip = STR_INIT("192.0.2.1"),
          .our_ip = STR_INIT("192.0.2.9"),
          .reason = STR_INIT("certificate has expired"),
          .sessions = 2 },
    };
    struct arena a;
    struct buf text;
    struct reports_received back;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    buf_init(&text, REPORTS_DOCUMENT_MAX);
    const struct reports_about about =
        reports_about_of(&a, REPORTS_TLS, 20000, STR("remote.test"), &sender);
    assert_true(reports_tls_format(&about, rows, COUNT_OF(rows), &text, &e));
    assert_round_trip(&a, REPORTS_TLS, &text, &back);
    assert_int_equal(back.n, 2);
    for (size_t i = 0; i < back.n; i++) {
        assert_true(str_eq(back.tls[i].policy, rows[i].policy));
        assert_true(str_eq(back.tls[i].result, rows[i].result));
        assert_true(str_eq(back.tls[i].mx_ip, rows[i].mx_ip));
        assert_true(str_eq(back.tls[i].our_ip, rows[i].our_ip));
        assert_true(str_eq(back.tls[i].reason, rows[i].reason));
        assert_int_equal(back.tls[i].sessions, rows[i].sessions);
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void test_our_own_dmarc_report(void **state)
{
    static const struct reports_dmarc_row row = {
        .source = STR_INIT("2001:db8::9"),
        .disposition = STR_INIT("none"),
        .dkim = STR_INIT("fail"),
        .spf = STR_INIT("pass"),
        .override = STR_INIT("local_policy"),
        .comment = STR_INIT("a <list> & more"),
        .header_from = STR_INIT("remote.test"),
        .envelope_from = STR_INIT("bounce.remote.test"),
        .signatures = STR_INIT("fail remote.test s1\npass list.test s2"),
        .spf_domain = STR_INIT("bounce.remote.test"),
        .spf_scope = STR_INIT("mfrom"),
        .spf_result = STR_INIT("pass"),
        .messages = 12,
    };
    struct arena a;
    struct buf text;
    struct reports_received back;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    buf_init(&text, REPORTS_DOCUMENT_MAX);
    const struct reports_about about =
        reports_about_of(&a, REPORTS_DMARC, 20000, STR("remote.test"), &sender);
    assert_true(reports_dmarc_format(&about, STR("v=DMARC1; p=reject; t=y"), &row, 1, &text, &e));
    assert_round_trip(&a, REPORTS_DMARC, &text, &back);
    assert_int_equal(back.n, 1);
    assert_true(str_eq(back.policy, STR("p=reject adkim=r aspf=r t=y")));
    assert_true(str_eq(back.dmarc[0].signatures, row.signatures));
    assert_true(str_eq(back.dmarc[0].comment, row.comment));
    assert_true(str_eq(back.dmarc[0].envelope_from, row.envelope_from));
    assert_true(str_eq(back.dmarc[0].spf_scope, row.spf_scope));
    assert_int_equal(back.good, 12);
    buf_fini(&text);
    arena_fini(&a);
}

/* ---- what is none ---- */

#define HEAD                                                                                \
    "<feedback><report_metadata><org_name>o</org_name><report_id>1</report_id><date_range>" \
    "<begin>1</begin><end>2</end></date_range></report_metadata>"
#define OURS "<policy_published><domain>a.test</domain></policy_published>"

static void test_what_is_no_report(void **state)
{
    static const struct {
        received_parse_fn parse;
        const char *text;
        enum err_kind kind;
    } cases[] = {
        { reports_dmarc_parse, HEAD OURS "</feedback>", ERR_NONE },
        { reports_dmarc_parse, "", ERR_SYNTAX },
        { reports_dmarc_parse, "hello", ERR_SYNTAX },
        { reports_dmarc_parse, "<other/>", ERR_SYNTAX },
        { reports_dmarc_parse, HEAD "</feedback>", ERR_SYNTAX },
        { reports_dmarc_parse, HEAD OURS, ERR_SYNTAX },
        { reports_dmarc_parse, HEAD OURS "<record><row/></record></feedback>", ERR_SYNTAX },
        { reports_dmarc_parse, "<!DOCTYPE feedback>" HEAD OURS "</feedback>", ERR_SYNTAX },
        { reports_dmarc_parse, HEAD OURS "&x;</feedback>", ERR_SYNTAX },
        { reports_tls_parse, "", ERR_SYNTAX },
        { reports_tls_parse, "{}", ERR_SYNTAX },
        { reports_tls_parse, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
          ERR_LIMIT },
        { reports_tls_parse, "{\"policies\": [{}]}", ERR_SYNTAX },
        { reports_message_parse, "Subject: Report Domain: a\r\n\r\ntext\r\n", ERR_NOT_FOUND },
        { reports_message_parse, "Content-Type: application/gzip\r\n\r\n\x1f\x8b damaged",
          ERR_SYNTAX },
        { reports_message_parse, "Content-Type: application/zip\r\n\r\nPK\x03\x04 damaged",
          ERR_SYNTAX },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct reports_received r;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        bool ok = cases[i].parse(str_from_cstr(cases[i].text), &a, &r, &e);
        if (ok != (cases[i].kind == ERR_NONE) || e.kind != cases[i].kind)
            fail_msg("%s: %d %s", cases[i].text, e.kind, e.msg);
        arena_fini(&a);
    }
}

/* One row more than there may be, and a file that becomes too big. */
static void test_limits(void **state)
{
    const size_t room = 1024 * (size_t)1024;
    struct arena a;
    struct buf text, packed, out;
    struct reports_received r;
    (void)state;
    arena_init(&a);
    buf_init(&text, REPORTS_DOCUMENT_MAX);
    buf_init(&packed, REPORTS_DOCUMENT_MAX);
    buf_init(&out, room);
    assert_true(buf_add(&text, STR(HEAD OURS)));
    for (size_t i = 0; i <= REPORTS_ROWS_MAX; i++) {
        struct err e = ERR_CLEAR;
        size_t kept = text.n;
        assert_true(i < REPORTS_ROWS_MAX || (buf_add(&text, STR("</feedback>")) &&
                                             reports_dmarc_parse(buf_str(&text), &a, &r, &e)));
        buf_truncate(&text, kept);
        assert_true(buf_add(&text, STR("<record><row><count>1</count></row></record>")));
    }
    assert_int_equal(r.n, REPORTS_ROWS_MAX);
    struct err e = ERR_CLEAR;
    assert_true(buf_add(&text, STR("</feedback>")));
    assert_false(reports_dmarc_parse(buf_str(&text), &a, &r, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    e = (struct err)ERR_CLEAR;
    char *zeros = arena_alloc(&a, 4 * room);
    memset(zeros, 0, 4 * room);
    assert_true(reports_document_compress(str_of(zeros, 4 * room), &packed, &e));
    assert_false(reports_unpack(buf_str(&packed), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&text);
    buf_fini(&packed);
    buf_fini(&out);
    arena_fini(&a);
}

/* Many tiny texts that belong together: what is kept of them is no multiple of the document. */
static void test_memory_of_many_texts(void **state)
{
    enum {
        RECORDS = 40,
        TEXTS = 1000,
        TIMES = 2
    };
    struct arena a;
    struct buf xml, json;
    struct reports_received r;
    struct err e = ERR_CLEAR;
    (void)state;
    buf_init(&xml, REPORTS_DOCUMENT_MAX);
    buf_init(&json, REPORTS_DOCUMENT_MAX);
    assert_true(buf_add(&xml, STR(HEAD OURS)));
    assert_true(
        buf_add(&json, STR("{\"organization-name\":\"o\",\"report-id\":\"1\",\"date-range\":"
                           "{\"start-datetime\":\"2026-01-01T00:00:00Z\",\"end-datetime\":"
                           "\"2026-01-02T00:00:00Z\"},\"policies\":[")));
    for (size_t i = 0; i < RECORDS; i++) {
        assert_true(buf_add(&xml, STR("<record><row><count>1</count></row><auth_results>")));
        assert_true(buf_addf(&json,
                             "%s{\"policy\":{\"policy-domain\":\"a.test\",\"policy-string\":[",
                             i > 0 ? "," : ""));
        for (size_t k = 0; k < TEXTS; k++) {
            assert_true(buf_add(&xml, STR("<dkim><domain>d</domain><result>r</result></dkim>")));
            assert_true(buf_addf(&json, "%s\"s\"", k > 0 ? "," : ""));
        }
        assert_true(buf_add(&xml, STR("</auth_results></record>")));
        assert_true(buf_add(&json, STR("]},\"summary\":{\"total-successful-session-count\":1}}")));
    }
    assert_true(buf_add(&xml, STR("</feedback>")) && buf_add(&json, STR("]}")));
    arena_init(&a);
    assert_true(reports_dmarc_parse(buf_str(&xml), &a, &r, &e));
    assert_int_equal(r.n, RECORDS);
    assert_true(str_has_prefix(r.dmarc[RECORDS - 1].signatures, STR("r d \nr d \n")));
    assert_true(r.dmarc[RECORDS - 1].signatures.n > 4000);
    assert_in_range(a.total, 1, TIMES * xml.n);
    arena_fini(&a);
    arena_init(&a);
    assert_true(reports_tls_parse(buf_str(&json), &a, &r, &e));
    assert_int_equal(r.n, RECORDS);
    assert_int_equal(r.tls[RECORDS - 1].policy.n, 2 * TEXTS - 1);
    assert_in_range(a.total, 1, TIMES * json.n);
    arena_fini(&a);
    buf_fini(&xml);
    buf_fini(&json);
}

static void test_recognising(void **state)
{
    static const struct {
        const char *header;
        bool is_report;
        const char *domain;
    } cases[] = {
        { "Subject: Report Domain: a.test Submitter: b.test Report-ID: <1>\r\n\r\n", true,
          "a.test" },
        { "Subject: Dmarc Aggregate Report Domain: {A.test}\r\n\r\n", true, "a.test" },
        { "Subject: [Preview] Report Domain:\r\n a.test; Submitter: b\r\n\r\n", true, "a.test" },
        { "Subject: =?utf-8?Q?Report_domain=3A_a.test?=\r\n\r\n", true, "a.test" },
        { "TLS-Report-Domain: a.test\r\nSubject: hi\r\n\r\n", true, "a.test" },
        { "Subject: Report Domain: b.test\r\nTLS-Report-Domain: a.test.\r\n\r\n", true, "a.test" },
        { "Subject: Report Domain: b\xc3\xbc.test\r\n\r\n", true, "xn--b-eha.test" },
        { "Subject: Report Domain:\r\n\r\n", true, "" },
        { "Subject: Report Domain: {}\r\n\r\n", true, "" },
        { "TLS-Report-Domain: a..test\r\n\r\n", true, "" },
        { "Subject: What is this report?\r\n\r\n", false, "" },
        { "Subject: Re: Report Domain: a.test\r\nIn-Reply-To: <1@a>\r\n\r\n", false, "a.test" },
        { "Subject: DMARC failure report about a.test\r\nContent-Type: multipart/report;"
          " report-type=feedback-report\r\n\r\n",
          false, "" },
        { "From: a@b\r\n\r\nSubject: Report Domain: a\r\n", false, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct mime_header header;
        arena_init(&a);
        mime_header_parse(&a, str_from_cstr(cases[i].header), &header);
        if (reports_is_report(&header) != cases[i].is_report)
            fail_msg("%s", cases[i].header);
        str domain = reports_message_domain(&header, &a);
        if (!str_eq(domain, str_from_cstr(cases[i].domain)))
            fail_msg("%s: %.*s", cases[i].header, STR_FMT(domain));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_vectors_say_the_same),
        cmocka_unit_test(test_vectors_that_are_not_taken),
        cmocka_unit_test(test_details_of_a_report),
        cmocka_unit_test(test_our_own_tls_report),
        cmocka_unit_test(test_our_own_dmarc_report),
        cmocka_unit_test(test_what_is_no_report),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory_of_many_texts),
        cmocka_unit_test(test_recognising),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
