/* SPDX-License-Identifier: Apache-2.0 */
/* URIs of rua= and the record of TLS-RPT. */
#include "reports/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *name;
    enum reports_kind kind;
    str rua;
    const char *expected; /* "target host size" of each, joined by '|'; HTTPS has no host */
} lists[] = {
    { "one address", REPORTS_TLS, STR_INIT("mailto:tls@example.net"),
      "tls@example.net example.net 0" },
    { "two, with spaces", REPORTS_DMARC, STR_INIT(" mailto:a@x.test , mailto:b@Y.test"),
      "a@x.test x.test 0|b@Y.test y.test 0" },
    { "a size", REPORTS_DMARC, STR_INIT("mailto:a@x.test!10m"), "a@x.test x.test 10485760" },
    { "a size without a unit", REPORTS_DMARC, STR_INIT("mailto:a@x.test!500"),
      "a@x.test x.test 500" },
    { "a size that is none", REPORTS_DMARC, STR_INIT("mailto:a@x.test!big,mailto:b@x.test"),
      "b@x.test x.test 0" },
    { "HTTPS", REPORTS_TLS, STR_INIT("https://x.test/v1?a=b,mailto:a@x.test"),
      "https://x.test/v1?a=b  0|a@x.test x.test 0" },
    { "no HTTPS for DMARC", REPORTS_DMARC, STR_INIT("https://x.test/v1"), "" },
    { "no plain HTTP", REPORTS_TLS, STR_INIT("http://x.test/v1"), "" },
    { "another scheme", REPORTS_TLS, STR_INIT("ftp://x.test,file:///etc/passwd"), "" },
    { "encoded", REPORTS_TLS, STR_INIT("mailto:a%2Cb%21c@x.test"), "" },
    { "encoded, harmless", REPORTS_TLS, STR_INIT("mailto:a%2Bb@x.test"), "a+b@x.test x.test 0" },
    { "header fields", REPORTS_TLS, STR_INIT("mailto:a@x.test?subject=hello&bcc=v@y.test"),
      "a@x.test x.test 0" },
    { "a line end", REPORTS_TLS, STR_INIT("mailto:a%0D%0ABcc:v@x.test"), "" },
    { "twice", REPORTS_TLS, STR_INIT("mailto:a@x.test,mailto:A@X.test"), "a@x.test x.test 0" },
    { "no domain", REPORTS_TLS, STR_INIT("mailto:a,mailto:,mailto:@x.test"), "" },
    { "more than are heeded", REPORTS_TLS,
      STR_INIT("mailto:1@x.test,mailto:2@x.test,mailto:3@x.test,mailto:4@x.test,mailto:5@x.test,"
               "mailto:6@x.test"),
      "1@x.test x.test 0|2@x.test x.test 0|3@x.test x.test 0|4@x.test x.test 0|5@x.test x.test 0" },
    { "nothing", REPORTS_TLS, STR_INIT(""), "" },
};

static void test_lists_of_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct arena a;
        struct buf text;
        struct reports_uris uris;
        arena_init(&a);
        buf_init(&text, 4096);
        reports_uris_parse(lists[i].kind, lists[i].rua, &a, &uris);
        for (size_t n = 0; n < uris.n; n++) {
            const struct reports_uri *uri = &uris.list[n];
            assert_true(buf_addf(&text, "%s%.*s %.*s %llu", n ? "|" : "", STR_FMT(uri->target),
                                 STR_FMT(uri->host), (unsigned long long)uri->max_bytes));
            assert_int_equal(uri->is_https, uri->host.n == 0);
        }
        if (!str_eq(buf_str(&text), str_from_cstr(lists[i].expected)))
            fail_msg("%s: %s", lists[i].name, buf_cstr(&text));
        buf_fini(&text);
        arena_fini(&a);
    }
}

static const struct {
    const char *name;
    str records[2];
    size_t n;
    enum err_kind kind;
    const char *rua;
} records[] = {
    { "one", { STR_INIT("v=TLSRPTv1; rua=mailto:a@x.test") }, 1, ERR_NONE, "mailto:a@x.test" },
    { "without spaces, with more",
      { STR_INIT("v=TLSRPTv1;ext=1;rua=mailto:a@x.test,https://x.test;") },
      1,
      ERR_NONE,
      "mailto:a@x.test,https://x.test" },
    { "beside others",
      { STR_INIT("some text"), STR_INIT("v=TLSRPTv1;rua=mailto:a@x.test") },
      2,
      ERR_NONE,
      "mailto:a@x.test" },
    { "none", { STR_INIT("v=spf1 -all") }, 1, ERR_NOT_FOUND, "" },
    { "nothing", { STR_INIT("") }, 0, ERR_NOT_FOUND, "" },
    { "another version", { STR_INIT("v=TLSRPTv10; rua=mailto:a@x.test") }, 1, ERR_NOT_FOUND, "" },
    { "version not first", { STR_INIT("rua=mailto:a@x.test; v=TLSRPTv1") }, 1, ERR_NOT_FOUND, "" },
    { "two",
      { STR_INIT("v=TLSRPTv1;rua=mailto:a@x.test"), STR_INIT("v=TLSRPTv1;rua=mailto:b@x.test") },
      2,
      ERR_SYNTAX,
      "" },
    { "no rua", { STR_INIT("v=TLSRPTv1;") }, 1, ERR_SYNTAX, "" },
    { "empty rua", { STR_INIT("v=TLSRPTv1; rua=") }, 1, ERR_SYNTAX, "" },
};

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        struct err e = ERR_CLEAR;
        str rua = STR_EMPTY;
        bool ok = reports_tls_record_find(records[i].records, records[i].n, &rua, &e);
        if (ok != (records[i].kind == ERR_NONE) || e.kind != records[i].kind ||
            (ok && !str_eq(rua, str_from_cstr(records[i].rua))))
            fail_msg("%s: %s %.*s", records[i].name, err_kind_name(e.kind), STR_FMT(rua));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_of_addresses),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
