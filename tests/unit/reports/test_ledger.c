/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, and what becomes of reports, on a real database. */
#include "db/db.h"
#include "reports/reports.h"
#include "support/day.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct runtime *rt;
    struct db *db;
    struct reports *reports;
    struct arena a;
    int64_t day; /* of the report that is looked at */
};

static const struct reports_sender sender = { .organization = STR_INIT("Example"),
                                              .contact = STR_INIT("postmaster@example.org"),
                                              .from = STR_INIT("noreply@example.org"),
                                              .domain = STR_INIT("example.org") };

static int64_t soon(void)
{
    return clock_deadline_in(20000);
}

static int begin(void **state)
{
    struct world *w = HEAP_NEW(struct world);
    struct err e = ERR_CLEAR;
    const struct db_options options = { .conninfo = test_pg_start_migrated() };
    const struct reports_options counted = { .counts = { true, true }, .spread_ms = 1000 };
    w->rt = runtime_new(NULL, &e);
    assert_non_null(w->rt);
    w->db = db_new(w->rt, &options);
    w->reports = reports_new(w->rt, w->db, &counted);
    arena_init(&w->a);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    arena_fini(&w->a);
    reports_free(&w->reports);
    db_free(&w->db);
    runtime_free(&w->rt);
    test_servers_stop();
    free(w);
    return 0;
}

static void empty(void)
{
    test_stay_in_one_day();
    test_pg_run("TRUNCATE report_tls, report_dmarc, report");
}

static void count_session(struct world *w, str domain, str result)
{
    const struct reports_tls_result t = { .domain = domain,
                                          .policy_type = STR("no-policy-found"),
                                          .policy_domain = domain,
                                          .result = result,
                                          .mx = STR("mx.test"),
                                          .mx_ip = STR("192.0.2.1"),
                                          .reason = STR("a\r\nreason\xff") };
    reports_count_tls(w->reports, &t);
}

static void flush(struct world *w)
{
    struct err e = ERR_CLEAR;
    MUST(reports_flush(w->reports, soon(), &e), e);
}

/* ---- counting ---- */

static void count_same(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < 5; i++)
        count_session(w, STR("a.test"), STR("successful"));
    flush(w);
    for (int i = 0; i < 2; i++)
        count_session(w, STR("a.test"), STR("successful"));
    count_session(w, STR("a.test"), STR("certificate-expired"));
    count_session(w, STR("b.test"), STR("successful"));
    flush(w);
    flush(w);
}

static void test_the_same_result_is_one_row(void **state)
{
    struct world *w = *state;
    empty();
    in_fiber_run(w->rt, count_same, w);
    char *rows = test_pg_query("SELECT domain, result, mx, reason, sessions FROM report_tls"
                               " ORDER BY domain, result");
    assert_string_equal(rows, "a.test|certificate-expired|mx.test|a??reason?|1\n"
                              "a.test|successful|||7\nb.test|successful|||1");
    free(rows);
    char *reports =
        test_pg_query("SELECT kind, domain, state, day = (now() AT TIME ZONE 'UTC')::date,"
                      " due > now() FROM report ORDER BY domain");
    assert_string_equal(reports, "tls|a.test|due|t|t\ntls|b.test|due|t|t");
    free(reports);
}

static void wait_for_fiber(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    count_session(w, STR("later.test"), STR("successful"));
    for (int i = 0; i < 200 && test_pg_number("SELECT count(*) FROM report_tls") == 0; i++)
        MUST(fiber_sleep_until(clock_deadline_in(50), &e), e);
}

static void test_results_are_written_by_themselves(void **state)
{
    struct world *w = *state;
    empty();
    in_fiber_run(w->rt, wait_for_fiber, w);
    assert_int_equal(test_pg_number("SELECT sessions FROM report_tls"), 1);
}

static void count_too_many(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < REPORTS_HELD_MAX + 10; i++)
        count_session(w, arena_printf(&w->a, "d%d.test", i), STR("successful"));
    flush(w);
}

static void test_what_is_held_in_memory_is_bounded(void **state)
{
    struct world *w = *state;
    empty();
    in_fiber_run(w->rt, count_too_many, w);
    assert_int_equal(test_pg_number("SELECT count(*) FROM report_tls"), REPORTS_HELD_MAX);
}

