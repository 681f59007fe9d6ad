/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of others (milters, then hooks) that are asked about each recipient. */
#ifndef SMTP_FILTERS_H
#define SMTP_FILTERS_H

#include "services/smtp/session.h"

/* Whether the filters let the recipient in, whose mail goes on by `mailer` ("local", "relay",
 * "smtp"); *next is the answer when not. *is_whitelisted: as of struct smtp_recipient; where there
 * is no filter at all, nobody asks for it. Yields. */
YIELDS bool smtp_ask_filters(struct smtp_session *s, const struct smtp_path *recipient, str mailer,
                             bool *is_whitelisted, enum net_next *next);

#endif
