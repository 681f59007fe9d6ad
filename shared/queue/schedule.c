/* SPDX-License-Identifier: Apache-2.0 */
/* The retry schedule and the breaker. */
#include "queue/schedule.h"

#include "queue/queue.h"

enum {
    BREAKER_OPENS_AT = 5,
    BREAKER_CLOSES_AT = 2,
    JITTER_PERCENT = 10
};

static const int64_t minute_us = INT64_C(60) * 1000 * 1000;

int64_t queue_schedule_wait_us(const struct queue_plan *plan, unsigned attempts)
{
    static const int minutes[] = { 5, 15, 30, 60, 120, 240, 480, 960, 1440 };
    bool is_own = plan && plan->n > 0;
    size_t n = is_own ? plan->n : COUNT_OF(minutes);
    size_t i = attempts > 0 ? attempts - 1 : 0;
    if (i >= n)
        i = n - 1;
    return is_own ? plan->waits_ms[i] * 1000 : minutes[i] * minute_us;
}

struct queue_schedule queue_schedule_next(const struct queue_plan *plan, unsigned attempts,
                                          int64_t now_us, int64_t expires_us, uint32_t random)
{
    unsigned most = plan && plan->max_attempts ? plan->max_attempts : QUEUE_MAX_ATTEMPTS;
    if (attempts >= most || now_us >= expires_us)
        return (struct queue_schedule){ .gave_up = true };
    int64_t wait = queue_schedule_wait_us(plan, attempts);
    /* From -10 % to +10 %; in steps of a 2^32nd, so without rounding that matters. */
    int64_t span = wait / 100 * 2 * JITTER_PERCENT;
    int64_t jitter = (int64_t)((uint64_t)(span / 1000) * random >> 32) * 1000 - span / 2;
    int64_t due = now_us + wait + jitter;
    return (struct queue_schedule){ .due_us = due < expires_us ? due : expires_us };
}

struct queue_breaker queue_breaker_at(struct queue_breaker b, int64_t now_us)
{
    if (b.state == QUEUE_BREAKER_OPEN && now_us >= b.until_us)
        b.state = QUEUE_BREAKER_HALF_OPEN;
    return b;
}

static struct queue_breaker open_breaker(int64_t now_us)
{
    return (struct queue_breaker){ .state = QUEUE_BREAKER_OPEN,
                                   .failures = BREAKER_OPENS_AT,
                                   .until_us = now_us + 5 * minute_us };
}

struct queue_breaker queue_breaker_next(struct queue_breaker b, bool worked, int64_t now_us)
{
    b = queue_breaker_at(b, now_us);
    if (b.state == QUEUE_BREAKER_CLOSED) {
        b.failures = worked ? 0 : b.failures + 1;
        return b.failures < BREAKER_OPENS_AT ? b : open_breaker(now_us);
    }
    if (!worked)
        return open_breaker(now_us);
    b.successes++;
    return b.successes < BREAKER_CLOSES_AT
               ? b
               : (struct queue_breaker){ .state = QUEUE_BREAKER_CLOSED };
}
