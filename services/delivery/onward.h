/* SPDX-License-Identifier: Apache-2.0 */
/* From a server that does not take a message now to the next one of the destination, within the
 * same attempt (RFC 5321 5.1). */
#ifndef DELIVERY_ONWARD_H
#define DELIVERY_ONWARD_H

#include "services/delivery/transaction.h"

/* Sends the message over the open session, and what its server does not take now to each other
 * server of the route in turn: one pass over all of them. Nothing goes on once the end of the
 * message may have got to a server that did not answer it: it could come twice. `out` is filled as
 * by delivery_send; results[].before tells of the servers before. A server that cannot be opened
 * does not replace the word of one that answered.
 *
 * With `is_kept` the connection is of an earlier message. When its server does not even answer
 * MAIL, it says nothing about this one, and *is_stale is set instead: open again. Yields. */
YIELDS void delivery_send_onward(struct delivery_session *s, const struct queue_lease *lease,
                                 const struct queue_message *m,
                                 const struct delivery_source *source, bool is_kept,
                                 struct delivery_sent *out, bool *is_stale);

#endif
