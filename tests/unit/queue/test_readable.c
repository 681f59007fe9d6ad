/* SPDX-License-Identifier: Apache-2.0 */
/* What operators read of the queue in Redis (FEATURES 53). */
#include "queue/act.h"

#include "queue/hold_rule.h"
#include "queue/queue_fixture.h"

static char *redis_cli(const char *a, const char *b, const char *c)
{
    const char *args[] = { a, b, c };
    return test_redis_cli(args, c ? 3 : 2);
}

/* What mail:stats has, as a number; a field that is missing is -1. */
static int64_t stat_of(const char *field)
{
    char *text = redis_cli("HGET", "mail:stats", field);
    int64_t n = text[0] ? strtoll(text, NULL, 10) : -1;
    free(text);
    return n;
}

static void shows(const char *const *args, size_t n, const char *wanted, const char *when)
{
    int64_t until_ms = clock_deadline_in(20000); /* commands are sent without waiting */
    char *said = test_redis_cli(args, n);
    while (strcmp(said, wanted) != 0 && clock_monotonic_ms() < until_ms) {
        pause_ms(10);
        free(said);
        said = test_redis_cli(args, n);
    }
    if (strcmp(said, wanted) != 0)
        fail_msg("%s: %s of %s is '%s', not '%s'", when, args[0], args[1], said, wanted);
    free(said);
}

/* Redis has what is in the database: an empty one, over a connection. What is sent without one is
 * lost. */
static void begin(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    int64_t until_ms = clock_deadline_in(20000);
    free(redis_cli("FLUSHALL", "SYNC", NULL));
    do {
        MUST(queue_sweep(f->q, soon(), &e), e);
        pause_ms(20);
    } while (stat_of("messages") < 0 && clock_monotonic_ms() < until_ms);
    assert_int_equal(stat_of("messages"), 0);
}

static void readable_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char id[QUEUE_ID_TEXT];
    char key[64];
    const char *const pending[] = { "ZCARD", "mail:queue:pending" };
    const char *const messages[] = { "HGET", "mail:stats", "messages" };
    const char *const status[] = { "HGET", key, "status" };
    const char *const recipients[] = { "HGET", key, "recipients" };
    begin(f);
    enqueue(f, "me@here.test", "a@x.test");
    queue_id_format(enqueue(f, "me@here.test", "b@y.test"), id);
    (void)snprintf(key, sizeof(key), "mail:message:%s", id);
    shows(pending, 2, "2", "two came");
    shows(status, 3, "pending", "two came");
    free(redis_cli("FLUSHALL", "SYNC", NULL));
    MUST(queue_sweep(f->q, soon(), &e), e);
    shows(pending, 2, "2", "Redis forgot everything");
    shows(messages, 3, "2", "Redis forgot everything");
    shows(status, 3, "pending", "Redis forgot everything");
    shows(recipients, 3, "1", "Redis forgot everything");
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    shows(pending, 2, "1", "one was delivered");
}

/* Commands are sent without waiting: what is to be there comes, or the test ends by its limit. */
static void wait_for_stat(const char *field, int64_t wanted)
{
    int64_t until_ms = clock_deadline_in(20000);
    while (stat_of(field) != wanted && clock_monotonic_ms() < until_ms)
        pause_ms(20);
    assert_int_equal(stat_of(field), wanted);
}

/* FEATURES 53: what waits has the names of `queue stats`; what happened since ends in "_total". */
static void readable_stats_body(void *arg)
{
    static const struct queue_result insecure = { .outcome = QUEUE_HELD,
                                                  .reply = STR_INIT("self-signed") };
    static const struct queue_result *const results[] = { &delivered, &deferred, &failed,
                                                          &insecure };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_stats now;
    begin(f);
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        enqueue(f, "me@here.test", "a@x.test");
        struct queue_lease *lease = claim(f);
        finish_all(f, lease, 0, *results[i]);
        release(f, lease);
    }
    enqueue(f, "me@here.test", "new@x.test");
    MUST(queue_sweep(f->q, soon(), &e), e);
    MUST(queue_get_stats(f->q, soon(), &now, &e), e);
    wait_for_stat("oldest", now.oldest_us / 1000000); /* the last that is written */
    const struct {
        const char *field;
        int64_t level;
        int64_t wanted;
    } levels[] = {
        { "messages", now.messages, 4 },
        { "pending", now.pending, 1 },
        { "deferred", now.deferred, 1 },
        { "failed", now.failed, 1 },
        { "held", now.held, 1 },
        { "due", now.due, 1 },
        { "bytes", now.bytes, now.bytes },
        { "leased", now.leased, 0 },
        { "open_breakers", now.open_breakers, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        assert_int_equal(levels[i].level, levels[i].wanted);
        assert_int_equal(stat_of(levels[i].field), levels[i].wanted);
    }
    static const char *const totals[] = { "delivered_total", "deferred_total", "failed_total",
                                          "held_total" };
    for (size_t i = 0; i < COUNT_OF(totals); i++)
        assert_int_equal(stat_of(totals[i]), 1);
    /* One more of each kind of result raises its count, and no level before the next tidying. */
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, delivered);
    release(f, lease);
    wait_for_stat("delivered_total", 2);
    assert_int_equal(stat_of("pending"), 1);
    assert_int_equal(stat_of("delivered"), -1);
    /* What is held waits for no try. */
    shows((const char *const[]){ "ZCARD", "mail:queue:pending" }, 2, "1", "one is deferred");
}

