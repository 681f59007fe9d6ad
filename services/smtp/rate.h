/* SPDX-License-Identifier: Apache-2.0 */
/* How much mail a minute a client from outside may bring, by address and network, over all
 * frontends (net/tally_share.h). */
#ifndef SMTP_RATE_H
#define SMTP_RATE_H

#include "services/smtp/session.h"

enum smtp_rate {
    SMTP_RATE_MESSAGES,
    SMTP_RATE_RECIPIENTS
};

/* Counts one more; false: it is to come later, which is logged. Who is logged in, hands over by
 * LMTP, or is in security.local_networks is not counted. Does not wait. */
bool smtp_rate_take(const struct smtp_session *s, enum smtp_rate what);

#endif
