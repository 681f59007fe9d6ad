/* SPDX-License-Identifier: Apache-2.0 */
/* The queue on a real PostgreSQL and Redis, with two workers of different processes. */
#include "queue/queue_fixture.h"

/* ---- the straight way ---- */

static void straight_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@y.test") };
    struct queue_new_message m = message(f, STR("me@here.test"), to, 3);
    m.is_8bit = true;
    m.envelope_id = STR("E1");
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_lease *first = claim(f);
    struct queue_lease *second = claim_by(f, f->other, 10);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(claim(f));
    assert_int_equal(first->n + second->n, 2);
    assert_false(str_eq(first->domain, second->domain));
    struct queue_lease *x = str_eq(first->domain, STR("x.test")) ? first : second;
    const struct queue_message *got = &x->messages[0];
    assert_true(got->queue_id == id);
    assert_int_equal(got->n, 2);
    assert_true(str_eq(got->recipients[0].address, STR("a@x.test")));
    assert_true(got->is_8bit && !got->is_utf8 && got->account_id == 5);
    assert_true(str_eq(got->envelope_from, STR("me@here.test")));
    assert_true(got->expires_us - got->created_us == INT64_C(7) * 24 * 60 * minute_us);
    str body;
    MUST(queue_load_body(f->q, id, &f->a, soon(), &body, &e), e);
    assert_true(str_eq(body, m.body));
    finish_all(f, first, 0, delivered);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 1);
    finish_all(f, second, 0, delivered);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 0);
    release(f, first);
    release(f, second);
    e = ERR_CLEAR;
    assert_false(queue_load_body(f->q, id, &f->a, soon(), &body, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_straight(void **state)
{
    (void)state;
    with_queue(straight_body);
}

/* ---- reports of success to senders whom nobody proved ---- */

static bool may_tell(struct fixture *f, const char *sender, size_t n)
{
    struct err e = ERR_CLEAR;
    bool may = false;
    MUST(queue_may_tell(f->q, str_from_cstr(sender), n, 2, soon(), &may, &e), e);
    return may;
}

static void told_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    assert_true(may_tell(f, "a@x.test", 1));
    assert_true(may_tell(f, "A@X.test", 1)); /* one address */
    assert_false(may_tell(f, "a@x.test", 1));
    /* More than an hour's worth in one message is possible once. */
    assert_true(may_tell(f, "many@y.test", 1000));
    assert_false(may_tell(f, "many@y.test", 1));
    /* What one address may not have any more is nothing to its domain, which has ten times as many.
     */
    for (int i = 0; i < 30; i++)
        assert_false(may_tell(f, "a@x.test", 2));
    char sender[32];
    for (int i = 0; i < 9; i++) {
        (void)snprintf(sender, sizeof(sender), "b%d@x.test", i);
        assert_true(may_tell(f, sender, 2));
    }
    assert_false(may_tell(f, "c@x.test", 1));
    /* An hour later, or when the clock was wrong, it begins anew; and rows do not stay. */
    assert_int_equal(test_pg_number("WITH u AS (UPDATE q_told SET since = since - interval '61 min'"
                                    " RETURNING 1) SELECT count(*) FROM u"),
                     14);
    assert_true(may_tell(f, "a@x.test", 2));
    assert_false(may_tell(f, "a@x.test", 1));
    assert_int_equal(
        test_pg_number("WITH u AS (UPDATE q_told SET since = now() + interval '2 days'"
                       " WHERE subject = 'a@x.test' RETURNING 1) SELECT count(*) FROM u"),
        1);
    assert_true(may_tell(f, "a@x.test", 2));
    MUST(queue_sweep(f->q, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_told"), 2);
}

static void test_told(void **state)
{
    (void)state;
    with_queue(told_body);
}

/* With a sender for each recipient, each is a message by itself: what became of one is written
 * before the next one is sent, and one can wait while another goes. */
static void verp_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@x.test"), STR("d@x.test") };
    int64_t id = 0;
    struct queue_new_message m = message(f, STR("me@here.test"), to, COUNT_OF(to));
    m.is_verp = true;
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_lease *lease = claim(f);
    assert_true(lease && lease->n == COUNT_OF(to));
    for (size_t i = 0; i < lease->n; i++) {
        const struct queue_message *one = &lease->messages[i];
        assert_true(one->queue_id == id && one->is_verp && one->n == 1);
        assert_true(str_eq(one->recipients[0].address, to[i]));
    }
    finish_all(f, lease, 0, delivered);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt <> 'a@x.test'"), 3);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 3);
    MUST(queue_postpone(f->q, lease, 2, 600000, 600000, STR_EMPTY, &e), e);
    assert_int_equal(lease->n, 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE due > now()"), 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE rcpt = 'd@x.test'"
                                    " AND due > now() + interval '15 minutes'"),
                     1);
    release(f, lease);
    lease = claim(f);
    assert_true(lease && lease->n == 1);
    assert_true(str_eq(lease->messages[0].recipients[0].address, STR("b@x.test")));
    test_pg_run("UPDATE q_rcpt SET due = now()");
    MUST(queue_postpone(f->q, lease, 0, 600000, 0, STR_EMPTY, &e),
         e); /* all, if there is no need to tell */
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE due > now()"), 3);
    release(f, lease);
}

static void test_verp(void **state)
{
    (void)state;
    with_queue(verp_body);
}

/* What goes in comes out, byte for byte: small, big, incompressible, empty. */
static void bodies_body(void *arg)
{
    struct fixture *f = arg;
    static const size_t sizes[] = {
        0, 1, 5000, QUEUE_PART_BYTES, QUEUE_PART_BYTES + 1, 1 << 20, (3 << 20) + 17, 4 << 20
    };
    for (size_t i = 0; i < 2 * COUNT_OF(sizes); i++) {
        struct err e = ERR_CLEAR;
        size_t n = sizes[i / 2];
        char *bytes = heap_zalloc(n + 1);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(k / 100);
        if (i % 2)
            arc4random_buf(bytes, n);
        int64_t id = 0;
        str to = STR("a@x.test");
        str body;
        struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
        m.body = str_of(bytes, n);
        MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
        MUST(queue_load_body(f->q, id, &f->a, soon(), &body, &e), e);
        assert_true(str_eq(body, m.body));
        free(bytes);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    with_queue(bodies_body);
}

static void refused_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    str to = STR("a@x.test");
    struct queue_new_message m = message(f, STR("\xff@here.test"), &to, 1);
    assert_false(queue_enqueue(f->q, &m, soon(), &id, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    m = message(f, STR("me@here.test"), &to, 0);
    assert_false(queue_enqueue(f->q, &m, soon(), &id, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    to = str_of("a\0b@x.test", 10);
    m = message(f, STR("me@here.test"), &to, 1);
    assert_false(queue_enqueue(f->q, &m, soon(), &id, &e));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

/* Several at once: one that is refused keeps the others out, too, so that no second try doubles
 * them. */
static void together_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    str to = STR("a@x.test");
    const int64_t ids[] = { queue_make_id(f->q), queue_make_id(f->q) };
    struct queue_new_message list[] = { message(f, STR("me@here.test"), &to, 1),
                                        message(f, STR("\xff@here.test"), &to, 1) };
    test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain");
    for (size_t i = 0; i < COUNT_OF(list); i++)
        MUST(queue_pack(&f->a, list[i].body, soon(), &list[i].packed, &e), e);
    assert_false(queue_enqueue_all(f->q, list, ids, COUNT_OF(list), soon(), &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    list[1].envelope_from = STR("you@here.test");
    e = ERR_CLEAR;
    MUST(queue_enqueue_all(f->q, list, ids, COUNT_OF(list), soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg JOIN q_rcpt USING (queue_id)"), 2);
    test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain");
}

static void test_together(void **state)
{
    (void)state;
    with_queue(together_body);
}

static void test_refused(void **state)
{
    (void)state;
    with_queue(refused_body);
}

/* Many workers, many messages: each recipient is delivered once. */
struct crowd {
    struct fixture *f;
    unsigned working;
    unsigned sent;
};

static void deliver_lease(struct crowd *c, struct queue *q, struct queue_lease *lease,
                          struct arena *a)
{
    struct err e = ERR_CLEAR;
    for (size_t i = 0; i < lease->n; i++) {
        const struct queue_message *m = &lease->messages[i];
        struct queue_result *results = ARENA_ARRAY(a, struct queue_result, m->n);
        MUST(queue_finish(q, lease, m, results, soon(), &e), e);
        c->sent += (unsigned)m->n;
    }
    MUST(queue_release(q, lease, soon(), &e), e);
}

static void crowd_worker(void *arg)
{
    struct crowd *c = arg;
    struct arena a;
    int idle = 0;
    arena_init(&a);
    while (idle < 3) {
        struct err e = ERR_CLEAR;
        struct queue_lease *lease = NULL;
        struct queue *q = c->working % 2 ? c->f->q : c->f->other;
        MUST(queue_claim(q, &a, 4, soon(), &lease, &e), e);
        if (!lease) {
            idle++;
            pause_ms(600);
            continue;
        }
        deliver_lease(c, q, lease, &a);
        arena_reset(&a);
    }
    arena_fini(&a);
    c->working--;
}

static void crowd_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct crowd c = { .f = f };
    for (int i = 0; i < 120; i++) {
        char one[32];
        char two[32];
        int64_t id = 0;
        (void)snprintf(one, sizeof(one), "u%d@d%d.test", i, i % 7);
        (void)snprintf(two, sizeof(two), "v%d@d%d.test", i, i % 5);
        const str to[] = { str_from_cstr(one), str_from_cstr(two) };
        struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
        MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    }
    for (int i = 0; i < 8; i++) {
        c.working++;
        MUST(fiber_spawn(f->rt, "worker", crowd_worker, &c, NULL, &e), e);
    }
    int64_t deadline = clock_deadline_in(20000);
    while (c.working > 0 && clock_monotonic_ms() < deadline)
        pause_ms(20);
    assert_int_equal(c.working, 0);
    assert_int_equal(c.sent, 240);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

static void test_crowd(void **state)
{
    (void)state;
    with_queue(crowd_body);
}

/* Destinations take turns: one with much old mail does not keep others waiting until it is empty.
 */
static void turns_body(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 5; i++)
        enqueue(f, "me@here.test", "a@big.test");
    test_pg_run("UPDATE q_rcpt SET due = now() - interval '1 hour'");
    test_pg_run("UPDATE q_domain SET next_due = now() - interval '1 hour'");
    enqueue(f, "me@here.test", "a@small.test");
    struct queue_lease *lease = claim_by(f, f->q, 2);
    assert_true(str_eq(lease->domain, STR("big.test")));
    assert_int_equal(lease->n, 2);
    finish_all(f, lease, 0, delivered);
    finish_all(f, lease, 1, delivered);
    release(f, lease);
    lease = claim_by(f, f->q, 2);
    assert_non_null(lease);
    assert_true(str_eq(lease->domain, STR("small.test")));
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    lease = claim_by(f, f->q, 2); /* at once: it is still due */
    assert_non_null(lease);
    assert_true(str_eq(lease->domain, STR("big.test")));
    release(f, lease);
}

static void test_turns(void **state)
{
    (void)state;
    with_queue(turns_body);
}

/* A turn is counted in messages, not in recipients; those of a message come together, also when
 * they were put off together. */
static void whole_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@x.test") };
    for (int i = 0; i < 3; i++) {
        struct queue_new_message m = message(f, STR("me@here.test"), to, 3);
        int64_t id = 0;
        MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    }
    test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    struct queue_lease *lease = claim_by(f, f->q, 2);
    assert_non_null(lease);
    assert_int_equal(lease->n, 2);
    assert_true(lease->messages[0].queue_id < lease->messages[1].queue_id);
    for (size_t i = 0; i < lease->n; i++) {
        assert_int_equal(lease->messages[i].n, 3);
        assert_true(str_eq(lease->messages[i].recipients[2].address, STR("c@x.test")));
    }
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(DISTINCT due) FROM q_rcpt WHERE attempts = 1"),
                     1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE attempts = 1"), 3);
}

static void test_whole(void **state)
{
    (void)state;
    with_queue(whole_body);
}

/* While very many destinations wait, a turn is short; alone a destination has it whole. */
static void crowded_body(void *arg)
{
    struct fixture *f = arg;
    int64_t deadline = soon();
    for (int i = 0; i < 3; i++)
        enqueue(f, "me@here.test", "a@big.test");
    test_pg_run("INSERT INTO q_domain (domain, next_due) SELECT 'd' || n || '.test', now()"
                " FROM generate_series(1, 300) AS n");
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    assert_true(str_eq(lease->domain, STR("big.test")));
    assert_int_equal(lease->n, 2);
    assert_true(lease->is_short);
    test_pg_run("DELETE FROM q_domain WHERE domain <> 'big.test'");
    /* A crowd is not counted for each claim. */
    while (lease->is_short && clock_monotonic_ms() < deadline) {
        release(f, lease);
        lease = claim(f);
        assert_non_null(lease);
    }
    assert_int_equal(lease->n, 3);
    assert_false(lease->is_short);
    release(f, lease);
}

static void test_crowded(void **state)
{
    (void)state;
    with_queue(crowded_body);
}

/* R12: the clock goes back by a day; a lease and a breaker of before do not last for that day. */
static void clock_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    test_pg_run("UPDATE q_domain SET lease_until = now() + interval '1 day', breaker_open = true,"
                " breaker_until = now() + interval '1 day'");
    MUST(queue_sweep(f->q, soon(), &e), e);
    struct queue_lease *other = claim_by(f, f->other, 10);
    assert_non_null(other);
    assert_int_equal(other->n, 1);
    const struct queue_result *results = &delivered;
    assert_false(queue_finish(f->q, lease, &lease->messages[0], results, soon(), &e));
    assert_int_equal(e.kind, ERR_DENIED);
    finish_all(f, other, 0, delivered);
    release(f, other);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
}

static void test_clock(void **state)
{
    (void)state;
    with_queue(clock_body);
}

/* Mail that comes while its domain is being worked on is found soon after. */
static void meanwhile_body(void *arg)
{
    struct fixture *f = arg;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    enqueue(f, "me@here.test", "b@x.test");
    assert_null(claim_by(f, f->other, 10));
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    lease = claim(f); /* due at once: the release looked */
    assert_non_null(lease);
    assert_true(str_eq(lease->messages[0].recipients[0].address, STR("b@x.test")));
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    assert_null(claim(f));
}

static void test_meanwhile(void **state)
{
    (void)state;
    with_queue(meanwhile_body);
}

/* Mail whose transaction saw its destination due, and commits after a worker found it empty. */
static void unseen_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx;
    str to = STR("a@x.test");
    struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
    test_pg_run("INSERT INTO q_domain (domain, next_due) VALUES ('x.test', now())");
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(queue_enqueue_send(f->q, tx, queue_make_id(f->q), &m, &e), e);
    MUST(db_tx_flush(tx, &f->a, NULL, 0, NULL, &e), e);
    assert_null(claim_by(f, f->other, 10)); /* it is not there yet */
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_domain WHERE next_due <= now() + "
                                    "interval '1 second'"),
                     1);
    /* Nobody puts mail in: nothing is looked at in vain. */
    test_pg_run("TRUNCATE q_msg, q_rcpt; UPDATE q_domain SET next_due = now()");
    assert_null(claim(f));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_domain WHERE next_due = 'infinity'"),
                     1);
}

static void test_unseen(void **state)
{
    (void)state;
    with_queue(unseen_body);
}

/* ---- deferred, failed ---- */

static void deferred_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t id = enqueue(f, "me@here.test", "a@x.test");
    for (unsigned attempt = 1; attempt <= 3; attempt++) {
        static const int64_t waits[] = { 5, 15, 30 };
        struct queue_rows rows;
        struct queue_lease *lease = claim(f);
        assert_non_null(lease);
        assert_int_equal(lease->messages[0].recipients[0].attempts, attempt - 1);
        finish_all(f, lease, 0, deferred);
        /* The answer was lost: the same again changes nothing. */
        finish_all(f, lease, 0, deferred);
        release(f, lease);
        assert_null(claim(f));
        MUST(queue_get(f->q, id, &f->a, soon(), &rows, &e), e);
        assert_int_equal(rows.list[0].attempts, attempt);
        assert_int_equal(rows.list[0].status, QUEUE_STATUS_DEFERRED);
        assert_true(str_eq(rows.list[0].code, STR("4.4.1")));
        assert_true(str_has_prefix(rows.list[0].reply, STR("connect:")));
        int64_t wait = rows.list[0].due_us - db_now_us();
        assert_true(wait > waits[attempt - 1] * minute_us * 89 / 100);
        assert_true(wait < waits[attempt - 1] * minute_us * 111 / 100);
        test_pg_run("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()");
    }
    test_pg_run("UPDATE q_rcpt SET attempts = 14");
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1 AND attempts = "
                                    "15 AND code = '4.4.7'"),
                     1);
}

