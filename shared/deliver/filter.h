/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of others (milters, then hooks) in the way of a message. Private to deliver. */
#ifndef DELIVER_FILTER_H
#define DELIVER_FILTER_H

#include "deliver/report.h"

/* Shows the message to the configured filters, who have their own times; behind them there are
 * `time_ms` for the database. Hooks are told of `proven`, too. What they changed, of the message
 * and of its envelope, is what is delivered; attempt->held_why says that they want it in
 * quarantine; the verdict is in *out, as it was when they let it pass. ERR_CANCELLED, and those of
 * hook_change_envelope.
 * Yields. */
YIELDS bool deliver_filter(struct deliver_attempt *attempt, str proven, int64_t time_ms,
                           struct deliver_result *out, struct err *e);

/* Every copy goes to the Junk of its account, where it has one. What leaves waits for an
 * administrator by attempt->held_why. Errors: those of store_mailbox_get_role. Yields. */
YIELDS bool deliver_quarantine(struct deliver_attempt *attempt, int64_t deadline_ms, struct err *e);

#endif
