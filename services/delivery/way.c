/* SPDX-License-Identifier: Apache-2.0 */
/* One shift goes one way, so that what is known of its route, and of servers that do not answer,
 * holds for all of its messages. */
#include "services/delivery/way.h"

/* The senders of the lease, and with that all transports that may count. Yields. */
YIELDS static bool find_transports(struct shift *shift, int64_t deadline_ms,
                                   struct account_transports *out, struct err *e)
{
    struct arena *a = &shift->a;
    const struct queue_lease *lease = shift->lease;
    str *senders = ARENA_ARRAY(a, str, lease->n + 1);
    for (size_t i = 0; i < lease->n; i++)
        senders[i] = lease->messages[i].envelope_from;
    const struct account_transport_query query = { lease->domain, senders, lease->n };
    return account_transport_find(shift->d->app->accounts, &query, a, deadline_ms, out, e);
}

static const struct account_transport *way_of(struct shift *shift,
                                              const struct account_transports *all, size_t i)
{
    return account_transport_choose(all, shift->lease->domain,
                                    shift->lease->messages[i].envelope_from, &shift->a);
}

bool delivery_find_way(struct shift *shift, int64_t deadline_ms, struct err *e)
{
    struct account_transports all;
    struct queue_lease *lease = shift->lease;
    size_t kept = 1;
    if (!find_transports(shift, deadline_ms, &all, e))
        return false;
    const struct account_transport *way = way_of(shift, &all, 0);
    for (size_t i = 1; i < lease->n && all.n > 0; i++) {
        if (way_of(shift, &all, i) == way)
            lease->messages[kept++] = lease->messages[i];
    }
    if (all.n > 0)
        lease->n = kept;
    shift->is_of_sender = way && account_transport_is_of_sender(way);
    return delivery_find_route(shift->d, lease->domain, way, &shift->a, deadline_ms, &shift->route,
                               e);
}
