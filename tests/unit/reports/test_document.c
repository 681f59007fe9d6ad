/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as text: the JSON of TLS-RPT by its fields, the XML of DMARC, the mail around them. The
 * schema of the XML is judged by xmllint (integration/test_reports.py). */
#include "mime/mime.h"
#include "reports/document.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

static const struct reports_sender sender = { .organization = STR_INIT("Example & Sons"),
                                              .contact = STR_INIT("postmaster@example.org"),
                                              .from = STR_INIT("noreply@example.org"),
                                              .domain = STR_INIT("example.org") };

enum {
    DAY = 20000 /* 2024-10-04 */
};

static struct reports_about about_tls(struct arena *a, str domain)
{
    return reports_about_of(a, REPORTS_TLS, DAY, domain, &sender);
}

/* ---- TLS ---- */

static const struct reports_tls_row tls_rows[] = {
    { .policy_type = STR_INIT("no-policy-found"),
      .policy_domain = STR_INIT("remote.test"),
      .result = STR_INIT("successful"),
      .sessions = 3 },
    { .policy_type = STR_INIT("sts"),
      .policy_domain = STR_INIT("remote.test"),
      .policy = STR_INIT("version: STSv1\nmode: testing\nmx: mx1.remote.test\nmx: *.other.test"),
      .result = STR_INIT("successful"),
      .sessions = 5326 },
    { .policy_type = STR_INIT("sts"),
      .policy_domain = STR_INIT("remote.test"),
      .policy = STR_INIT("version: STSv1\nmode: testing\nmx: mx1.remote.test\nmx: *.other.test"),
      .result = STR_INIT("certificate-expired"),
      .mx = STR_INIT("mx1.remote.test"),
      .mx_ip = STR_INIT("192.0.2.1"),
      .our_ip = STR_INIT("2001:db8::1"),
      .reason = STR_INIT("certificate has expired"),
      .sessions = 100 },
    { .policy_type = STR_INIT("sts"),
      .policy_domain = STR_INIT("remote.test"),
      .policy = STR_INIT("version: STSv1\nmode: testing\nmx: mx1.remote.test\nmx: *.other.test"),
      .result = STR_INIT("starttls-not-supported"),
      .mx = STR_INIT("mx2.other.test"),
      .sessions = 200 },
    { .policy_type = STR_INIT("tlsa"),
      .policy_domain = STR_INIT("mx1.remote.test"),
      .policy = STR_INIT("3 1 1 00ff"),
      .result = STR_INIT("validation-failure"),
      .sessions = 1 },
};

static const char *text_at(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    assert_non_null(text);
    return text;
}

static void check_policy(const json_t *policies, size_t i, const char *type, json_int_t good,
                         json_int_t bad, size_t failures)
{
    const json_t *one = json_array_get(policies, i);
    const json_t *summary = json_object_get(one, "summary");
    assert_string_equal(text_at(json_object_get(one, "policy"), "policy-type"), type);
    assert_int_equal(json_integer_value(json_object_get(summary, "total-successful-session-count")),
                     good);
    assert_int_equal(json_integer_value(json_object_get(summary, "total-failure-session-count")),
                     bad);
    assert_int_equal(json_array_size(json_object_get(one, "failure-details")), failures);
}

static void check_sts(const json_t *policies)
{
    const json_t *one = json_array_get(policies, 1);
    const json_t *policy = json_object_get(one, "policy");
    const json_t *failure = json_array_get(json_object_get(one, "failure-details"), 0);
    assert_int_equal(json_array_size(json_object_get(policy, "policy-string")), 4);
    assert_string_equal(json_string_value(json_array_get(json_object_get(policy, "mx-host"), 1)),
                        "*.other.test");
    assert_string_equal(text_at(failure, "result-type"), "certificate-expired");
    assert_string_equal(text_at(failure, "sending-mta-ip"), "2001:db8::1");
    assert_string_equal(text_at(failure, "receiving-mx-hostname"), "mx1.remote.test");
    assert_string_equal(text_at(failure, "receiving-ip"), "192.0.2.1");
    assert_string_equal(text_at(failure, "failure-reason-code"), "certificate has expired");
    assert_int_equal(json_integer_value(json_object_get(failure, "failed-session-count")), 100);
    const json_t *second = json_array_get(json_object_get(one, "failure-details"), 1);
    assert_null(json_object_get(second, "receiving-ip"));
}

