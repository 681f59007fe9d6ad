/* SPDX-License-Identifier: Apache-2.0 */
/* One trial at a time. */
#include "services/api/admin_trial.h"

#include "services/api/api.h"
#include "services/app/listeners.h"

bool admin_try_delivery(struct api_call *call, str address, struct app_trial *out, struct err *e)
{
    const struct app_services *services = call->app->services;
    for (size_t i = 0; services && i < services->n; i++) {
        if (!services->list[i]->trial)
            continue;
        if (call->api->is_trying)
            return ERR(e, ERR_CONFLICT, "Another delivery is being tried.");
        call->api->is_trying = true;
        bool ok = services->list[i]->trial(call->app, address, call->arena, out, e);
        call->api->is_trying = false;
        return ok;
    }
    return ERR(e, ERR_UNSUPPORTED, "This program delivers no mail.");
}
