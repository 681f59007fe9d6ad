/* SPDX-License-Identifier: Apache-2.0 */
/* The retry schedule and the breaker as tables. */
#include "queue/queue.h"
#include "queue/schedule.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

static const int64_t minute_us = INT64_C(60) * 1000 * 1000;
static const int64_t hour_us = INT64_C(3600) * 1000 * 1000;
static const int64_t day_us = INT64_C(86400) * 1000 * 1000;

/* FEATURES 42: minutes after each attempt. */
static const int waits[] = { 5,    15,   30,   60,   120,  240,  480, 960,
                             1440, 1440, 1440, 1440, 1440, 1440, 1440 };

static void test_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(waits); i++)
        assert_true(queue_schedule_wait_us(NULL, i + 1) == waits[i] * minute_us);
}

/* With the middle random number there is no jitter; the ends give -10 % and +10 %. */
static void test_jitter(void **state)
{
    (void)state;
    const int64_t now = 1000 * day_us;
    for (unsigned i = 1; i < 10; i++) {
        int64_t wait = queue_schedule_wait_us(NULL, i);
        struct queue_schedule low = queue_schedule_next(NULL, i, now, INT64_MAX, 0);
        struct queue_schedule mid = queue_schedule_next(NULL, i, now, INT64_MAX, UINT32_C(1) << 31);
        struct queue_schedule high = queue_schedule_next(NULL, i, now, INT64_MAX, UINT32_MAX);
        assert_false(low.gave_up || mid.gave_up || high.gave_up);
        assert_true(low.due_us == now + wait - wait / 10);
        assert_true(mid.due_us == now + wait);
        assert_true(high.due_us <= now + wait + wait / 10);
        assert_true(high.due_us > now + wait + wait / 10 - 2000);
    }
}

static unsigned xorshift(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* A message that is never delivered: at most 15 attempts, the last one not after 7 days, and none
 * given up long before. */
static void test_whole_life(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int life = 0; life < 2000; life++) {
        const int64_t created = 5 * day_us;
        const int64_t expires = created + 7 * day_us;
        int64_t now = created;
        unsigned attempts = 0;
        for (;;) {
            struct queue_schedule s =
                queue_schedule_next(NULL, ++attempts, now, expires, xorshift(&random));
            if (s.gave_up)
                break;
            assert_true(s.due_us > now && s.due_us <= expires);
            now = s.due_us;
        }
        assert_in_range(attempts, 14, QUEUE_MAX_ATTEMPTS);
        assert_true(now <= expires && now > expires - day_us);
    }
}

static void test_own_plan(void **state)
{
    static const int64_t waits_ms[] = { 1000, 60000 };
    const struct queue_plan plan = { .waits_ms = waits_ms, .n = 2, .max_attempts = 4 };
    static const int64_t due_us[] = { 1000000, 60000000, 60000000 };
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        struct queue_schedule s = queue_schedule_next(&plan, i, 0, INT64_MAX, UINT32_C(1) << 31);
        assert_false(s.gave_up);
        assert_true(s.due_us == due_us[i - 1]);
    }
    assert_true(queue_schedule_next(&plan, 4, 0, INT64_MAX, 0).gave_up);
    const struct queue_plan shorter = { .max_attempts = 2 };
    assert_true(queue_schedule_wait_us(&shorter, 1) == 300000000);
    assert_true(queue_schedule_next(&shorter, 2, 0, INT64_MAX, 0).gave_up);
}

static const struct {
    const char *name;
    unsigned attempts;
    int64_t now;
    int64_t expires;
    bool gave_up;
    int64_t due; /* with the middle random number */
} edges[] = {
    { "first", 1, 0, 7 * INT64_C(86400000000), false, 300000000 },
    { "15 attempts", 15, 0, INT64_MAX, true, 0 },
    { "14 attempts", 14, 0, INT64_MAX, false, INT64_C(86400000000) },
    { "expired", 1, 100, 100, true, 0 },
    { "the last try is at the end", 1, 0, 1000, false, 1000 },
};

static void test_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        struct queue_schedule s = queue_schedule_next(NULL, edges[i].attempts, edges[i].now,
                                                      edges[i].expires, UINT32_C(1) << 31);
        if (s.gave_up != edges[i].gave_up || (!s.gave_up && s.due_us != edges[i].due))
            fail_msg("%s: %d %lld", edges[i].name, s.gave_up, (long long)s.due_us);
    }
}

/* w worked, f failed, digits: minutes pass. */
static const struct {
    const char *story;
    enum queue_breaker_state end;
} stories[] = {
    { "", QUEUE_BREAKER_CLOSED },
    { "ffff", QUEUE_BREAKER_CLOSED },
    { "fffff", QUEUE_BREAKER_OPEN },
    { "ffffwffff", QUEUE_BREAKER_CLOSED },
    { "fffff4", QUEUE_BREAKER_OPEN },
    { "fffff5", QUEUE_BREAKER_HALF_OPEN },
    { "fffff5w", QUEUE_BREAKER_HALF_OPEN },
    { "fffff5ww", QUEUE_BREAKER_CLOSED },
    { "fffff5f", QUEUE_BREAKER_OPEN },
    { "fffff5f4", QUEUE_BREAKER_OPEN },
    { "fffff5f5", QUEUE_BREAKER_HALF_OPEN },
    { "fffff5wf5w", QUEUE_BREAKER_HALF_OPEN },
    { "fffff5wwffff", QUEUE_BREAKER_CLOSED },
    { "fffff5wwfffff", QUEUE_BREAKER_OPEN },
};

static void test_breaker(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        struct queue_breaker b = { .state = QUEUE_BREAKER_CLOSED };
        int64_t now = 9 * hour_us;
        for (const char *p = stories[i].story; *p; p++) {
            if (ascii_is_digit(*p)) {
                now += (*p - '0') * minute_us;
            } else {
                b = queue_breaker_next(b, *p == 'w', now);
            }
        }
        if (queue_breaker_at(b, now).state != stories[i].end)
            fail_msg("%s ends in %d", stories[i].story, queue_breaker_at(b, now).state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),      cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_whole_life), cmocka_unit_test(test_own_plan),
        cmocka_unit_test(test_edges),      cmocka_unit_test(test_breaker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
