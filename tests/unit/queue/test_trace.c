/* SPDX-License-Identifier: Apache-2.0 */
/* The history of attempts: written with the result, found by everything that people know of a
 * message, kept when the message has gone, and forgotten in time. */
#include "queue/trace.h"

#include "queue/heard.h"
#include "queue/hold.h"
#include "queue/queue_fixture.h"

static struct queue_traces trace(struct fixture *f, const struct queue_trace_query *query)
{
    struct err e = ERR_CLEAR;
    struct queue_traces found;
    MUST(queue_trace(f->q, query, &f->a, soon(), &found, &e), e);
    return found;
}

static struct queue_traces trace_text(struct fixture *f, const char *text)
{
    return trace(f, &(struct queue_trace_query){ .text = str_from_cstr(text) });
}

static int64_t enqueue_with_id(struct fixture *f, const char *from, const char *to, const char *id)
{
    struct err e = ERR_CLEAR;
    int64_t queue_id = 0;
    str address = str_from_cstr(to);
    struct queue_new_message m = message(f, str_from_cstr(from), &address, 1);
    m.body = arena_printf(&f->a, "Subject: x\r\nMessage-Id: <%s>\r\n\r\nhello\r\n", id);
    MUST(queue_enqueue(f->q, &m, soon(), &queue_id, &e), e);
    return queue_id;
}

static void try_once(struct fixture *f, struct queue_result result)
{
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    finish_all(f, lease, 0, result);
    release(f, lease);
    test_pg_run("UPDATE q_rcpt SET due = now() WHERE status = 0;"
                "UPDATE q_domain SET next_due = now()");
}

/* ---- what is written ---- */

static void written_body(void *arg)
{
    struct fixture *f = arg;
    int64_t id = enqueue_with_id(f, "Me@here.test", "a@x.test", "one@here.test");
    struct queue_traces found = trace_text(f, "<one@here.test>");
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].state, QUEUE_TRACE_WAITING);
    assert_int_equal(found.list[0].n, 0);
    assert_true(found.list[0].queue_id == id && found.list[0].account_id == 5);
    assert_true(found.list[0].next_us > 0 && found.list[0].expires_us > 0);
    struct queue_result first = deferred;
    first.stage = "connect";
    try_once(f, first);
    found = trace_text(f, "one@here.test");
    assert_int_equal(found.list[0].state, QUEUE_TRACE_DEFERRED);
    assert_int_equal(found.list[0].n, 1);
    struct queue_result last = { .outcome = QUEUE_DELIVERED,
                                 .stage = "message",
                                 .reply = STR("250 taken"),
                                 .remote = STR("mx.x.test [192.0.2.9]"),
                                 .tls = STR("tlsa successful"),
                                 .secured = STR("TLSv1.3 TLS_X dane"),
                                 .took_ms = 42 };
    try_once(f, last);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    found = trace_text(f, "one@here.test");
    assert_int_equal(found.n, 1);
    const struct queue_traced *t = &found.list[0];
    assert_int_equal(t->state, QUEUE_TRACE_DELIVERED);
    assert_true(str_eq(t->sender, STR("Me@here.test")) && str_eq(t->recipient, STR("a@x.test")));
    assert_true(str_eq(t->message_id, STR("one@here.test")));
    assert_true(t->next_us == 0 && t->expires_us == 0 && t->created_us > 0);
    assert_int_equal(t->n, 2);
    assert_int_equal(t->attempts[0].number, 1);
    assert_int_equal(t->attempts[0].state, QUEUE_TRACE_DEFERRED);
    assert_true(str_eq(t->attempts[0].stage, STR("connect")));
    assert_true(str_eq(t->attempts[0].code, STR("4.4.1")));
    assert_true(t->attempts[0].at_us <= t->attempts[1].at_us);
    const struct queue_attempt *end = &t->attempts[1];
    assert_int_equal(end->number, 2);
    assert_true(str_eq(end->code, STR("2.0.0")) && str_eq(end->reply, STR("250 taken")));
    assert_true(str_eq(end->remote, STR("mx.x.test [192.0.2.9]")));
    assert_true(str_eq(end->tls, STR("tlsa successful")));
    assert_true(str_eq(end->secured, STR("TLSv1.3 TLS_X dane")));
    assert_true(end->took_ms == 42 && str_eq(end->node, STR("one")));
    /* The same in one row, for reports. */
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace WHERE state = 'delivered'"
                                    " AND attempts = 2 AND remote = 'mx.x.test [192.0.2.9]'"
                                    " AND message_id = 'one@here.test'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace"), 1);
}

