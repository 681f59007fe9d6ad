/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again, and when to leave a destination alone: the retry schedule and the breaker as
 * pure functions over given times and random bits. No I/O, no clock. */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "base/base.h"

/* Another schedule than the default one; in a zeroed plan each part has its default. */
struct queue_plan {
    const int64_t *waits_ms; /* after each attempt; the last one repeats; n 0: the default ones */
    size_t n;
    unsigned max_attempts; /* 0: 15 */
};

/* The wait after attempt number `attempts` (1 = the first) without jitter, in microseconds:
 * by default 5, 15, 30 min, 1, 2, 4, 8, 16 h, then 24 h each (FEATURES 42). `plan` may be NULL. */
int64_t queue_schedule_wait_us(const struct queue_plan *plan, unsigned attempts);

struct queue_schedule {
    bool gave_up;   /* all attempts were made, or the lifetime is over */
    int64_t due_us; /* the next attempt, when it did not give up */
};

/* What follows after attempt number `attempts` was deferred at `now_us`. `random` is 32 uniform
 * bits: the wait is stretched by a factor of 0.9 to 1.1. An attempt that would fall behind
 * `expires_us` is made at that time instead, as the last one. `plan` may be NULL. Pure. */
struct queue_schedule queue_schedule_next(const struct queue_plan *plan, unsigned attempts,
                                          int64_t now_us, int64_t expires_us, uint32_t random);

/* Per-destination breaker (FEATURES 44). */
enum queue_breaker_state {
    QUEUE_BREAKER_CLOSED,
    QUEUE_BREAKER_OPEN,
    QUEUE_BREAKER_HALF_OPEN
};

struct queue_breaker {
    enum queue_breaker_state state;
    unsigned failures;  /* in a row, while closed */
    unsigned successes; /* in a row, while half open */
    int64_t until_us;   /* open until then */
};

/* The breaker after a try of the destination at `now_us`: 5 failures in a row open it for 5
 * minutes; then one try at a time; 2 successes in a row close it, a failure opens it again. */
struct queue_breaker queue_breaker_next(struct queue_breaker b, bool worked, int64_t now_us);
/* The breaker as it stands at `now_us`: an open one whose time is over is half open. */
struct queue_breaker queue_breaker_at(struct queue_breaker b, int64_t now_us);

#endif
