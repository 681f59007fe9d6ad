/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do with selected mail: what it changes, what it leaves, and what a rehearsal
 * says. */
#include "queue/act.h"

#include "queue/hold.h"
#include "queue/hold_rule.h"
#include "queue/queue_fixture.h"
#include "queue/trace.h"
#include "queue/waiting.h"

static const struct queue_actor actor = { .name = STR_INIT("tester") };

static struct queue_acted act(struct fixture *f, const struct queue_act *what)
{
    struct err e = ERR_CLEAR;
    struct queue_acted done;
    MUST(queue_act(f->q, &actor, what, soon(), &done, &e), e);
    return done;
}

static int64_t count_status(int status)
{
    char sql[80];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM q_rcpt WHERE status = %d", status);
    return test_pg_number(sql);
}

/* Two to x.test of one message, one to y.test. */
static int64_t put_three(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const str to[] = { STR("a@x.test"), STR("b@x.test") };
    struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    enqueue(f, "you@here.test", "c@y.test");
    return id;
}

static void hold_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_act hold = { .action = QUEUE_ACT_HOLD,
                              .filter = { .domain = STR("x.test"), .status = QUEUE_STATUS_ANY },
                              .is_rehearsal = true };
    int64_t id = put_three(f);
    struct queue_acted done = act(f, &hold);
    assert_true(done.recipients == 2 && done.messages == 1);
    assert_int_equal(count_status(-1), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'queue.hold'"),
                     0);
    hold.is_rehearsal = false;
    done = act(f, &hold);
    assert_true(done.recipients == 2 && done.messages == 1);
    assert_int_equal(count_status(-1), 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'queue.hold'"
                                    " AND object = 'x.test'"),
                     1);
    assert_int_equal(act(f, &hold).recipients, 0); /* they are held already */
    struct queue_lease *lease = claim(f);
    assert_true(str_eq(lease->domain, STR("y.test")));
    assert_null(claim(f));
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    struct queue_act other = { .action = QUEUE_ACT_HOLD, .queue_id = id };
    other.filter.status = QUEUE_STATUS_ANY;
    struct queue_acted none;
    assert_false(queue_act(f->q, &actor, &other, soon(), &none, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    other.action = QUEUE_ACT_RELEASE;
    assert_int_equal(act(f, &other).recipients, 2);
    lease = claim(f);
    assert_true(str_eq(lease->domain, STR("x.test")) && lease->messages[0].n == 2);
    /* What a worker has begun with cannot be held any more. */
    assert_int_equal(act(f, &hold).recipients, 0);
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

/* An administrator's hold stands above the questions to senders, also those that are open. */
static void senders_body(void *arg)
{
    static const struct queue_result insecure = { .outcome = QUEUE_HELD,
                                                  .reply = STR_INIT("self-signed") };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t count = 0;
    int64_t id = put_three(f);
    test_pg_run("TRUNCATE q_hold");
    for (int i = 0; i < 2; i++) {
        struct queue_lease *lease = claim(f);
        finish_all(f, lease, 0, insecure);
        release(f, lease);
    }
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_hold"), 2);
    struct queue_act hold = { .action = QUEUE_ACT_HOLD,
                              .filter = { .recipient = STR("a@x.test"),
                                          .status = QUEUE_STATUS_ANY } };
    const struct queue_decision send = { .queue_id = id, .choice = QUEUE_CHOICE_SEND };
    assert_int_equal(act(f, &hold).recipients, 1);
    /* Its sender decides about the other recipient there, and about no more. */
    MUST(queue_decide(f->q, &actor, &send, soon(), &count, &e), e);
    assert_int_equal(count, 1);
    assert_int_equal(test_pg_number("SELECT status FROM q_rcpt WHERE rcpt = 'a@x.test'"), -1);
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, insecure);
    release(f, lease);
    hold.filter =
        (struct queue_filter){ .sender = STR("me@here.test"), .status = QUEUE_STATUS_ANY };
    assert_int_equal(act(f, &hold).recipients, 1); /* the other one is held already */
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_hold WHERE domain = 'x.test'"), 0);
    assert_false(queue_decide(f->q, &actor, &send, soon(), &count, &e));
    assert_int_equal(e.kind, ERR_DENIED); /* it is held, and there is nothing to decide */
    e = ERR_CLEAR;
    const struct queue_decision foreign = { .queue_id = id, .account_id = 6 };
    assert_false(queue_decide(f->q, &actor, &foreign, soon(), &count, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    const struct queue_whitelisting anybody = { .domain = STR("x.test"), .any = true };
    MUST(queue_whitelist(f->q, &actor, &anybody, soon(), &count, &e), e);
    assert_int_equal(count, 0);
    /* Once it is released, its sender may be asked again. */
    hold.action = QUEUE_ACT_RELEASE;
    assert_int_equal(act(f, &hold).recipients, 2);
    lease = claim(f);
    assert_true(str_eq(lease->domain, STR("x.test")));
    finish_all(f, lease, 0, insecure);
    release(f, lease);
    MUST(queue_decide(f->q, &actor, &send, soon(), &count, &e), e);
    assert_int_equal(count, 2);
}

static void test_senders(void **state)
{
    (void)state;
    with_queue(senders_body);
}

static void test_hold(void **state)
{
    (void)state;
    with_queue(hold_body);
}

/* ---- while others work ---- */

struct acting {
    struct fixture *f;
    struct queue_act what;
    struct queue_acted done;
    bool has_ended;
};

static void act_aside(void *arg)
{
    struct acting *w = arg;
    w->done = act(w->f, &w->what);
    w->has_ended = true;
}

static void race_body(void *arg)
{
    static const struct db_stmt lock_a = {
        "SELECT 1 FROM q_domain WHERE domain = 'a.test' FOR UPDATE"
    };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *blocker = NULL;
    struct acting hold = { .f = f,
                           .what = { .action = QUEUE_ACT_HOLD,
                                     .filter = { .status = QUEUE_STATUS_PENDING },
                                     .is_rehearsal = true } };
    enqueue(f, "me@here.test", "a@a.test");
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &blocker, &e), e);
    MUST(db_tx_query(blocker, &lock_a, NULL, 0, &f->a, NULL, &e), e);
    /* A rehearsal waits for nobody. */
    assert_int_equal(act(f, &hold.what).recipients, 1);
    hold.what.is_rehearsal = false;
    MUST(fiber_spawn(f->rt, "act", act_aside, &hold, NULL, &e), e);
    while (test_pg_number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
        pause_ms(10);
    enqueue(f, "me@here.test", "z@z.test");
    struct queue_lease *lease = claim(f);
    assert_true(lease && str_eq(lease->domain, STR("z.test")));
    db_rollback(&blocker);
    while (!hold.has_ended)
        pause_ms(10);
    /* What came and was begun with while the act waited is left to its worker. */
    assert_int_equal(hold.done.recipients, 1);
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE domain = 'z.test'"), 0);
    assert_int_equal(count_status(-1), 1);
}

static void test_race(void **state)
{
    (void)state;
    with_queue(race_body);
}

/* ---- other acts ---- */

static void reschedule_body(void *arg)
{
    struct fixture *f = arg;
    put_three(f);
    const struct queue_act later = { .action = QUEUE_ACT_RESCHEDULE,
                                     .filter = { .status = QUEUE_STATUS_PENDING },
                                     .at_us = db_now_us() + 60 * minute_us };
    const struct queue_acted in_time = act(f, &later);
    assert_true(in_time.recipients == 3 && in_time.shortened == 0 && in_time.ends_us == 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE due BETWEEN now() +"
                                    " interval '59 minutes' AND now() + interval '1 hour'"),
                     3);
    assert_null(claim(f)); /* which also sets when to look again */
    const struct queue_act now = { .action = QUEUE_ACT_RESCHEDULE,
                                   .filter = { .recipient = STR("c@y.test"),
                                               .status = QUEUE_STATUS_ANY },
                                   .at_us = db_now_us() - minute_us };
    assert_int_equal(act(f, &now).recipients, 1);
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    assert_true(str_eq(lease->domain, STR("y.test")));
    release(f, lease);
    /* Never behind the end of its lifetime, so that it is given up in time. */
    const struct queue_act never = { .action = QUEUE_ACT_RESCHEDULE,
                                     .filter = { .status = QUEUE_STATUS_PENDING },
                                     .at_us = db_now_us() + 60 * 24 * 30 * minute_us };
    struct queue_acted done = act(f, &never);
    assert_true(done.recipients == 3 && done.shortened == 3);
    assert_true(done.ends_us == test_pg_number("SELECT (extract(epoch FROM min(expires)) *"
                                               " 1000000)::int8 FROM q_msg"));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt JOIN q_msg USING (queue_id)"
                                    " WHERE due = expires"),
                     3);
}

