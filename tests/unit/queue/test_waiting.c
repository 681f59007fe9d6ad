/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions that wait for their time: who sees them, what administrators do with them, and that
 * they are taken up once. */
#include "queue/waiting.h"

#include "queue/act.h"
#include "queue/queue_fixture.h"
#include "queue/trace.h"

static const struct queue_actor actor = { .name = STR_INIT("tester") };

/* Two recipients, until a time `ahead_s` from now. */
static int64_t put(struct fixture *f, int64_t ahead_s, const char *held_why)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const str to[] = { STR("a@here.test"), STR("b@x.test") };
    struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    m.hold_request = STR("for;60");
    m.is_verp = true;
    m.release_us = db_now_us() + ahead_s * 1000000;
    m.held_why = str_from_cstr(held_why);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    return id;
}

static bool take(struct fixture *f, struct queue *q, struct queue_waiting *out)
{
    struct err e = ERR_CLEAR;
    bool found = false;
    MUST(queue_waiting_claim(q, &f->a, soon(), &found, out, &e), e);
    return found;
}

static bool end(struct fixture *f, const struct queue_waiting *w, struct err *e)
{
    struct db_tx *tx = NULL;
    str *addresses = ARENA_ARRAY(&f->a, str, w->n);
    for (size_t i = 0; i < w->n; i++)
        addresses[i] = w->recipients[i].address;
    bool ok = db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, e);
    if (ok) {
        queue_waiting_end_send(tx, w->queue_id, addresses, w->n);
        ok = db_commit(&tx, &f->a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    return ok;
}

static struct queue_acted act(struct fixture *f, struct queue_act what)
{
    struct err e = ERR_CLEAR;
    struct queue_acted done;
    what.filter.status = QUEUE_STATUS_ANY;
    MUST(queue_act(f->q, &actor, &what, soon(), &done, &e), e);
    return done;
}

static void waits_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_waiting w;
    struct queue_rows rows;
    int64_t id = put(f, 60, "");
    assert_null(claim(f)); /* no worker sees it */
    assert_false(take(f, f->q, &w));
    struct queue_stats stats; /* nor does it look like mail that nobody delivers */
    MUST(queue_get_stats(f->q, soon(), &stats, &e), e);
    assert_true(stats.messages == 1 && stats.held == 2 && stats.oldest_us == 0);
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_true(rows.n == 2 && rows.list[0].status == QUEUE_STATUS_HELD && rows.list[0].is_waiting);
    /* It has its whole lifetime from then on. */
    assert_int_equal(rows.list[0].expires_us - rows.list[0].due_us, minute_us * 60 * 24 * 7);
    MUST(queue_sweep(f->q, soon(), &e), e); /* neither failed, delayed, nor forgotten */
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -3 AND delay = 0"),
                     2);
    test_pg_run("UPDATE q_rcpt SET due = now()");
    assert_true(take(f, f->q, &w) && w.queue_id == id && w.n == 2);
    assert_true(w.is_verp && str_eq(w.hold_request, STR("for;60")) &&
                str_eq(w.recipients[1].address, STR("b@x.test")));
    struct queue_waiting again;
    assert_false(take(f, f->other, &again)); /* it is in work */
    test_pg_run("UPDATE q_rcpt SET due = now()");
    assert_true(take(f, f->other, &again)); /* whoever took it is dead */
    MUST(end(f, &again, &e), e);
    assert_false(end(f, &w, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

static void acts_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_waiting w;
    struct queue_rows rows;
    int64_t id = put(f, 3600, "");
    const struct queue_filter x = { .domain = STR("x.test") };
    assert_int_equal(act(f, (struct queue_act){ .action = QUEUE_ACT_HOLD, .filter = x }).recipients,
                     1);
    test_pg_run("UPDATE q_rcpt SET due = now()");
    assert_true(take(f, f->q, &w) && w.n == 1); /* what an administrator holds waits further */
    assert_true(str_eq(w.recipients[0].address, STR("a@here.test")));
    MUST(end(f, &w, &e), e);
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_true(rows.n == 1 && rows.list[0].status == QUEUE_STATUS_HELD &&
                !rows.list[0].is_waiting);
    assert_false(take(f, f->q, &w));
    assert_int_equal(
        act(f, (struct queue_act){ .action = QUEUE_ACT_RELEASE, .queue_id = id }).recipients, 1);
    assert_null(claim(f)); /* it is no mail for a worker yet */
    assert_true(take(f, f->q, &w) && w.n == 1);

    id = put(f, 3600, "");
    int64_t at_us = db_now_us() + 60 * minute_us;
    assert_int_equal(
        act(f, (struct queue_act){ .action = QUEUE_ACT_RESCHEDULE, .queue_id = id, .at_us = at_us })
            .recipients,
        2);
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_true(rows.list[0].due_us == at_us && rows.list[0].is_waiting);
    MUST(queue_retry(f->q, &actor, id, soon(), &e), e);
    assert_true(take(f, f->q, &w) && w.queue_id == id && w.n == 2);
    assert_int_equal(
        act(f, (struct queue_act){ .action = QUEUE_ACT_DROP, .queue_id = id }).recipients, 2);
    assert_false(end(f, &w, &e)); /* dropped in the last moment */
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 1);
}