/* Servers that were left for another one in the attempt stand before it, in their order. */
static void passed_body(void *arg)
{
    struct fixture *f = arg;
    const struct queue_result first = { .outcome = QUEUE_DEFERRED,
                                        .status = STR("4.4.1"),
                                        .reply = STR("refused"),
                                        .remote = STR("mx1.x.test [192.0.2.1]"),
                                        .stage = "connect",
                                        .took_ms = 3 };
    const struct queue_result second = { .outcome = QUEUE_DEFERRED,
                                         .reply = STR("421 closing"),
                                         .remote = STR("mx2.x.test [192.0.2.2]"),
                                         .stage = "mail",
                                         .before = &first };
    const struct queue_result last = { .outcome = QUEUE_DELIVERED,
                                       .stage = "message",
                                       .reply = STR("250 taken"),
                                       .remote = STR("mx3.x.test [192.0.2.3]"),
                                       .before = &second };
    (void)enqueue_with_id(f, "Me@here.test", "a@x.test", "one@here.test");
    try_once(f, last);
    struct queue_traces found = trace_text(f, "one@here.test");
    assert_int_equal(found.n, 1);
    const struct queue_traced *t = &found.list[0];
    static const char *const remotes[] = { "mx1.x.test [192.0.2.1]", "mx2.x.test [192.0.2.2]",
                                           "mx3.x.test [192.0.2.3]" };
    assert_int_equal(t->n, COUNT_OF(remotes));
    for (size_t i = 0; i < COUNT_OF(remotes); i++) {
        assert_int_equal(t->attempts[i].number, 1);
        assert_true(str_eq(t->attempts[i].remote, str_from_cstr(remotes[i])));
        assert_int_equal(t->attempts[i].state,
                         i == 2 ? QUEUE_TRACE_DELIVERED : QUEUE_TRACE_DEFERRED);
    }
    assert_true(str_eq(t->attempts[1].code, STR("4.0.0")) && t->attempts[0].took_ms == 3);
    assert_int_equal(t->state, QUEUE_TRACE_DELIVERED);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace"), 1);
}

static void test_passed(void **state)
{
    (void)state;
    with_queue(passed_body);
}

static void test_written(void **state)
{
    (void)state;
    with_queue(written_body);
}

/* A result that is written twice, because the first answer was lost, is one attempt; one without
 * the lease is none. */
static void once_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, deferred);
    finish_all(f, lease, 0, deferred);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 1);
    lease->token++;
    struct queue_result other[] = { delivered };
    assert_false(queue_finish(f->q, lease, &lease->messages[0], other, soon(), &e));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 1);
    lease->token--;
    release(f, lease);
}

static void test_once(void **state)
{
    (void)state;
    with_queue(once_body);
}

/* A queue without a history writes none; what is asked is known all the same. */
static void off_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim_by(f, f->other, 10);
    struct queue_result results[] = { delivered };
    MUST(queue_finish(f->other, lease, &lease->messages[0], results, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);

    enqueue(f, "me@here.test", "held@y.test");
    lease = claim_by(f, f->other, 10);
    struct queue_result hold[] = { deferred };
    hold[0].outcome = QUEUE_HELD;
    hold[0].reply = STR("no certificate");
    MUST(queue_finish(f->other, lease, &lease->messages[0], hold, soon(), &e), e);
    struct queue_traces found = trace_text(f, "held@y.test");
    assert_true(found.list[0].n == 0 && str_eq(found.list[0].question, hold[0].reply));
    test_pg_run("UPDATE q_rcpt SET kept = true");
    assert_true(str_is_empty(trace_text(f, "held@y.test").list[0].question));
}

static void test_off(void **state)
{
    (void)state;
    with_queue(off_body);
}

/* ---- how it ends without an attempt ---- */