static void test_reschedule(void **state)
{
    (void)state;
    with_queue(reschedule_body);
}

static void end_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    bool found = false;
    struct queue_report report;
    struct queue_traces traces;
    put_three(f);
    test_pg_run("UPDATE q_msg SET created = now() - interval '2 hours' WHERE queue_id ="
                " (SELECT queue_id FROM q_rcpt WHERE rcpt = 'c@y.test')");
    test_pg_run("UPDATE q_rcpt SET reply = '450 busy', remote = 'mx.y.test [192.0.2.1]'");
    const struct queue_act old = { .action = QUEUE_ACT_FAIL,
                                   .filter = { .status = QUEUE_STATUS_ANY },
                                   .older_s = 3600 };
    assert_int_equal(act(f, &old).recipients, 1);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found && str_eq(report.envelope_from, STR("you@here.test")));
    assert_true(str_eq(report.recipients[0].status, STR("5.3.0")));
    assert_true(str_eq(report.recipients[0].reply, STR("an administrator gave it up")));
    assert_true(str_is_empty(report.recipients[0].remote)); /* no server said that */
    const struct queue_act drop = { .action = QUEUE_ACT_DROP,
                                    .filter = { .sender = STR("me@here.test"),
                                                .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &drop).messages, 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    MUST(queue_trace(f->q, &(struct queue_trace_query){ .limit = 0 }, &f->a, soon(), &traces, &e),
         e);
    assert_int_equal(traces.n, 3);
    assert_int_equal(traces.list[0].state, QUEUE_TRACE_FAILED);
    assert_int_equal(traces.list[1].state, QUEUE_TRACE_DROPPED);
}

