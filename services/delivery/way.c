/* SPDX-License-Identifier: Apache-2.0 */
/* One shift goes one way, so that what is known of its route, and of servers that do not answer,
 * holds for all of its messages. Connections to a destination are limited by its lease; those of a
 * transport that is for many destinations are counted here, for this process. */
#include "services/delivery/way.h"

#include "crypto/random.h"
#include "obs/obs.h"

enum {
    CROWD_MS = 1000, /* until messages are due again that found all connections taken, and ... */
    CROWD_MAX = 29,  /* ... as much for each that did before them, up to so many */
    OTHERS_MS = 60 * 1000, /* ... that another frontend may be able to send */
    MINUTE_MS = 60 * 1000
};

/* Why mail waits that could go, as administrators read it. */
#define CROWDED  "its transport has as many connections open as it may"
#define TOO_FAST "its transport takes no more messages a minute"

struct delivery_use {
    struct list link; /* in delivery->uses */
    char *subject;
    unsigned n;
    unsigned most;
    unsigned n_waiting; /* turned away lately, and nobody taken instead since */
};

/* ---- connections ---- */

static struct delivery_use *find_use(struct delivery *d, str subject)
{
    LIST_FOR_EACH (item, &d->uses) {
        struct delivery_use *use = CONTAINER_OF(item, struct delivery_use, link);
        if (str_eq(str_from_cstr(use->subject), subject))
            return use;
    }
    struct delivery_use *use = HEAP_NEW(struct delivery_use);
    use->subject = heap_zalloc(subject.n + 1);
    memcpy(use->subject, subject.p, subject.n);
    list_add_tail(&d->uses, &use->link);
    return use;
}

/* One that is in no list any more. */
static void free_use(struct delivery_use *use)
{
    free(use->subject);
    free(use);
}

bool delivery_take_place(struct shift *shift)
{
    struct delivery_use *use = shift->use;
    if (use && use->n >= use->most)
        return false;
    if (use)
        use->n++;
    return true;
}

void delivery_leave_place(struct shift *shift)
{
    if (shift->use)
        shift->use->n--;
}

void delivery_leave_way(struct shift *shift)
{
    struct delivery_use *use = shift->use;
    shift->use = NULL;
    if (use && --use->n == 0 && use->n_waiting == 0) {
        list_remove(&use->link);
        free_use(use);
    }
}

void delivery_free_uses(struct delivery *d)
{
    LIST_FOR_EACH (item, &d->uses)
        free_use(CONTAINER_OF(item, struct delivery_use, link));
    list_init(&d->uses);
}

int64_t delivery_crowd_ms(unsigned waiting, uint64_t random)
{
    uint64_t most_ms = (uint64_t)(waiting < CROWD_MAX ? waiting : CROWD_MAX) * CROWD_MS;
    return CROWD_MS + (int64_t)(random % (most_ms + 1));
}

/* False: all are taken; the messages are due again in *wait_ms. */
static bool limit_connections(struct shift *shift, const struct account_transport *t,
                              int64_t *wait_ms)
{
    str subject = account_transport_subject(t, shift->lease->domain);
    shift->carriers_max = t->connections;
    shift->has_own_limit = true;
    if (str_eq(subject, shift->lease->domain))
        return true;
    struct delivery_use *use = find_use(shift->d, subject);
    use->most = t->connections;
    if (use->n >= use->most) {
        use->n_waiting += use->n_waiting < CROWD_MAX;
        *wait_ms = delivery_crowd_ms(use->n_waiting, crypto_random_u64());
        return false;
    }
    use->n++;
    use->n_waiting -= use->n_waiting > 0;
    shift->use = use;
    return true;
}

/* ---- limits ---- */

/* Leaves in the lease what may go now. Yields. */
YIELDS static bool keep_pace(struct shift *shift, const struct account_way *way, struct err *e)
{
    struct queue_lease *lease = shift->lease;
    struct queue *q = shift->d->app->queue;
    size_t granted = 0;
    int64_t wait_ms = 0;
    if (way->connections && !limit_connections(shift, way->connections, &wait_ms))
        return queue_postpone(q, lease, 0, wait_ms, 0, STR(CROWDED), e);
    if (!way->rate)
        return true;
    if (!account_transport_take(shift->d->app->accounts, way->rate, lease->domain, lease->n,
                                &granted, &wait_ms, e))
        return false;
    return granted >= lease->n ||
           queue_postpone(q, lease, granted, wait_ms, MINUTE_MS / way->rate->per_minute,
                          STR(TOO_FAST), e);
}

/* ---- the way ---- */

/* The senders of the lease, and with that all transports that may count. Yields. */
YIELDS static bool find_transports(struct shift *shift, int64_t deadline_ms,
                                   struct account_transports *out, struct err *e)
{
    struct arena *a = &shift->a;
    const struct queue_lease *lease = shift->lease;
    str *senders = ARENA_ARRAY(a, str, lease->n + 1);
    str *named = ARENA_ARRAY(a, str, lease->n + 1);
    for (size_t i = 0; i < lease->n; i++) {
        senders[i] = lease->messages[i].envelope_from;
        named[i] = lease->messages[i].transport;
    }
    const struct account_transport_query query = { lease->domain, senders, named, lease->n };
    return account_transport_find(shift->d->app->accounts, &query, a, deadline_ms, out, e);
}

static struct account_way way_of(struct shift *shift, const struct account_transports *all,
                                 size_t i)
{
    const struct queue_message *m = &shift->lease->messages[i];
    return account_transport_choose_named(all, shift->lease->domain, m->envelope_from, m->transport,
                                          &shift->a);
}

static bool is_same(const struct account_way *a, const struct account_way *b)
{
    return a->relay == b->relay && a->connections == b->connections && a->rate == b->rate &&
           a->pool == b->pool && a->name == b->name;
}

/* The route, or no message in the lease. Yields. */
YIELDS static bool find_route(struct shift *shift, const struct account_way *way,
                              int64_t deadline_ms, struct err *e)
{
    struct queue_lease *lease = shift->lease;
    struct err fault = ERR_CLEAR;
    if (delivery_find_route(shift->d, lease->domain, way, &shift->a, deadline_ms, &shift->route,
                            &fault))
        return true;
    if (!shift->route.is_own_fault || fault.kind == ERR_CANCELLED) {
        *e = fault;
        return false;
    }
    obs_log(EV_DELIVERY_NOT_CONFIGURED, STR_EMPTY, OBS_STR("domain", lease->domain),
            OBS_INT("messages", lease->n), OBS_ERR(&fault));
    return queue_postpone(shift->d->app->queue, lease, 0, OTHERS_MS, 0, str_from_cstr(fault.msg),
                          e);
}

bool delivery_find_way(struct shift *shift, int64_t deadline_ms, struct err *e)
{
    struct account_transports all;
    struct queue_lease *lease = shift->lease;
    size_t kept = 1;
    if (!find_transports(shift, deadline_ms, &all, e))
        return false;
    const struct account_way way = way_of(shift, &all, 0);
    for (size_t i = 1; i < lease->n && all.n > 0; i++) {
        const struct account_way other = way_of(shift, &all, i);
        if (is_same(&other, &way))
            lease->messages[kept++] = lease->messages[i];
    }
    if (all.n > 0)
        lease->n = kept;
    shift->is_of_sender = way.relay && (account_transport_is_of_sender(way.relay) ||
                                        lease->messages[0].transport.n > 0);
    return keep_pace(shift, &way, e) && (lease->n == 0 || find_route(shift, &way, deadline_ms, e));
}
