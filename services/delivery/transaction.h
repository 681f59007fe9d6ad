/* SPDX-License-Identifier: Apache-2.0 */
/* One message to one server: MAIL, RCPT, DATA, and what became of each recipient. */
#ifndef DELIVERY_TRANSACTION_H
#define DELIVERY_TRANSACTION_H

#include "services/delivery/session.h"

/* Sends the message over the open session and fills results[i] for each of its recipients. The end
 * dot goes out only while the lease holds (R9). *answered tells whether the server answered MAIL
 * at all, so that the destination counts as working. The session may be dropped. Yields. */
YIELDS void delivery_send(struct delivery_session *s, const struct queue_lease *lease,
                          const struct queue_message *m, str body, struct queue_result *results,
                          bool *answered);

#endif
