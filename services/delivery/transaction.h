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

/* What became of a message at one server. */
struct delivery_sent {
    struct queue_result *results; /* of each recipient; the caller's array */
    /* Of each recipient; the caller's array: this server did not take the message for it and has
     * not seen its end, or has said so: another one may be asked at once (RFC 5321 5.1). */
    bool *elsewhere;
    bool answered;   /* MAIL was answered at all, and not by 421 */
    bool is_working; /* and nothing else was answered by 421, by which a server says of itself that
                        it does not work (RFC 5321 3.8, 4.2.3): that is the breaker's to know */
};

/* Sends the message over the open session and fills `out` for each of its recipients: after the end
 * a server of SMTP answers for all of them, one of LMTP for each by itself (RFC 2033 section 4.2).
 * The end dot goes out only while the lease holds (R9). The session may be dropped. 8-bit text is
 * re-encoded for a server without 8BITMIME (RFC 6152 3); recipients whose address is beyond ASCII
 * fail at a server without SMTPUTF8 (RFC 6531 3.6). Yields. */
YIELDS void delivery_send(struct delivery_session *s, const struct queue_lease *lease,
                          const struct queue_message *m, const struct delivery_source *source,
                          struct delivery_sent *out);

#endif