static void test_readable_stats(void **state)
{
    (void)state;
    with_queue(readable_stats_body);
}

static void test_readable(void **state)
{
    (void)state;
    with_queue(readable_body);
}

/* ---- of one message, through its life ---- */

/* status NULL: nothing is seen of it. */
static void seen(int64_t queue_id, const char *status, bool is_pending, const char *when)
{
    char id[QUEUE_ID_TEXT];
    char key[64];
    queue_id_format(queue_id, id);
    (void)snprintf(key, sizeof(key), "mail:message:%s", id);
    shows((const char *const[]){ "HGET", key, "status" }, 3, status ? status : "", when);
    shows((const char *const[]){ "ZCOUNT", "mail:queue:pending", "-inf", "+inf" }, 4,
          is_pending ? "1" : "0", when);
}

static void act_on(struct fixture *f, enum queue_action action, int64_t queue_id, str domain)
{
    struct err e = ERR_CLEAR;
    struct queue_acted done;
    const struct queue_actor actor = { .name = STR("tester") };
    const struct queue_act what = { .action = action,
                                    .queue_id = queue_id,
                                    .filter = { .domain = domain, .status = QUEUE_STATUS_ANY },
                                    .at_us = 1 };
    MUST(queue_act(f->q, &actor, &what, soon(), &done, &e), e);
}

static void life_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct queue_report report;
    int64_t id = 0;
    bool found = false;
    const str to[] = { STR("a@x.test"), STR("c@y.test") };
    const struct queue_new_message m = message(f, STR("me@here.test"), to, 2);
    begin(f);
    MUST(queue_enqueue(f->q, &m, soon(), &id, &e), e);
    struct queue_lease *lease = claim(f);
    finish_all(f, lease, 0, failed);
    release(f, lease);
    seen(id, "pending", true, "one destination failed, another one was not tried");
    lease = claim(f);
    finish_all(f, lease, 0, deferred);
    release(f, lease);
    seen(id, "deferred", true, "which is tried again");
    MUST(queue_report_next(f->q, 0, &f->a, soon(), &found, &report, &e), e);
    assert_true(found);
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    queue_report_send(f->q, tx, &report);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    queue_report_ended(f->q, &report, soon());
    seen(id, "deferred", true, "the sender was told of the first");
    act_on(f, QUEUE_ACT_HOLD, id, STR_EMPTY);
    seen(id, "held", false, "held by hand");
    act_on(f, QUEUE_ACT_RELEASE, 0, STR("y.test"));
    seen(id, "deferred", true, "released, by its destination");
    act_on(f, QUEUE_ACT_RESCHEDULE, id, STR_EMPTY);
    seen(id, "deferred", true, "rescheduled");
    free(redis_cli("FLUSHALL", "SYNC", NULL));
    MUST(queue_retry(f->q, &(struct queue_actor){ .name = STR("tester") }, id, soon(), &e), e);
    seen(id, "deferred", true, "tried at once, after Redis was emptied");
    act_on(f, QUEUE_ACT_FAIL, 0, STR("y.test"));
    seen(id, NULL, false, "given up on: only its report is left");
    id = enqueue(f, "me@here.test", "a@x.test");
    seen(id, "pending", true, "a new one");
    lease = claim(f);
    finish_all(f, lease, 0, failed);
    release(f, lease);
    seen(id, NULL, false, "its only destination failed");
    struct queue_new_message strange = message(f, STR("me@here.test"), to, 1);
    strange.held_why = STR("a filter holds it");
    MUST(queue_enqueue(f->q, &strange, soon(), &id, &e), e);
    seen(id, "held", false, "one that came into quarantine");
}

/* A rule holds one recipient of the first message, and all of the others; nothing is tidied here.
 */
static void ruled_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const struct queue_actor actor = { .name = STR("tester") };
    const struct queue_hold_rule rule = { .recipient = STR("@x.test") };
    const str to[] = { STR("a@x.test"), STR("c@y.test") };
    const struct queue_new_message half = message(f, STR("me@here.test"), to, 2);
    int64_t ids[4];
    begin(f);
    MUST(queue_hold_rule_add(f->q, &actor, &rule, &f->a, soon(), &ids[0], &e), e);
    MUST(queue_enqueue(f->q, &half, soon(), &ids[0], &e), e);
    for (size_t i = 1; i < COUNT_OF(ids); i++)
        ids[i] = enqueue(f, "me@here.test", "b@x.test");
    for (size_t i = 1; i < COUNT_OF(ids); i++)
        seen(ids[i], "held", true, "all of it is held");
    seen(ids[0], "pending", true, "one recipient is not held");
    test_pg_run("DELETE FROM q_hold_rule");
}

static void test_readable_ruled(void **state)
{
    (void)state;
    with_queue(ruled_body);
}

static void test_readable_life(void **state)
{
    (void)state;
    with_queue(life_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_readable),
                                        cmocka_unit_test(test_readable_stats),
                                        cmocka_unit_test(test_readable_life),
                                        cmocka_unit_test(test_readable_ruled) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
