/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection a fiber gets: the least busy shared one, or a leased exclusive one. */
#include "db/conn.h"

static struct db_conn *least_busy(const struct db_pool *pool)
{
    struct db_conn *best = NULL;
    for (size_t i = 0; i < pool->n; i++) {
        struct db_conn *c = &pool->conns[i];
        if (db_conn_is_usable(c) && (!best || c->n_batches < best->n_batches))
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

struct db_conn *db_pool_pick(struct db_pool *pool, int64_t deadline_ms, struct err *e)
{
    struct err local = ERR_CLEAR;
    deadline_ms = db_patience(deadline_ms);
    int64_t soon = fail_fast_deadline(deadline_ms);
    uint64_t failures = pool->failures;
    for (;;) {
        struct db_conn *c = least_busy(pool);
        if (!c || c->n_batches > 0)
            want_more(pool);
        c = least_busy(pool);
        if (c)
            return c;
        if (is_hopeless(pool, failures, any_connecting(pool))) {
            ERR(e, ERR_UNAVAILABLE, "no connection to the database");
            return NULL;
        }
        if (!wait_for_change(pool, deadline_ms, soon, e ? e : &local))
            return NULL;
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
