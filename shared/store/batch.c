/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit. A fiber of the batcher takes what waits, stores it in one transaction, and goes on
 * until nothing waits. One that fails as a whole is tried again job by job (single.c). */
#include "store/batch.h"

#include "base/failpoint.h"
#include "notify/notify.h"
#include "obs/obs.h"
#include "runtime/runtime.h"
#include "store/item.h"

#include <stdlib.h>

enum {
    BATCH_MAX_JOBS = 32,
    BATCH_MAX_BYTES = 8 * 1024 * 1024,
    BATCH_MAX_FIBERS = 3,     /* transactions at the same time; the class has 4 connections */
    BATCH_WAIT_MS = 2,        /* before a second fiber is started for what waits */
    BATCH_DEADLINE_MS = 30000 /* of one transaction; callers give up earlier by themselves */
};

struct batcher {
    struct store *store;
    struct list waiting; /* struct batch_item, the oldest first */
    size_t n_waiting;
    unsigned fibers;
    struct timer timer; /* armed while jobs wait and a fiber is at work */
};

static void run_batches(void *arg);

static void start_fiber(struct batcher *b)
{
    struct fiber *f = NULL;
    struct err e = ERR_CLEAR;
    if (b->fibers == BATCH_MAX_FIBERS)
        return;
    if (!fiber_spawn(b->store->options.runtime, "store-batch", run_batches, b, &f, &e)) {
        /* With another fiber at work the jobs are taken later; else they must not wait for ever. */
        if (b->fibers == 0)
            timer_start(b->store->options.runtime, &b->timer, clock_deadline_in(BATCH_WAIT_MS));
        return;
    }
    b->fibers++;
    runtime_hold(b->store->options.runtime);
}

static void waited_enough(void *arg)
{
    struct batcher *b = arg;
    if (b->n_waiting)
        start_fiber(b);
}

struct batcher *batcher_new(struct store *s)
{
    struct batcher *b = HEAP_NEW(struct batcher);
    b->store = s;
    list_init(&b->waiting);
    timer_init(&b->timer, waited_enough, b);
    return b;
}

void batcher_free(struct batcher **b)
{
    if (!*b)
        return;
    INVARIANT((*b)->n_waiting == 0 && (*b)->fibers == 0);
    timer_stop((*b)->store->options.runtime, &(*b)->timer);
    free(*b);
    *b = NULL;
}

/* ---- items ---- */

static struct batch_item *item_new(const struct batch_job *job, int64_t deadline_ms)
{
    struct batch_item *item = HEAP_NEW(struct batch_item);
    size_t n = job->n_placements;
    item->job = *job;
    item->placements = heap_zalloc((n + 1) * sizeof(*item->placements));
    memcpy(item->placements, job->placements, n * sizeof(*item->placements));
    item->job.placements = item->placements;
    item->placed = heap_zalloc((n + 1) * sizeof(*item->placed));
    item->deadline_ms = deadline_ms;
    for (size_t i = 0; i < job->n_puts; i++)
        item->bytes += job->puts[i].message->derived->packed.data.n * job->puts[i].n_accounts;
    list_init(&item->link);
    signal_point_init(&item->point);
    return item;
}

static void item_free(struct batch_item *item)
{
    free(item->placements);
    free(item->placed);
    free(item);
}

void item_done(struct store *s, struct batch_item *item, bool ok, const struct err *e)
{
    item->is_done = true;
    item->ok = ok;
    if (ok) {
        place_publish(s, &item->job, item->placed);
    } else {
        item->error = *e;
    }
    if (item->is_orphan) {
        item_free(item);
    } else {
        signal_point_all(&item->point);
    }
}

/* Takes the oldest waiting jobs that may share a transaction. Those with further statements go
 * alone among such: their locks have no common order. */
static size_t take_items(struct batcher *b, struct batch_item **items)
{
    size_t n = 0;
    size_t bytes = 0;
    bool has_extra = false;
    LIST_FOR_EACH (link, &b->waiting) {
        struct batch_item *item = CONTAINER_OF(link, struct batch_item, link);
        if (n == BATCH_MAX_JOBS || (n && bytes + item->bytes > BATCH_MAX_BYTES))
            break;
        bool is_alone = item->job.is_extra_first;
        if ((item->job.extra && has_extra) || (is_alone && n))
            continue;
        has_extra |= item->job.extra != NULL;
        bytes += item->bytes;
        list_remove(&item->link);
        b->n_waiting--;
        item->is_taken = true;
        items[n++] = item;
        if (is_alone)
            break;
    }
    return n;
}

/* ---- one transaction for several jobs ---- */

/* *placed_at: which of the statements places the messages. */
static bool send_items(struct db_tx *tx, struct arena *a, struct batch_item **items, size_t n,
                       size_t *statements, size_t *placed_at, struct err *e)
{
    const struct batch_job *jobs[BATCH_MAX_JOBS];
    size_t extra = 0;
    *statements = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i] = &items[i]->job;
        place_send_puts(tx, jobs[i], false);
        *statements += jobs[i]->n_puts;
    }
    if (!place_send_first(tx, jobs[0], statements, e))
        return false;
    *placed_at = *statements;
    place_send(tx, a, jobs, n);
    *statements += 1;
    for (size_t i = 0; i < n; i++) {
        extra = 0;
        if (jobs[i]->extra && !jobs[i]->is_extra_first &&
            !jobs[i]->extra(tx, jobs[i]->extra_arg, &extra, e))
            return false;
        *statements += extra;
    }
    return true;
}

