/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to other servers: the address that mail leaves from and our name in EHLO (FEATURES
 * 58). */
#ifndef DELIVERY_EGRESS_H
#define DELIVERY_EGRESS_H

#include "services/delivery/delivery.h"

/* The addresses of delivery.source, in the arena. ERR_SYNTAX. */
bool delivery_egress_read(const struct config *config, struct arena *a,
                          const struct net_address **out, size_t *n, struct err *e);

/* One of the sources for mail of this sender to a server at `to`: of the kind of its address (IPv4,
 * IPv6), the same for all senders of a domain, and another one for as few of them as can be when
 * the list changes. NULL: there is none of that kind. Pure. */
const struct net_address *delivery_egress_choose(const struct net_address *sources, size_t n,
                                                 const struct net_address *to, str sender);

/* Our name. */
const char *delivery_egress_name(const struct delivery *d);

#endif
