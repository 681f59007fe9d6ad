/* SPDX-License-Identifier: Apache-2.0 */
/* The deadline of a message that comes in blocks. */
#include "services/smtp/pace.h"

#include "net/pace.h"

int64_t smtp_block_deadline(int64_t started_ms, int64_t now_ms, uint64_t octets)
{
    static const struct net_pace data = { .block_ms = SMTP_DATA_BLOCK_MS,
                                          .total_ms = SMTP_DATA_TOTAL_MS,
                                          .grace_ms = SMTP_DATA_GRACE_MS,
                                          .min_rate = SMTP_DATA_MIN_RATE };
    return net_pace_deadline(&data, started_ms, now_ms, octets);
}
