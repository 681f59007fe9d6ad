/* SPDX-License-Identifier: Apache-2.0 */
/* A leased destination: its lease, its messages, its results. */
#include "services/delivery/shift.h"

#include "base/failpoint.h"
#include "crypto/random.h"
#include "obs/obs.h"
#include "services/delivery/carrier.h"
#include "services/delivery/refused.h"
#include "services/delivery/share.h"

enum {
    PAUSE_MS = 2000,           /* after the queue could not be asked */
    LEASE_LEFT_MS = 2000,      /* less is not enough to begin with a message */
    SHIFT_MS = 10 * 60 * 1000, /* after that no message is begun with: others have their turn */
    PUT_OFF_MS = 30 * 1000,
    FINISH_TRIES = 5,
    LET_NOTE_MS = 5 * PAUSE_MS,
    UNNOTED_MAX = 256 /* messages that were sent and wait, without a lease, to be noted */
};

struct shift *shift_new(struct delivery *d)
{
    struct shift *shift = HEAP_NEW(struct shift);
    shift->d = d;
    shift->holders = 1;
    shift->began_ms = clock_monotonic_ms();
    shift->carriers_max = (unsigned)config_int(d->app->config, CONFIG_DELIVERY_CONNECTIONS);
    list_init(&shift->carriers);
    arena_init(&shift->a);
    signal_point_init(&shift->keeper);
    signal_point_init(&shift->end);
    return shift;
}

void shift_drop(struct shift *shift)
{
    if (--shift->holders > 0)
        return;
    arena_fini(&shift->a);
    free(shift);
}

/* ---- the lease ---- */

static void lose_lease(struct shift *shift, const struct err *e)
{
    obs_log(EV_DELIVERY_LEASE_LOST, STR_EMPTY, OBS_STR("domain", shift->lease->domain), OBS_ERR(e));
    shift->is_lost = true;
    LIST_FOR_EACH (item, &shift->carriers)
        carrier_abort(CONTAINER_OF(item, struct carrier, link));
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
        if (queue_lease_extend(shift->d->app->queue, shift->lease,
                               clock_deadline_in(DELIVERY_DATABASE_MS), &e))
            continue;
        if (e.kind != ERR_CONFLICT && queue_lease_is_valid(shift->lease, 0))
            continue;
        lose_lease(shift, &e);
        break;
    }
    shift->has_keeper = false;
    signal_point_all(&shift->end);
    shift_drop(shift);
}

void shift_start_keeper(struct shift *shift)
{
    shift->has_keeper =
        fiber_spawn(shift->d->app->runtime, "lease keeper", keep_lease, shift, NULL, NULL);
    shift->holders += shift->has_keeper; /* without one the lease just ends earlier */
}

bool shift_stop_keeper(struct shift *shift)
{
    shift->has_ended = true;
    signal_point_all(&shift->keeper);
    while (shift->has_keeper) {
        struct err e = ERR_CLEAR;
        if (!signal_point_wait(&shift->end, DEADLINE_NONE, &e))
            return false;
    }
    return true;
}

/* ---- messages ---- */

void shift_arrive(struct shift *shift)
{
    if (shift->is_coming)
        delivery_share_came(shift->d);
    shift->is_coming = false;
}

bool shift_may_go_on(const struct shift *shift)
{
    return !shift->is_lost && !shift->no_more && !fiber_is_cancelled() &&
           !runtime_is_draining(shift->d->app->runtime) &&
           clock_monotonic_ms() - shift->began_ms < SHIFT_MS &&
           queue_lease_is_valid(shift->lease, LEASE_LEFT_MS);
}

size_t shift_left(const struct shift *shift)
{
    return shift->no_more ? 0 : shift->n_returned + shift->lease->n - shift->next;
}

bool shift_is_in_line(const struct shift *shift)
{
    bool is_waiting = false;
    LIST_FOR_EACH (item, &shift->carriers)
        is_waiting =
            is_waiting || CONTAINER_OF(item, struct carrier, link)->session.place.is_waiting;
    return is_waiting;
}

static const struct queue_message *take_any(struct shift *shift)
{
    if (shift->n_returned > 0)
        return &shift->lease->messages[shift->returned[--shift->n_returned]];
    return shift->next < shift->lease->n ? &shift->lease->messages[shift->next++] : NULL;
}

