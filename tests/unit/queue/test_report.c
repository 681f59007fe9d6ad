/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what, and when, on a real PostgreSQL. */
#include "queue/queue_fixture.h"

static void report_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    struct queue_report again;
    bool found = false;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@y.test") };
    int64_t id = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), to, 3);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_false(found);
    for (int i = 0; i < 2; i++) {
        struct queue_lease *lease = claim(f);
        bool is_x = str_eq(lease->domain, STR("x.test"));
        finish_all(f, lease, 0, is_x ? failed : deferred);
        release(f, lease);
    }
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found);
    assert_int_equal(report.kind, QUEUE_REPORT_FAILURE);
    assert_int_equal(report.n, 2);
    assert_true(report.queue_id == id && report.account_id == 5);
    assert_true(str_eq(report.recipients[1].address, STR("b@x.test")));
    assert_true(str_eq(report.recipients[1].status, STR("5.1.1")));
    assert_true(str_eq(report.recipients[1].remote, STR("mx.x.test [192.0.2.9]")));
    int64_t age = db_now_us() - report.recipients[1].last_attempt_us;
    assert_true(age >= 0 && age < minute_us);
    assert_true(str_eq(report.original, m.body));
    MUST(queue_report_next(f->q, id, &f->a, soon(), &found, &again, &e), e);
    assert_false(found);

    /* A transaction that fails in the end leaves it as it was (P10). */
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    queue_report_send(f->q, tx, &report);
    db_rollback(&tx);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &again, &e), e);
    assert_true(found && again.n == 2);

    /* Two processes with the same report: one commits, the other's mail is undone. */
    for (int i = 0; i < 2; i++) {
        str sender = STR("me@here.test");
        struct queue_new_message bounce = message(f, STR_EMPTY, &sender, 1);
        MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
        MUST(queue_enqueue_send(f->q, tx, queue_make_id(f->q), &bounce, &e), e);
        queue_report_send(f->q, tx, &report);
        e = ERR_CLEAR;
        bool ok = db_commit(&tx, &f->a, NULL, 0, NULL, &e);
        assert_int_equal(ok, i == 0);
        assert_int_equal(e.kind, i == 0 ? ERR_NONE : ERR_CONFLICT);
    }
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg WHERE envelope_from = ''"), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE domain = 'x.test'"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE domain = 'y.test'"), 1);
}

static void test_report(void **state)
{
    (void)state;
    with_queue(report_body);
}

/* After 4 hours the sender is told once. */
static void delay_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    bool found = false;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    test_pg_run("UPDATE q_msg SET created = now() - interval '3 hours 59 minutes'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_false(found);
    test_pg_run("UPDATE q_msg SET created = now() - interval '4 hours 1 minute'");
    for (int i = 0; i < 2; i++) {
        MUST(queue_sweep(f->q, soon(), &e), e);
        MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
        assert_int_equal(found, i == 0);
        if (!found)
            break;
        assert_int_equal(report.kind, QUEUE_REPORT_DELAY);
        assert_int_equal(report.n, 1);
        struct db_tx *tx = NULL;
        MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
        queue_report_send(f->q, tx, &report);
        MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    }
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 0"), 1);
}

static void test_delay(void **state)
{
    (void)state;
    with_queue(delay_body);
}

/* RFC 3461 5.2: who asked hears of success, once, unless the next server reports itself; what was
 * delivered here already is only reported. */
static void success_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    bool found = false;
    int64_t id = 0;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@x.test"), STR("d@here.test") };
    struct queue_new_message m = message(f, STR("me@here.test"), to, 4);
    struct queue_new_recipient r[4];
    memcpy(r, m.recipients, sizeof(r));
    r[0].notify = r[1].notify = r[3].notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_GIVEN;
    r[0].orcpt = STR("rfc822;old@x.test");
    r[3].is_delivered = true;
    m.recipients = r;
    m.has_ret = m.return_full = true;
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_lease *lease = claim(f);
    assert_int_equal(lease->n, 1);
    const struct queue_message *got = &lease->messages[0];
    assert_int_equal(got->n, 3); /* not the one that is delivered */
    assert_true(got->has_ret && got->return_full);
    assert_int_equal(got->recipients[0].notify, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_GIVEN);
    assert_true(str_eq(got->recipients[0].orcpt, r[0].orcpt));
    struct queue_result results[3] = { delivered, delivered, delivered };
    results[0].remote = STR("mx.x.test [192.0.2.9]");
    results[1].peer_reports = true;
    MUST(queue_finish(f->q, lease, got, results, soon(), &e), e);
    release(f, lease);
    assert_null(claim(f));
    MUST(queue_sweep(f->q, soon(), &e), e); /* takes none of them away */
    static const enum queue_report_kind kinds[] = { QUEUE_REPORT_DELIVERED, QUEUE_REPORT_RELAYED };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct db_tx *tx = NULL;
        MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
        assert_true(found);
        assert_int_equal(report.kind, kinds[i]);
        assert_int_equal(report.n, 1);
        assert_true(str_eq(report.recipients[0].address, i == 0 ? to[3] : to[0]));
        MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
        queue_report_send(f->q, tx, &report);
        MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    }
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_false(found);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

static void test_success(void **state)
{
    (void)state;
    with_queue(success_body);
}

/* A report that finds no room waits, in nobody's way; after a week it is given up. */
static void postponed_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    bool found = false;
    enqueue(f, "me@here.test", "a@x.test");
    enqueue(f, "you@here.test", "b@x.test");
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, failed);
    finish_all(f, lease, 1, failed);
    release(f, lease);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found);
    MUST(queue_report_postpone(f->q, &report, 3600 * 1000, soon(), &e), e);
    int64_t postponed = report.queue_id;
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found && report.queue_id != postponed);
    test_pg_run("UPDATE q_rcpt SET due = now() WHERE rcpt = 'b@x.test'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 2);
    test_pg_run("UPDATE q_msg SET expires = now() - interval '8 days'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1); /* the one that is due */
}

static void test_postponed(void **state)
{
    (void)state;
    with_queue(postponed_body);
}

/* O7: nobody is told about mail without a sender, or who did not ask. */
static void silent_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    str to = STR("a@x.test");
    struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
    struct queue_new_recipient silent = m.recipients[0];
    silent.notify = 0;
    m.recipients = &silent;
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    enqueue(f, "", "b@x.test");
    struct queue_lease *lease = claim(f);
    assert_int_equal(lease->n, 2);
    finish_all(f, lease, 0, failed);
    finish_all(f, lease, 1, failed);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 0);
}

static void test_silent(void **state)
{
    (void)state;
    with_queue(silent_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),  cmocka_unit_test(test_delay),
        cmocka_unit_test(test_success), cmocka_unit_test(test_postponed),
        cmocka_unit_test(test_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