static void endings_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = { .name = STR("tester") };
    int64_t count;
    int64_t gone = enqueue(f, "me@here.test", "gone@x.test");
    MUST(queue_delete(f->q, &actor, gone, soon(), &e), e);
    struct queue_traces found = trace_text(f, "gone@x.test");
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].state, QUEUE_TRACE_DROPPED);
    assert_int_equal(found.list[0].attempts[0].number, 0);

    int64_t held = enqueue(f, "me@here.test", "held@y.test");
    struct queue_result hold = deferred;
    hold.outcome = QUEUE_HELD;
    try_once(f, hold);
    assert_int_equal(trace_text(f, "held@y.test").list[0].state, QUEUE_TRACE_HELD);
    const struct queue_decision cancel = { .queue_id = held, .choice = QUEUE_CHOICE_CANCEL };
    MUST(queue_decide(f->q, &actor, &cancel, soon(), &count, &e), e);
    assert_int_equal(count, 1);
    found = trace_text(f, "held@y.test");
    assert_int_equal(found.list[0].state, QUEUE_TRACE_DROPPED);
    assert_int_equal(found.list[0].n, 2);

    enqueue(f, "me@here.test", "late@z.test");
    test_pg_run("UPDATE q_msg SET expires = now() - interval '1 hour'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    found = trace_text(f, "late@z.test");
    assert_int_equal(found.list[0].state, QUEUE_TRACE_FAILED);
    assert_int_equal(found.list[0].n, 1);
    assert_true(str_eq(found.list[0].attempts[0].stage, STR("queue")));
    assert_true(str_eq(found.list[0].attempts[0].code, STR("4.4.7")));
}

static void test_endings(void **state)
{
    (void)state;
    with_queue(endings_body);
}

/* An attempt is written by what its statement saw, and so behind the removal of its message. */
static void write_late(int attempt, int outcome)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO q_attempt SELECT (jsonb_populate_record(a, jsonb_build_object("
                   "'attempt', %d, 'outcome', %d, 'at', a.at + interval '1 second'))).*"
                   " FROM q_attempt a WHERE a.outcome = 4",
                   attempt, outcome);
    test_pg_run(sql);
}

static void removed_in_flight_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = { .name = STR("tester") };
    int64_t gone = enqueue(f, "me@here.test", "gone@x.test");
    MUST(queue_delete(f->q, &actor, gone, soon(), &e), e);
    write_late(1, 1);
    struct queue_traces found = trace_text(f, "gone@x.test");
    assert_int_equal(found.list[0].n, 2);
    assert_int_equal(found.list[0].attempts[1].state, QUEUE_TRACE_DEFERRED);
    assert_int_equal(found.list[0].state, QUEUE_TRACE_DROPPED);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace WHERE state = 'dropped'"), 1);
    write_late(2, 0);
    assert_int_equal(trace_text(f, "gone@x.test").list[0].state, QUEUE_TRACE_DELIVERED);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace WHERE state = 'delivered'"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace"), 1);
}

static void test_removed_in_flight(void **state)
{
    (void)state;
    with_queue(removed_in_flight_body);
}

/* ---- how it is found ---- */

