/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: each claims a due destination, works through its messages over one connection, writes
 * the results under the lease's token. While it waits for a server, a keeper fiber extends the
 * lease; when that fails the connection is cut, so that two workers never end one message. */
#include "services/delivery/transaction.h"

#include "base/failpoint.h"
#include "obs/obs.h"

enum {
    POLL_MS = 1000,          /* when no hint comes */
    PAUSE_MS = 2000,         /* after the queue could not be asked */
    ROUTE_MS = 60 * 1000,    /* for all DNS questions of a destination */
    DATABASE_MS = 10 * 1000, /* for one call of the queue */
    LEASE_LEFT_MS = 2000,    /* less is not enough to begin with a message */
    FINISH_TRIES = 5,
    MESSAGES_A_CONNECTION = 100
};

/* A lease at work. The worker and its keeper both hold it; the last one frees. */
struct shift {
    struct delivery *d;
    struct queue_lease *lease;
    struct arena a;
    struct delivery_session session;
    struct delivery_route route;
    unsigned holders;
    bool has_ended; /* the keeper is to end */
    bool has_keeper;
    struct signal_point keeper; /* it waits here; and the worker for its end */
    bool has_failures;          /* there is a sender to tell */
};

static struct shift *shift_new(struct delivery *d)
{
    struct shift *shift = HEAP_NEW(struct shift);
    shift->d = d;
    shift->holders = 1;
    arena_init(&shift->a);
    signal_point_init(&shift->keeper);
    delivery_session_init(&shift->session, d, &shift->a);
    return shift;
}

static void shift_drop(struct shift *shift)
{
    if (--shift->holders > 0)
        return;
    delivery_session_fini(&shift->session);
    arena_fini(&shift->a);
    free(shift);
}

/* ---- the lease ---- */

static void lose_lease(struct shift *shift, const struct err *e)
{
    obs_log(EV_DELIVERY_LEASE_LOST, STR_EMPTY, OBS_STR("domain", shift->lease->domain), OBS_ERR(e));
    shift->session.is_lost = true;
    if (shift->session.conn)
        net_conn_abort(shift->session.conn);
}

/* Extends at half of the time that is left; a queue that cannot be reached is asked again soon. */
YIELDS static void keep_lease(void *arg)
{
    struct shift *shift = arg;
    while (!shift->has_ended) {
        struct err e = ERR_CLEAR;
        int64_t now = clock_monotonic_ms();
        int64_t next = now + (shift->lease->until_ms - now) / 2;
        if (signal_point_wait(&shift->keeper, next > now ? next : now + PAUSE_MS, &e) ||
            shift->has_ended || e.kind == ERR_CANCELLED)
            break;
        e = ERR_CLEAR;
        if (queue_lease_extend(shift->d->app->queue, shift->lease, clock_deadline_in(DATABASE_MS),
                               &e))
            continue;
        if (e.kind != ERR_CONFLICT && queue_lease_is_valid(shift->lease, 0))
            continue;
        lose_lease(shift, &e);
        break;
    }
    shift->has_keeper = false;
    signal_point_all(&shift->keeper);
    shift_drop(shift);
}

static void start_keeper(struct shift *shift)
{
    shift->has_keeper =
        fiber_spawn(shift->d->app->runtime, "lease keeper", keep_lease, shift, NULL, NULL);
    shift->holders += shift->has_keeper; /* without one the lease just ends earlier */
}

/* Waits for the keeper, so that it does not extend what is given back next. Yields. */
YIELDS static bool stop_keeper(struct shift *shift)
{
    shift->has_ended = true;
    signal_point_all(&shift->keeper);
    while (shift->has_keeper) {
        struct err e = ERR_CLEAR;
        if (!signal_point_wait(&shift->keeper, DEADLINE_NONE, &e))
            return false;
    }
    return true;
}

/* ---- results ---- */

