/* SPDX-License-Identifier: Apache-2.0 */
/* How slowly a command may come (ATTACKS S14). Pure. */
#ifndef IMAP_PACE_H
#define IMAP_PACE_H

#include "base/base.h"

enum {
    IMAP_PACE_BLOCK_MS = 5 * 60 * 1000,  /* for the next octets of a command */
    IMAP_PACE_GRACE_MS = 5 * 60 * 1000,  /* after it, they must have come at IMAP_PACE_MIN_RATE */
    IMAP_PACE_TOTAL_MS = 60 * 60 * 1000, /* for all of it */
    IMAP_PACE_MIN_RATE = 256             /* octets a second, on average since the beginning */
};

/* A command that is being read. */
struct imap_pace {
    int64_t began_ms; /* monotonic */
    uint64_t octets;  /* that came of it */
};

/* Until when the next of it must come. */
int64_t imap_pace_deadline(const struct imap_pace *pace, int64_t now_ms);

#endif
