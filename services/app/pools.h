/* SPDX-License-Identifier: Apache-2.0 */
/* The pools of addresses that mail leaves from, as `delivery.pools` of the configuration has them.
 */
#ifndef APP_POOLS_H
#define APP_POOLS_H

#include "base/arena.h"
#include "net/address.h"

struct app_pool {
    str name;
    bool is_turned; /* each connection has the next address */
    struct net_address *list;
    size_t n; /* at least 1 */
};

/* "name: address address", or "name turn: address address"; in the arena. ERR_SYNTAX. */
bool app_pool_parse(str text, struct arena *a, struct app_pool *out, struct err *e);

#endif