static void found_body(void *arg)
{
    struct fixture *f = arg;
    char id[QUEUE_ID_TEXT];
    enqueue_with_id(f, "me@here.test", "Ann@x.test", "1@here.test");
    try_once(f, delivered);
    int64_t second = enqueue_with_id(f, "you@here.test", "bob@x.test", "2@here.test");
    (void)queue_id_format(second, id);
    test_pg_run("UPDATE q_msg SET account_id = 6, created = created - interval '2 days'");
    const struct {
        const char *name;
        struct queue_trace_query query;
        size_t n;
    } cases[] = {
        { "everything", { .limit = 0 }, 2 },
        { "queue id", { .text = str_from_cstr(id) }, 1 },
        { "Message-ID", { .text = STR(" <1@here.test> ") }, 1 },
        { "nothing but a Message-ID", { .message_id = STR("1@here.test") }, 1 },
        { "an address as Message-ID", { .message_id = STR("bob@x.test") }, 0 },
        { "an address in brackets", { .text = STR("<bob@x.test>") }, 0 },
        { "Message-ID of somebody else", { .message_id = STR("1@here.test"), .account_id = 6 }, 0 },
        { "recipient in another case", { .text = STR("ann@X.test") }, 1 },
        { "sender", { .text = STR("YOU@here.test") }, 1 },
        { "named sender", { .sender = STR("me@here.test") }, 1 },
        { "named recipient", { .recipient = STR("bob@x.test") }, 1 },
        { "both, of different messages",
          { .sender = STR("me@here.test"), .recipient = STR("bob@x.test") },
          0 },
        { "account", { .account_id = 6 }, 1 },
        { "account of somebody else", { .text = STR("1@here.test"), .account_id = 6 }, 0 },
        { "since", { .since_us = db_now_us() - 60 * minute_us }, 1 },
        { "until", { .until_us = db_now_us() - 60 * minute_us }, 1 },
        { "unknown", { .text = STR("nobody@x.test") }, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct queue_traces found = trace(f, &cases[i].query);
        if (found.n != cases[i].n)
            fail_msg("%s: %zu", cases[i].name, found.n);
    }
    struct queue_traces page = trace(f, &(struct queue_trace_query){ .limit = 1 });
    assert_true(page.n == 1 && page.list[0].queue_id == second && page.last_id == second);
    page = trace(f, &(struct queue_trace_query){ .limit = 1, .before_id = page.last_id });
    assert_true(page.n == 1 && page.list[0].state == QUEUE_TRACE_DELIVERED);
    page = trace(f, &(struct queue_trace_query){ .limit = 1, .before_id = page.last_id });
    assert_true(page.n == 0 && page.last_id == 0);
}

/* By what our reply says, and what Received says: in the queue, and when it has left it. */
static void session_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t ids[3];
    const str sessions[] = { STR("35a4bpw601dc.1"), STR("35a4bpw601dc.12"), STR("35a4bpw601de") };
    const str to = STR("a@x.test");
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
        m.session = sessions[i];
        MUST(queue_enqueue(f->q, &m, soon(), &ids[i], &e), e);
    }
    for (int left = 0; left < 2; left++) {
        struct queue_traces one = trace_text(f, "35a4bpw601dc.1");
        assert_true(one.n == 1 && one.list[0].queue_id == ids[0]);
        assert_int_equal(trace_text(f, "35a4bpw601dc").n, 2);
        assert_int_equal(trace_text(f, "35a4bpw601dc.2").n, 0);
        assert_int_equal(trace_text(f, "35a4bpw601d0").n, 0);
        /* Of a former version, which did not write the number. */
        assert_int_equal(trace_text(f, "35a4bpw601de.3").n, 1);
        struct queue_lease *lease = left ? NULL : claim(f);
        for (size_t i = 0; lease && i < lease->n; i++)
            finish_all(f, lease, i, delivered);
        if (lease)
            release(f, lease);
        assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    }
    assert_true(queue_trace_is_session(STR("35a4bpw601dc.1")));
    assert_false(queue_trace_is_session(STR("35a4bpw601dc.")));
    assert_false(queue_trace_is_session(STR("35a4bpw601dc.x")));
    assert_false(queue_trace_is_session(STR("35a4bpw601d")));
    assert_true(str_eq(queue_session_of(STR("ab"), STR("ab.1")), STR("ab.1")));
    assert_true(str_eq(queue_session_of(STR("ab"), STR("abc.1")), STR("ab")));
    assert_true(str_eq(queue_session_of(STR("ab"), STR_EMPTY), STR("ab")));
}

static void test_session(void **state)
{
    (void)state;
    with_queue(session_body);
}

static void test_found(void **state)
{
    (void)state;
    with_queue(found_body);
}

/* One message of a long queue is found by the index. PostgreSQL counts its use when a statement
 * ends, though once a second only. */
