/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policies of other domains as the configuration wants them. */
#ifndef APP_POLICIES_H
#define APP_POLICIES_H

#include "services/app/app.h"
#include "transport_policy/transport_policy.h"

/* *out is NULL when delivery.mta_sts is off. Free it with mta_sts_store_free. ERR_INTERNAL. */
bool app_open_policies(const struct app *app, struct mta_sts_store **out, struct err *e);

#endif
