/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the clocks. */
#include "base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these ids and a valid address */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_deadline_in(int64_t ms)
{
    return clock_monotonic_ms() + ms;
}

int64_t clock_utc_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_utc_us(void)
{
    return read_us(CLOCK_REALTIME);
}
