/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections an address and its network have open, and opened of late, over all workers.
 * For the listeners of net and of http. */
#ifndef NET_LIMITS_H
#define NET_LIMITS_H

#include "net/address.h"
#include "net/tally.h"

enum {
    LIMITS_LEVELS = 2,    /* IPv4 /32 and /24, IPv6 /64 and /48 (ATTACKS S15) */
    LIMITS_NET_FACTOR = 3 /* a network may have as many as three of its addresses */
};

struct limits {
    struct net_tally *tally; /* NULL: nothing is limited */
    bool is_own;             /* nobody else counts in it */
    bool is_shared;          /* counted over the cluster (tally_share.h) */
    const char *scope;       /* static; what is counted together */
    unsigned max_open;       /* of an address, 0 = no limit */
    unsigned max_per_minute; /* of an address, 0 = no limit */
};

/* Where a connection is counted; all NULL when it is not. */
struct limits_held {
    struct net_count *levels[LIMITS_LEVELS];
};

/* Counts in `tally` (keeps), or in one of its own without. */
void limits_init(struct limits *l, struct net_tally *tally, const char *scope, unsigned max_open,
                 unsigned max_per_minute);
void limits_fini(struct limits *l);

/* Counts a new connection. False when its address or network is at a limit, with the reason in
 * *why (static); then nothing is held. */
bool limits_enter(const struct limits *l, const struct net_address *peer, int64_t now_ms,
                  struct limits_held *held, const char **why);
/* The connection ended, or counts no more; harmless when nothing is held. */
void limits_leave(struct limits_held *held);

#endif
