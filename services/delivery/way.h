/* SPDX-License-Identifier: Apache-2.0 */
/* Which way the messages of a shift go: to the servers of their destination, or to a relay that the
 * operator named for the destination or for their senders. */
#ifndef DELIVERY_WAY_H
#define DELIVERY_WAY_H

#include "services/delivery/shift.h"

/* Finds the way of the shift's first message, and its route. Messages that go another way are taken
 * out of the lease: they stay due, and are claimed next. Errors: those of account_transport_find
 * and delivery_find_route. Yields. */
YIELDS bool delivery_find_way(struct shift *shift, int64_t deadline_ms, struct err *e);

#endif
