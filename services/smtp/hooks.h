/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that are asked about each recipient. */
#ifndef SMTP_HOOKS_H
#define SMTP_HOOKS_H

#include "services/smtp/session.h"

/* Whether the hooks let the recipient in; *next is the answer when not. Yields. */
YIELDS bool smtp_ask_hooks(struct smtp_session *s, const struct smtp_path *recipient,
                           enum net_next *next);

#endif
