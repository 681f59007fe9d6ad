/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the database is there at all, although it says nothing: a server that is stopped, or a
 * network that swallows everything, never says that it is gone, and a statement may take long for
 * good reasons. So while something is asked for and no connection hears anything, a connection of
 * its own asks the easiest of questions. When that too is not answered, all connections are given
 * up: who waits is told within 2 s, what a protocol promises (R6). */
#include "db/conn.h"

#include "base/failpoint.h"
#include "obs/obs.h"

enum {
    TICK_MS = 100,
    QUIET_MS = 400, /* nothing was heard for so long: ask */
    PROBE_MS = 500  /* no answer to the question for so long: nobody is there */
};

static const struct db_stmt question = { "SELECT 1" };

static bool is_pool_asked(const struct db_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->conns[i].n_batches > 0)
            return true;
    }
    return false;
}

static bool is_anything_asked(const struct db *db)
{
    for (unsigned i = 0; i < DB_CLASS_COUNT; i++) {
        if (is_pool_asked(&db->shared[i]) || is_pool_asked(&db->exclusive[i]))
            return true;
    }
    return false;
}

/* A connection that is being made is a question as well. */
static void ask(struct db *db)
{
    struct db_conn *c = &db->probe.conns[0];
    if (!db_conn_is_usable(c)) {
        db_conn_want(c);
    } else if (list_is_empty(&c->batches)) {
        struct db_batch *b = db_batch_new();
        if (db_batch_add(b, c, DB_SLOT_STATEMENT, &question, NULL, 0, NULL))
            (void)db_batch_sync(b, NULL);
        db_batch_drop(&b);
    }
}

static void give_up(struct db_conn *c, const void *arg)
{
    (void)arg;
    if (c->state == DB_CONN_READY)
        db_conn_lost(c, "the database does not answer");
}

static void declare_silent(struct db *db)
{
    db_each_conn(db, give_up, NULL);
    give_up(&db->probe.conns[0], NULL);
    /* It was waited for already: nobody else has to. */
    if (db->n_ready == 0)
        db->away_since_ms = clock_monotonic_ms() - DB_FAIL_FAST_MS - 1;
}

static int64_t no_later(int64_t ms, int64_t now)
{
    return ms < now ? ms : now;
}

/* Time in which our own process was not at work does not count as silence. */
static bool was_away(struct db *db, int64_t now)
{
    int64_t late_ms = now - db->tick_due_ms;
    if (late_ms <= TICK_MS)
        return false;
    db->heard_ms = no_later(db->heard_ms + late_ms, now);
    if (db->asked_ms > 0)
        db->asked_ms = no_later(db->asked_ms + late_ms, now);
    return true;
}

static void next_tick(struct db *db, int64_t at_ms)
{
    db->tick_due_ms = at_ms;
    timer_start(db->rt, &db->tick, at_ms);
}

static void on_tick(void *arg)
{
    struct db *db = arg;
    int64_t now = clock_monotonic_ms();
    if (!is_anything_asked(db))
        return;
    /* Answers may be there that nobody has read yet: a look at them comes first. But one only, so
     * that a loop that is late each time finds out, too. */
    db->looks_again = was_away(db, now) && !db->looks_again;
    if (db->looks_again) {
        next_tick(db, now + 1);
        return;
    }
    if (now < db->heard_ms + QUIET_MS) {
        db->asked_ms = 0;
    } else if (db->asked_ms == 0) {
        db->asked_ms = now;
        ask(db);
    } else if (now > db->asked_ms + FAILPOINT_PATIENCE("database-is-awaited", PROBE_MS)) {
        db->asked_ms = 0;
        db->heard_ms = now;
        declare_silent(db);
    }
    next_tick(db, now + TICK_MS);
}

void db_pulse_init(struct db *db)
{
    timer_init(&db->tick, on_tick, db);
    db_pool_init(&db->probe, db, DB_READ, 1);
}

void db_pulse_fini(struct db *db)
{
    timer_stop(db->rt, &db->tick);
    db_pool_fini(&db->probe);
}

int64_t db_patience(int64_t deadline_ms)
{
    int64_t patient_ms = clock_deadline_in(FAILPOINT_PATIENCE("database-is-awaited", 0));
    return deadline_ms < patient_ms ? patient_ms : deadline_ms;
}

void db_pulse_heard(struct db *db)
{
    db->heard_ms = clock_monotonic_ms();
}

void db_pulse_sent(struct db *db)
{
    if (timer_is_armed(&db->tick))
        return;
    db->heard_ms = clock_monotonic_ms();
    db->asked_ms = 0;
    db->looks_again = false;
    next_tick(db, db->heard_ms + TICK_MS);
}
