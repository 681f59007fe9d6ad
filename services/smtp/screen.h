/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients of mail from outside, refused or put off because of who brings it (deliver/screen.h).
 */
#ifndef SMTP_SCREEN_H
#define SMTP_SCREEN_H

#include "services/smtp/session.h"

/* Whether the client may bring mail for this recipient of ours; *next is the answer when not. Who
 * is logged in may. Yields. */
YIELDS bool smtp_screen_recipient(struct smtp_session *s, const struct smtp_path *recipient,
                                  enum net_next *next);

/* When the message is there: the same for the null sender, which is not put off at RCPT. Yields. */
YIELDS bool smtp_screen_message(struct smtp_session *s, enum net_next *next);

#endif