static void log_outcome(const struct shift *shift, const struct queue_message *m,
                        const struct queue_result *results, enum queue_outcome outcome)
{
    static const enum obs_event events[] = { [QUEUE_DELIVERED] = EV_DELIVERY_DONE,
                                             [QUEUE_DEFERRED] = EV_DELIVERY_DEFERRED,
                                             [QUEUE_FAILED] = EV_DELIVERY_FAILED };
    const struct queue_result *first = NULL;
    char id[QUEUE_ID_TEXT];
    unsigned n = 0;
    for (size_t i = m->n; i > 0; i--) {
        if (results[i - 1].outcome != outcome)
            continue;
        first = &results[i - 1];
        n++;
    }
    if (!first)
        return;
    const struct tls_facts *tls = shift->session.conn ? net_conn_tls(shift->session.conn) : NULL;
    obs_log(events[outcome], queue_id_format(m->queue_id, id),
            OBS_STR("domain", shift->lease->domain), OBS_INT("recipients", n),
            OBS_STR("remote", first->remote), OBS_STR("status", first->status),
            OBS_STR("reply", first->reply), OBS_CSTR("tls", tls ? tls->version : "none"),
            OBS_BOOL("verified", tls && tls->verified));
}

static void account_for(struct shift *shift, const struct queue_message *m,
                        const struct queue_result *results)
{
    bool sent = false;
    for (size_t i = 0; i < m->n; i++) {
        sent = sent || results[i].outcome == QUEUE_DELIVERED;
        shift->has_failures = shift->has_failures || results[i].outcome != QUEUE_DELIVERED;
    }
    if (sent)
        obs_count(METRIC_MESSAGES_SENT, NULL, 1);
    log_outcome(shift, m, results, QUEUE_DELIVERED);
    log_outcome(shift, m, results, QUEUE_DEFERRED);
    log_outcome(shift, m, results, QUEUE_FAILED);
}

/* Writes the results; a database in trouble is asked again as long as the lease holds, because a
 * message sent but not noted would be sent again. False: no more work under this lease. Yields. */
YIELDS static bool finish(struct shift *shift, const struct queue_message *m,
                          const struct queue_result *results)
{
    struct err e = ERR_CLEAR;
    account_for(shift, m, results);
    for (int try = 0; try < FINISH_TRIES; try++) {
        FAILPOINT("P9");
        e = ERR_CLEAR;
        if (queue_finish(shift->d->app->queue, shift->lease, m, results,
                         clock_deadline_in(DATABASE_MS), &e))
            return true;
        bool may_repeat = e.kind == ERR_UNKNOWN_OUTCOME || e.kind == ERR_UNAVAILABLE ||
                          e.kind == ERR_CONFLICT || e.kind == ERR_TIMEOUT;
        if (!may_repeat || !queue_lease_is_valid(shift->lease, 0))
            break;
        struct err ignored = ERR_CLEAR;
        if (!fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored))
            break;
    }
    char id[QUEUE_ID_TEXT];
    obs_log(EV_DELIVERY_NOT_NOTED, queue_id_format(m->queue_id, id), OBS_ERR(&e));
    return false;
}

/* The same result for all recipients of the messages from `first` on. Yields. */
YIELDS static void finish_rest(struct shift *shift, size_t first, const struct queue_result *result)
{
    for (size_t i = first; i < shift->lease->n; i++) {
        const struct queue_message *m = &shift->lease->messages[i];
        struct queue_result *results = ARENA_ARRAY(&shift->a, struct queue_result, m->n);
        for (size_t k = 0; k < m->n; k++)
            results[k] = *result;
        if (!finish(shift, m, results))
            return;
    }
}

/* ---- sending ---- */

/* Sends over the open connection, or a new one. A connection kept from an earlier message may have
 * been closed by the server meanwhile: that is tried once more. False: no server takes us, and
 * *failure says why. Yields. */
YIELDS static bool send_message(struct shift *shift, const struct queue_message *m, str body,
                                struct queue_result *results, struct queue_result *failure)
{
    struct delivery_session *s = &shift->session;
    bool answered = false;
    if (s->n_messages >= MESSAGES_A_CONNECTION)
        delivery_session_quit(s);
    for (;;) {
        bool is_kept = s->conn != NULL;
        if (!is_kept && !delivery_session_open(s, &shift->route, failure))
            return false;
        delivery_send(s, shift->lease, m, body, results, &answered);
        if (answered || !is_kept || s->is_lost)
            break;
    }
    (void)queue_lease_destination(shift->lease, answered, results[0].reply);
    return true;
}

static bool may_go_on(const struct shift *shift)
{
    return !shift->session.is_lost && !fiber_is_cancelled() &&
           !runtime_is_draining(shift->d->app->runtime) &&
           queue_lease_is_valid(shift->lease, LEASE_LEFT_MS);
}

