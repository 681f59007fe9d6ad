/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the servers of others for administrators, by the service of delivery. */
#ifndef API_ADMIN_TRIAL_H
#define API_ADMIN_TRIAL_H

#include "services/api/call.h"
#include "services/app/trial.h"

/* How far a message to the address would come (app_service.trial), in the arena of the call; one at
 * a time, or others would have us connect to many servers at once. ERR_CONFLICT: another one is
 * under way; ERR_UNSUPPORTED: this program delivers no mail; ERR_SYNTAX: no address; those of the
 * trial. Yields. */
YIELDS bool admin_try_delivery(struct api_call *call, str address, struct app_trial *out,
                               struct err *e);

#endif
