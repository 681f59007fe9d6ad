/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients of mail that goes at another time than it was written. */
#include "submit/recipient.h"

#include "account/account.h"
#include "account/suppression.h"
#include "base/address.h"

YIELDS static bool check_suppression(const struct submit *s, const struct submit_asking *asking,
                                     struct arena *a, int64_t deadline_ms,
                                     enum submit_addressee *verdict, struct err *e)
{
    struct account_suppression_answer found;
    const struct account_suppression_ask ask = { asking->account_id, asking->address,
                                                 s->rules.suppresses };
    if (!account_suppression_find(s->accounts, &ask, a, deadline_ms, &found, e))
        return false;
    if (found.is_suppressed)
        *verdict = SUBMIT_TO_SUPPRESSED;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): what is asked, and two answers. */
bool submit_find_recipient(const struct submit *s, const struct submit_asking *asking,
                           struct arena *a, int64_t deadline_ms, struct smtp_recipient *out,
                           enum submit_addressee *verdict, struct err *e)
{
    struct account_route route;
    struct err reason = ERR_CLEAR;
    str local;
    str domain;
    (void)address_split(asking->address, &local, &domain);
    *verdict = SUBMIT_TO_GOOD;
    if (!account_route(s->accounts, local, domain, a, deadline_ms, &route, &reason)) {
        if (reason.kind != ERR_SYNTAX) {
            *e = reason;
            return false;
        }
        *verdict = SUBMIT_TO_NO_ADDRESS;
        return true;
    }
    *out = (struct smtp_recipient){ .account_id = route.account_id,
                                    .address = asking->address,
                                    .domain = domain,
                                    .targets = route.targets,
                                    .n_targets = route.n_targets };
    const struct account_poster poster = { asking->account_id, asking->from,
                                           address_domain(asking->from) };
    if (route.kind == ACCOUNT_ROUTE_UNKNOWN || route.is_way_back)
        *verdict = SUBMIT_TO_UNKNOWN;
    if (!account_may_post(&route, &poster))
        *verdict = SUBMIT_TO_GROUP;
    return route.kind != ACCOUNT_ROUTE_REMOTE ||
           check_suppression(s, asking, a, deadline_ms, verdict, e);
}
