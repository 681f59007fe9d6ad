/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the servers of relay domains which recipients they take (account/relay_probe.h), by MAIL
 * with the null sender and RCPT, without a message. */
#ifndef DELIVERY_CALLOUT_H
#define DELIVERY_CALLOUT_H

#include "account/relay_probe.h"
#include "services/delivery/delivery.h"

/* Serves until the drain. Yields. */
YIELDS void delivery_call_out(void *arg);

/* What a reply to RCPT says of the recipient; `status` is its enhanced code or empty. A refusal
 * that is of the client, of policy or of a full mailbox says nothing. Pure. */
enum account_probe_verdict delivery_callout_verdict(unsigned code, str status);

#endif
