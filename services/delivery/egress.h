/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to other servers: the address that mail leaves from and our name in EHLO (FEATURES
 * 58). */
#ifndef DELIVERY_EGRESS_H
#define DELIVERY_EGRESS_H

#include "services/delivery/delivery.h"

/* The pools: that of delivery.source, without a name, and those of delivery.pools. In the arena.
 * ERR_SYNTAX. */
bool delivery_egress_read(const struct config *config, struct arena *a, struct delivery_pool **out,
                          size_t *n, struct err *e);
/* The pool of a name, or NULL. */
struct delivery_pool *delivery_egress_find(const struct delivery *d, str name);
/* Whether mail of the pool may go to a server at `to`. What has no source of its own goes as the
 * system chooses; a pool with a name never leaves from another address than its own. */
bool delivery_egress_reaches(const struct delivery_pool *pool, const struct net_address *to);
/* An address of the pool for mail of this sender to a server at `to`, as below; NULL: any. */
const struct net_address *delivery_egress_next(struct delivery_pool *pool,
                                               const struct net_address *to, str sender);

/* One of the sources for mail of this sender to a server at `to`: of the kind of its address (IPv4,
 * IPv6), the same for all senders of a domain, and another one for as few of them as can be when
 * the list changes. NULL: there is none of that kind. Pure. */
const struct net_address *delivery_egress_choose(const struct net_address *sources, size_t n,
                                                 const struct net_address *to, str sender);

/* Our name. */
const char *delivery_egress_name(const struct delivery *d);

#endif
