/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing by the highest hash of domain and address together ("rendezvous"): an address that comes
 * or goes moves only the domains that it gets or had, so that the others keep the name they made
 * with their receivers. */
#include "services/delivery/egress.h"

#include "base/address.h"
#include "services/app/pools.h"

enum {
    DOMAIN_MAX = 255
};

static bool read_source(const struct config *config, struct arena *a, struct delivery_pool *out,
                        struct err *e)
{
    const struct config_list given = config_list(config, CONFIG_DELIVERY_SOURCE);
    struct net_address *list = ARENA_ARRAY(a, struct net_address, given.n + 1);
    for (size_t i = 0; i < given.n; i++) {
        if (!net_address_parse_ip(str_from_cstr(given.items[i]), &list[i], e))
            return err_wrap(e, "delivery.source: \"%s\" is no address", given.items[i]);
    }
    *out = (struct delivery_pool){ .list = list, .n = given.n };
    return true;
}

bool delivery_egress_read(const struct config *config, struct arena *a, struct delivery_pool **out,
                          size_t *n, struct err *e)
{
    const struct config_list given = config_list(config, CONFIG_DELIVERY_POOLS);
    struct delivery_pool *pools = ARENA_ARRAY(a, struct delivery_pool, given.n + 1);
    if (!read_source(config, a, &pools[0], e))
        return false;
    for (size_t i = 0; i < given.n; i++) {
        struct app_pool pool;
        if (!app_pool_parse(str_from_cstr(given.items[i]), a, &pool, e))
            return false;
        pools[i + 1] = (struct delivery_pool){
            .name = pool.name, .is_turned = pool.is_turned, .list = pool.list, .n = pool.n
        };
    }
    *out = pools;
    *n = given.n + 1;
    return true;
}

struct delivery_pool *delivery_egress_find(const struct delivery *d, str name)
{
    for (size_t i = 0; i < d->n_pools; i++) {
        if (str_eq(d->pools[i].name, name))
            return &d->pools[i];
    }
    return NULL;
}

bool delivery_egress_reaches(const struct delivery_pool *pool, const struct net_address *to)
{
    bool reaches = pool->name.n == 0;
    for (size_t i = 0; i < pool->n && !reaches; i++)
        reaches = net_address_is_ipv4(&pool->list[i]) == net_address_is_ipv4(to);
    return reaches;
}

static uint64_t hash_of_domain(str sender)
{
    char lower[DOMAIN_MAX];
    str domain = str_slice(address_domain(sender), 0, sizeof(lower));
    return str_hash(str_lower(domain, lower), 0);
}

const struct net_address *delivery_egress_choose(const struct net_address *sources, size_t n,
                                                 const struct net_address *to, str sender)
{
    const struct net_address *best = NULL;
    uint64_t highest = 0;
    uint64_t domain = hash_of_domain(sender);
    for (size_t i = 0; i < n; i++) {
        uint8_t ip[16];
        size_t size = net_address_octets(&sources[i], ip);
        uint64_t hash = str_hash(str_of((const char *)ip, size), domain);
        if (net_address_is_ipv4(&sources[i]) != net_address_is_ipv4(to) || (best && hash < highest))
            continue;
        best = &sources[i];
        highest = hash;
    }
    return best;
}

const struct net_address *delivery_egress_next(struct delivery_pool *pool,
                                               const struct net_address *to, str sender)
{
    if (!pool->is_turned)
        return delivery_egress_choose(pool->list, pool->n, to, sender);
    for (size_t i = 0; i < pool->n; i++) {
        const struct net_address *one = &pool->list[pool->turn++ % pool->n];
        if (net_address_is_ipv4(one) == net_address_is_ipv4(to))
            return one;
    }
    return NULL;
}

const char *delivery_egress_name(const struct delivery *d)
{
    const char *name = config_text(d->app->config, CONFIG_DELIVERY_EHLO_NAME);
    return *name ? name : d->app->hostname;
}
