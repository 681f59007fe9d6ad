/* SPDX-License-Identifier: Apache-2.0 */
/* When mail is tried next and why it is not now, as it is told in all places that tell it. */
#include "queue/queue_fixture.h"
#include "queue/trace.h"

/* What is told of the one recipient at x.test. */
struct told {
    struct queue_row row;
    struct queue_group group;
    struct queue_traced traced;
};

static struct told tell(struct fixture *f)
{
    static const struct queue_filter at_x = { .domain = STR_INIT("x.test"),
                                              .status = QUEUE_STATUS_ANY };
    struct err e = ERR_CLEAR;
    struct queue_rows rows;
    struct queue_groups groups;
    struct queue_traces traces;
    MUST(queue_list(f->q, &at_x, &f->a, soon(), &rows, &e), e);
    MUST(queue_list_domains(f->q, &at_x, &f->a, soon(), &groups, &e), e);
    MUST(queue_trace(f->q, &(struct queue_trace_query){ .recipient = STR("a@x.test") }, &f->a,
                     soon(), &traces, &e),
         e);
    assert_true(rows.n == 1 && groups.n == 1 && traces.n == 1);
    assert_int_equal(rows.list[0].due_us, groups.list[0].due_us);
    assert_int_equal(rows.list[0].due_us, traces.list[0].next_us);
    assert_int_equal(rows.list[0].due_us,
                     test_pg_number("SELECT (extract(epoch FROM next_attempt) * 1000000)::int8"
                                    " FROM mail_trace WHERE recipient = 'a@x.test'"));
    assert_true(str_eq(rows.list[0].waits, groups.list[0].waits));
    assert_true(str_eq(rows.list[0].waits, traces.list[0].waits));
    char sql[400];
    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(*) FROM mail_trace WHERE recipient = 'a@x.test' AND waits = '%.*s'",
        STR_FMT(rows.list[0].waits));
    assert_int_equal(test_pg_number(sql), 1);
    return (struct told){ rows.list[0], groups.list[0], traces.list[0] };
}

/* Mail behind an open breaker has the time at which that lets one try, and a reason. */
static void behind_breaker_body(void *arg)
{
    struct fixture *f = arg;
    enqueue(f, "me@here.test", "a@x.test");
    enqueue(f, "me@here.test", "a@y.test");
    struct told told = tell(f);
    assert_true(told.row.waits.n == 0 && told.row.due_us <= db_now_us());
    assert_int_equal(told.group.breaker, QUEUE_BREAKER_CLOSED);
    test_pg_run("UPDATE q_domain SET breaker_open = true, failures = 5, reason = 'nobody is there',"
                " breaker_until = now() + interval '5 minutes' WHERE domain = 'x.test'");
    told = tell(f);
    assert_true(told.row.due_us > db_now_us() + 4 * minute_us);
    assert_true(told.group.until_us == told.row.due_us);
    assert_int_equal(told.group.breaker, QUEUE_BREAKER_OPEN);
    assert_true(str_eq(told.row.waits,
                       STR("the servers of x.test failed 5 times in a row: nobody is there")));
    /* What is due later anyway stays so; what goes another way by hand does not wait. */
    test_pg_run("UPDATE q_rcpt SET due = now() + interval '1 hour' WHERE domain = 'x.test';"
                " UPDATE q_domain SET reason = '' WHERE domain = 'x.test'");
    told = tell(f);
    assert_true(told.row.due_us > db_now_us() + 50 * minute_us);
    assert_true(str_eq(told.row.waits, STR("the servers of x.test failed 5 times in a row")));
    test_pg_run("UPDATE q_rcpt SET due = now(), transport = 'mx' WHERE domain = 'x.test'");
    told = tell(f);
    assert_true(told.row.due_us <= db_now_us() && told.row.waits.n == 0);
    test_pg_run("UPDATE q_rcpt SET transport = ''; UPDATE q_domain SET breaker_until = now()");
    told = tell(f);
    assert_true(told.row.due_us <= db_now_us() && told.row.waits.n == 0);
    assert_int_equal(told.group.breaker, QUEUE_BREAKER_HALF_OPEN);
    assert_int_equal(told.group.until_us, 0);
}

static void test_behind_breaker(void **state)
{
    (void)state;
    with_queue(behind_breaker_body);
}

/* What was put off says why until it is due at another time. */
static void put_off_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    MUST(queue_postpone(f->q, lease, 0, 60000, 0, STR("there is no pool \"x\""), &e), e);
    release(f, lease);
    assert_true(str_eq(tell(f).row.waits, STR("there is no pool \"x\"")));
    test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    assert_true(tell(f).row.waits.n == 0);
    lease = claim(f);
    MUST(queue_postpone(f->q, lease, 0, 60000, 0, STR("there is no pool \"x\""), &e), e);
    release(f, lease);
    assert_true(tell(f).row.waits.n > 0);
    test_pg_run("UPDATE q_rcpt SET due = now() - interval '1 second';"
                " UPDATE q_domain SET next_due = now()");
    lease = claim(f);
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    assert_true(tell(f).row.waits.n == 0);
}

static void test_put_off(void **state)
{
    (void)state;
    with_queue(put_off_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_breaker),
        cmocka_unit_test(test_put_off),
    };
    return cmocka_run_group_tests_name("queue/waits", tests, NULL, NULL);
}
