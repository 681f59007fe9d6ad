/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to a server that the operator named (RFC 4954). */
#ifndef DELIVERY_LOGIN_H
#define DELIVERY_LOGIN_H

#include "services/delivery/session.h"

/* By the strongest of SCRAM-SHA-256(-PLUS), PLAIN and LOGIN that the server offers, or by the one
 * that the operator named for it, with the login of the route; never before the server's
 * certificate has verified. False: the connection was dropped, and *failure (temporary) says why.
 * Yields. */
YIELDS bool delivery_log_in(struct delivery_session *s, struct queue_result *failure);

#endif
