/* SPDX-License-Identifier: Apache-2.0 */
/* Reading account_state for all watched accounts, because hints can be lost. One statement for many
 * accounts; often while Redis is away, seldom otherwise, soon for an account that is new. */
#include "notify/private.h"

enum {
    BATCH = 5000, /* accounts in one statement */
    DEADLINE_MS = 5000,
    AFTER_REDIS_MS = 50, /* the subscriptions of a new connection are on their way */
    AFTER_LOSS_MS = 1000
};

static const struct db_stmt select_modseq = {
    "SELECT account_id, modseq FROM account_state WHERE account_id = ANY($1)"
};

static void arm(struct notify *n)
{
    int64_t at = n->full_at_ms < n->fresh_at_ms ? n->full_at_ms : n->fresh_at_ms;
    if (!n->is_polling)
        timer_start(n->rt, &n->poll_timer, at);
}

static bool is_wanted(const struct notify_account *acc, bool all)
{
    return all || acc->is_fresh;
}

/* The ids of all watched accounts, or of the new ones. */
static size_t gather(struct notify *n, bool all, struct arena *a, int64_t **out)
{
    size_t count = 0;
    *out = ARENA_ARRAY(a, int64_t, n->accounts.n + 1);
    MAP_FOR_EACH (entry, &n->accounts) {
        struct notify_account *acc = entry->value;
        if (!is_wanted(acc, all))
            continue;
        acc->is_fresh = false;
        acc->before_poll = acc->latest;
        (*out)[count++] = acc->account_id;
    }
    return count;
}

static void compare(struct notify *n, int64_t account_id, int64_t modseq)
{
    struct notify_account *acc =
        map_find(&n->accounts, str_of((const char *)&account_id, sizeof(account_id)));
    if (!acc)
        return;
    /* A hint that came during the poll is newer than what the poll read. */
    if (modseq < acc->latest && acc->latest == acc->before_poll) {
        notify_account_went_back(n, acc, modseq);
    } else {
        notify_account_is_at(n, acc, modseq);
    }
}

YIELDS static bool poll_batch(struct notify *n, const int64_t *ids, size_t count, struct arena *a)
{
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    if (!db_query(n->db, DB_READ, &select_modseq, &DB_INT8S(ids, count), 1, a,
                  clock_deadline_in(DEADLINE_MS), &rows, &e))
        return false;
    for (size_t i = 0; i < db_row_count(rows) && !n->is_freed; i++)
        compare(n, db_int(rows, i, 0), db_int(rows, i, 1));
    return true;
}

static void schedule_full(struct notify *n)
{
    n->full_at_ms = clock_deadline_in(notify_is_live(n) ? n->poll_ms : n->poll_away_ms);
}

static void poll_main(void *arg)
{
    struct notify *n = arg;
    struct arena a;
    int64_t *ids = NULL;
    int64_t now = clock_monotonic_ms();
    bool all = n->full_at_ms <= now;
    arena_init(&a);
    if (all)
        schedule_full(n);
    n->fresh_at_ms = DEADLINE_NONE;
    size_t count = n->is_freed ? 0 : gather(n, all, &a, &ids);
    for (size_t i = 0; i < count && !n->is_freed; i += BATCH) {
        size_t left = count - i;
        if (!poll_batch(n, ids + i, left < BATCH ? left : BATCH, &a))
            break; /* the next full poll asks again */
    }
    arena_fini(&a);
    n->is_polling = false;
    if (n->is_freed) {
        free(n);
    } else {
        arm(n);
    }
}

static void on_timer(void *arg)
{
    struct notify *n = arg;
    n->is_polling = n->db && fiber_spawn(n->rt, "notify-poll", poll_main, n, NULL, NULL);
    if (n->is_polling)
        return;
    schedule_full(n); /* no database, or too many fibers */
    n->fresh_at_ms = DEADLINE_NONE;
    arm(n);
}

void notify_poll_init(struct notify *n)
{
    n->fresh_at_ms = DEADLINE_NONE;
    timer_init(&n->poll_timer, on_timer, n);
    schedule_full(n);
    if (n->db)
        arm(n);
}

void notify_poll_fini(struct notify *n)
{
    timer_stop(n->rt, &n->poll_timer);
    n->is_freed = true;
    if (!n->is_polling)
        free(n);
}

void notify_poll_fresh(struct notify *n, struct notify_account *acc)
{
    if (!n->db)
        return;
    acc->is_fresh = true;
    if (n->fresh_at_ms == DEADLINE_NONE)
        n->fresh_at_ms = clock_deadline_in(NOTIFY_FRESH_MS);
    arm(n);
}

void notify_poll_redis_changed(struct notify *n, bool up)
{
    int64_t at = clock_deadline_in(up ? AFTER_REDIS_MS : AFTER_LOSS_MS);
    if (!n->db)
        return;
    if (at < n->full_at_ms)
        n->full_at_ms = at;
    arm(n);
}