static void test_deferred(void **state)
{
    (void)state;
    with_queue(deferred_body);
}

/* ---- leases ---- */

static void fencing_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *slow = claim(f);
    assert_true(queue_lease_is_valid(slow, 0));
    assert_true(queue_lease_is_valid(slow, 50000));
    assert_false(queue_lease_is_valid(slow, 61000));
    MUST(queue_lease_extend(f->q, slow, soon(), &e), e);
    test_pg_run("UPDATE q_domain SET lease_until = now() - interval '1 second'");
    struct queue_lease *fast = claim_by(f, f->other, 10); /* the first one was stopped for long */
    assert_non_null(fast);
    assert_true(fast->token > slow->token);
    const struct queue_result result = { .outcome = QUEUE_FAILED };
    assert_false(queue_finish(f->q, slow, &slow->messages[0], &result, soon(), &e));
    assert_int_equal(e.kind, ERR_DENIED);
    e = ERR_CLEAR;
    assert_false(queue_lease_extend(f->q, slow, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    release(f, slow); /* harmless: the token is an old one */
    assert_null(claim(f));
    finish_all(f, fast, 0, delivered);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    release(f, fast);
}

static void test_fencing(void **state)
{
    (void)state;
    with_queue(fencing_body);
}

static void breaker_body(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 3; i++)
        enqueue(f, "me@here.test", "a@x.test");
    struct queue_lease *lease = claim(f);
    assert_int_equal(lease->n, 3);
    for (int i = 0; i < 4; i++)
        assert_false(queue_lease_destination(lease, false, STR("connect: refused")));
    release(f, lease);
    lease = claim(f); /* nothing was counted as an attempt: all are still due */
    assert_int_equal(lease->n, 3);
    assert_false(lease->is_probe);
    assert_false(queue_lease_turn(lease).has_opened);
    assert_true(queue_lease_destination(lease, false, STR("connect: refused")));
    release(f, lease);
    struct queue_breaker_turn turn = queue_lease_turn(lease);
    assert_true(turn.has_opened && !turn.has_closed && turn.failures == 5);
    assert_true(turn.until_us > db_now_us() + 4 * minute_us);
    assert_true(str_eq(turn.reason, STR("connect: refused")));
    assert_null(claim(f));
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM q_domain WHERE breaker_open AND breaker_until BETWEEN"
                       " now() + interval '4 minutes 50 seconds' AND now() + interval '5 minutes'"
                       " AND next_due = breaker_until AND reason = 'connect: refused'"),
        1);
    enqueue(f, "me@here.test", "b@x.test"); /* does not wake it */
    assert_null(claim(f));
    test_pg_run("UPDATE q_domain SET breaker_until = now(), next_due = now()");
    lease = claim(f);
    assert_true(queue_lease_destination(lease, false, STR("connect: refused")));
    release(f, lease);
    turn = queue_lease_turn(lease); /* that it is open still is no news */
    assert_false(turn.has_opened || turn.has_closed);
    for (int i = 0; i < 2; i++) {
        test_pg_run("UPDATE q_domain SET breaker_until = now(), next_due = now()");
        lease = claim(f);
        assert_non_null(lease);
        assert_true(lease->is_probe);
        assert_int_equal(lease->n, 1);
        finish_all(f, lease, 0, delivered);
        assert_false(queue_lease_destination(lease, true, STR_EMPTY));
        release(f, lease);
        turn = queue_lease_turn(lease);
        assert_true(turn.has_closed == (i == 1) && !turn.has_opened);
    }
    lease = claim(f);
    assert_non_null(lease);
    assert_false(lease->is_probe);
    assert_int_equal(lease->n, 2);
    release(f, lease);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_domain WHERE breaker_open"), 0);
}

