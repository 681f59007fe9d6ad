/* SPDX-License-Identifier: Apache-2.0 */
/* notify between two "processes" (two clients in one loop) on a real PostgreSQL and Redis. */
#include "notify/notify.h"

#include "db/db.h"
#include "redis/redis.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

struct side {
    struct redis *redis;
    struct notify *notify;
};

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct side here;
    struct side there;
};

struct heard {
    struct notify *notify;
    struct notify_subscriber *to_leave; /* unsubscribed by the callback */
    unsigned calls;
    int64_t modseq;
};

static void pause_ms(int64_t ms)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_sleep_until(clock_deadline_in(ms), &e), e);
}

static struct side open_side(const struct fixture *f, const struct notify_options *options)
{
    struct err e = ERR_CLEAR;
    struct side s;
    s.redis = redis_new(
        f->rt, &(struct redis_options){ .url = test_redis_start(), .breaker_ms = 300 }, &e);
    assert_non_null(s.redis);
    s.notify = notify_new(f->rt, f->db, s.redis, options);
    return s;
}

static void close_side(struct side *s)
{
    notify_free(&s->notify);
    redis_free(&s->redis);
}

static void with_sides(const struct notify_options *options, fiber_fn fn)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .named_statements = true });
    f.here = open_side(&f, options);
    f.there = open_side(&f, options);
    in_fiber_run_to_end(f.rt, fn, &f);
    close_side(&f.here);
    close_side(&f.there);
    db_free(&f.db);
    runtime_free(&f.rt);
}

static void on_change(int64_t account_id, int64_t modseq, void *arg)
{
    struct heard *h = arg;
    assert_null(fiber_current());
    assert_true(account_id > 0);
    h->calls++;
    h->modseq = modseq;
    if (h->to_leave)
        notify_unsubscribe(h->notify, h->to_leave);
}

static struct notify_subscriber subscriber(struct heard *h)
{
    return (struct notify_subscriber){ .fn = on_change, .arg = h };
}

static bool wait_modseq(const struct heard *h, int64_t modseq, int64_t ms)
{
    int64_t deadline = clock_deadline_in(ms);
    while (h->modseq != modseq && clock_monotonic_ms() < deadline)
        pause_ms(2);
    return h->modseq == modseq;
}

static bool wait_live(const struct notify *n)
{
    int64_t deadline = clock_deadline_in(20000);
    while (!notify_is_live(n) && clock_monotonic_ms() < deadline)
        pause_ms(5);
    return notify_is_live(n);
}

/* Until Redis has read the SUBSCRIBE of both sides: what is published before goes nowhere. */
static bool wait_subscribed(const char *channel)
{
    const char *const args[] = { "PUBSUB", "NUMSUB", channel };
    int64_t deadline = clock_deadline_in(20000);
    bool has_both = false;
    while (!has_both && clock_monotonic_ms() < deadline) {
        char *said = test_redis_cli(args, COUNT_OF(args));
        const char *number = strrchr(said, '\n');
        has_both = number && strcmp(number + 1, "2") == 0;
        free(said);
        pause_ms(5);
    }
    return has_both;
}

static bool wait_away(const struct notify *n)
{
    int64_t deadline = clock_deadline_in(20000);
    while (notify_is_live(n) && clock_monotonic_ms() < deadline)
        pause_ms(5);
    return !notify_is_live(n);
}

static void wait_count(const unsigned *count, unsigned n)
{
    int64_t deadline = clock_deadline_in(20000);
    while (*count < n && clock_monotonic_ms() < deadline)
        pause_ms(5);
}

static void set_modseq(int64_t account_id, int64_t modseq)
{
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO account_state (account_id, modseq) VALUES (%lld, %lld) "
                   "ON CONFLICT (account_id) DO UPDATE SET modseq = %lld",
                   (long long)account_id, (long long)modseq, (long long)modseq);
    test_pg_run(sql);
}

/* ---- hints ---- */

static void hint_body(void *arg)
{
    struct fixture *f = arg;
    struct heard near = { 0 };
    struct heard far = { 0 };
    struct notify_subscriber a = subscriber(&near);
    struct notify_subscriber b = subscriber(&far);
    notify_subscribe(f->here.notify, 1001, 5, &a);
    notify_subscribe(f->there.notify, 1001, 5, &b);
    assert_true(wait_subscribed("mail:account:1001"));
    notify_publish(f->here.notify, 1001, 6);
    assert_int_equal(near.calls, 0); /* not inside the call */
    /* Long before the poll, which would find it too. */
    assert_true(wait_modseq(&near, 6, 15000));
    assert_true(wait_modseq(&far, 6, 15000));
    pause_ms(30);
    assert_int_equal(near.calls, 1); /* its own message came back through Redis, unheard */
    notify_publish(f->here.notify, 1001, 6);
    notify_publish(f->here.notify, 1001, 4);
    notify_publish(f->here.notify, 1002, 99); /* nobody watches it */
    pause_ms(30);
    assert_int_equal(near.calls + far.calls, 2);
    notify_seen(&b, 7);
    notify_publish(f->there.notify, 1001, 7);
    assert_true(wait_modseq(&near, 7, 15000));
    assert_int_equal(far.calls, 1);
    notify_unsubscribe(f->here.notify, &a);
    notify_unsubscribe(f->here.notify, &a);
    notify_publish(f->there.notify, 1001, 8);
    assert_true(wait_modseq(&far, 8, 15000));
    pause_ms(30);
    assert_int_equal(near.calls, 2);
    notify_unsubscribe(f->there.notify, &b);
}

