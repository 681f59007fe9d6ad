/* SPDX-License-Identifier: Apache-2.0 */
/* Who demands which TLS: the destination's word counts before the operator's, which may only ask
 * for more. */
#include "services/delivery/security.h"

struct delivery_demand delivery_demand_of(const struct config *config,
                                          const struct delivery_route *route,
                                          const struct delivery_host *host)
{
    enum tlsa_demand tlsa = host->dane ? host->dane->demand : TLSA_NOTHING;
    enum mta_sts_mode mode = route->policy ? route->policy->mode : MTA_STS_NONE;
    bool require = config_bool(config, CONFIG_DELIVERY_REQUIRE_TLS);
    bool enforced = mode == MTA_STS_ENFORCE && tlsa != TLSA_AUTHENTICATE;
    struct delivery_demand demand = {
        .encrypted = require || tlsa != TLSA_NOTHING || enforced,
        .verified = enforced || (require && config_bool(config, CONFIG_DELIVERY_VERIFY_TLS)),
        .dane = tlsa == TLSA_AUTHENTICATE ? host->dane : NULL,
        .by = "delivery.require_tls",
        .policy = "no-policy-found",
    };
    if (tlsa == TLSA_AUTHENTICATE || (tlsa == TLSA_ENCRYPT && !enforced)) {
        demand.by = "the TLSA records of the server (DANE)";
        demand.policy = "tlsa";
    } else if (mode != MTA_STS_NONE) {
        demand.by = enforced ? "the MTA-STS policy of the domain" : demand.by;
        demand.policy = "sts";
    } else if (route->policy_fault) {
        demand.policy = "sts";
        demand.fault = route->policy_fault;
    }
    return demand;
}

const char *delivery_tls_result(const struct delivery_host *host, const struct tls_facts *facts)
{
    static const char *const names[] = { [TLS_FAULT_NONE] = "successful",
                                         [TLS_FAULT_NAME] = "certificate-host-mismatch",
                                         [TLS_FAULT_EXPIRED] = "certificate-expired",
                                         [TLS_FAULT_TRUST] = "certificate-not-trusted",
                                         [TLS_FAULT_OTHER] = "validation-failure" };
    if (!facts || host->is_unnamed)
        return "validation-failure";
    return names[facts->fault];
}