static void index_body(void *arg)
{
    struct fixture *f = arg;
    int64_t until_ms = clock_deadline_in(20000);
    test_pg_run(
        "INSERT INTO q_msg (queue_id, envelope_from, expires, size, codec, data, message_id)"
        " SELECT i, '', now(), 0, 0, '', i || '@here.test' FROM generate_series(1, 5000) i;"
        "INSERT INTO q_rcpt (queue_id, rcpt, domain, notify) SELECT i, 'a@x.test',"
        " 'x.test', 0 FROM generate_series(1, 5000) i; ANALYZE q_msg; ANALYZE q_rcpt");
    const struct queue_trace_query one = { .message_id = STR("77@here.test") };
    long uses = 0;
    while (uses == 0 && clock_monotonic_ms() < until_ms) {
        struct queue_traces found = trace(f, &one);
        assert_true(found.n == 1 && found.list[0].queue_id == 77);
        uses = test_pg_number("SELECT idx_scan FROM pg_stat_user_indexes"
                              " WHERE indexrelname = 'q_msg_message'");
    }
    assert_true(uses > 0);
}

static void test_index(void **state)
{
    (void)state;
    with_queue(index_body);
}

/* ---- what other servers report later ---- */

static int64_t note(struct fixture *f, int64_t queue_id, struct queue_heard heard)
{
    struct err e = ERR_CLEAR;
    int64_t noted = -1;
    MUST(queue_note_heard(f->q, queue_id, &heard, 1, soon(), &noted, &e), e);
    return noted;
}

/* Checks the state of a recipient, and gives the number of its rows. */
static int states(struct fixture *f, const char *recipient, const char *name)
{
    struct queue_traces found = trace_text(f, recipient);
    for (size_t i = 0; i < found.n; i++) {
        const struct queue_traced *t = &found.list[i];
        if (!str_eq(t->recipient, str_from_cstr(recipient)))
            continue;
        if (strcmp(queue_trace_state_name(t->state), name) != 0)
            fail_msg("%s is %s", recipient, queue_trace_state_name(t->state));
        return (int)t->n;
    }
    return -1;
}

/* Of each kind the first word counts, of all kinds the last, and a delay is none beside others. */
static void heard_body(void *arg)
{
    struct fixture *f = arg;
    const struct queue_heard fails = { .original = STR("A@x.test"),
                                       .final = STR("b@x.test"),
                                       .action = QUEUE_HEARD_FAILED,
                                       .status = STR("5.1.1"),
                                       .reply = STR("550 who?\xff\r\nno"),
                                       .remote = STR("in.x.test") };
    struct queue_heard other = { .original = STR("unknown@y.test"), .final = STR("a@x.test") };
    int64_t id = enqueue_with_id(f, "me@here.test", "a@x.test", "one@here.test");
    assert_int_equal(note(f, id, fails),
                     0); /* it leaves with the plain sender: nobody has it yet */
    try_once(f, delivered);
    other.action = QUEUE_HEARD_DELAYED;
    assert_int_equal(note(f, id, other), 1);
    assert_int_equal(states(f, "a@x.test", "reportedDelayed"), 2);
    assert_int_equal(note(f, id, fails), 1);
    assert_int_equal(note(f, id, fails), 0);
    assert_int_equal(note(f, id, other), 0);
    assert_int_equal(states(f, "a@x.test", "reportedFailed"), 3);
    struct queue_traces found = trace_text(f, "one@here.test");
    const struct queue_attempt *last = &found.list[0].attempts[2];
    assert_int_equal(last->state, QUEUE_TRACE_REPORTED_FAILED);
    assert_int_equal(last->number, 1);
    assert_true(str_eq(last->code, STR("5.1.1")) && str_eq(last->stage, STR("report")));
    assert_true(str_eq(last->remote, STR("in.x.test")));
    assert_true(str_has_prefix(last->reply, STR("550 who?\xef\xbf\xbd")));
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace WHERE state = 'reportedFailed'"
                                    " AND code = '5.1.1' AND remote = 'in.x.test'"),
                     1);
    for (int i = QUEUE_HEARD_DELIVERED; i < QUEUE_N_HEARD; i++) {
        other.action = (enum queue_heard_action)i;
        assert_int_equal(note(f, id, other), 1);
        assert_int_equal(note(f, id, other), 0);
    }
    assert_int_equal(states(f, "a@x.test", "reportedExpanded"), 6);
    /* Somebody who is none of its recipients, and a message that nobody knows. */
    const struct queue_heard stranger = { .original = STR("c@x.test"), .final = STR("") };
    assert_int_equal(note(f, id, stranger), 0);
    assert_int_equal(note(f, id + 1, fails), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 6);
    assert_int_equal(test_pg_number("SELECT count(*) FROM mail_trace"), 1);
    test_pg_run("UPDATE q_attempt SET at = at - interval '31 days', queue_id = queue_id -"
                " (31 * 86400000::int8 << 16)");
    struct err e = ERR_CLEAR;
    MUST(queue_trace_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 0);
}

