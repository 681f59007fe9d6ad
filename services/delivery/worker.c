/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: each claims the destination that waits longest and sees to it that its messages are
 * carried (carrier.h), then gives it back. A destination that takes long does not hold its worker:
 * the work goes on beside it, so that a few slow servers do not stop the mail to all others. */
#include "base/failpoint.h"
#include "obs/obs.h"
#include "services/delivery/carrier.h"
#include "services/delivery/crowd.h"
#include "services/delivery/share.h"
#include "services/delivery/tally.h"
#include "services/delivery/way.h"

enum {
    POLL_MS = 1000,       /* when no hint comes */
    PAUSE_MS = 2000,      /* after the queue could not be asked */
    ROUTE_MS = 90 * 1000, /* for all DNS questions of a destination, and its policy */
    PATIENCE_MS = 500     /* of a worker with one destination */
};

/* Whether there is a server for a message that overlooks what the destination publishes. */
static bool has_a_way(const struct shift *shift)
{
    bool overlooks = shift->route.exceptions.n > 0;
    for (size_t i = 0; i < shift->lease->n; i++) {
        const struct delivery_terms terms = delivery_terms_of(&shift->lease->messages[i]);
        overlooks = overlooks || terms.waiver != TLS_WAIVER_NONE;
    }
    return shift->route.n > 0 || (overlooks && shift->route.n_barred > 0);
}

YIELDS static void work_on_lease(struct shift *shift)
{
    struct queue_lease *lease = shift->lease;
    struct err e = ERR_CLEAR;
    FAILPOINT("P7");
    if (!delivery_find_way(shift, clock_deadline_in(ROUTE_MS), &e)) {
        if (e.kind == ERR_CANCELLED)
            return;
        shift->route.n = 0;
        shift->route.n_barred = 0;
        shift->route.failure = delivery_no_lookup(&shift->a, &e);
    }
    if (lease->n == 0)
        return; /* none of them may go now */
    shift->route.failure.stage = "lookup";
    if (shift->route.n == 0)
        delivery_count_no_route(shift->d, lease, &shift->route);
    if (has_a_way(shift)) {
        carrier_work(shift);
        return;
    }
    if (shift->route.failure.outcome == QUEUE_DEFERRED && !shift->route.is_own_fault)
        (void)shift_note_destination(shift, false, shift->route.failure.reply);
    shift_finish_rest(shift, &shift->route.failure);
}

/* An open breaker that fails once more is no news: it would be told of each dead destination every
 * five minutes. */
static void log_breaker(const struct shift *shift)
{
    const struct queue_breaker_turn turn = queue_lease_turn(shift->lease);
    if (turn.has_opened) {
        obs_log(EV_DELIVERY_BREAKER_OPENED, STR_EMPTY, OBS_STR("domain", shift->lease->domain),
                OBS_INT("failures", turn.failures), OBS_INT("until", turn.until_us / 1000000),
                OBS_STR("reason", turn.reason));
    } else if (turn.has_closed) {
        obs_log(EV_DELIVERY_BREAKER_CLOSED, STR_EMPTY, OBS_STR("domain", shift->lease->domain));
    }
}

/* Gives back what was claimed. Yields. */
YIELDS static void give_back(struct shift *shift)
{
    struct err e = ERR_CLEAR;
    if (queue_release(shift->d->app->queue, shift->lease, clock_deadline_in(DELIVERY_DATABASE_MS),
                      &e)) {
        log_breaker(shift);
    } else {
        obs_log(EV_DELIVERY_LEASE_LOST, STR_EMPTY, OBS_STR("domain", shift->lease->domain),
                OBS_ERR(&e));
    }
}

/* Works on what was claimed, and gives it back. Yields. */
YIELDS static void work_a_shift(void *arg)
{
    struct shift *shift = arg;
    struct delivery *d = shift->d;
    runtime_hold(d->app->runtime);
    shift_start_keeper(shift);
    work_on_lease(shift);
    shift_arrive(shift);
    if (shift_stop_keeper(shift) && !shift->is_lost && shift->n_carriers == 0)
        give_back(shift);
    delivery_leave_way(shift);
    if (shift->has_failures)
        signal_point_all(&d->reports);
    if (shift->is_slow)
        d->n_slow--;
    shift->is_done = true;
    signal_point_all(&shift->end);
    runtime_release(d->app->runtime);
    shift_drop(shift);
}

/* Has the shift done in a fiber of its own, and waits for it, but not forever. Yields. */
YIELDS static void attend(struct shift *shift)
{
    struct delivery *d = shift->d;
    shift->holders++;
    if (!fiber_spawn(d->app->runtime, "delivery shift", work_a_shift, shift, NULL, NULL)) {
        work_a_shift(shift);
        return;
    }
    int64_t deadline_ms = clock_deadline_in(PATIENCE_MS);
    while (!shift->is_done) {
        struct err e = ERR_CLEAR;
        bool goes_beside = shift_is_in_line(shift) && d->n_slow < DELIVERY_SLOW_MAX;
        if (!goes_beside && signal_point_wait(&shift->end, deadline_ms, &e))
            continue;
        if (e.kind == ERR_CANCELLED)
            return;
        delivery_hurry(d, clock_monotonic_ms());
        if (d->n_slow < DELIVERY_SLOW_MAX) {
            d->n_slow++;
            shift->is_slow = true;
            return;
        }
        deadline_ms = clock_deadline_in(PATIENCE_MS);
    }
}

/* Claims; waits a while when there is nothing. One worker at a time is here. Yields. */
YIELDS static void claim(struct delivery *d, struct shift *shift)
{
    struct err e = ERR_CLEAR;
    if (!queue_claim(d->app->queue, &shift->a, DELIVERY_MESSAGES_A_CLAIM,
                     clock_deadline_in(DELIVERY_DATABASE_MS), &shift->lease, &e)) {
        shift->lease = NULL;
        if (e.kind != ERR_CANCELLED)
            obs_log(EV_DELIVERY_CLAIM_FAILED, STR_EMPTY, OBS_ERR(&e));
        struct err ignored = ERR_CLEAR;
        (void)fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored);
        return;
    }
    delivery_share_claimed(d, shift->lease != NULL);
    shift->is_coming = shift->lease != NULL;
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
        shift_let_note(d);
        if (!runtime_is_draining(d->app->runtime))
            claim(d, shift);
        semaphore_release(&d->claiming);
        if (shift->lease)
            attend(shift);
        shift_drop(shift);
        if (fiber_is_cancelled())
            return;
    }
}