static void test_breaker(void **state)
{
    (void)state;
    with_queue(breaker_body);
}

/* ---- sweep ---- */

static void sweep_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    enqueue(f, "me@here.test", "a@lost.test");
    enqueue(f, "me@here.test", "b@gone.test");
    enqueue(f, "me@here.test", "c@dead.test");
    enqueue(f, "", "d@dead.test");
    test_pg_run("UPDATE q_domain SET next_due = 'infinity' WHERE domain = 'lost.test';"
                "DELETE FROM q_domain WHERE domain = 'gone.test';"
                "UPDATE q_domain SET breaker_open = true, breaker_until = now() + interval '5 min',"
                " next_due = now() + interval '5 min' WHERE domain = 'dead.test';"
                "UPDATE q_msg SET expires = now() - interval '1 hour' WHERE queue_id IN"
                " (SELECT queue_id FROM q_rcpt WHERE domain = 'dead.test');"
                "INSERT INTO q_domain (domain, next_due, used) VALUES"
                " ('old.test', 'infinity', now() - interval '8 days');"
                "INSERT INTO q_msg (queue_id, envelope_from, created, expires, size, codec, data)"
                " VALUES (7, 'x', now() - interval '2 min', now(), 0, 0, '')");
    assert_null(claim(f));
    MUST(queue_sweep(f->q, soon(), &e), e);
    struct queue_lease *one = claim(f);
    struct queue_lease *two = claim(f);
    assert_non_null(one);
    assert_non_null(two);
    assert_null(claim(f));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt WHERE status = 1"), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 3);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_domain WHERE domain = 'old.test'"), 0);
    release(f, one);
    release(f, two);
}