static void test_tls_has_the_fields_of_the_rfc(void **state)
{
    struct arena a;
    struct buf out;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    buf_init(&out, REPORTS_DOCUMENT_MAX);
    const struct reports_about about = about_tls(&a, STR("remote.test"));
    assert_true(reports_tls_format(&about, tls_rows, COUNT_OF(tls_rows), &out, &e));
    json_t *root = json_loadb(out.p, out.n, 0, NULL);
    assert_non_null(root);
    assert_string_equal(text_at(root, "organization-name"), "Example & Sons");
    assert_string_equal(text_at(root, "contact-info"), "postmaster@example.org");
    assert_string_equal(text_at(root, "report-id"), arena_cstr(&a, about.id));
    const json_t *range = json_object_get(root, "date-range");
    assert_string_equal(text_at(range, "start-datetime"), "2024-10-04T00:00:00Z");
    assert_string_equal(text_at(range, "end-datetime"), "2024-10-04T23:59:59Z");
    const json_t *policies = json_object_get(root, "policies");
    assert_int_equal(json_array_size(policies), 3);
    check_policy(policies, 0, "no-policy-found", 3, 0, 0);
    check_policy(policies, 1, "sts", 5326, 300, 2);
    check_policy(policies, 2, "tlsa", 0, 1, 1);
    assert_null(json_object_get(json_object_get(json_array_get(policies, 2), "policy"), "mx-host"));
    check_sts(policies);
    json_decref(root);
    buf_fini(&out);
    arena_fini(&a);
}

