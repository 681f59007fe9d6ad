/* SPDX-License-Identifier: Apache-2.0 */
/* Who demands which TLS: the destination's word counts before the operator's, which may only ask
 * for more. */
#include "services/delivery/security.h"

/* Of the server that the operator named: nobody else has a word in it. */
static struct delivery_demand demand_of_relay(const struct account_transport *relay)
{
    static const enum tls_published published[] = {
        [ACCOUNT_TRANSPORT_VERIFY] = TLS_PUBLISHED_VERIFY,
        [ACCOUNT_TRANSPORT_ENCRYPT] = TLS_PUBLISHED_ENCRYPT,
        [ACCOUNT_TRANSPORT_MAY] = TLS_PUBLISHED_NOTHING,
    };
    return (struct delivery_demand){
        .published = published[relay->tls],
        .by = relay->tls == ACCOUNT_TRANSPORT_MAY ? NULL : "the transport of the domain",
        .policy = "no-policy-found",
    };
}

struct delivery_demand delivery_demand_of(const struct delivery_route *route,
                                          const struct delivery_host *host)
{
    if (route->relay.port)
        return demand_of_relay(&route->relay);
    enum tlsa_demand tlsa = host->dane ? host->dane->demand : TLSA_NOTHING;
    enum mta_sts_mode mode = route->policy ? route->policy->mode : MTA_STS_NONE;
    bool enforced = mode == MTA_STS_ENFORCE && tlsa != TLSA_AUTHENTICATE;
    bool verified = enforced || tlsa == TLSA_AUTHENTICATE;
    struct delivery_demand demand = {
        .published = verified               ? TLS_PUBLISHED_VERIFY
                     : tlsa == TLSA_ENCRYPT ? TLS_PUBLISHED_ENCRYPT
                                            : TLS_PUBLISHED_NOTHING,
        .dane = tlsa == TLSA_AUTHENTICATE ? host->dane : NULL,
        .policy = "no-policy-found",
    };
    if (tlsa == TLSA_AUTHENTICATE || (tlsa == TLSA_ENCRYPT && !enforced)) {
        demand.by = "the TLSA records of the server (DANE)";
        demand.policy = "tlsa";
    } else if (mode != MTA_STS_NONE) {
        demand.by = enforced ? "the MTA-STS policy of the domain" : NULL;
        demand.policy = "sts";
    } else if (route->policy_fault) {
        demand.policy = "sts";
        demand.fault = route->policy_fault;
    }
    return demand;
}

struct delivery_terms delivery_terms_of(const struct queue_message *m)
{
    return (struct delivery_terms){
        .account_id = m->account_id,
        .sender = m->envelope_from,
        .waiver = m->is_waived                            ? TLS_WAIVER_DECIDED
                  : m->tls_rule == QUEUE_TLS_NOT_REQUIRED ? TLS_WAIVER_HEADER
                                                          : TLS_WAIVER_NONE,
        .requiretls = m->tls_rule == QUEUE_TLS_REQUIRED,
        .can_ask = m->account_id != 0 && m->envelope_from.n > 0,
    };
}

bool delivery_terms_equal(const struct delivery_terms *a, const struct delivery_terms *b)
{
    return a->account_id == b->account_id && a->waiver == b->waiver &&
           a->requiretls == b->requiretls && a->can_ask == b->can_ask;
}

static enum tls_on_failure on_failure(const struct config *config)
{
    static const struct {
        const char *word;
        enum tls_on_failure means;
    } words[] = {
        { "hold", TLS_ON_FAILURE_HOLD },
        { "fallback", TLS_ON_FAILURE_FALLBACK },
        { "fail", TLS_ON_FAILURE_FAIL },
    };
    const char *said = config_text(config, CONFIG_DELIVERY_ON_TLS_FAILURE);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i].word, said) == 0)
            return words[i].means;
    }
    return TLS_ON_FAILURE_HOLD;
}

enum tls_verdict delivery_verdict(const struct config *config, const struct delivery_demand *demand,
                                  const struct delivery_terms *terms, enum tls_presented presented)
{
    const struct tls_case c = {
        .published = demand->published,
        .presented = presented,
        .on_failure = on_failure(config),
        .waiver = terms->waiver,
        .require = config_bool(config, CONFIG_DELIVERY_REQUIRE_TLS),
        .verify = config_bool(config, CONFIG_DELIVERY_VERIFY_TLS),
        .requiretls = terms->requiretls,
        .can_ask = terms->can_ask,
    };
    return tls_judge(&c);
}

const char *delivery_demanded_by(const struct delivery_demand *demand,
                                 const struct delivery_terms *terms, enum tls_presented presented)
{
    if (terms->requiretls)
        return "the sender (REQUIRETLS)";
    if (demand->by &&
        (demand->published == TLS_PUBLISHED_VERIFY || presented != TLS_PRESENTED_UNVERIFIED))
        return demand->by;
    return "our configuration"; /* whose keys say nothing to the people who are asked */
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