static void test_end(void **state)
{
    (void)state;
    with_queue(end_body);
}

/* Its recipients go another way, at once; what is held stays held. */
static void transport_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_rows rows;
    int64_t id = put_three(f);
    struct queue_act hold = { .action = QUEUE_ACT_HOLD,
                              .filter = { .recipient = STR("b@x.test"),
                                          .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &hold).recipients, 1);
    test_pg_run("UPDATE q_rcpt SET due = now() + interval '1 hour' WHERE status = 0;"
                " UPDATE q_domain SET next_due = now() + interval '1 hour'");
    struct queue_act other = { .action = QUEUE_ACT_TRANSPORT,
                               .filter = { .domain = STR("x.test"), .status = QUEUE_STATUS_ANY },
                               .transport = STR("relay.test") };
    /* Who is held does not go for that, which is said. */
    other.is_rehearsal = true;
    struct queue_acted done = act(f, &other);
    assert_true(done.recipients == 2 && done.held == 1);
    other.is_rehearsal = false;
    done = act(f, &other);
    assert_true(done.recipients == 2 && done.messages == 1 && done.held == 1);
    assert_int_equal(count_status(-1), 1);
    struct queue_lease *lease = claim(f);
    assert_true(str_eq(lease->domain, STR("x.test")) && lease->n == 1);
    assert_true(lease->messages[0].n == 1 &&
                str_eq(lease->messages[0].transport, STR("relay.test")));
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_true(rows.n == 1 && str_eq(rows.list[0].transport, STR("relay.test")));
    assert_null(claim(f));
}

static void test_transport(void **state)
{
    (void)state;
    with_queue(transport_body);
}

/* The breaker of the destination is about the way that it does not go: it goes at once, also when
 * it is tried again, and the rest waits. */