static void test_a_report_that_is_too_long_is_refused(void **state)
{
    struct arena a;
    struct buf out;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    buf_init(&out, 100);
    const struct reports_about about = about_tls(&a, STR("remote.test"));
    assert_false(reports_tls_format(&about, tls_rows, COUNT_OF(tls_rows), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    e = ERR_CLEAR;
    const struct reports_dmarc_row row = { .source = STR("192.0.2.1") };
    assert_false(reports_dmarc_format(&about, STR("v=DMARC1; p=none"), &row, 1, &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&out);
    arena_fini(&a);
}

/* ---- DMARC ---- */

static const struct reports_dmarc_row dmarc_rows[] = {
    { .source = STR_INIT("192.0.2.7"),
      .disposition = STR_INIT("none"),
      .dkim = STR_INIT("fail"),
      .spf = STR_INIT("pass"),
      .override = STR_INIT("local_policy"),
      .comment = STR_INIT("a < b & c"),
      .header_from = STR_INIT("news.remote.test"),
      .envelope_from = STR_INIT("bounce.remote.test"),
      .signatures = STR_INIT("pass list.test s1\nfail remote.test s2\n"),
      .spf_domain = STR_INIT("bounce.remote.test"),
      .spf_scope = STR_INIT("mfrom"),
      .spf_result = STR_INIT("pass"),
      .messages = 12 },
    { .source = STR_INIT("2001:db8::7"),
      .disposition = STR_INIT("reject"),
      .dkim = STR_INIT("fail"),
      .spf = STR_INIT("fail"),
      .header_from = STR_INIT("remote.test"),
      .spf_domain = STR_INIT("host.elsewhere.test"),
      .spf_scope = STR_INIT("helo"),
      .spf_result = STR_INIT("none"),
      .messages = 1 },
};

static void must_have(str text, const char *what)
{
    if (str_find(text, str_from_cstr(what)) < 0)
        fail_msg("no %s in %.*s", what, STR_FMT(text));
}

static void test_dmarc_says_what_was_counted(void **state)
{
    static const char *const parts[] = {
        "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">",
        "<version>1.0</version>",
        "<org_name>Example &amp; Sons</org_name>",
        "<begin>1728000000</begin>",
        "<end>1728086399</end>",
        "<domain>remote.test</domain>",
        "<p>reject</p>",
        "<sp>quarantine</sp>",
        "<adkim>s</adkim>",
        "<aspf>r</aspf>",
        "<testing>n</testing>",
        "<source_ip>2001:db8::7</source_ip>",
        "<count>12</count>",
        "<type>local_policy</type>",
        "<comment>a &lt; b &amp; c</comment>",
        "<header_from>news.remote.test</header_from>",
        "<envelope_from>bounce.remote.test</envelope_from>",
        "<selector>s2</selector>",
        "<scope>mfrom</scope>",
    };
    struct arena a;
    struct buf out;
    struct err e = ERR_CLEAR;
    (void)state;
    arena_init(&a);
    buf_init(&out, REPORTS_DOCUMENT_MAX);
    const struct reports_about about =
        reports_about_of(&a, REPORTS_DMARC, DAY, STR("remote.test"), &sender);
    assert_true(reports_dmarc_format(&about, STR("v=DMARC1; p=reject; sp=quarantine; adkim=s"),
                                     dmarc_rows, COUNT_OF(dmarc_rows), &out, &e));
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        must_have(buf_str(&out), parts[i]);
    assert_true(str_find(buf_str(&out), STR("<np>")) < 0);
    assert_true(str_find(buf_str(&out), STR("helo</scope>")) < 0);
    assert_false(reports_dmarc_format(&about, STR("p=reject"), dmarc_rows, 1, &out, &e));
    buf_fini(&out);
    arena_fini(&a);
}

/* ---- mail ---- */

static str gunzip(struct arena *a, str packed)
{
    enum {
        MOST = 65536
    };
    char *to = arena_alloc(a, MOST);
    z_stream z = { .next_in = (Bytef *)arena_cstr(a, packed), .avail_in = (uInt)packed.n };
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = (Bytef *)to;
    z.avail_out = MOST;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(inflateEnd(&z), Z_OK);
    return str_of(to, MOST - z.avail_out);
}

static void make_mail(struct arena *a, enum reports_kind kind, str *out)
{
    struct buf text;
    struct err e = ERR_CLEAR;
    const str to[] = { STR("tls@remote.test"), STR("second@else.test") };
    struct reports_document doc = {
        .kind = kind,
        .about = reports_about_of(a, kind, DAY, STR("remote.test"), &sender),
        .text = STR("the whole report"),
    };
    buf_init(&text, REPORTS_DOCUMENT_MAX);
    assert_true(reports_document_compress(doc.text, &text, &e));
    doc.packed = arena_str(a, buf_str(&text));
    buf_clear(&text);
    reports_document_name(a, &doc);
    assert_true(str_eq(gunzip(a, doc.packed), doc.text));
    must_have(doc.filename, "example.org!remote.test!1728000000!1728086399!");
    assert_true(reports_mail_format(&doc, to, COUNT_OF(to), INT64_C(1728100000000000), &text, &e));
    *out = arena_str(a, buf_str(&text));
    buf_fini(&text);
}

static void test_mail_has_the_fields_of_the_rfcs(void **state)
{
    static const char *const both[] = {
        "From: Example & Sons <noreply@example.org>\r\n",
        "To: <tls@remote.test>, <second@else.test>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Report Domain: remote.test",
        "Submitter: example.org",
        "Report-ID:",
    };
    static const char *const tls[] = {
        "TLS-Report-Domain: remote.test\r\n",
        "TLS-Report-Submitter: example.org\r\n",
        "TLS-Required: No\r\n",
        "multipart/report; report-type=\"tlsrpt\"",
        "application/tlsrpt+gzip",
        ".json.gz\"",
    };
    struct arena a;
    str mail;
    (void)state;
    arena_init(&a);
    make_mail(&a, REPORTS_TLS, &mail);
    for (size_t i = 0; i < COUNT_OF(both); i++)
        must_have(mail, both[i]);
    for (size_t i = 0; i < COUNT_OF(tls); i++)
        must_have(mail, tls[i]);
    make_mail(&a, REPORTS_DMARC, &mail);
    for (size_t i = 0; i < COUNT_OF(both); i++)
        must_have(mail, both[i]);
    must_have(mail, "Content-Type: application/gzip\r\n");
    must_have(mail, ".xml.gz\"");
    assert_true(str_find(mail, STR("TLS-")) < 0);
    arena_fini(&a);
}

/* A report that is sent again has the same names; any other has others. */
static void test_ids_are_made_of_what_a_report_is(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    str id = about_tls(&a, STR("remote.test")).id;
    assert_int_equal(id.n, REPORTS_ID_SIZE);
    assert_true(str_eq(id, about_tls(&a, STR("remote.test")).id));
    assert_false(str_eq(id, about_tls(&a, STR("other.test")).id));
    assert_false(
        str_eq(id, reports_about_of(&a, REPORTS_DMARC, DAY, STR("remote.test"), &sender).id));
    assert_false(
        str_eq(id, reports_about_of(&a, REPORTS_TLS, DAY + 1, STR("remote.test"), &sender).id));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_has_the_fields_of_the_rfc),
        cmocka_unit_test(test_a_report_that_is_too_long_is_refused),
        cmocka_unit_test(test_dmarc_says_what_was_counted),
        cmocka_unit_test(test_mail_has_the_fields_of_the_rfcs),
        cmocka_unit_test(test_ids_are_made_of_what_a_report_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
