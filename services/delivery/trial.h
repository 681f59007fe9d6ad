/* SPDX-License-Identifier: Apache-2.0 */
/* Tries the way to an address with all that a delivery does before the message: for operators. */
#ifndef DELIVERY_TRIAL_H
#define DELIVERY_TRIAL_H

#include "services/app/trial.h"

/* Looks up the servers of the address, and asks each whether it takes the recipient, by MAIL with
 * the null sender and RCPT; in 20 s at most. Of an address here that leads elsewhere, those of
 * APP_TRIAL_ENDS of its ends. What does not work is told in *out, in arena;
 * ERR_SYNTAX: no address; ERR_UNAVAILABLE, ERR_CANCELLED. Yields. */
YIELDS bool delivery_try(struct app *app, str address, struct arena *a, struct app_trial *out,
                         struct err *e);

#endif
