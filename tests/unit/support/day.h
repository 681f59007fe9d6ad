/* SPDX-License-Identifier: Apache-2.0 */
/* The days of tests that count by the day (UTC). Header only. */
#ifndef SUPPORT_DAY_H
#define SUPPORT_DAY_H

#include "base/clock.h"

#include <poll.h>

enum {
    TEST_DAY_LEFT_S = 60,
    TEST_DAY_S = 86400
};

/* What is counted from now on is of one day: shortly before midnight this waits until it is over.
 */
static inline void test_stay_in_one_day(void)
{
    int left_s = TEST_DAY_S - (int)(clock_utc_us() / 1000000 % TEST_DAY_S);
    if (left_s <= TEST_DAY_LEFT_S)
        (void)poll(NULL, 0, (left_s + 1) * 1000);
}

#endif