static void test_hint(void **state)
{
    (void)state;
    with_sides(NULL, hint_body);
}

/* Many sessions of an account; callbacks that take themselves and others out. */
static void leaving_body(void *arg)
{
    struct fixture *f = arg;
    struct heard heard[20] = { { 0 } };
    struct notify_subscriber subs[20];
    for (size_t i = 0; i < 20; i++) {
        subs[i] = subscriber(&heard[i]);
        heard[i].notify = f->here.notify;
        notify_subscribe(f->here.notify, 1010, 1, &subs[i]);
    }
    heard[0].to_leave = &subs[0];
    heard[1].to_leave = &subs[2];
    heard[3].to_leave = &subs[1];
    notify_publish(f->here.notify, 1010, 2);
    assert_true(wait_modseq(&heard[19], 2, 15000));
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(heard[i].calls, i == 2 ? 0 : 1);
    for (size_t i = 0; i < 20; i++) {
        heard[i].to_leave = &subs[i];
        heard[i].calls = 0;
    }
    notify_publish(f->here.notify, 1010, 3); /* each leaves, the last one frees the account */
    assert_true(wait_modseq(&heard[19], 3, 15000));
    assert_int_equal(heard[0].calls + heard[1].calls + heard[2].calls, 0);
    assert_int_equal(heard[3].calls, 1);
}

static void test_leaving(void **state)
{
    (void)state;
    with_sides(NULL, leaving_body);
}

/* ---- the poll ---- */

static const struct notify_options quick = { .poll_ms = 400, .poll_away_ms = 200 };
static const struct notify_options slow_poll = { .poll_ms = 60000, .poll_away_ms = 60000 };

static void lost_hint_body(void *arg)
{
    struct fixture *f = arg;
    struct heard h = { 0 };
    struct notify_subscriber s = subscriber(&h);
    set_modseq(1020, 10);
    notify_subscribe(f->here.notify, 1020, 10, &s);
    pause_ms(500);
    assert_int_equal(h.calls, 0);
    set_modseq(1020, 11); /* nobody publishes */
    assert_true(wait_modseq(&h, 11, 20000));
    set_modseq(1020, 9); /* a replica that did not have it all was promoted */
    assert_true(wait_modseq(&h, 9, 20000));
    pause_ms(600);
    assert_int_equal(h.calls, 2);
    notify_unsubscribe(f->here.notify, &s);
}

static void test_lost_hint(void **state)
{
    (void)state;
    with_sides(&quick, lost_hint_body);
}

/* What was committed between the session's read and its subscription is found soon, long before
 * the next poll of all. */
static void fresh_body(void *arg)
{
    struct fixture *f = arg;
    struct heard h = { 0 };
    struct heard second = { 0 };
    struct notify_subscriber s = subscriber(&h);
    struct notify_subscriber t = subscriber(&second);
    set_modseq(1030, 8);
    notify_subscribe(f->here.notify, 1030, 7, &s);
    assert_true(wait_modseq(&h, 8, 15000));
    notify_subscribe(f->here.notify, 1030, 6, &t); /* known already */
    assert_true(wait_modseq(&second, 8, 15000));
    notify_unsubscribe(f->here.notify, &s);
    notify_unsubscribe(f->here.notify, &t);
}

static void test_fresh(void **state)
{
    (void)state;
    with_sides(NULL, fresh_body);
}

/* What is published before Redis has read the subscription is found when it has, also when the poll
 * of the new account was before that. */
static void unread_body(void *arg)
{
    struct fixture *f = arg;
    struct heard h = { 0 };
    struct heard before = { 0 };
    struct notify_subscriber s = subscriber(&h);
    struct notify_subscriber first = subscriber(&before);
    set_modseq(1034, 1);
    set_modseq(1035, 1);
    notify_subscribe(f->here.notify, 1034, 0, &first); /* so that there is a connection */
    assert_true(wait_live(f->here.notify));
    assert_true(wait_modseq(&before, 1, 20000));
    pause_ms(300); /* no poll is still to come */
    test_redis_pause();
    notify_subscribe(f->here.notify, 1035, 0, &s);
    assert_true(wait_modseq(&h, 1, 20000)); /* the poll of the new account */
    set_modseq(1035, 2);                    /* and what is published of it does not come here */
    test_redis_resume();
    assert_true(wait_modseq(&h, 2, 20000));
    notify_unsubscribe(f->here.notify, &s);
    notify_unsubscribe(f->here.notify, &first);
}

