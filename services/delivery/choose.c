/* SPDX-License-Identifier: Apache-2.0 */
/* Places are given in rounds over the servers; a place, once given, is not taken away. */
#include "services/delivery/choose.h"

struct choice {
    const struct delivery_found *found;
    size_t n;
    unsigned char *chosen; /* which of them have a place */
    size_t n_chosen;
    size_t max;
    bool needs_route;
};

enum kind {
    ANY,
    OTHER_FAMILY /* than those of its server that have a place */
};

static bool is_ipv4(const struct choice *c, size_t i)
{
    return net_address_is_ipv4(&c->found[i].host.address);
}

/* Whether the server has a place with an address of this family already. */
static bool has_family(const struct choice *c, unsigned server, bool ipv4)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->chosen[i] && c->found[i].server == server && is_ipv4(c, i) == ipv4)
            return true;
    }
    return false;
}

static unsigned count_places(const struct choice *c, unsigned server, bool ipv4)
{
    unsigned places = 0;
    for (size_t i = 0; i < c->n; i++)
        places += c->chosen[i] && c->found[i].server == server && is_ipv4(c, i) == ipv4;
    return places;
}

/* One more place for the server: of the family that it has fewer of, else of IPv6. */
static void give_place(struct choice *c, unsigned server, enum kind kind)
{
    bool wants_ipv4 = count_places(c, server, true) < count_places(c, server, false);
    size_t best = c->n;
    for (size_t i = 0; i < c->n; i++) {
        if (c->found[i].server != server || c->chosen[i] ||
            (c->needs_route && !c->found[i].has_route) ||
            (kind == OTHER_FAMILY && has_family(c, server, is_ipv4(c, i))))
            continue;
        if (best == c->n || (is_ipv4(c, i) == wants_ipv4 && is_ipv4(c, best) != wants_ipv4))
            best = i;
    }
    if (best == c->n || c->n_chosen == c->max)
        return;
    c->chosen[best] = 1;
    c->n_chosen++;
}

static void give_places(struct choice *c, unsigned from, unsigned to, enum kind kind)
{
    for (unsigned server = from; server < to; server++)
        give_place(c, server, kind);
}

/* The chosen ones of a server, its families by turns. Gives how many. */
static size_t put_server(const struct choice *c, unsigned server, struct delivery_host *out)
{
    size_t n = 0;
    size_t next[2] = { 0 }; /* to look at: of IPv6, of IPv4 */
    bool ipv4 = false;
    for (unsigned misses = 0; misses < 2; ipv4 = !ipv4) {
        size_t i = next[ipv4];
        while (i < c->n && (!c->chosen[i] || c->found[i].server != server || is_ipv4(c, i) != ipv4))
            i++;
        next[ipv4] = i + 1;
        misses = i < c->n ? 0 : misses + 1;
        if (i < c->n)
            out[n++] = c->found[i].host;
    }
    return n;
}

size_t delivery_choose(const struct delivery_found *found, size_t n, struct delivery_host *out,
                       size_t max)
{
    struct choice c = { .found = found, .n = n, .max = max };
    unsigned servers = n > 0 ? found[n - 1].server + 1 : 0;
    unsigned few = servers < DELIVERY_SERVERS_FEW ? servers : DELIVERY_SERVERS_FEW;
    size_t filled = 0;
    size_t before;
    for (size_t i = 0; i < n; i++)
        c.needs_route = c.needs_route || found[i].has_route;
    c.chosen = heap_zalloc(n + 1);
    give_places(&c, 0, few, ANY);
    give_places(&c, 0, few, OTHER_FAMILY);
    give_places(&c, few, servers, ANY);
    do {
        before = c.n_chosen;
        give_places(&c, 0, servers, ANY);
    } while (c.n_chosen > before);
    for (unsigned server = 0; server < servers; server++)
        filled += put_server(&c, server, &out[filled]);
    free(c.chosen);
    return filled;
}