/* One message. False: no further ones. Yields. */
YIELDS static bool work_on_message(struct shift *shift, size_t i)
{
    const struct queue_message *m = &shift->lease->messages[i];
    struct queue_result failure;
    struct err e = ERR_CLEAR;
    struct arena body_arena;
    str body;
    bool goes_on = true;
    arena_init(&body_arena);
    struct queue_result *results = ARENA_ARRAY(&shift->a, struct queue_result, m->n);
    if (!queue_load_body(shift->d->app->queue, m->queue_id, &body_arena,
                         clock_deadline_in(DATABASE_MS), &body, &e)) {
        goes_on = e.kind == ERR_NOT_FOUND; /* deleted by an operator meanwhile */
    } else if (send_message(shift, m, body, results, &failure)) {
        goes_on = finish(shift, m, results);
    } else {
        /* What no server takes today, the rest of the batch need not try. */
        (void)queue_lease_destination(shift->lease, false, failure.reply);
        if (!fiber_is_cancelled() && !shift->session.is_lost)
            finish_rest(shift, i, &failure);
        goes_on = false;
    }
    arena_fini(&body_arena);
    return goes_on;
}

YIELDS static void work_on_lease(struct shift *shift)
{
    struct queue_lease *lease = shift->lease;
    struct err e = ERR_CLEAR;
    FAILPOINT("P7");
    if (!delivery_find_route(shift->d, lease->domain, &shift->a, clock_deadline_in(ROUTE_MS),
                             &shift->route, &e)) {
        if (e.kind == ERR_CANCELLED)
            return;
        shift->route.n = 0;
        shift->route.failure = delivery_deferred(&shift->session, "4.4.3",
                                                 "the domain could not be looked up: %s", e.msg);
    }
    if (shift->route.n == 0) {
        if (shift->route.failure.outcome == QUEUE_DEFERRED)
            (void)queue_lease_destination(lease, false, shift->route.failure.reply);
        finish_rest(shift, 0, &shift->route.failure);
        return;
    }
    for (size_t i = 0; i < lease->n && may_go_on(shift); i++) {
        if (!work_on_message(shift, i))
            break;
    }
}

/* Works on what was claimed, and gives it back. Yields. */
YIELDS static void work_a_shift(struct shift *shift)
{
    struct delivery *d = shift->d;
    struct err e = ERR_CLEAR;
    runtime_hold(d->app->runtime);
    start_keeper(shift);
    work_on_lease(shift);
    if (stop_keeper(shift) && !shift->session.is_lost &&
        !queue_release(d->app->queue, shift->lease, clock_deadline_in(DATABASE_MS), &e)) {
        obs_log(EV_DELIVERY_LEASE_LOST, STR_EMPTY, OBS_STR("domain", shift->lease->domain),
                OBS_ERR(&e));
    }
    if (shift->has_failures)
        signal_point_all(&d->reports);
    if (!shift->session.is_lost)
        delivery_session_quit(&shift->session);
    runtime_release(d->app->runtime);
}

/* Claims; waits a while when there is nothing. One worker at a time is here. Yields. */
YIELDS static void claim(struct delivery *d, struct shift *shift)
{
    struct err e = ERR_CLEAR;
    if (!queue_claim(d->app->queue, &shift->a, DELIVERY_MESSAGES_A_CLAIM,
                     clock_deadline_in(DATABASE_MS), &shift->lease, &e)) {
        shift->lease = NULL;
        if (e.kind != ERR_CANCELLED)
            obs_log(EV_DELIVERY_CLAIM_FAILED, STR_EMPTY, OBS_ERR(&e));
        struct err ignored = ERR_CLEAR;
        (void)fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored);
        return;
    }
    if (!shift->lease)
        (void)signal_point_wait(&d->work, clock_deadline_in(POLL_MS), &e); /* or time is up */
}

void delivery_work(void *arg)
{
    struct delivery *d = arg;
    struct err e = ERR_CLEAR;
    while (!runtime_is_draining(d->app->runtime) &&
           semaphore_acquire(&d->claiming, DEADLINE_NONE, &e)) {
        struct shift *shift = shift_new(d);
        if (!runtime_is_draining(d->app->runtime))
            claim(d, shift);
        semaphore_release(&d->claiming);
        if (shift->lease)
            work_a_shift(shift);
        shift_drop(shift);
        if (fiber_is_cancelled())
            return;
    }
}
