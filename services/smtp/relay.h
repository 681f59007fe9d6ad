/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients of relay domains (account/relay.h), on port 25. */
#ifndef SMTP_RELAY_H
#define SMTP_RELAY_H

#include "services/smtp/session.h"

/* Whether mail from outside may go to this recipient, whose domain is not ours: we relay for it,
 * the client is welcome (screen.h), and there is such a recipient as far as the domain wants that
 * verified. *next is the answer when not. Waits for the domain's servers for a few seconds. Yields.
 */
YIELDS bool smtp_may_relay(struct smtp_session *s, const struct smtp_path *path,
                           enum net_next *next);

#endif
