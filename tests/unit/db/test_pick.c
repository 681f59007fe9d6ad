/* SPDX-License-Identifier: Apache-2.0 */
/* Behind whom a statement waits that shares its connection with others: behind nobody who is held
 * up, as long as there is another connection. */
#include "db/db_fixture.h"

enum {
    LOCK = 4712,
    HELD_UP_MS = 150, /* longer than it takes to be seen as held up */
    MANY = 10
};

static const struct db_stmt hold_stmt = { "SELECT pg_advisory_xact_lock($1)" };
static const struct db_stmt long_stmt = { "SELECT pg_advisory_xact_lock_shared($1)" };
static const struct db_stmt short_stmt = { "SELECT $1::int8" };
static const struct db_stmt waiting_stmt = {
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
};

/* Fibers that make a statement each, all of the same class. */
struct asked {
    struct fixture *f;
    unsigned n_long; /* whose statement waits for the lock */
    unsigned n_short;
};

static void ask_long(void *arg)
{
    struct asked *asked = arg;
    struct fixture *f = asked->f;
    struct err e = ERR_CLEAR;
    MUST(db_query(f->db, DB_DELIVER, &long_stmt, &DB_INT8(LOCK), 1, &f->a, DEADLINE_NONE, NULL, &e),
         e);
    asked->n_long++;
}

static void ask_short(void *arg)
{
    struct asked *asked = arg;
    struct fixture *f = asked->f;
    struct err e = ERR_CLEAR;
    MUST(db_query(f->db, DB_DELIVER, &short_stmt, &DB_INT8(5), 1, &f->a, soon(), NULL, &e), e);
    asked->n_short++;
}

static void ask(struct asked *asked, fiber_fn how)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_spawn(asked->f->rt, "ask", how, asked, NULL, &e), e);
}

static void wait_for(const unsigned *n, unsigned wanted)
{
    while (*n < wanted)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
}

static struct db_tx *hold(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_READ, DB_READ_COMMITTED, DEADLINE_NONE, &tx, &e), e);
    MUST(db_tx_query(tx, &hold_stmt, &DB_INT8(LOCK), 1, &f->a, NULL, &e), e);
    return tx;
}

static void wait_for_waiting(struct fixture *f)
{
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    const int64_t end = soon();
    do {
        assert_true(clock_monotonic_ms() < end);
        MUST(db_query(f->db, DB_READ, &waiting_stmt, &DB_INT8(LOCK), 1, &f->a, soon(), &rows, &e),
             e);
    } while (db_int(rows, 0, 0) == 0);
}

/* Both want a connection in the same moment: the second waits for its own, and not behind the
 * first, whose connection is there first. */
static void own_body(void *arg)
{
    struct asked asked = { .f = arg };
    struct db_tx *tx = hold(arg);
    ask(&asked, ask_long);
    ask(&asked, ask_short);
    wait_for(&asked.n_short, 1);
    wait_for_waiting(arg);
    assert_int_equal(asked.n_long, 0);
    db_rollback(&tx);
    wait_for(&asked.n_long, 1);
}

/* One of two connections is held up: more statements than it has in its line go by the other. */
static void held_up_body(void *arg)
{
    struct asked asked = { .f = arg };
    struct err e = ERR_CLEAR;
    struct db_tx *tx = hold(arg);
    ask(&asked, ask_long);
    ask(&asked, ask_short);
    wait_for(&asked.n_short, 1);
    wait_for_waiting(arg);
    MUST(fiber_sleep_until(clock_deadline_in(HELD_UP_MS), &e), e);
    for (int i = 0; i < MANY; i++)
        ask(&asked, ask_short);
    wait_for(&asked.n_short, 1 + MANY);
    assert_int_equal(asked.n_long, 0);
    db_rollback(&tx);
    wait_for(&asked.n_long, 1);
}

/* Without named statements there are no timeouts: the lock is waited for without end. */
static void test_own(void **state)
{
    (void)state;
    with_client(test_pg_start(), false, own_body);
}

static void test_held_up(void **state)
{
    (void)state;
    with_client(test_pg_start(), false, held_up_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_held_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