/* R8, with small numbers: without Redis the poll tells; at its return at once. */
static void without_redis_body(void *arg)
{
    struct fixture *f = arg;
    struct heard h = { 0 };
    struct notify_subscriber s = subscriber(&h);
    set_modseq(1040, 1);
    notify_subscribe(f->here.notify, 1040, 1, &s);
    assert_true(wait_live(f->here.notify));
    test_redis_kill();
    assert_true(wait_away(f->here.notify));
    set_modseq(1040, 2);
    notify_publish(f->there.notify, 1040, 2); /* goes nowhere */
    assert_true(wait_modseq(&h, 2, 20000));
    test_redis_restart();
    assert_true(wait_live(f->here.notify));
    set_modseq(1040, 3);
    notify_publish(f->there.notify, 1040, 3);
    assert_true(wait_modseq(&h, 3, 20000));
    notify_unsubscribe(f->here.notify, &s);
}

static void reconnect_body(void *arg)
{
    struct fixture *f = arg;
    struct heard h = { 0 };
    struct notify_subscriber s = subscriber(&h);
    set_modseq(1050, 1);
    notify_subscribe(f->here.notify, 1050, 1, &s);
    assert_true(wait_live(f->here.notify));
    pause_ms(1300); /* the polls after the first connection are over */
    test_redis_kill();
    pause_ms(1300); /* so is the one after the loss */
    set_modseq(1050, 2);
    test_redis_restart();
    assert_true(wait_modseq(&h, 2, 20000));
    notify_unsubscribe(f->here.notify, &s);
}

static void test_unread(void **state)
{
    (void)state;
    with_sides(&slow_poll, unread_body);
}

static void test_without_redis(void **state)
{
    (void)state;
    with_sides(&quick, without_redis_body);
}

static void test_reconnect(void **state)
{
    (void)state;
    with_sides(&slow_poll, reconnect_body);
}

/* ---- topics ---- */

struct topic_heard {
    unsigned calls;
    int64_t id;
    unsigned lost;
};

static void on_topic(enum notify_topic topic, int64_t id, void *arg)
{
    struct topic_heard *h = arg;
    assert_int_equal(topic, NOTIFY_ACCOUNT);
    assert_null(fiber_current());
    if (id == -1) {
        h->lost++;
        return;
    }
    h->calls++;
    h->id = id;
}

static void topics_body(void *arg)
{
    struct fixture *f = arg;
    struct topic_heard near = { 0 };
    struct topic_heard far = { 0 };
    struct notify_listener a = { .fn = on_topic, .arg = &near };
    struct notify_listener b = { .fn = on_topic, .arg = &far };
    notify_listen(f->here.notify, NOTIFY_ACCOUNT, &a);
    notify_listen(f->there.notify, NOTIFY_ACCOUNT, &b);
    assert_true(wait_subscribed("mail:notify:account"));
    wait_count(&near.lost, 1);
    assert_int_equal(near.lost, 1); /* the first connection: whatever was before is unknown */
    notify_tell(f->here.notify, NOTIFY_ACCOUNT, 42);
    notify_tell(f->here.notify, NOTIFY_QUEUE, 0);
    wait_count(&far.calls, 1);
    pause_ms(60);
    assert_int_equal(near.calls, 1);
    assert_int_equal(far.calls, 1);
    assert_int_equal(far.id, 42);
    test_redis_restart();
    wait_count(&far.lost, 2);
    assert_int_equal(far.lost, 2);
    notify_unlisten(&a);
    notify_unlisten(&a);
    notify_unlisten(&b);
    notify_tell(f->here.notify, NOTIFY_ACCOUNT, 43);
    pause_ms(60);
    assert_int_equal(near.calls + far.calls, 2);
}

static void test_topics(void **state)
{
    (void)state;
    with_sides(NULL, topics_body);
}

/* Without Redis at all: one process, hints inside it. */
static void alone_body(void *arg)
{
    struct fixture *f = arg;
    struct notify *alone = notify_new(f->rt, NULL, NULL, NULL);
    struct heard h = { 0 };
    struct notify_subscriber s = subscriber(&h);
    struct topic_heard t = { 0 };
    struct notify_listener l = { .fn = on_topic, .arg = &t };
    notify_subscribe(alone, 7, 1, &s);
    notify_listen(alone, NOTIFY_ACCOUNT, &l);
    assert_false(notify_is_live(alone));
    notify_publish(alone, 7, 2);
    notify_tell(alone, NOTIFY_ACCOUNT, 7);
    assert_true(wait_modseq(&h, 2, 20000));
    wait_count(&t.calls, 1);
    assert_int_equal(t.calls, 1);
    notify_unlisten(&l);
    notify_unsubscribe(alone, &s);
    notify_free(&alone);
}

static void test_alone(void **state)
{
    (void)state;
    with_sides(NULL, alone_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hint),          cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_lost_hint),     cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_unread),        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_without_redis), cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
