/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a peer may send what belongs together, as a message or a command (ATTACKS S14). Pure.
 */
#ifndef NET_PACE_H
#define NET_PACE_H

#include "base/base.h"

struct net_pace {
    int64_t block_ms;  /* for the next octets */
    int64_t total_ms;  /* for all of it */
    int64_t grace_ms;  /* after it, they must have come at min_rate */
    uint64_t min_rate; /* octets a second, on average since the beginning */
};

/* Until when the next octets must come of what began at `began_ms`, and of which `octets` are there
 * at `now_ms`. All times are of the monotonic clock. */
int64_t net_pace_deadline(const struct net_pace *pace, int64_t began_ms, int64_t now_ms,
                          uint64_t octets);

#endif