/* ---- DMARC ---- */

static void count_messages(void *arg)
{
    struct world *w = arg;
    struct mailauth_dkim signatures[2] = {
        { .result = MAILAUTH_PASS,
          .signature = { .domain = STR("list.test"), .selector = STR("s 1") } },
        { .result = MAILAUTH_FAIL,
          .signature = { .domain = STR("a.test"), .selector = STR("s2") } },
    };
    const struct mailauth_dkim_results dkim = { .list = signatures, .n = 2 };
    const struct mailauth_spf spf = { .result = MAILAUTH_PASS, .domain = STR("a.test") };
    struct mailauth_dmarc dmarc = {
        .result = MAILAUTH_PASS,
        .is_spf_aligned = true,
        .author = STR("news.a.test"),
        .policy_domain = STR("a.test"),
        .record = { .policy = MAILAUTH_DMARC_REJECT, .aggregate = STR("mailto:x@a.test") },
    };
    const struct mailauth_verdict verdict = { .spf = &spf, .dkim = &dkim, .dmarc = &dmarc };
    const struct reports_dmarc_result result = { .verdict = &verdict,
                                                 .source_ip = STR("192.0.2.9"),
                                                 .disposition = STR("pass") };
    reports_count_dmarc(w->reports, &result);
    reports_count_dmarc(w->reports, &result);
    flush(w);
    dmarc.record.policy = MAILAUTH_DMARC_QUARANTINE;
    reports_count_dmarc(w->reports, &result);
    dmarc.record.aggregate = STR_EMPTY; /* wants no reports any more */
    reports_count_dmarc(w->reports, &result);
    flush(w);
}

static void load_dmarc(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct reports_entry entry;
    struct reports_document doc;
    const struct reports_name name = { REPORTS_DMARC, w->day, STR("a.test") };
    MUST(reports_get(w->db, &name, &w->a, soon(), &entry, &e), e);
    assert_int_equal(entry.count, 3);
    MUST(reports_load(w->db, &entry, &sender, &w->a, soon(), &doc, &e), e);
    assert_true(str_find(doc.text, STR("<p>quarantine</p>")) > 0); /* what counted last */
    assert_true(str_find(doc.text, STR("<count>2</count>")) > 0);
    assert_true(str_find(doc.text, STR("<selector>s?1</selector>")) > 0);
    assert_true(str_find(doc.record, STR("rua=mailto:x@a.test")) > 0);
}

static void test_messages_are_counted_with_the_policy(void **state)
{
    struct world *w = *state;
    empty();
    in_fiber_run(w->rt, count_messages, w);
    w->day = test_pg_number("SELECT day - date '1970-01-01' FROM report WHERE domain = 'a.test'");
    in_fiber_run(w->rt, load_dmarc, w);
}

/* ---- what becomes of one ---- */

#define AGED                                                                                    \
    "INSERT INTO report_tls VALUES (current_date - 2, 'a.test', '\\x00', 3, 'no-policy-found'," \
    " 'a.test', '', 'successful', '', '', '', '');"                                             \
    "INSERT INTO report (kind, day, domain, due) VALUES"                                        \
    " ('tls', current_date - 2, 'a.test', now() - interval '1 hour'),"                          \
    " ('tls', current_date - 2, 'b.test', now() + interval '1 hour')"

