/* SPDX-License-Identifier: Apache-2.0 */
/* Who demands which TLS: the destination's word counts before the operator's, which may only ask
 * for more. */
#include "services/delivery/security.h"

struct delivery_demand delivery_demand_of(const struct config *config,
                                          const struct delivery_host *host)
{
    enum tlsa_demand tlsa = host->dane ? host->dane->demand : TLSA_NOTHING;
    bool require = config_bool(config, CONFIG_DELIVERY_REQUIRE_TLS);
    bool verify = require && config_bool(config, CONFIG_DELIVERY_VERIFY_TLS);
    if (tlsa == TLSA_NOTHING) {
        return (struct delivery_demand){ .encrypted = require,
                                         .verified = verify,
                                         .by = "delivery.require_tls",
                                         .policy = "no-policy-found" };
    }
    return (struct delivery_demand){ .encrypted = true,
                                     .verified = verify,
                                     .dane = tlsa == TLSA_AUTHENTICATE ? host->dane : NULL,
                                     .by = "the TLSA records of the server (DANE)",
                                     .policy = "tlsa" };
}