static void open_breaker_body(void *arg)
{
    struct fixture *f = arg;
    enqueue(f, "me@here.test", "a@x.test");
    enqueue(f, "me@here.test", "b@x.test");
    test_pg_run("UPDATE q_domain SET breaker_open = true, failures = 5, breaker_until = now() +"
                " interval '5 minutes', next_due = now() + interval '5 minutes'");
    struct queue_act other = { .action = QUEUE_ACT_TRANSPORT,
                               .filter = { .recipient = STR("b@x.test"),
                                           .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &other).recipients, 1); /* as the transports say: it waits */
    assert_null(claim(f));
    other.transport = STR("relay.test");
    assert_int_equal(act(f, &other).recipients, 1);
    struct queue_lease *lease = claim(f);
    assert_true(lease && lease->n == 1 && !lease->is_probe && lease->messages[0].n == 1);
    assert_true(str_eq(lease->messages[0].recipients[0].address, STR("b@x.test")));
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM q_domain d JOIN q_rcpt r USING (domain)"
                       " WHERE breaker_open AND failures = 5 AND rcpt = 'b@x.test'"
                       " AND next_due = least(due, breaker_until) AND breaker_until > now()"),
        1);
    assert_null(claim(f));
    test_pg_run("UPDATE q_rcpt SET due = now() WHERE rcpt = 'b@x.test';"
                " UPDATE q_domain SET next_due = now()");
    lease = claim(f);
    assert_true(lease && lease->n == 1);
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_domain WHERE breaker_open AND"
                                    " next_due = breaker_until"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
}

static void test_open_breaker(void **state)
{
    (void)state;
    with_queue(open_breaker_body);
}

/* ---- accounts that are stopped ---- */

static void stop_account(bool stops)
{
    test_pg_run(stops ? "SELECT sending_queue_hold(5)" : "SELECT sending_queue_release(5)");
}

/* What a worker has claimed and not begun with is held, too; and what an administrator holds of an
 * account that is stopped stays held when that may send again, whatever words stand beside it. */
static void stopped_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    str body;
    enqueue(f, "me@here.test", "a@x.test");
    enqueue(f, "me@here.test", "b@x.test");
    struct queue_lease *lease = claim(f);
    assert_true(lease && lease->n == 2);
    MUST(queue_load_first(f->q, lease, &lease->messages[0], &f->a, soon(), &body, &e), e);
    assert_true(str_eq(body, STR("Subject: x\r\n\r\nhello\r\n")));
    stop_account(true);
    assert_false(queue_load_first(f->q, lease, &lease->messages[1], &f->a, soon(), &body, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    finish_all(f, lease, 0, delivered); /* it was sent meanwhile */
    release(f, lease);
    assert_null(claim(f));
    enqueue(f, "me@here.test", "c@x.test");
    stop_account(true);
    struct queue_act hold = { .action = QUEUE_ACT_HOLD,
                              .filter = { .recipient = STR("c@x.test"),
                                          .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &hold).recipients, 1);
    assert_int_equal(act(f, &hold).recipients, 0); /* it is held by hand now */
    test_pg_run("UPDATE q_rcpt SET reply = 'other words'");
    assert_int_equal(act(f, &hold).recipients, 0);
    stop_account(false);
    lease = claim(f);
    assert_true(lease && lease->n == 1);
    assert_true(str_eq(lease->messages[0].recipients[0].address, STR("b@x.test")));
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'c@x.test' AND kept"
                                    " AND status = -1"),
                     1);
    hold.action = QUEUE_ACT_RELEASE;
    assert_int_equal(act(f, &hold).recipients, 1);
}

static void test_stopped(void **state)
{
    (void)state;
    with_queue(stopped_body);
}

/* ---- what waits for its time ---- */

/* Dropped while it is handed over: both lock the message before its recipients, so that one waits
 * for the other and nobody is turned away as a deadlock. */
