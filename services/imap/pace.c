/* SPDX-License-Identifier: Apache-2.0 */
/* The deadline of a command that comes in pieces. */
#include "services/imap/pace.h"

#include "net/pace.h"

int64_t imap_pace_deadline(const struct imap_pace *pace, int64_t now_ms)
{
    static const struct net_pace command = { .block_ms = IMAP_PACE_BLOCK_MS,
                                             .total_ms = IMAP_PACE_TOTAL_MS,
                                             .grace_ms = IMAP_PACE_GRACE_MS,
                                             .min_rate = IMAP_PACE_MIN_RATE };
    return net_pace_deadline(&command, pace->began_ms, now_ms, pace->octets);
}
