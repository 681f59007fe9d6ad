/* SPDX-License-Identifier: Apache-2.0 */
/* Storing one job in a transaction of its own, with the retries that the batcher leaves to it. */
#include "crypto/random.h"
#include "notify/notify.h"
#include "obs/obs.h"
#include "store/item.h"
#include "store/write.h"

enum {
    SINGLE_CONFLICTS = 5,     /* deadlocks and the like before giving up */
    SINGLE_RETRY_MS = 100,    /* before the next try, at the least */
    SINGLE_ATTEMPT_MS = 5000, /* of one attempt; the job's deadline holds too */
    SINGLE_AWAY_MS = 700      /* an unknown COMMIT is looked up for this long in a database that is
                                 away: with the database's own patience less than 2 s (R6) */
};

/* Where a job stands between its attempts. */
struct single {
    struct store *store;
    struct batch_item *item;
    struct arena *arena;
    bool is_unknown; /* a COMMIT of it got no answer */
    int64_t began_ms;
    bool is_bare; /* without derived data, which the database refused */
    unsigned conflicts;
    size_t failed; /* index of the statement that failed */
};

static bool all_duplicates(const struct batch_item *item)
{
    for (size_t i = 0; i < item->job.n_placements; i++) {
        if (item->placed[i].status != STORE_DUPLICATE)
            return false;
    }
    return true;
}

/* Puts, places and looks at the answer; then the further statements, unless the same transaction
 * was committed before (its delivery ids are there, so they are too). */
static YIELDS bool attempt_in(struct single *single, struct db_tx *tx, struct err *e)
{
    struct batch_item *item = single->item;
    const struct batch_job *job = &item->job;
    size_t statements = job->n_puts;
    size_t extra = 0;
    place_send_puts(tx, job, single->is_bare);
    if (!place_send_first(tx, job, &statements, e))
        return false;
    struct db_rows **rows = ARENA_ARRAY(single->arena, struct db_rows *, statements + 1);
    place_send(tx, single->arena, &job, 1);
    if (!db_tx_flush(tx, single->arena, rows, statements + 1, &single->failed, e))
        return false;
    if (!place_read(rows[statements], single->arena, &job, 1, &item->placed, e))
        return false;
    if (!job->extra || job->is_extra_first || all_duplicates(item))
        return true;
    if (item->is_orphan)
        return ERR(e, ERR_CANCELLED, "nobody waits for it");
    return job->extra(tx, job->extra_arg, &extra, e);
}

static YIELDS bool attempt(struct single *single, struct err *e)
{
    struct db_tx *tx = NULL;
    int64_t deadline = clock_deadline_in(SINGLE_ATTEMPT_MS);
    if (single->item->deadline_ms < deadline)
        deadline = single->item->deadline_ms;
    single->failed = SIZE_MAX;
    if (!db_begin(single->store->options.db, DB_DELIVER, DB_READ_COMMITTED, deadline, &tx, e))
        return false;
    /* After a wait the caller may be gone, and the message with it. */
    if (single->item->is_orphan) {
        db_rollback(&tx);
        return ERR(e, ERR_CANCELLED, "nobody waits for it");
    }
    if (!attempt_in(single, tx, e)) {
        db_rollback(&tx);
        return false;
    }
    return db_commit(&tx, single->arena, NULL, 0, NULL, e);
}

/* Whether another attempt may help after `e`, and what changes for it. */
static bool may_retry(struct single *single, const struct err *e)
{
    bool in_put = single->failed < single->item->job.n_puts;
    switch (e->kind) {
    case ERR_UNKNOWN_OUTCOME:
        single->is_unknown = true;
        return true;
    case ERR_CONFLICT:
        return db_is_deadlock(e) && ++single->conflicts <= SINGLE_CONFLICTS;
    case ERR_SYNTAX:
    case ERR_LIMIT:
        /* The database does not like what was derived: the mail goes in without (R22). */
        if (!in_put || single->is_bare)
            return false;
        single->is_bare = true;
        obs_log(EV_STORE_NOT_DERIVED, STR_EMPTY,
                OBS_INT("message", single->item->job.puts[single->failed].message->msg_id),
                OBS_ERR(e));
        return true;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        return single->is_unknown && clock_monotonic_ms() - single->began_ms < SINGLE_AWAY_MS;
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_DENIED:
    case ERR_CANCELLED:
    case ERR_CLOSED:
    case ERR_UNSUPPORTED:
    case ERR_DAMAGED:
    case ERR_INTERNAL:
        return false;
    }
    return false;
}

static YIELDS bool pause_a_bit(const struct single *single, struct err *e)
{
    int64_t at =
        clock_deadline_in(SINGLE_RETRY_MS + (int64_t)(crypto_random_below(SINGLE_RETRY_MS)));
    if (single->item->is_orphan)
        return ERR(e, ERR_CANCELLED, "nobody waits for it");
    if (at > single->item->deadline_ms)
        return ERR(e, ERR_TIMEOUT, "no time for another attempt");
    return fiber_sleep_until(at, e);
}

/* *e is what the last attempt failed with. */
static YIELDS bool attempts(struct single *single, struct err *e)
{
    for (;;) {
        if (single->item->is_orphan)
            return ERR(e, ERR_CANCELLED, "nobody waits for it");
        arena_reset(single->arena);
        if (attempt(single, e))
            return true;
        struct err pause = ERR_CLEAR;
        if (!may_retry(single, e) || !pause_a_bit(single, &pause))
            return false;
    }
}

/* A transaction that was shared says nothing about each of its jobs, unless the database is away.
 */
static bool deserves_attempt(struct single *single, const struct err *why, bool was_shared)
{
    if (why->kind == ERR_CANCELLED || why->kind == ERR_UNAVAILABLE)
        return false;
    return was_shared || may_retry(single, why);
}

void single_run(struct store *s, struct batch_item *item, const struct single_cause *cause)
{
    struct arena a;
    struct err e = cause->why;
    struct single single = { .store = s,
                             .item = item,
                             .arena = &a,
                             .is_unknown = e.kind == ERR_UNKNOWN_OUTCOME,
                             .began_ms = clock_monotonic_ms(),
                             .failed = cause->failed };
    arena_init(&a);
    bool ok = deserves_attempt(&single, &cause->why, cause->was_shared) && attempts(&single, &e);
    /* Never a kind that a protocol would make a permanent answer of. */
    if (!ok && single.is_unknown && e.kind != ERR_CANCELLED)
        ERR(&e, ERR_UNAVAILABLE, "it is not known whether the message was stored");
    item_done(s, item, ok, &e);
    if (ok && s->options.notify)
        notify_tell(s->options.notify, NOTIFY_INDEX, 0);
    arena_fini(&a);
}
