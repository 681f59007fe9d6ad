/* SPDX-License-Identifier: Apache-2.0 */
/* How much accounts may send, as the configuration wants it. */
#ifndef APP_SENDING_H
#define APP_SENDING_H

#include "account/sending.h"
#include "config/config.h"

/* The rules for accounts without limits of their own. Pure. */
struct account_sending_rules app_sending_rules(const struct config *c);

#endif