const struct queue_message *shift_take(struct shift *shift)
{
    return shift_may_go_on(shift) ? take_any(shift) : NULL;
}

void shift_return(struct shift *shift, const struct queue_message *m)
{
    if (!shift->returned)
        shift->returned = ARENA_ARRAY(&shift->a, size_t, shift->lease->n);
    shift->returned[shift->n_returned++] = (size_t)(m - shift->lease->messages);
}

/* ---- results ---- */

bool shift_note_destination(struct shift *shift, bool worked, str reason)
{
    return !shift->is_of_sender && queue_lease_destination(shift->lease, worked, reason);
}

/* The words of queue_result.secured, of a connection that may have ended since. */
static str tls_version(str secured)
{
    ptrdiff_t end = str_find_byte(secured, ' ');
    return secured.n == 0 ? STR("none") : str_slice(secured, 0, end < 0 ? secured.n : (size_t)end);
}

static bool is_proven(str secured)
{
    return secured.n > 0 && !str_has_suffix(secured, STR(" none"));
}

static void log_outcome(const struct shift *shift, const struct queue_message *m,
                        const struct queue_result *results, enum queue_outcome outcome,
                        const struct tls_facts *tls)
{
    static const enum obs_event events[] = { [QUEUE_DELIVERED] = EV_DELIVERY_DONE,
                                             [QUEUE_DEFERRED] = EV_DELIVERY_DEFERRED,
                                             [QUEUE_FAILED] = EV_DELIVERY_FAILED,
                                             [QUEUE_HELD] = EV_DELIVERY_HELD };
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
    obs_log(events[outcome], queue_id_format(m->queue_id, id),
            OBS_STR("domain", shift->lease->domain), OBS_INT("recipients", n),
            OBS_STR("remote", first->remote), OBS_STR("status", first->status),
            OBS_STR("reply", first->reply),
            OBS_STR("tls", tls ? str_from_cstr(tls->version) : tls_version(first->secured)),
            OBS_BOOL("verified", tls ? tls->verified : is_proven(first->secured)),
            OBS_STR("policy", first->tls));
}

/* One line and one count for each message, whatever the reason is, so that nobody has to know how
 * many went over a connection. */
static void warn_of_weak_tls(const struct shift *shift, const struct queue_message *m,
                             const struct queue_result *results)
{
    const struct queue_result *first = NULL;
    char id[QUEUE_ID_TEXT];
    unsigned n = 0;
    for (size_t i = m->n; i > 0; i--) {
        if (results[i - 1].outcome != QUEUE_DELIVERED || results[i - 1].weak_tls.n == 0)
            continue;
        first = &results[i - 1];
        n++;
    }
    if (!first)
        return;
    obs_count(METRIC_DELIVERY_TLS_DEGRADED, NULL, 1);
    obs_log(EV_DELIVERY_TLS_DEGRADED, queue_id_format(m->queue_id, id),
            OBS_STR("domain", shift->lease->domain), OBS_INT("recipients", n),
            OBS_STR("remote", first->remote), OBS_STR("tls", first->secured),
            OBS_STR("reason", first->weak_tls));
}

static void account_for(struct shift *shift, const struct queue_message *m,
                        const struct queue_result *results, const struct tls_facts *tls)
{
    bool sent = false;
    for (size_t i = 0; i < m->n; i++) {
        bool delivered = results[i].outcome == QUEUE_DELIVERED;
        sent = sent || delivered;
        shift->has_failures = shift->has_failures || !delivered || !results[i].peer_reports;
    }
    if (sent)
        obs_count(METRIC_MESSAGES_SENT, NULL, 1);
    warn_of_weak_tls(shift, m, results);
    log_outcome(shift, m, results, QUEUE_DELIVERED, tls);
    log_outcome(shift, m, results, QUEUE_DEFERRED, tls);
    log_outcome(shift, m, results, QUEUE_FAILED, tls);
    log_outcome(shift, m, results, QUEUE_HELD, tls);
}

static bool may_repeat(const struct err *e)
{
    return e->kind == ERR_UNKNOWN_OUTCOME || e->kind == ERR_UNAVAILABLE ||
           e->kind == ERR_CONFLICT || e->kind == ERR_TIMEOUT;
}

