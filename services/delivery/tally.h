/* SPDX-License-Identifier: Apache-2.0 */
/* What the domain that mail goes to is told of TLS with its servers (TLS-RPT, RFC 8460). */
#ifndef DELIVERY_TALLY_H
#define DELIVERY_TALLY_H

#include "services/delivery/session.h"

/* Counts how TLS went on this connection, to s->host. `result` is a name of RFC 8460 section 4.3,
 * `reason` a sentence or empty. Where no policy asks for more, any TLS is a success. */
void delivery_count_tls(const struct delivery_session *s, const char *result, str reason);

/* Whether all mail of the lease is what the server itself writes (reports, with the null sender):
 * a report of what happened to reports would never end (RFC 8460 section 5.3). */
bool delivery_is_uncounted(const struct queue_lease *lease);

/* Counts a destination whose servers may not even be connected to: `route` has no hosts, and its
 * failure says why; one that has nothing to do with TLS counts nothing. */
void delivery_count_no_route(const struct delivery *d, const struct queue_lease *lease,
                             const struct delivery_route *route);

#endif
