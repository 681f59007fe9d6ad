/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policies of other domains: found by DNS, fetched by HTTPS, kept in the database for
 * all frontends (RFC 8461 section 3). All SQL of mta_sts_policy is here. */
#ifndef TRANSPORT_POLICY_MTA_STS_STORE_H
#define TRANSPORT_POLICY_MTA_STS_STORE_H

#include "runtime/runtime.h"
#include "transport_policy/mta_sts.h"

struct db;
struct dns;
struct mta_sts_store;

struct mta_sts_options {
    struct db *db;       /* keeps */
    struct dns *dns;     /* keeps */
    const char *ca_file; /* trust anchors of policy hosts, NULL = the system's; keeps */
    unsigned port;       /* of policy hosts: 443, another one in tests */
    bool allow_private;  /* policy hosts may have addresses that are not public */
};

/* Nothing is asked yet. ERR_INTERNAL. Gives; free it when no fiber uses it any more. */
struct mta_sts_store *mta_sts_store_new(struct runtime *rt, const struct mta_sts_options *options,
                                        struct err *e);
void mta_sts_store_free(struct mta_sts_store **s);

struct mta_sts_found {
    bool has_policy; /* one that is valid now, of any mode */
    struct mta_sts_policy policy;
    /* The domain has a policy that could not be fetched: the name of that in RFC 8460 section 4.3
     * (static), and the reason in the arena, empty when an earlier delivery has told it. There may
     * be an older policy nevertheless. NULL: all is well. */
    const char *fault;
    str why;
};

/* The policy for mail to the domain (lower-case A-labels), fetched when the domain says that it has
 * another one than is kept. One that cannot be fetched is tried again after five minutes at the
 * soonest; what is kept counts until it ends, also when neither DNS nor the policy host answer
 * (section 5.1). Slices are in the arena. Errors: those of db_query. Yields. */
YIELDS bool mta_sts_find(struct mta_sts_store *s, str domain, struct arena *a, int64_t deadline_ms,
                         struct mta_sts_found *out, struct err *e);

/* Fetches the policy of the domain now, as others would, and keeps nothing of it. *problem: why it
 * cannot be had, in arena; NULL: *out is it, borrowing the arena. ERR_CANCELLED. Yields. */
YIELDS bool mta_sts_look(struct mta_sts_store *s, str domain, struct arena *a,
                         struct mta_sts_policy *out, const char **problem, struct err *e);

/* Fetches policies again that are in use, long before they end, and forgets those that have ended.
 * To be called every few minutes. A policy host that does not answer is no error. Yields. */
YIELDS bool mta_sts_refresh(struct mta_sts_store *s, int64_t deadline_ms, struct err *e);

#endif
