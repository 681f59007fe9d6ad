/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a message may come. Pure. */
#include "services/smtp/pace.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t smtp_block_deadline(int64_t started_ms, int64_t now_ms, uint64_t octets)
{
    int64_t earned_ms = (int64_t)(octets / SMTP_DATA_MIN_RATE) * 1000;
    if (earned_ms < SMTP_DATA_GRACE_MS)
        earned_ms = SMTP_DATA_GRACE_MS;
    return least(least(now_ms + SMTP_DATA_BLOCK_MS, started_ms + SMTP_DATA_TOTAL_MS),
                 started_ms + earned_ms);
}
