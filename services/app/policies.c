/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to a store of policies. */
#include "services/app/policies.h"

bool app_open_policies(const struct app *app, struct mta_sts_store **out, struct err *e)
{
    const struct config *c = app->config;
    const char *anchors = config_text(c, CONFIG_DELIVERY_CA_FILE);
    const struct mta_sts_options options = {
        .db = app->db,
        .dns = app->dns,
        .ca_file = *anchors ? anchors : NULL,
        .port = (unsigned)config_int(c, CONFIG_DELIVERY_MTA_STS_PORT),
        .allow_private = config_bool(c, CONFIG_DELIVERY_ALLOW_PRIVATE),
    };
    *out = NULL;
    if (!config_bool(c, CONFIG_DELIVERY_MTA_STS))
        return true;
    *out = mta_sts_store_new(app->runtime, &options, e);
    return *out != NULL;
}
