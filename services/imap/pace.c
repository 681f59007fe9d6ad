/* SPDX-License-Identifier: Apache-2.0 */
/* The deadline of a command that comes in pieces. */
#include "services/imap/pace.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t imap_pace_deadline(const struct imap_pace *pace, int64_t now_ms)
{
    int64_t earned_ms = (int64_t)(pace->octets / IMAP_PACE_MIN_RATE) * 1000;
    if (earned_ms < IMAP_PACE_GRACE_MS)
        earned_ms = IMAP_PACE_GRACE_MS;
    return least(least(now_ms + IMAP_PACE_BLOCK_MS, pace->began_ms + IMAP_PACE_TOTAL_MS),
                 pace->began_ms + earned_ms);
}
