/* SPDX-License-Identifier: Apache-2.0 */
/* Which way the messages of a shift go: to the servers of their destination, or to a relay that the
 * operator named for the destination or for their senders; and how many of them may go now. */
#ifndef DELIVERY_WAY_H
#define DELIVERY_WAY_H

#include "services/delivery/shift.h"

/* Finds the way of the shift's first message, and its route. Messages that go another way are taken
 * out of the lease: they stay due, and are claimed next. Those that would go beyond a limit of the
 * way are postponed, and all of them when this frontend is not configured for it (it lacks the
 * pool, or the key to the relay's password): another one may be. When no message is left in the
 * lease, there is no route. Errors: those of account_transport_find, account_transport_take and
 * delivery_find_route. Yields. */
YIELDS bool delivery_find_way(struct shift *shift, int64_t deadline_ms, struct err *e);

/* One more connection of the shift; false: its transport has as many as it may. Each that was taken
 * is left again. The first one is taken with the way, and left by delivery_leave_way. */
bool delivery_take_place(struct shift *shift);
void delivery_leave_place(struct shift *shift);
/* At the end of the shift; harmless when there was none. */
void delivery_leave_way(struct shift *shift);
/* At the end of the service, when no shift is left. */
void delivery_free_uses(struct delivery *d);
/* In how many milliseconds messages that find all connections taken ask again, when so many were
 * turned away: 1 to 30 s, apart from each other by a random number. Pure. */
int64_t delivery_crowd_ms(unsigned waiting, uint64_t random);

#endif
