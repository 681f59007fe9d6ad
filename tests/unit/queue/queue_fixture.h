/* SPDX-License-Identifier: Apache-2.0 */
/* A queue on a real PostgreSQL and Redis, with two workers of different processes, for the tests of
 * this folder. */
#ifndef TEST_QUEUE_FIXTURE_H
#define TEST_QUEUE_FIXTURE_H

#include "queue/queue.h"

#include "db/db.h"
#include "notify/notify.h"
#include "redis/redis.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

static const int64_t minute_us = INT64_C(60) * 1000 * 1000;

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct redis *redis;
    struct notify *notify;
    struct queue *q;     /* one worker */
    struct queue *other; /* another one */
    struct arena a;
};

static inline int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static inline void pause_ms(int64_t ms)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_sleep_until(clock_deadline_in(ms), &e), e);
}

static inline void with_queue(fiber_fn fn)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .named_statements = true });
    f.redis = redis_new(f.rt, &(struct redis_options){ .url = test_redis_start() }, &e);
    assert_non_null(f.redis);
    f.notify = notify_new(f.rt, f.db, f.redis, NULL);
    f.q = queue_new(f.rt, f.db, f.redis, f.notify,
                    &(struct queue_options){ .owner = "one/7",
                                             .node_id = 1,
                                             .keep_history_ms = INT64_C(30) * 86400 * 1000 });
    f.other =
        queue_new(f.rt, f.db, NULL, NULL, &(struct queue_options){ .owner = "two", .node_id = 2 });
    arena_init(&f.a);
    test_pg_run("TRUNCATE q_msg, q_rcpt, q_domain, q_attempt");
    in_fiber_run_to_end(f.rt, fn, &f);
    arena_fini(&f.a);
    queue_free(&f.q);
    queue_free(&f.other);
    notify_free(&f.notify);
    redis_free(&f.redis);
    db_free(&f.db);
    runtime_free(&f.rt);
}

/* A message to one or more addresses, all of the form local@domain. */
static inline struct queue_new_message message(struct fixture *f, str from, const str *to, size_t n)
{
    struct queue_new_recipient *r = ARENA_ARRAY(&f->a, struct queue_new_recipient, n);
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t at = str_rfind_byte(to[i], '@');
        r[i] = (struct queue_new_recipient){ .address = to[i],
                                             .domain = str_skip(to[i], (size_t)at + 1),
                                             .notify = QUEUE_NOTIFY_DEFAULT };
    }
    return (struct queue_new_message){ .envelope_from = from,
                                       .account_id = 5,
                                       .body = STR("Subject: x\r\n\r\nhello\r\n"),
                                       .session = STR("s1"),
                                       .recipients = r,
                                       .n = n };
}

static inline int64_t enqueue(struct fixture *f, const char *from, const char *to)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    str address = str_from_cstr(to);
    struct queue_new_message m = message(f, str_from_cstr(from), &address, 1);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    return id;
}

static inline struct queue_lease *claim_by(struct fixture *f, struct queue *q, unsigned max)
{
    struct err e = ERR_CLEAR;
    struct queue_lease *lease = NULL;
    MUST(queue_claim(q, &f->a, max, soon(), &lease, &e), e);
    return lease;
}

static inline struct queue_lease *claim(struct fixture *f)
{
    return claim_by(f, f->q, 10);
}

static inline void finish_all(struct fixture *f, struct queue_lease *lease, size_t i,
                              struct queue_result result)
{
    struct err e = ERR_CLEAR;
    const struct queue_message *m = &lease->messages[i];
    struct queue_result *results = ARENA_ARRAY(&f->a, struct queue_result, m->n);
    for (size_t k = 0; k < m->n; k++)
        results[k] = result;
    MUST(queue_finish(f->q, lease, m, results, soon(), &e), e);
}

static inline void release(struct fixture *f, struct queue_lease *lease)
{
    struct err e = ERR_CLEAR;
    MUST(queue_release(f->q, lease, soon(), &e), e);
}

static const struct queue_result delivered = { .outcome = QUEUE_DELIVERED };
static const struct queue_result deferred = { .outcome = QUEUE_DEFERRED,
                                              .status = STR_INIT("4.4.1"),
                                              .reply = STR_INIT("connect:\r\ntimed out\xff"),
                                              .remote = STR_INIT("mx.x.test [192.0.2.9]") };
static const struct queue_result failed = { .outcome = QUEUE_FAILED,
                                            .status = STR_INIT("5.1.1"),
                                            .reply = STR_INIT("550 5.1.1 no such user"),
                                            .remote = STR_INIT("mx.x.test [192.0.2.9]") };

static inline int64_t db_now_us(void)
{
    return test_pg_number("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8");
}

#endif
