/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a report, by a table of TXT records. */
#include "reports/destination.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    str name;
    str text; /* empty: no answer */
} zone[] = {
    { STR_INIT("_smtp._tls.a.test"), STR_INIT("v=TLSRPTv1; rua=mailto:tls@b.test") },
    { STR_INIT("_smtp._tls.odd.test"), STR_INIT("v=TLSRPTv1; rua=ftp://b.test") },
    { STR_INIT("_smtp._tls.mute.test"), STR_INIT("") },
    { STR_INIT("_dmarc.a.test"), STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test") },
    { STR_INIT("a.test._report._dmarc.yes.test"), STR_INIT("v=DMARC1") },
    { STR_INIT("a.test._report._dmarc.moved.test"),
      STR_INIT("v=DMARC1; rua=mailto:other@moved.test") },
    { STR_INIT("a.test._report._dmarc.evil.test"),
      STR_INIT("v=DMARC1; rua=mailto:victim@else.test; ruf=mailto:victim@else.test") },
    { STR_INIT("a.test._report._dmarc.half.test"),
      STR_INIT("v=DMARC1; rua=mailto:x@half.test,mailto:victim@else.test") },
    { STR_INIT("a.test._report._dmarc.upper.test"),
      STR_INIT("V=DMARC1; RUA=mailto:other@upper.test") },
    { STR_INIT("a.test._report._dmarc.odd.test"), STR_INIT("v=DMARC2") },
    { STR_INIT("a.test._report._dmarc.mute.test"), STR_INIT("") },
};

static bool answer(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                   struct dns_answer *out, struct err *e)
{
    (void)arg;
    (void)deadline_ms;
    (void)e;
    *out = (struct dns_answer){ .status = DNS_NXDOMAIN };
    assert_int_equal(type, DNS_TXT);
    for (size_t i = 0; i < COUNT_OF(zone); i++) {
        if (!str_ieq(zone[i].name, name))
            continue;
        out->status = zone[i].text.n ? DNS_OK : DNS_TEMPFAIL;
        out->n = zone[i].text.n > 0;
        out->rdata = ARENA_NEW(a, str);
        char *p = arena_alloc(a, zone[i].text.n + 1);
        p[0] = (char)(unsigned char)zone[i].text.n;
        memcpy(p + 1, zone[i].text.p, zone[i].text.n);
        out->rdata[0] = str_of(p, zone[i].text.n + 1);
    }
    return true;
}

static const struct {
    const char *name;
    enum reports_kind kind;
    str domain;
    str record;
    const char *targets; /* joined by spaces; NULL: no answer from the DNS */
    bool has_why;
    bool is_failure;
} cases[] = {
    { "TLS", REPORTS_TLS, STR_INIT("a.test"), STR_INIT(""), "tls@b.test", false, false },
    { "TLS without a record", REPORTS_TLS, STR_INIT("none.test"), STR_INIT(""), "", true, false },
    { "TLS to nowhere", REPORTS_TLS, STR_INIT("odd.test"), STR_INIT(""), "", true, false },
    { "TLS without an answer", REPORTS_TLS, STR_INIT("mute.test"), STR_INIT(""), NULL, false,
      false },
    { "own domain", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test"), "x@a.test", false, false },
    { "below it", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@m.a.test"), "x@m.a.test", false, false },
    { "of the same organization", REPORTS_DMARC, STR_INIT("sub.a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test"), "x@a.test", false, false },
    { "outside, with consent", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@yes.test"), "x@yes.test", false, false },
    { "outside, without", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@no.test"), "", true, false },
    { "outside, one of each", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@no.test,mailto:x@yes.test"), "x@yes.test", true,
      false },
    { "another address there", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@moved.test"), "other@moved.test", false, false },
    { "another address elsewhere", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@evil.test"), "", true, false },
    { "other addresses, one elsewhere", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@half.test"), "", true, false },
    { "one elsewhere takes it from no other", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@evil.test,mailto:x@yes.test"), "x@yes.test", true,
      false },
    { "failures, another address elsewhere", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; ruf=mailto:x@evil.test"), "", true, true },
    { "names of tags in any case", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("V=DMARC1; p=none; rua=mailto:x@upper.test"), "other@upper.test", false, false },
    { "another version", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@odd.test"), "", true, false },
    { "consent without an answer", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@mute.test"), NULL, false, false },
    { "failures of its own", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test; ruf=mailto:y@a.test"), "y@a.test", false,
      true },
    { "failures outside without consent", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test; ruf=mailto:y@no.test"), "", true, true },
    { "failures outside, consented to", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; ruf=mailto:y@yes.test"), "y@yes.test", false, true },
    { "failures, and rua= is not moved to", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; ruf=mailto:y@moved.test"), "y@moved.test", false, true },
    { "no failures wanted", REPORTS_DMARC, STR_INIT("a.test"),
      STR_INIT("v=DMARC1; p=none; rua=mailto:x@a.test"), "", true, true },
};

static void test_who_gets_a_report(void **state)
{
    const struct mailauth_resolver resolver = { .query = answer };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct buf text;
        struct reports_destinations out;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        buf_init(&text, 1024);
        const struct reports_question question = { cases[i].kind, cases[i].domain, cases[i].record,
                                                   cases[i].is_failure };
        bool ok = reports_find_destinations(&resolver, &question, &a, DEADLINE_NONE, &out, &e);
        if (ok != (cases[i].targets != NULL) || (!ok && e.kind != ERR_UNAVAILABLE))
            fail_msg("%s: %s", cases[i].name, err_kind_name(e.kind));
        for (size_t n = 0; ok && n < out.uris.n; n++) {
            assert_true(buf_addf(&text, "%s%.*s", n ? " " : "", STR_FMT(out.uris.list[n].target)));
        }
        if (ok && (!str_eq(buf_str(&text), str_from_cstr(cases[i].targets)) ||
                   (out.why.n > 0) != cases[i].has_why))
            fail_msg("%s: %s (%.*s)", cases[i].name, buf_cstr(&text), STR_FMT(out.why));
        buf_fini(&text);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_who_gets_a_report) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