static void test_sweep(void **state)
{
    (void)state;
    with_queue(sweep_body);
}

/* ---- operators ---- */

static const struct queue_actor cli = { .name = STR_INIT("cli") };

static size_t count_listed(struct fixture *f, struct queue_filter filter)
{
    struct err e = ERR_CLEAR;
    size_t n = 0;
    struct queue_rows rows;
    do { /* page by page */
        MUST(queue_list(f->q, &filter, &f->a, soon(), &rows, &e), e);
        n += rows.n;
        if (rows.n > 0) {
            filter.after_id = rows.list[rows.n - 1].queue_id;
            filter.after_rcpt = rows.list[rows.n - 1].recipient;
        }
    } while (rows.n > 0);
    return n;
}

static void list_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_stats stats;
    int64_t id = 0;
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@y.test") };
    for (int i = 0; i < 5; i++) {
        struct queue_new_message m =
            message(f, i ? STR("me@here.test") : STR("you@here.test"), to, 3);
        MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    }
    struct queue_lease *lease = claim(f);
    while (!str_eq(lease->domain, STR("y.test")))
        lease = claim(f);
    finish_all(f, lease, 0, deferred);
    finish_all(f, lease, 1, failed);
    release(f, lease);
    const struct queue_filter any = { .status = QUEUE_STATUS_ANY };
    struct queue_filter filter = any;
    assert_int_equal(count_listed(f, filter), 15);
    filter.limit = 2;
    assert_int_equal(count_listed(f, filter), 15);
    filter.domain = STR("x.test");
    assert_int_equal(count_listed(f, filter), 10);
    filter.sender = STR("you@here.test");
    assert_int_equal(count_listed(f, filter), 2);
    filter = any;
    filter.recipient = STR("c@y.test");
    assert_int_equal(count_listed(f, filter), 5);
    filter.status = QUEUE_STATUS_DEFERRED;
    assert_int_equal(count_listed(f, filter), 1);
    filter.status = QUEUE_STATUS_FAILED;
    assert_int_equal(count_listed(f, filter), 1);
    filter.status = QUEUE_STATUS_PENDING;
    assert_int_equal(count_listed(f, filter), 3);
    filter = any;
    filter.after_id = id - 1;
    assert_int_equal(count_listed(f, filter), 3); /* the newest message */
    MUST(queue_get_stats(f->q, soon(), &stats, &e), e);
    assert_int_equal(stats.messages, 5);
    assert_int_equal(stats.pending, 13);
    assert_int_equal(stats.deferred, 1);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.bytes, 5 * (int64_t)strlen("Subject: x\r\n\r\nhello\r\n"));
    assert_true(stats.oldest_us > 0);
    assert_true(stats.due > 0 && stats.due_since_us > 0);
    /* What came long ago and is due only now is not late. */
    test_pg_run("UPDATE q_msg SET created = now() - interval '1 day'");
    test_pg_run("UPDATE q_rcpt SET due = now() + interval '1 day' WHERE status = 0");
    MUST(queue_get_stats(f->q, soon(), &stats, &e), e);
    assert_true(stats.due == 0 && stats.due_since_us == 0);
    test_pg_run("UPDATE q_rcpt SET due = now() - interval '1 minute' WHERE status = 0");
    MUST(queue_get_stats(f->q, soon(), &stats, &e), e);
    assert_true(stats.due > 0 && stats.due_since_us - stats.oldest_us > 60 * minute_us);
    assert_string_equal(queue_status_name(QUEUE_STATUS_FAILED), "failed");
}

