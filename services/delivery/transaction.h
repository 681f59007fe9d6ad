/* SPDX-License-Identifier: Apache-2.0 */
/* One message to one server: MAIL, RCPT, DATA, and what became of each recipient. */
#ifndef DELIVERY_TRANSACTION_H
#define DELIVERY_TRANSACTION_H

#include "services/delivery/session.h"

/* Where the octets of a message come from. */
struct delivery_source {
    /* Gives octets from `from` on, some of them, in the arena; none at the end of the message.
     * Yields. */
    bool (*read)(void *arg, size_t from, struct arena *a, str *out, struct err *e);
    void *arg;
};

/* Sends the message over the open session and fills results[i] for each of its recipients. The end
 * dot goes out only while the lease holds (R9). *answered tells whether the server answered MAIL
 * at all, so that the destination counts as working. The session may be dropped. 8-bit text is
 * re-encoded for a server without 8BITMIME (RFC 6152 3); recipients whose address is beyond ASCII
 * fail at a server without SMTPUTF8 (RFC 6531 3.6). Yields. */
YIELDS void delivery_send(struct delivery_session *s, const struct queue_lease *lease,
                          const struct queue_message *m, const struct delivery_source *source,
                          struct queue_result *results, bool *answered);

#endif
