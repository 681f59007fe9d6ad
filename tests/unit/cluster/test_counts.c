/* SPDX-License-Identifier: Apache-2.0 */
/* Two machines that tell each other of their counts through a real Redis, which comes and goes. */
#include "cluster/counts.h"

#include "net/tally.h"
#include "redis/redis.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    LIMIT = 3,
    SILENT_MS = 1500,
    PATIENCE_MS = 20000
};

struct machine {
    struct redis *redis;
    struct net_tally *tally;
    struct cluster_counts *counts;
};

static struct machine begin(struct runtime *rt)
{
    struct err e = ERR_CLEAR;
    const struct redis_options options = { .url = test_redis_start(), .breaker_ms = 100 };
    struct machine m = { .redis = redis_new(rt, &options, &e), .tally = net_tally_new(1, 100, &e) };
    assert_non_null(m.redis);
    assert_non_null(m.tally);
    m.counts = cluster_counts_new(rt, m.redis, m.tally, SILENT_MS);
    return m;
}

static void end(struct machine *m)
{
    cluster_counts_free(&m->counts);
    redis_free(&m->redis);
    net_tally_free(&m->tally);
}

static struct net_count *enter(const struct machine *m)
{
    const struct net_tally_limit limit = { .max_open = LIMIT, .is_shared = true };
    return net_tally_enter(m->tally, STR("smtp 192.0.2.1/32"), &limit, clock_monotonic_ms());
}

static void wait_for_open(const struct machine *m, unsigned wanted)
{
    struct err e = ERR_CLEAR;
    int64_t until_ms = clock_deadline_in(PATIENCE_MS);
    while (net_tally_open(m->tally, STR("smtp 192.0.2.1/32")) != wanted) {
        assert_true(clock_monotonic_ms() < until_ms);
        MUST(fiber_sleep_until(clock_deadline_in(10), &e), e);
    }
}

static void body(void *arg)
{
    struct runtime *rt = arg;
    struct machine here = begin(rt);
    struct machine there = begin(rt);
    struct net_count *counts[LIMIT] = { enter(&here), enter(&here) };
    wait_for_open(&there, 2);
    counts[2] = enter(&there);
    assert_non_null(counts[2]);
    assert_null(enter(&there));
    wait_for_open(&here, LIMIT);
    assert_null(enter(&here));
    net_tally_leave(&counts[0]);
    wait_for_open(&there, 2);

    /* Without Redis nobody is refused for what is not known any more, and nothing waits. */
    test_redis_kill();
    wait_for_open(&there, 1);
    wait_for_open(&here, 1);
    counts[0] = enter(&here);
    assert_non_null(counts[0]);
    test_redis_restart();
    wait_for_open(&there, LIMIT);
    wait_for_open(&here, LIMIT);

    end(&here); /* without a word */
    wait_for_open(&there, 1);
    end(&there);
}

static void over_a_real_redis(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(rt);
    in_fiber_run(rt, body, rt);
    runtime_free(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(over_a_real_redis) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