static void note_twice(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct reports_entries due;
    const str posted[] = { STR("https://a.test/v1") };
    const struct reports_outcome outcome = { .state = REPORTS_DUE,
                                             .again_ms = 3600000,
                                             .is_mailed = true,
                                             .posted = posted,
                                             .n_posted = 1,
                                             .note = STR("later") };
    MUST(reports_list_due(w->db, 10, &w->a, soon(), &due, &e), e);
    assert_int_equal(due.n, 1);
    assert_int_equal(due.list[0].count, 3);
    MUST(reports_note(w->db, &due.list[0], &outcome, soon(), &e), e);
    /* Who has an older picture of it may not say what became of it. */
    assert_false(reports_note(w->db, &due.list[0], &outcome, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    e = ERR_CLEAR;
    MUST(reports_list_due(w->db, 10, &w->a, soon(), &due, &e), e);
    assert_int_equal(due.n, 0);
}

static void send_now(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct reports_entries due;
    const struct reports_name name = { REPORTS_TLS, w->day, STR("a.test") };
    const struct reports_name none = { REPORTS_TLS, w->day, STR("none.test") };
    MUST(reports_send_now(w->db, &name, soon(), &e), e);
    assert_false(reports_send_now(w->db, &none, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    e = ERR_CLEAR;
    MUST(reports_list_due(w->db, 10, &w->a, soon(), &due, &e), e);
    assert_int_equal(due.n, 1);
    assert_true(due.list[0].is_mailed && due.list[0].n_posted == 1);
    const struct reports_outcome sent = { .state = REPORTS_SENT, .is_mailed = true };
    MUST(reports_note(w->db, &due.list[0], &sent, soon(), &e), e);
    assert_false(reports_send_now(w->db, &name, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
}

static void test_an_outcome_is_noted_once(void **state)
{
    struct world *w = *state;
    empty();
    test_pg_run(AGED);
    in_fiber_run(w->rt, note_twice, w);
    assert_int_equal(test_pg_number("SELECT attempts FROM report WHERE domain = 'a.test'"), 1);
    w->day = test_pg_number("SELECT day - date '1970-01-01' FROM report WHERE domain = 'a.test'");
    in_fiber_run(w->rt, send_now, w);
}

static size_t list(struct world *w, const struct reports_filter *filter,
                   struct reports_entries *out)
{
    struct err e = ERR_CLEAR;
    MUST(reports_list(w->db, filter, &w->a, soon(), out, &e), e);
    return out->n;
}

static void list_pages(void *arg)
{
    struct world *w = arg;
    struct reports_entries found;
    struct reports_filter filter = {
        .kind = REPORTS_KINDS, .state = REPORTS_STATES, .after_day = INT64_MAX, .limit = 1
    };
    assert_int_equal(list(w, &filter, &found), 1);
    assert_true(str_eq(found.list[0].domain, STR("a.test")));
    filter.after_day = found.list[0].day;
    filter.after_kind = found.list[0].kind;
    filter.after_domain = found.list[0].domain;
    assert_int_equal(list(w, &filter, &found), 1);
    assert_true(str_eq(found.list[0].domain, STR("b.test")));
    filter.after_domain = found.list[0].domain;
    assert_int_equal(list(w, &filter, &found), 0);
    filter = (struct reports_filter){
        .kind = REPORTS_DMARC, .state = REPORTS_STATES, .after_day = INT64_MAX, .limit = 10
    };
    assert_int_equal(list(w, &filter, &found), 0);
    filter.kind = REPORTS_TLS;
    filter.domain = STR("b.test");
    filter.state = REPORTS_DUE;
    assert_int_equal(list(w, &filter, &found), 1);
}

static void test_reports_are_listed_by_pages(void **state)
{
    struct world *w = *state;
    empty();
    test_pg_run(AGED);
    in_fiber_run(w->rt, list_pages, w);
}

static void sweep(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    MUST(reports_sweep(w->db, INT64_C(3) * 86400 * 1000, soon(), &e), e);
}

static void test_old_rows_are_forgotten(void **state)
{
    struct world *w = *state;
    empty();
    test_pg_run(AGED);
    in_fiber_run(w->rt, sweep, w);
    assert_int_equal(test_pg_number("SELECT count(*) FROM report_tls"), 1);
    test_pg_run("UPDATE report_tls SET day = day - 2; UPDATE report SET day = day - 2");
    in_fiber_run(w->rt, sweep, w);
    assert_int_equal(test_pg_number("SELECT count(*) FROM report_tls"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM report"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_result_is_one_row),
        cmocka_unit_test(test_results_are_written_by_themselves),
        cmocka_unit_test(test_what_is_held_in_memory_is_bounded),
        cmocka_unit_test(test_messages_are_counted_with_the_policy),
        cmocka_unit_test(test_an_outcome_is_noted_once),
        cmocka_unit_test(test_reports_are_listed_by_pages),
        cmocka_unit_test(test_old_rows_are_forgotten),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
