/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a destination's servers is connected to, and what is told when none is good enough. */
#include "base/failpoint.h"
#include "services/delivery/crowd.h"
#include "services/delivery/session_steps.h"

static bool is_final(const struct queue_result *failure)
{
    return failure->outcome == QUEUE_HELD || failure->outcome == QUEUE_FAILED;
}

/* What is told when no server was good enough: rather that one was not, as the sender can do
 * something about that, than that another one was away. */
static void keep_failure(struct queue_result *all, const struct queue_result *one)
{
    if (!is_final(all) || is_final(one))
        *all = *one;
}

/* The bit of the i-th server of a list in s->passed. */
static unsigned bit_of(size_t i, bool is_barred)
{
    return 1U << (i + (is_barred ? DELIVERY_ADDRESSES_MAX : 0));
}

static void note_failure(struct delivery_session *s, const struct queue_result *failure,
                         int64_t took_ms)
{
    struct queue_result *one = ARENA_NEW(s->a, struct queue_result);
    *one = *failure;
    one->took_ms = took_ms;
    one->before = s->failures;
    s->failures = one;
}

static void put_off(struct delivery_session *s, const struct delivery_host *host, const char *why,
                    struct queue_result *failure)
{
    s->is_put_off = true;
    s->again_ms = s->place.again_ms;
    s->remote = host->name;
    *failure = delivery_deferred(s, "4.4.1", "%s", why);
}

/* The server has as many connections as it may have, and is not asked. The servers behind it are
 * not there for that. The time in the line is none that a server lets us wait. Yields. */
YIELDS static bool is_full(struct delivery_session *s, const struct delivery_host *host,
                           struct queue_result *failure)
{
    int64_t came_ms = clock_monotonic_ms();
    bool has_place = delivery_place_take(s->d, &s->place, &host->address, s->route->domain);
    s->opening_ms += clock_monotonic_ms() - came_ms;
    if (has_place)
        return false;
    put_off(s, host, "very many connections to it are open already", failure);
    return true;
}

YIELDS static bool open_host(struct delivery_session *s, const struct delivery_host *host,
                             struct queue_result *failure)
{
    int64_t began_ms = clock_monotonic_ms();
    enum delivery_opened what = delivery_open_one(s, host, DELIVERY_TLS_TRY, failure);
    if (what == DELIVERY_OPEN_TLS_FAILED)
        what = delivery_open_one(s, host, DELIVERY_TLS_AVOID, failure);
    if (what != DELIVERY_OPENED)
        note_failure(s, failure, clock_monotonic_ms() - began_ms);
    return what == DELIVERY_OPENED;
}

/* The server is not asked: others of its network let so many wait already. */
static bool is_stalling(struct delivery_session *s, const struct delivery_host *host,
                        struct queue_result *failure)
{
    if (!delivery_is_stalling(s, &host->address, clock_monotonic_ms()) &&
        !FAILPOINT_FAILS("delivery-stalling"))
        return false;
    put_off(s, host, "its network lets very many connections wait", failure);
    return true;
}

/* Tries those of the hosts in turn that were not tried. Yields. */
YIELDS static bool open_any(struct delivery_session *s, const struct delivery_host *hosts, size_t n,
                            struct queue_result *failure)
{
    bool found = false;
    for (size_t i = 0; i < n && !found && !s->is_lost && !fiber_is_cancelled(); i++) {
        struct queue_result one = *failure;
        if (s->passed & bit_of(i, s->is_barred))
            continue;
        bool is_off = is_stalling(s, &hosts[i], &one);
        bool is_at_most = !is_off && is_full(s, &hosts[i], &one);
        is_off = is_off || is_at_most;
        found = !is_off && open_host(s, &hosts[i], &one);
        if (!found)
            s->passed |= bit_of(i, s->is_barred);
        if (!is_off || !s->failures)
            keep_failure(failure, &one);
        if (is_at_most)
            break;
    }
    return found;
}

/* Of servers that failed, those beside the one that is told of. */
static const struct queue_result *beside(struct arena *a, const struct queue_result *failures,
                                         const struct queue_result *told)
{
    if (!failures)
        return NULL;
    const struct queue_result *before = beside(a, failures->before, told);
    if (failures->reply.p == told->reply.p)
        return before;
    struct queue_result *one = ARENA_NEW(a, struct queue_result);
    *one = *failures;
    one->before = before;
    return one;
}

/* First those that the destination's own rules allow. Yields. */
YIELDS static bool open_allowed(struct delivery_session *s, struct queue_result *failure)
{
    const struct delivery_route *route = s->route;
    s->stage = "connect";
    s->secured = STR_EMPTY;
    s->is_barred = false;
    s->certificate = (struct queue_certificate){ .pin = STR_EMPTY };
    s->is_put_off = false;
    s->place.again_ms = 0;
    s->opening_ms = clock_monotonic_ms();
    int64_t former_ms = delivery_limit(s->patience.open_ms);
    bool found = open_any(s, route->hosts, route->n, failure);
    if (!found && route->n_barred > 0 && delivery_tls_overlooks(s, &s->terms) != TLS_WAIVER_NONE) {
        s->is_barred = true;
        found = open_any(s, route->barred, route->n_barred, failure);
    }
    (void)fiber_set_deadline(former_ms);
    s->opening_ms = 0;
    s->is_put_off = s->is_put_off && !s->failures; /* else it is an attempt as any other */
    return found;
}

void delivery_session_forget(struct delivery_session *s)
{
    s->passed = 0;
    s->failures = NULL;
}

bool delivery_session_open(struct delivery_session *s, const struct delivery_route *route,
                           const struct delivery_terms *terms, struct queue_result *failure)
{
    *failure = delivery_deferred(s, "4.4.1", "no server was tried");
    failure->stage = "connect";
    s->route = route;
    s->terms = *terms;
    s->is_refused = false;
    s->is_onward = false;
    s->is_uncounted = s->is_uncounted || route->relay.port != 0; /* it is not the domain's server */
    delivery_session_forget(s);
    bool found = open_allowed(s, failure);
    if (!found && !s->is_barred && route->n == 0) {
        *failure = route->failure;
        s->is_refused = true;
    }
    if (!found)
        failure->before = beside(s->a, s->failures, failure);
    return found;
}

void delivery_session_pass(struct delivery_session *s)
{
    const struct delivery_host *first = s->is_barred ? s->route->barred : s->route->hosts;
    s->passed |= bit_of((size_t)(s->host - first), s->is_barred);
    delivery_session_quit(s);
}

bool delivery_session_open_another(struct delivery_session *s, struct queue_result *failure)
{
    bool was_refused = s->is_refused;
    *failure = delivery_deferred(s, "4.4.1", "no other server is left");
    s->is_onward = true;
    bool found = open_allowed(s, failure);
    s->is_refused = was_refused; /* that is said of all servers */
    return found;
}
