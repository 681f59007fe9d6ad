/* SPDX-License-Identifier: Apache-2.0 */
/* Limits over the cluster: machines tell each other through Redis what their clients have open and
 * did of late (net/tally_share.h). One process of each machine tells, four times a second what
 * changed and now and then all of it; who is not heard of for half a minute counts no more. It
 * never waits, and nothing waits for it: without Redis each machine keeps its own limits. */
#ifndef CLUSTER_COUNTS_H
#define CLUSTER_COUNTS_H

#include "base/base.h"

struct cluster_counts;
struct net_tally;
struct redis;
struct runtime;

/* Begins to tell and to hear; keeps all of them. Who is silent for `silent_ms` (0 = 30 s) has
 * ended. Gives. */
struct cluster_counts *cluster_counts_new(struct runtime *rt, struct redis *redis,
                                          struct net_tally *tally, int64_t silent_ms);
/* Before redis_free. Harmless for NULL. */
void cluster_counts_free(struct cluster_counts **counts);

#endif
