/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection a fiber gets: the least busy shared one, or a leased exclusive one. */
#include "db/conn.h"

#include "base/clock.h"

/* Something waits for a lock, or is long: who comes behind it waits as long. */
static bool is_held_up(const struct db_conn *c, int64_t now_ms)
{
    return c->n_batches > 0 && now_ms > c->moved_ms + DB_HELD_UP_MS;
}

/* Whoever has less to do; but where somebody is held up, whoever got on with it later. */
static bool is_better(const struct db_conn *c, const struct db_conn *than, int64_t now_ms)
{
    if (is_held_up(c, now_ms) || is_held_up(than, now_ms)) {
        return than->n_batches > 0 && (c->n_batches == 0 || c->moved_ms > than->moved_ms);
    }
    return c->n_batches < than->n_batches;
}

static struct db_conn *least_busy(const struct db_pool *pool)
{
    struct db_conn *best = NULL;
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < pool->n; i++) {
        struct db_conn *c = &pool->conns[i];
        if (db_conn_is_usable(c) && (!best || is_better(c, best, now_ms)))
            best = c;
    }
    return best;
}

/* Wants one more connection when the working ones are busy. */
static void want_more(const struct db_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        db_conn_want(&pool->conns[i]);
}

static bool is_connecting(const struct db_conn *c)
{
    return c->state == DB_CONN_RESOLVING || c->state == DB_CONN_CONNECTING;
}

static bool any_connecting(const struct db_pool *pool)
{
    INVARIANT(pool->conns || pool->n == 0);
    for (size_t i = 0; i < pool->n; i++) {
        if (is_connecting(&pool->conns[i]))
            return true;
    }
    return false;
}

/* A caller that has a protocol to speak must be able to say "try later" within 2 s (R6): so it
 * waits for the attempt under way or the next one, and not for more; nor at all when others have
 * waited before. */
static int64_t fail_fast_deadline(int64_t deadline_ms)
{
    int64_t soon = db_patience(clock_deadline_in(DB_FAIL_FAST_MS));
    return deadline_ms < soon ? deadline_ms : soon;
}

YIELDS static bool wait_for_change(struct db_pool *pool, int64_t deadline_ms, int64_t soon,
                                   struct err *e)
{
    if (signal_point_wait(&pool->changed, soon, e))
        return true;
    if (e->kind == ERR_TIMEOUT && clock_monotonic_ms() < deadline_ms)
        return ERR(e, ERR_UNAVAILABLE, "no connection to the database");
    return false;
}

static bool is_hopeless(const struct db_pool *pool, uint64_t failures, bool is_trying)
{
    INVARIANT(pool->conns && pool->n > 0);
    return db_is_away(pool->conns[0].db) || (pool->failures != failures && !is_trying);
}

/* A moment, for another connection than `c`; false when it is no use to wait for it any more: `c`
 * gets on. Who is too late or cancelled hears it of the wait for its answer. */
YIELDS static bool wait_for_another(struct db_conn *c, int64_t soon)
{
    uint64_t answered = c->n_answered;
    return signal_point_wait(&c->pool->changed, soon, NULL) && c->n_answered == answered;
}

struct db_conn *db_pool_pick(struct db_pool *pool, int64_t deadline_ms, struct err *e)
{
    struct err local = ERR_CLEAR;
    deadline_ms = db_patience(deadline_ms);
    int64_t soon = fail_fast_deadline(deadline_ms);
    uint64_t failures = pool->failures;
    bool may_wait = true;
    for (;;) {
        struct db_conn *c = least_busy(pool);
        if (!c || c->n_batches > 0)
            want_more(pool);
        c = least_busy(pool);
        if (c && (c->n_batches == 0 || !may_wait || !any_connecting(pool)))
            return c;
        if (c) {
            may_wait = wait_for_another(c, soon);
        } else if (is_hopeless(pool, failures, any_connecting(pool))) {
            ERR(e, ERR_UNAVAILABLE, "no connection to the database");
            return NULL;
        } else if (!wait_for_change(pool, deadline_ms, soon, e ? e : &local)) {
            return NULL;
        }
    }
}

static struct db_conn *free_conn(const struct db_pool *pool)
{
    struct db_conn *best = NULL;
    for (size_t i = 0; i < pool->n; i++) {
        struct db_conn *c = &pool->conns[i];
        if (!c->is_leased && (!best || (db_conn_is_usable(c) && !db_conn_is_usable(best))))
            best = c;
    }
    return best;
}

/* Waits until the leased connection works. */
YIELDS static bool make_ready(struct db_conn *c, int64_t deadline_ms, struct err *e)
{
    int64_t soon = fail_fast_deadline(deadline_ms);
    uint64_t failures = c->pool->failures;
    while (!db_conn_is_usable(c)) {
        db_conn_want(c);
        if (db_conn_is_usable(c))
            break;
        if (is_hopeless(c->pool, failures, is_connecting(c)))
            return ERR(e, ERR_UNAVAILABLE, "no connection to the database");
        if (!wait_for_change(c->pool, deadline_ms, soon, e))
            return false;
    }
    return true;
}

struct db_conn *db_pool_lease(struct db_pool *pool, int64_t holder, int64_t deadline_ms,
                              struct err *e)
{
    struct err local = ERR_CLEAR;
    deadline_ms = db_patience(deadline_ms);
    if (!turns_acquire(&pool->gate, holder, deadline_ms, e))
        return NULL;
    struct db_conn *c = free_conn(pool);
    INVARIANT(c);
    c->is_leased = true;
    c->holder = holder;
    if (make_ready(c, deadline_ms, e ? e : &local))
        return c;
    db_conn_give_back(c);
    return NULL;
}

void db_conn_give_back(struct db_conn *c)
{
    c->is_returning = true;
    if (list_is_empty(&c->batches))
        db_conn_drained(c);
}
