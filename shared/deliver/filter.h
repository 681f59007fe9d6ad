/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of others (milters) in the way of a message. Private to deliver. */
#ifndef DELIVER_FILTER_H
#define DELIVER_FILTER_H

#include "deliver/report.h"

/* Shows the message to the configured filters. What they changed is what is delivered; a
 * quarantined message goes to Junk; the verdict is in *out, as it was when they let it pass.
 * ERR_CANCELLED, and those of store_mailbox_get_role. Yields. */
YIELDS bool deliver_filter(struct deliver_attempt *attempt, int64_t deadline_ms,
                           struct deliver_result *out, struct err *e);

#endif
