/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each IP (IPv4 /32, IPv6 /64) has open, and opened of late. Private to net.
 */
#ifndef NET_LIMITS_H
#define NET_LIMITS_H

#include "base/map.h"
#include "net/address.h"

struct limits_entry;

struct limits {
    unsigned max_open;       /* 0 = no limit */
    unsigned max_per_minute; /* 0 = no limit */
    struct map entries;
    int64_t swept_ms;
};

/* An empty count. */
void limits_init(struct limits *l, unsigned max_open, unsigned max_per_minute);
void limits_fini(struct limits *l);

/* Counts a new connection. False when its IP is at a limit; then nothing is to be left.
 * *counted is what limits_leave needs, NULL when nothing is counted. */
bool limits_enter(struct limits *l, const struct net_address *peer, int64_t now_ms,
                  struct limits_entry **counted);
/* The connection ended; harmless for NULL. */
void limits_leave(struct limits_entry *counted);

#endif