static void handed_over_body(void *arg)
{
    static const struct db_stmt lock_message = {
        "SELECT 1 FROM q_msg WHERE queue_id = $1 FOR UPDATE"
    };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    struct acting drop = { .f = f,
                           .what = { .action = QUEUE_ACT_DROP,
                                     .filter = { .status = QUEUE_STATUS_ANY,
                                                 .domain = STR("x.test") } } };
    str to = STR("a@x.test");
    int64_t id = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
    m.release_us = db_now_us() + minute_us;
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    assert_int_equal(count_status(-3), 1);
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(db_tx_query(tx, &lock_message, &DB_INT8(id), 1, &f->a, NULL, &e), e);
    MUST(fiber_spawn(f->rt, "act", act_aside, &drop, NULL, &e), e);
    while (test_pg_number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
        pause_ms(10);
    queue_waiting_end_send(tx, id, &to, 1);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    while (!drop.has_ended)
        pause_ms(10);
    assert_int_equal(drop.done.recipients, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    assert_int_equal(act(f, &drop.what).recipients, 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

static void test_handed_over(void **state)
{
    (void)state;
    with_queue(handed_over_body);
}

static void test_rule_keys(void **state)
{
    static const struct {
        const char *text;
        const char *key; /* NULL: none */
    } cases[] = {
        { "", "" },
        { "<>", "<>" },
        { "Mia@Example.ORG", "mia@example.org" },
        { "mia+Tag@example.org", "mia+tag@example.org" },
        { "Example.org", "@example.org" },
        { "@b\xc3\xbc"
          "cher.example",
          "@xn--bcher-kva.example" },
        { "localhost", NULL },
        { "*", NULL },
        { "mia@", NULL },
        { "a b.example", NULL },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str key = STR_EMPTY;
        bool ok = queue_hold_rule_key(&a, str_from_cstr(cases[i].text), &key, &e);
        if (ok != (cases[i].key != NULL) || (ok && !str_eq(key, str_from_cstr(cases[i].key))))
            fail_msg("%s: %d, %.*s", cases[i].text, ok, STR_FMT(key));
    }
    arena_fini(&a);
}

static int64_t add_rule(struct fixture *f, const char *sender, const char *recipient)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct queue_hold_rule rule = { .sender = str_from_cstr(sender),
                                          .recipient = str_from_cstr(recipient),
                                          .note = STR("ask Bob") };
    MUST(queue_hold_rule_add(f->q, &actor, &rule, &f->a, soon(), &id, &e), e);
    return id;
}

static void rules_body(void *arg)
{
    static const struct {
        const char *sender; /* of the rule */
        const char *recipient;
        const char *from;
        const char *to;
        bool is_held;
    } cases[] = {
        { "", "x.test", "me@here.test", "A@x.test", true },
        { "", "x.test", "me@here.test", "a@sub.x.test", false },
        { "", "a@x.test", "", "A@x.test", true },
        { "", "a@x.test", "me@here.test", "a+tag@x.test", true },
        { "", "a+tag@x.test", "me@here.test", "a@x.test", false },
        { "here.test", "", "Me@Here.Test", "a@x.test", true },
        { "me@here.test", "", "ME+list@here.test", "a@x.test", true },
        { "me@here.test", "", "you@here.test", "a@x.test", false },
        { "here.test", "", "", "a@x.test", false },
        { "<>", "", "", "a@x.test", true },
        { "<>", "", "me@here.test", "a@x.test", false },
        { "me@here.test", "x.test", "me@here.test", "a@x.test", true },
        { "me@here.test", "x.test", "me@here.test", "a@y.test", false },
    };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_hold_rules rules;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t rule = add_rule(f, cases[i].sender, cases[i].recipient);
        enqueue(f, cases[i].from, cases[i].to);
        if (count_status(cases[i].is_held ? -1 : 0) != 1)
            fail_msg("%s to %s by %s", cases[i].from, cases[i].to, cases[i].recipient);
        MUST(queue_hold_rule_remove(f->q, &actor, rule, soon(), &e), e);
        test_pg_run("DELETE FROM q_rcpt; DELETE FROM q_msg");
    }
    /* It waits as by hand, says why, and goes when it is released, also while the rule is there. */
    (void)add_rule(f, "", "x.test");
    const struct queue_hold_rule again = { .recipient = STR("X.Test") };
    int64_t other;
    assert_false(queue_hold_rule_add(f->q, &actor, &again, &f->a, soon(), &other, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    put_three(f);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt JOIN q_msg USING (queue_id)"
                                    " WHERE kept AND due = expires AND reply LIKE '%: ask Bob'"),
                     2);
    MUST(queue_hold_rule_list(f->q, &f->a, soon(), &rules, &e), e);
    assert_true(rules.n == 1 && str_eq(rules.list[0].recipient, STR("@x.test")) &&
                str_eq(rules.list[0].created_by, STR("tester")));
    struct queue_act release_all = { .action = QUEUE_ACT_RELEASE,
                                     .filter = { .domain = STR("x.test"),
                                                 .status = QUEUE_STATUS_HELD } };
    assert_int_equal(act(f, &release_all).recipients, 2);
    assert_int_equal(count_status(0), 3);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'queue.hold_rule.add'"
                       " AND detail = 'from anybody to @x.test'"),
        3);
    test_pg_run("TRUNCATE q_hold_rule");
}

