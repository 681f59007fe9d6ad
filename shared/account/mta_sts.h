/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policies (RFC 8461) of our own domains: what they publish, kept with the domain. What
 * a policy file looks like, and who serves it, is not known here. */
#ifndef ACCOUNT_MTA_STS_H
#define ACCOUNT_MTA_STS_H

#include "account/account.h"

struct account_mta_sts {
    str mode; /* "none", "testing", "enforce" */
    int64_t max_age_s;
    str *mx; /* names and patterns of the domain's servers */
    size_t n_mx;
    str id; /* for the record at _mta-sts.<domain>; not of a policy to set */
    int64_t changed_at_us;
};

/* The policy of a domain; *found false: it has none, or is not ours. In arena. ERR_SYNTAX (no
 * domain). Yields. */
YIELDS bool account_mta_sts_find(struct account_directory *d, str domain, struct arena *a,
                                 int64_t deadline_ms, bool *found, struct account_mta_sts *out,
                                 struct err *e);
/* Sets it, with an audit row; the id changes when anything does. ERR_NOT_FOUND: the domain is not
 * ours. Yields. */
YIELDS bool account_mta_sts_set(struct account_directory *d, const struct account_actor *actor,
                                str domain, const struct account_mta_sts *policy, struct arena *a,
                                int64_t deadline_ms, struct err *e);
/* Takes it away, with an audit row. ERR_NOT_FOUND. Yields. */
YIELDS bool account_mta_sts_remove(struct account_directory *d, const struct account_actor *actor,
                                   str domain, struct arena *a, int64_t deadline_ms, struct err *e);

#endif