static bool was_sent(const struct queue_message *m, const struct queue_result *results)
{
    for (size_t i = 0; i < m->n; i++) {
        if (results[i].outcome == QUEUE_DELIVERED)
            return true;
    }
    return false;
}

/* What was sent and is not noted comes twice. Its result is of use as long as nobody else has taken
 * the destination, which the token tells: so it is tried again until this process ends, and no
 * destination is claimed here meanwhile (shift_let_note). Yields. */
YIELDS static bool finish_late(struct shift *shift, const struct queue_message *m,
                               const struct queue_result *results, struct err *e)
{
    struct delivery *d = shift->d;
    bool ok = false;
    if (d->n_unnoted >= UNNOTED_MAX)
        return false;
    d->n_unnoted++;
    while (!ok && !runtime_is_draining(d->app->runtime)) {
        struct err ignored = ERR_CLEAR;
        if (!fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored))
            break;
        *e = (struct err)ERR_CLEAR;
        ok = queue_finish(d->app->queue, shift->lease, m, results,
                          clock_deadline_in(DELIVERY_DATABASE_MS), e);
        if (!ok && !may_repeat(e))
            break;
    }
    d->n_unnoted--;
    signal_point_all(&d->noted);
    return ok;
}

YIELDS static bool finish(struct shift *shift, const struct queue_message *m,
                          const struct queue_result *results, struct err *e)
{
    for (int try = 0; try == 0 || (try < FINISH_TRIES && queue_lease_is_valid(shift->lease, 0));
         try++) {
        struct err ignored = ERR_CLEAR;
        if (try > 0 && !fiber_sleep_until(clock_deadline_in(PAUSE_MS), &ignored))
            return false;
        FAILPOINT("P9");
        *e = (struct err)ERR_CLEAR;
        if (queue_finish(shift->d->app->queue, shift->lease, m, results,
                         clock_deadline_in(DELIVERY_DATABASE_MS), e))
            return true;
        if (!may_repeat(e))
            return false;
    }
    return was_sent(m, results) && finish_late(shift, m, results, e);
}

bool shift_finish(struct shift *shift, const struct queue_message *m,
                  const struct queue_result *results, const struct tls_facts *tls)
{
    struct err e = ERR_CLEAR;
    char id[QUEUE_ID_TEXT];
    account_for(shift, m, results, tls);
    if (finish(shift, m, results, &e)) {
        delivery_note_refused(shift->d, m, results);
        return true;
    }
    obs_log(EV_DELIVERY_NOT_NOTED, queue_id_format(m->queue_id, id), OBS_ERR(&e));
    shift->no_more = true;
    return false;
}

void shift_let_note(struct delivery *d)
{
    struct err e = ERR_CLEAR;
    if (d->n_unnoted > 0)
        (void)signal_point_wait(&d->noted, clock_deadline_in(LET_NOTE_MS), &e); /* not forever */
}

bool shift_finish_all(struct shift *shift, const struct queue_message *m,
                      const struct queue_result *result)
{
    struct queue_result *results = ARENA_ARRAY(&shift->a, struct queue_result, m->n);
    for (size_t i = 0; i < m->n; i++)
        results[i] = *result;
    return shift_finish(shift, m, results, NULL);
}

void shift_finish_rest(struct shift *shift, const struct queue_result *result)
{
    const struct queue_message *m;
    while (!shift->no_more && !shift->is_lost && !fiber_is_cancelled() && (m = take_any(shift)))
        (void)shift_finish_all(shift, m, result);
}

void shift_put_off(struct shift *shift, const struct queue_message *m, int64_t wait_ms)
{
    struct err e = ERR_CLEAR;
    struct queue_lease rest = *shift->lease;
    if (wait_ms == 0)
        wait_ms = PUT_OFF_MS / 2 + (int64_t)crypto_random_below(PUT_OFF_MS / 2);
    rest.messages = ARENA_ARRAY(&shift->a, struct queue_message, shift->lease->n);
    rest.n = 0;
    for (; m; m = take_any(shift))
        rest.messages[rest.n++] = *m;
    shift->no_more = true;
    if (!queue_postpone(shift->d->app->queue, &rest, 0, wait_ms, 0, STR_EMPTY, &e))
        obs_log(EV_DELIVERY_CLAIM_FAILED, STR_EMPTY, OBS_ERR(&e)); /* they stay due */
}
