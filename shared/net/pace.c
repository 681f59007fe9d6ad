/* SPDX-License-Identifier: Apache-2.0 */
/* The deadline of what comes in pieces. */
#include "net/pace.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t net_pace_deadline(const struct net_pace *pace, int64_t began_ms, int64_t now_ms,
                          uint64_t octets)
{
    int64_t earned_ms = (int64_t)(octets / pace->min_rate) * 1000;
    if (earned_ms < pace->grace_ms)
        earned_ms = pace->grace_ms;
    return least(least(now_ms + pace->block_ms, began_ms + pace->total_ms), began_ms + earned_ms);
}
