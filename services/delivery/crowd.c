/* SPDX-License-Identifier: Apache-2.0 */
/* All sessions are looked through: they are some hundreds, and only a new connection asks. */
#include "services/delivery/crowd.h"

static bool is_near(const struct net_address *a, const struct net_address *b)
{
    char of_a[NET_ADDRESS_TEXT];
    char of_b[NET_ADDRESS_TEXT];
    return net_address_is_ipv4(a) == net_address_is_ipv4(b) &&
           str_eq(net_address_group(a, net_address_is_ipv4(a), of_a),
                  net_address_group(b, net_address_is_ipv4(b), of_b));
}

bool delivery_is_stalling(const struct delivery_session *s, const struct net_address *to,
                          int64_t now_ms)
{
    const struct delivery_route *seen[DELIVERY_STALLING_MAX] = { s->route };
    size_t n = 0;
    LIST_FOR_EACH (item, &s->d->sessions) {
        const struct delivery_session *one = CONTAINER_OF(item, struct delivery_session, link);
        if (!one->is_busy || one->route == s->route || now_ms - one->heard_ms < DELIVERY_STALL_MS ||
            !is_near(&one->host->address, to))
            continue;
        bool is_new = true;
        for (size_t i = 0; i < n; i++)
            is_new = is_new && seen[i] != one->route;
        if (!is_new)
            continue;
        if (n + 1 == DELIVERY_STALLING_MAX)
            return true;
        seen[n++] = one->route;
    }
    return false;
}

/* Whoever waits in a line takes long because of us: that makes no server a slow one. */
static unsigned count_in_line(const struct delivery *d)
{
    unsigned n = 0;
    LIST_FOR_EACH (item, &d->sessions)
        n += CONTAINER_OF(item, struct delivery_session, link)->place.is_waiting;
    return n;
}

void delivery_hurry(struct delivery *d, int64_t now_ms)
{
    if (d->n_slow < DELIVERY_SLOW_MANY || d->n_slow - DELIVERY_SLOW_MANY < count_in_line(d))
        return;
    LIST_FOR_EACH (item, &d->sessions) {
        struct delivery_session *one = CONTAINER_OF(item, struct delivery_session, link);
        bool is_opening = one->opening_ms != 0 && now_ms - one->opening_ms >= DELIVERY_OPEN_MS;
        int64_t most_ms = one->is_ended ? DELIVERY_HURRY_END_MS : DELIVERY_HURRY_MS;
        if (!one->is_busy || !one->conn || one->is_hurried ||
            (now_ms - one->heard_ms < most_ms && !is_opening))
            continue;
        one->is_hurried = true;
        net_conn_abort(one->conn);
    }
}
