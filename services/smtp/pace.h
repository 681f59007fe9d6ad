/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a message may come (ATTACKS S14). Pure. */
#ifndef SMTP_PACE_H
#define SMTP_PACE_H

#include "base/base.h"

enum {
    SMTP_DATA_BLOCK_MS = 180 * 1000,  /* for the next block of DATA, RFC 5321 4.5.3.2.5 */
    SMTP_DATA_TOTAL_MS = 3600 * 1000, /* for the whole of DATA */
    SMTP_DATA_GRACE_MS = 60 * 1000,   /* after it, DATA must have come at SMTP_DATA_MIN_RATE */
    SMTP_DATA_MIN_RATE = 256          /* octets a second, on average since the beginning */
};

/* Until when the next block must come, for a message that began at `started_ms` and of which
 * `octets` are there at `now_ms`. All times are of the monotonic clock. */
int64_t smtp_block_deadline(int64_t started_ms, int64_t now_ms, uint64_t octets);

#endif