/* By destination, the fullest first, with the commonest reason whatever ids stand in it. */
static void groups_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_groups groups;
    struct queue_rows rows;
    struct queue_filter filter = { .status = QUEUE_STATUS_ANY };
    int64_t ids[4];
    const str to[] = { STR("a@x.test"), STR("b@x.test"), STR("c@y.test") };
    for (int i = 0; i < 3; i++) {
        struct queue_new_message m = message(f, STR("me@here.test"), to, 3);
        MUST(queue_enqueue(f->q, &m, soon(), &ids[i], &e), e);
    }
    ids[3] = 1;
    test_pg_run("UPDATE q_rcpt SET attempts = 1, reply = '421 try later (' || to_hex(queue_id)"
                " || ')', due = now() - interval '1 day' WHERE rcpt = 'a@x.test';"
                "UPDATE q_rcpt SET reply = '550 no', status = 1, due = now() - interval '2 days'"
                " WHERE rcpt = 'b@x.test' AND queue_id = (SELECT min(queue_id) FROM q_msg)");
    MUST(queue_list_domains(f->q, &filter, &f->a, soon(), &groups, &e), e);
    assert_true(groups.n == 2 && groups.total == 2);
    const struct queue_group *x = &groups.list[0];
    assert_true(str_eq(x->domain, STR("x.test")) && str_eq(groups.list[1].domain, STR("y.test")));
    assert_true(x->recipients == 6 && x->messages == 3 && x->failed == 1 && x->replies == 3);
    assert_true(str_has_prefix(x->reply, STR("421 try later (")));
    /* One that has failed is not tried any more, whenever its report is due. */
    assert_true(x->due_us < db_now_us() - 3600 * INT64_C(1000000));
    assert_true(x->due_us > db_now_us() - INT64_C(47) * 60 * minute_us);
    assert_true(groups.list[1].replies == 0 && str_is_empty(groups.list[1].reply));
    filter.limit = 1;
    MUST(queue_list_domains(f->q, &filter, &f->a, soon(), &groups, &e), e);
    assert_true(groups.n == 1 && groups.total == 2);
    filter.status = QUEUE_STATUS_FAILED;
    MUST(queue_list_domains(f->q, &filter, &f->a, soon(), &groups, &e), e);
    assert_true(groups.n == 1 && groups.list[0].recipients == 1 && groups.list[0].replies == 1);
    assert_true(groups.list[0].due_us == 0 && groups.list[0].held == 0);
    MUST(queue_get_some(f->q, ids + 1, 3, &f->a, soon(), &rows, &e), e);
    assert_true(rows.n == 6 && rows.list[0].queue_id != ids[0]); /* nothing of the unknown one */
}