static YIELDS bool commit_items(struct db_tx **tx, struct arena *a, struct batch_item **items,
                                size_t n, size_t *failed, struct err *e)
{
    const struct batch_job *jobs[BATCH_MAX_JOBS];
    struct placed *placed[BATCH_MAX_JOBS];
    size_t statements = 0;
    size_t placed_at = 0;
    *failed = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        jobs[i] = &items[i]->job;
        placed[i] = items[i]->placed;
    }
    if (!send_items(*tx, a, items, n, &statements, &placed_at, e)) {
        db_rollback(tx);
        return false;
    }
    struct db_rows **rows = ARENA_ARRAY(a, struct db_rows *, statements);
    FAILPOINT("store-before-commit");
    if (!db_commit(tx, a, rows, statements, failed, e))
        return false;
    FAILPOINT("store-after-commit");
    return place_read(rows[placed_at], a, jobs, n, placed, e);
}

static YIELDS void split_items(struct batcher *b, struct batch_item **items, size_t n,
                               struct single_cause *cause)
{
    cause->was_shared = n > 1;
    if (cause->why.kind == ERR_UNKNOWN_OUTCOME) {
        obs_log(EV_STORE_UNKNOWN_COMMIT, STR_EMPTY, OBS_INT("jobs", n), OBS_ERR(&cause->why));
    } else if (cause->was_shared) {
        obs_log(EV_STORE_BATCH_SPLIT, STR_EMPTY, OBS_INT("jobs", n), OBS_ERR(&cause->why));
    }
    for (size_t i = 0; i < n; i++)
        single_run(b->store, items[i], cause);
}

static YIELDS bool run_one_batch(struct batcher *b, struct arena *a)
{
    struct batch_item *items[BATCH_MAX_JOBS];
    struct db_tx *tx = NULL;
    struct single_cause cause = { .why = ERR_CLEAR };
    bool begun = db_begin(b->store->options.db, DB_DELIVER, DB_READ_COMMITTED,
                          clock_deadline_in(BATCH_DEADLINE_MS), &tx, &cause.why);
    size_t n = take_items(b, items);
    if (!begun || n == 0) {
        db_rollback(&tx);
        for (size_t i = 0; i < n; i++)
            item_done(b->store, items[i], false, &cause.why);
        return n > 0;
    }
    if (commit_items(&tx, a, items, n, &cause.failed, &cause.why)) {
        for (size_t i = 0; i < n; i++)
            item_done(b->store, items[i], true, NULL);
        if (b->store->options.notify)
            notify_tell(b->store->options.notify, NOTIFY_INDEX, 0);
    } else {
        split_items(b, items, n, &cause);
    }
    return true;
}

static void run_batches(void *arg)
{
    struct batcher *b = arg;
    struct runtime *rt = b->store->options.runtime;
    struct arena a;
    arena_init(&a);
    while (b->n_waiting && run_one_batch(b, &a)) {
        arena_reset(&a);
        /* What came meanwhile and another fiber could take is not left to wait for this one. */
        if (b->n_waiting == 0)
            timer_stop(rt, &b->timer);
    }
    arena_fini(&a);
    b->fibers--;
    runtime_release(rt);
}

/* ---- the caller's side ---- */

/* The caller stops waiting: a job that is on its way finishes without it. */
static void item_abandon(struct batcher *b, struct batch_item *item)
{
    if (item->is_done) {
        item_free(item);
        return;
    }
    if (item->is_taken) {
        item->is_orphan = true;
        return;
    }
    list_remove(&item->link);
    b->n_waiting--;
    item_free(item);
}

bool batcher_run(struct batcher *b, const struct batch_job *job, struct placed *placed,
                 int64_t deadline_ms, struct err *e)
{
    struct batch_item *item = item_new(job, deadline_ms);
    list_add_tail(&b->waiting, &item->link);
    b->n_waiting++;
    if (b->fibers == 0 || b->n_waiting >= BATCH_MAX_JOBS) {
        start_fiber(b);
    } else if (!timer_is_armed(&b->timer)) {
        timer_start(b->store->options.runtime, &b->timer, clock_deadline_in(BATCH_WAIT_MS));
    }
    /* The fiber's own deadline comes first and tells better what happened. */
    int64_t patience =
        deadline_ms > DEADLINE_NONE - ITEM_GRACE_MS ? DEADLINE_NONE : deadline_ms + ITEM_GRACE_MS;
    while (!item->is_done) {
        if (signal_point_wait(&item->point, patience, e))
            continue;
        if (item->is_done)
            break;
        item_abandon(b, item);
        return false;
    }
    bool ok = item->ok;
    if (ok) {
        memcpy(placed, item->placed, job->n_placements * sizeof(*placed));
    } else {
        *e = item->error;
    }
    item_free(item);
    return ok;
}
