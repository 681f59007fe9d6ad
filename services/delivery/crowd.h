/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that keep us waiting: so many destinations of one network, and no more; and when most
 * places of destinations that take long are taken, nobody waits as long as RFC 5321 4.5.3.2 says
 * that one should. Else a few networks that stall would stop all mail. */
#ifndef DELIVERY_CROWD_H
#define DELIVERY_CROWD_H

#include "services/delivery/session.h"

enum {
    DELIVERY_SLOW_MAX = 128,        /* destinations that go on beside their workers */
    DELIVERY_STALLING_MAX = 8,      /* of one network: an IPv4 /24 or an IPv6 /64 */
    DELIVERY_STALL_MS = 5000,       /* without a sign of the server: it stalls */
    DELIVERY_HURRY_MS = 30000,      /* so long it may, when there are many */
    DELIVERY_HURRY_END_MS = 300000, /* the same for the answer to a whole message: who leaves
                                       before it sends a second one (RFC 1047) */
    DELIVERY_OPEN_MS = 60000,       /* then, and be so long in opening ... */
    DELIVERY_SLOW_MANY = DELIVERY_SLOW_MAX / 2
};

/* Whether so many other destinations wait for servers of this network at `now_ms` (monotonic) that
 * no further one is to. Pure over d->sessions. */
bool delivery_is_stalling(const struct delivery_session *s, const struct net_address *to,
                          int64_t now_ms);

/* Ends sessions that wait for too long at `now_ms`, when many destinations take long, those in
 * lines (place.h) not counted: each place comes free some time. */
void delivery_hurry(struct delivery *d, int64_t now_ms);

#endif