static void test_rules(void **state)
{
    (void)state;
    with_queue(rules_body);
}

static void test_selects(void **state)
{
    (void)state;
    struct queue_act a = { .filter = { .status = QUEUE_STATUS_ANY } };
    assert_false(queue_act_selects(&a));
    a.filter.status = QUEUE_STATUS_PENDING;
    assert_true(queue_act_selects(&a));
    a.filter.status = QUEUE_STATUS_ANY;
    a.older_s = 1;
    assert_true(queue_act_selects(&a));
}

/* What is held while it is being sent: its result counts, so that it does not go once more when it
 * is released; only a deferral leaves it held. */
static void in_flight_body(void *arg)
{
    struct fixture *f = arg;
    static const struct {
        struct queue_result result;
        int64_t held;
        int64_t failed;
    } cases[] = {
        { { .outcome = QUEUE_DELIVERED }, 0, 0 },
        { { .outcome = QUEUE_FAILED }, 0, 1 },
        { { .outcome = QUEUE_DEFERRED }, 1, 0 },
        { { .outcome = QUEUE_HELD }, 1, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain, q_attempt");
        enqueue(f, "me@here.test", "a@x.test");
        struct queue_lease *lease = claim(f);
        assert_non_null(lease);
        test_pg_run("UPDATE q_rcpt SET status = -1, kept = true");
        finish_all(f, lease, 0, cases[i].result);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = -1 AND kept"),
                         cases[i].held);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1"),
                         cases[i].failed);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"),
                         cases[i].held + cases[i].failed);
        release(f, lease);
    }
}

static void test_in_flight(void **state)
{
    (void)state;
    with_queue(in_flight_body);
}

/* ---- attempts that were asked for ---- */

enum asked_by {
    BY_RETRY,
    BY_RETRY_ALL,
    BY_RESCHEDULE,
    BY_TRANSPORT,
    N_ASKED_BY
};

static void ask(struct fixture *f, enum asked_by how, int64_t id)
{
    static const struct queue_filter all = { .status = QUEUE_STATUS_ANY };
    struct err e = ERR_CLEAR;
    int64_t count = 0;
    const struct queue_act now = { .action = how == BY_TRANSPORT ? QUEUE_ACT_TRANSPORT
                                                                 : QUEUE_ACT_RESCHEDULE,
                                   .queue_id = id,
                                   .filter = { .status = QUEUE_STATUS_ANY },
                                   .transport = STR("mx"),
                                   .at_us = db_now_us() - minute_us };
    if (how == BY_RETRY) {
        MUST(queue_retry(f->q, &actor, id, soon(), &e), e);
    } else if (how == BY_RETRY_ALL) {
        MUST(queue_retry_all(f->q, &actor, &all, soon(), &count, &e), e);
        assert_int_equal(count, 1);
    } else {
        assert_int_equal(act(f, &now).recipients, 1);
    }
}

static struct queue_row try_once(struct fixture *f, int64_t id)
{
    struct err e = ERR_CLEAR;
    struct queue_rows rows;
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    finish_all(f, lease, 0, deferred);
    finish_all(f, lease, 0, deferred); /* the answer was lost: this changes nothing */
    release(f, lease);
    MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
    assert_int_equal(rows.n, 1);
    return rows.list[0];
}

/* Whoever presses the button during an outage loses nothing: neither of the 15 attempts nor of what
 * was planned. */
static void asked_body(void *arg)
{
    struct fixture *f = arg;
    int64_t id = enqueue(f, "me@here.test", "a@x.test");
    test_pg_run("UPDATE q_rcpt SET attempts = 14, due = now() + interval '3 hours';"
                " UPDATE q_domain SET next_due = now() + interval '3 hours'");
    int64_t planned_us = test_pg_number("SELECT (extract(epoch FROM due) * 1000000)::int8"
                                        " FROM q_rcpt");
    for (unsigned i = 0; i < N_ASKED_BY + 1; i++) {
        ask(f, i % N_ASKED_BY, id);
        ask(f, (i + 1) % N_ASKED_BY, id); /* pressed twice is tried once */
        struct queue_row row = try_once(f, id);
        assert_int_equal(row.status, QUEUE_STATUS_DEFERRED);
        assert_int_equal(row.attempts, 15 + i); /* in the history they stand as any others */
        assert_true(row.due_us == planned_us);
        assert_null(claim(f));
    }
    assert_int_equal(test_pg_number("SELECT count(DISTINCT attempt) FROM q_attempt"),
                     N_ASKED_BY + 1);
    test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    struct queue_row last = try_once(f, id); /* the fifteenth of the schedule */
    assert_int_equal(last.status, QUEUE_STATUS_FAILED);
    assert_true(str_eq(last.code, STR("4.4.7")));
}

