/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses of a destination's servers are tried, and in which order. Pure. */
#ifndef DELIVERY_CHOOSE_H
#define DELIVERY_CHOOSE_H

#include "services/delivery/route.h"

enum {
    DELIVERY_SERVERS_FEW = 3 /* each of the first has one address at least among those tried */
};

struct delivery_found {
    struct delivery_host host; /* with its address */
    unsigned server;           /* whose address it is, in the order to try them; never falling */
    bool has_route;            /* this machine could reach it */
};

/* Fills `out` with `max` addresses at most, and gives how many. No server and no family (IPv4,
 * IPv6) takes the places of all others: first come one address of each of the first few servers,
 * then one of the other family of each, then one of each further server, then what is left, in
 * turn. They are tried server by server, and the families of one by turns. Addresses without a
 * route take no place, unless none has one: then the failure to connect tells why. */
size_t delivery_choose(const struct delivery_found *found, size_t n, struct delivery_host *out,
                       size_t max);

#endif
