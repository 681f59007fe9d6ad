/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a message's way through a session. */
#ifndef SMTP_HAND_OVER_H
#define SMTP_HAND_OVER_H

#include "services/smtp/session.h"

/* Hands the received message to deliver or submit with the envelope of the session, and answers the
 * client by what came of it. Yields. */
YIELDS enum net_next smtp_hand_over(struct smtp_session *s, str content);

#endif
