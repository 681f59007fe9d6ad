/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions whose time has come (RFC 4865): what waited in the queue (queue/waiting.h) is routed,
 * signed and handed over as it would be if it came now. */
#ifndef SUBMIT_RELEASE_H
#define SUBMIT_RELEASE_H

#include "submit/submit.h"

/* Takes up what is due, at most `max` messages; *n is how many were. Each is handed over and taken
 * out of what waits by one transaction, so that it goes once. Recipients that cannot be written to
 * any more, and all of an account that is closed, are reported to the sender as failures; what
 * fails for a while is tried again, as is that of an account that is stopped. A message of
 * `max_hops` Received fields is one in a circle. Any number of processes may do this. Yields. */
YIELDS bool submit_release_due(const struct submit *s, size_t max_hops, unsigned max,
                               int64_t deadline_ms, size_t *n, struct err *e);

#endif