/* A failure is reported with what its sender asked for; the history says when it will go. */
static void failures_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    struct queue_traces traces;
    bool found = false;
    int64_t id = put(f, 3600, "");
    const struct queue_waiting_failure bad = { STR("a@here.test"), STR("5.1.1"),
                                               STR("No such user here") };
    MUST(queue_waiting_fail(f->q, id, &bad, 1, soon(), &e), e);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found && report.kind == QUEUE_REPORT_FAILURE && report.n == 1);
    assert_true(str_eq(report.hold_request, STR("for;60")));
    assert_true(str_eq(report.recipients[0].status, STR("5.1.1")));
    const struct queue_trace_query query = { .recipient = STR("b@x.test") };
    MUST(queue_trace(f->q, &query, &f->a, soon(), &traces, &e), e);
    assert_true(traces.n == 2 && traces.list[1].state == QUEUE_TRACE_HELD);
    assert_true(traces.list[1].next_us > db_now_us());
    test_pg_run("UPDATE q_msg SET expires = now()");
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND code ="
                                    " '4.4.7' AND rcpt = 'b@x.test'"),
                     1);
}

/* What a filter put into quarantine goes at no time by itself. */
static void quarantine_body(void *arg)
{
    struct fixture *f = arg;
    struct queue_waiting w;
    int64_t id = put(f, -60, "looks bad");
    assert_false(take(f, f->q, &w));
    assert_int_equal(
        act(f, (struct queue_act){ .action = QUEUE_ACT_RELEASE, .queue_id = id }).recipients, 2);
    assert_true(take(f, f->q, &w) && w.n == 2);
}

static void room_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    static const struct {
        int64_t account_id;
        uint64_t size;
        bool has_room;
    } cases[] = { { 5, 1000, true }, { 5, 1 << 30, false }, { 6, 1 << 30, true } };
    put(f, 60, "");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool has_room = !cases[i].has_room;
        MUST(
            queue_waiting_has_room(f->q, cases[i].account_id, cases[i].size, soon(), &has_room, &e),
            e);
        assert_int_equal(has_room, cases[i].has_room);
    }
    test_pg_run(
        "INSERT INTO q_msg (queue_id, account_id, envelope_from, expires, release_at, size,"
        " codec, data) SELECT i, 5, '', now(), now(), 1, 0, 'x' FROM generate_series(1, 999) i");
    bool has_room = true;
    MUST(queue_waiting_has_room(f->q, 5, 1, soon(), &has_room, &e), e);
    assert_false(has_room);
}

static void test_waits(void **state)
{
    (void)state;
    with_queue(waits_body);
}

static void test_acts(void **state)
{
    (void)state;
    with_queue(acts_body);
}

static void test_failures(void **state)
{
    (void)state;
    with_queue(failures_body);
}

static void test_quarantine(void **state)
{
    (void)state;
    with_queue(quarantine_body);
}

static void test_room(void **state)
{
    (void)state;
    with_queue(room_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),    cmocka_unit_test(test_acts),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests_name("queue/waiting", tests, NULL, NULL);
}