static void acts_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t count = 0;
    int64_t id = enqueue(f, "me@here.test", "a@x.test");
    int64_t id2 = enqueue(f, "me@here.test", "a@y.test");
    const struct queue_filter any = { .status = QUEUE_STATUS_ANY };
    const struct queue_filter y = { .status = QUEUE_STATUS_ANY, .domain = STR("y.test") };
    for (int i = 0; i < 2; i++) {
        struct queue_lease *lease = claim(f);
        for (int k = 0; k < 5; k++)
            queue_lease_destination(lease, false, STR("down"));
        finish_all(f, lease, 0, deferred);
        release(f, lease);
    }
    assert_null(claim(f));
    MUST(queue_retry(f->q, &cli, id, soon(), &e), e);
    struct queue_lease *lease = claim(f);
    assert_non_null(lease);
    assert_true(lease->messages[0].queue_id == id && !lease->is_probe);
    release(f, lease);
    MUST(queue_retry_all(f->q, &cli, &y, soon(), &count, &e), e);
    assert_int_equal(count, 1);
    MUST(queue_retry_all(f->q, &cli, &any, soon(), &count, &e), e);
    assert_int_equal(count, 2);
    MUST(queue_delete(f->q, &cli, id2, soon(), &e), e);
    assert_false(queue_delete(f->q, &cli, id2, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(queue_retry(f->q, &cli, id2, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_rcpt"), 1);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM audit_log WHERE actor = 'cli' AND action IN"
                       " ('queue.retry', 'queue.retry_all', 'queue.delete')"),
        4);
}

static void test_list(void **state)
{
    (void)state;
    with_queue(list_body);
}

static void test_groups(void **state)
{
    (void)state;
    with_queue(groups_body);
}

static void test_acts(void **state)
{
    (void)state;
    with_queue(acts_body);
}

/* ---- ids, and the hint ---- */

static void ids_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        char text[QUEUE_ID_TEXT];
        int64_t back = 0;
        int64_t id = queue_make_id(f->q);
        assert_true(id > last);
        last = id;
        str s = queue_id_format(id, text);
        assert_int_equal(s.n, QUEUE_ID_TEXT - 1);
        MUST(queue_id_parse(s, &back, &e), e);
        assert_true(back == id);
    }
    static const char *const bad[] = {
        "", "1", "zzzzzzzzzzzzz", "0000000000000", "00000000000!0", "00000000000000"
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(queue_id_parse(str_from_cstr(bad[i]), &last, &e));
}