static void test_asked(void **state)
{
    (void)state;
    with_queue(asked_body);
}

/* An attempt is made at some time between two looks at the clock, however long it takes. */
static void waits_for(struct fixture *f, int64_t id, int64_t minutes)
{
    int64_t before_us = db_now_us();
    int64_t due_us = try_once(f, id).due_us;
    assert_true(due_us > before_us + minutes * minute_us * 89 / 100 &&
                due_us < db_now_us() + minutes * minute_us * 111 / 100);
}

/* What was due already is as long behind the attempt as if the schedule had come to the one before.
 */
static void asked_when_due_body(void *arg)
{
    struct fixture *f = arg;
    int64_t id = enqueue(f, "me@here.test", "a@x.test");
    for (unsigned i = 0; i < 3; i++) {
        test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
        ask(f, BY_RETRY, id);
        waits_for(f, id, 5);
    }
    static const int64_t waits[] = { 5, 15, 30 };
    for (unsigned i = 0; i < 3; i++) {
        test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
        waits_for(f, id, waits[i]);
    }
}

static void test_asked_when_due(void **state)
{
    (void)state;
    with_queue(asked_when_due_body);
}

/* Somebody asks between a result and its repetition: that one is still to come, and counts once. */
static void asked_between_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = enqueue(f, "me@here.test", "a@x.test");
    ask(f, BY_RETRY, id);
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    finish_all(f, lease, 0, deferred);
    MUST(queue_retry(f->q, &actor, id, soon(), &e), e);
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE attempts = 1 AND asked = 1"
                                    " AND planned > now() AND due <= now()"),
                     1);
    struct queue_row row = try_once(f, id);
    assert_true(row.status == QUEUE_STATUS_DEFERRED && row.attempts == 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE asked = 2"
                                    " AND planned IS NULL AND due > now()"),
                     1);
    /* However often they are said to have been asked for, there are no more left than all. */
    test_pg_run("UPDATE q_rcpt SET asked = 9, due = now(); UPDATE q_domain SET next_due = now()");
    row = try_once(f, id);
    assert_true(row.status == QUEUE_STATUS_DEFERRED && row.attempts == 3);
}

static void test_asked_between(void **state)
{
    (void)state;
    with_queue(asked_between_body);
}

/* ---- what a worker has begun with ---- */

static void put_many(struct fixture *f, int64_t *id)
{
    enum {
        MANY = 900
    };
    struct err e = ERR_CLEAR;
    str *to = ARENA_ARRAY(&f->a, str, MANY);
    for (unsigned i = 0; i < MANY; i++) /* 7 and 900 have no divisor in common */
        to[i] = arena_printf(&f->a, "r%03u@x.test", i * 7 % MANY);
    struct queue_new_message m = message(f, STR("me@here.test"), to, MANY);
    MUST(queue_enqueue(f->q, &m, soon(), id, &e), e);
}

/* What a claim takes ends amid the recipients of a message, which have come in no order. */
static void cut_body(void *arg)
{
    struct fixture *f = arg;
    struct queue_act fail = { .action = QUEUE_ACT_FAIL,
                              .filter = { .domain = STR("x.test"), .status = QUEUE_STATUS_ANY } };
    int64_t id = 0;
    for (int i = 0; i < 3; i++)
        put_many(f, &id);
    test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    struct queue_lease *lease = claim_by(f, f->q, 100);
    assert_non_null(lease);
    assert_int_equal(lease->n, 3);
    assert_true(lease->messages[2].queue_id == id && lease->messages[2].n == 100);
    assert_int_equal(act(f, &fail).recipients, 700);
    struct buf sql;
    buf_init(&sql, 8192);
    buf_addf(&sql,
             "SELECT count(*) FROM q_rcpt WHERE status = 0 AND queue_id = %lld AND rcpt IN (''",
             (long long)id);
    for (size_t i = 0; i < 100; i++)
        buf_addf(&sql, ", '%.*s'", STR_FMT(lease->messages[2].recipients[i].address));
    buf_addf(&sql, ")");
    assert_int_equal(test_pg_number(buf_cstr(&sql)), 100);
    buf_fini(&sql);
    release(f, lease);
}