/* A report may be faster than the word that its server took the message; and nothing that it says
 * of who is tried again changes that. */
static void heard_early_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const str to[] = { STR("a@x.test"), STR("b@x.test") };
    const struct queue_heard fails = { .final = to[0], .action = QUEUE_HEARD_FAILED };
    struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    m.has_from_id = true;
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_lease *lease = claim(f);
    assert_true(lease->messages[0].has_from_id && !lease->messages[0].is_verp);
    assert_int_equal(note(f, id, fails), 1);
    assert_int_equal(states(f, "a@x.test", "waiting"), 1);
    finish_all(f, lease, 0, deferred);
    assert_int_equal(states(f, "a@x.test", "deferred"), 2);
    release(f, lease);
    test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    try_once(f, delivered);
    assert_int_equal(states(f, "a@x.test", "reportedFailed"), 3);
    assert_int_equal(note(f, id, fails), 0);
    assert_int_equal(states(f, "b@x.test", "delivered"), 2);
    /* Where no history is kept none is begun. */
    int64_t noted = 1;
    const struct queue_heard second = { .final = to[1], .action = QUEUE_HEARD_FAILED };
    MUST(queue_note_heard(f->other, id, &second, 1, soon(), &noted, &e), e);
    assert_int_equal(noted, 0);
    assert_int_equal(states(f, "b@x.test", "delivered"), 2);
}

static void test_heard(void **state)
{
    (void)state;
    with_queue(heard_body);
}

static void test_heard_early(void **state)
{
    (void)state;
    with_queue(heard_early_body);
}

/* ---- how it is forgotten ---- */

static void forgotten_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "old@x.test");
    try_once(f, delivered);
    /* A month and a day ago: its id says so, too. */
    test_pg_run("UPDATE q_attempt SET at = at - interval '31 days', queue_id = queue_id -"
                " (31 * 86400000::int8 << 16)");
    enqueue(f, "me@here.test", "waiting@x.test");
    try_once(f, deferred);
    test_pg_run("UPDATE q_attempt SET at = at - interval '31 days' WHERE recipient ~ 'waiting'");
    test_pg_run("UPDATE q_attempt SET queue_id = queue_id - (31 * 86400000::int8 << 16)"
                " WHERE recipient ~ 'waiting'");
    test_pg_run("UPDATE q_msg SET queue_id = queue_id - (31 * 86400000::int8 << 16)");
    test_pg_run("UPDATE q_rcpt SET queue_id = queue_id - (31 * 86400000::int8 << 16)");
    enqueue(f, "me@here.test", "new@y.test");
    MUST(queue_trace_sweep(f->q, soon(), &e), e);
    assert_int_equal(trace_text(f, "old@x.test").n, 0);
    assert_int_equal(trace_text(f, "waiting@x.test").list[0].n, 1);
    /* Where nothing is to be kept, what was written before goes. */
    test_pg_run("DELETE FROM q_msg; DELETE FROM q_rcpt");
    MUST(queue_trace_sweep(f->other, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_attempt"), 0);
}

static void test_forgotten(void **state)
{
    (void)state;
    with_queue(forgotten_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),     cmocka_unit_test(test_passed),
        cmocka_unit_test(test_once),        cmocka_unit_test(test_off),
        cmocka_unit_test(test_endings),     cmocka_unit_test(test_removed_in_flight),
        cmocka_unit_test(test_found),       cmocka_unit_test(test_index),
        cmocka_unit_test(test_forgotten),   cmocka_unit_test(test_heard),
        cmocka_unit_test(test_heard_early), cmocka_unit_test(test_session),
    };
    return cmocka_run_group_tests_name("queue/trace", tests, NULL, NULL);
}