static void test_ids(void **state)
{
    (void)state;
    with_queue(ids_body);
}

static void on_hint(enum notify_topic topic, int64_t id, void *arg)
{
    unsigned *calls = arg;
    assert_int_equal(topic, NOTIFY_QUEUE);
    *calls += id == 0;
}

static void hint_body(void *arg)
{
    struct fixture *f = arg;
    unsigned calls = 0;
    struct notify_listener l = { .fn = on_hint, .arg = &calls };
    notify_listen(f->notify, NOTIFY_QUEUE, &l);
    enqueue(f, "me@here.test", "a@x.test");
    pause_ms(50);
    assert_int_equal(calls, 1);
    notify_unlisten(&l);
}

static void test_hint(void **state)
{
    (void)state;
    with_queue(hint_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight), cmocka_unit_test(test_told),
        cmocka_unit_test(test_verp),     cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_together), cmocka_unit_test(test_meanwhile),
        cmocka_unit_test(test_unseen),   cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_fencing),  cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_sweep),    cmocka_unit_test(test_list),
        cmocka_unit_test(test_groups),   cmocka_unit_test(test_acts),
        cmocka_unit_test(test_ids),      cmocka_unit_test(test_hint),
        cmocka_unit_test(test_turns),    cmocka_unit_test(test_whole),
        cmocka_unit_test(test_crowded),  cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