static void test_cut(void **state)
{
    (void)state;
    with_queue(cut_body);
}

/* ---- held for long ---- */

static void long_hold_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const str to[] = { STR("a@x.test"), STR("b@y.test") };
    int64_t id = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_act hold = { .action = QUEUE_ACT_HOLD,
                              .queue_id = id,
                              .filter = { .recipient = to[0], .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &hold).recipients, 1);
    test_pg_run("UPDATE q_rcpt SET attempts = 14; UPDATE q_msg SET created = now() - interval"
                " '60 days', expires = now() - interval '53 days'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    /* The other one has had its time. */
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'b@y.test'"
                                    " AND status = 1"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'a@x.test'"
                                    " AND status = -1 AND kept"),
                     1);
    /* To try it is not to release it. */
    int64_t count = 1;
    const struct queue_filter held = { .status = QUEUE_STATUS_HELD };
    assert_false(queue_retry(f->q, &actor, id, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    MUST(queue_retry_all(f->q, &actor, &held, soon(), &count, &e), e);
    assert_true(count == 0 && count_status(-1) == 1);
    /* Then it has as long as any message that has just come. */
    hold.action = QUEUE_ACT_RELEASE;
    assert_int_equal(act(f, &hold).recipients, 1);
    MUST(queue_sweep(f->q, soon(), &e), e);
    for (unsigned i = 0; i < 3; i++) {
        test_pg_run("UPDATE q_rcpt SET due = now() WHERE status = 0; UPDATE q_domain SET"
                    " next_due = now()");
        struct queue_lease *lease = claim(f);
        assert_non_null(lease);
        assert_true(str_eq(lease->domain, STR("x.test")));
        assert_true(lease->messages[0].expires_us > db_now_us() + INT64_C(6) * 1440 * minute_us);
        finish_all(f, lease, 0, deferred);
        release(f, lease);
        assert_int_equal(count_status(0), 1);
    }
}

static void test_long_hold(void **state)
{
    (void)state;
    with_queue(long_hold_body);
}

/* Its report has time, too; and what came into quarantine ends as ever. */
static void held_ends_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    bool found = false;
    struct queue_report report;
    const str to[] = { STR("a@x.test") };
    int64_t id = 0;
    int64_t strange = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), to, 1);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    m.held_why = STR("a filter holds it");
    MUST(queue_enqueue(f->q, &m, soon(), &strange, &e), e);
    m.held_why = STR("DMARC of its author failed"); /* by a program of a former version */
    MUST(queue_enqueue(f->q, &m, soon(), &strange, &e), e);
    test_pg_run("UPDATE q_rcpt SET code = '4.7.0' WHERE reply = 'DMARC of its author failed'");
    struct queue_act what = { .action = QUEUE_ACT_HOLD,
                              .queue_id = id,
                              .filter = { .status = QUEUE_STATUS_ANY } };
    assert_int_equal(act(f, &what).recipients, 1);
    test_pg_run("UPDATE q_msg SET expires = now() - interval '53 days'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND code ="
                                    " '5.7.0' AND reply LIKE '%a filter holds it'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND code ="
                                    " '5.7.0' AND reply LIKE '%DMARC of its author failed'"),
                     1);
    test_pg_run("DELETE FROM q_rcpt WHERE status = 1");
    what.action = QUEUE_ACT_FAIL;
    assert_int_equal(act(f, &what).recipients, 1);
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found && report.queue_id == id);
    MUST(queue_report_postpone(f->q, &report, 60000, soon(), &e), e);
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(count_status(1), 1);
}

static void test_held_ends(void **state)
{
    (void)state;
    with_queue(held_ends_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_reschedule),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_open_breaker),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_rule_keys),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_selects),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_asked_when_due),
        cmocka_unit_test(test_asked_between),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_long_hold),
        cmocka_unit_test(test_held_ends),
    };
    return cmocka_run_group_tests_name("queue/act", tests, NULL, NULL);
}
