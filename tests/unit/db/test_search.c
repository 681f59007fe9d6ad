/* SPDX-License-Identifier: Apache-2.0 */
/* Searches of several accounts on a real server: who has to wait for whom. What is long waits for a
 * lock in the database, so that it ends when the test says so. */
#include "db/db_fixture.h"

enum {
    LOCK = 4711,
    SEARCHES_MAX = 8
};

/* Whoever has the lock alone keeps the others, who share it, waiting. */
static const struct db_stmt hold_stmt = { "SELECT pg_advisory_xact_lock($1)" };
static const struct db_stmt long_stmt = { "SELECT pg_advisory_xact_lock_shared($1)" };
static const struct db_stmt short_stmt = { "SELECT $1::int8" };
static const struct db_stmt waiting_stmt = {
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
};

struct shared {
    struct fixture *f;
    char order[SEARCHES_MAX + 1]; /* of the accounts, as their searches ended */
    size_t n;
};

struct search {
    struct shared *shared;
    char account;
};

static void search_long(void *arg)
{
    const struct search *s = arg;
    struct fixture *f = s->shared->f;
    struct err e = ERR_CLEAR;
    MUST(
        db_search(f->db, s->account, &long_stmt, &DB_INT8(LOCK), 1, &f->a, DEADLINE_NONE, NULL, &e),
        e);
    s->shared->order[s->shared->n++] = s->account;
}

static struct db_tx *hold(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_READ, DB_READ_COMMITTED, DEADLINE_NONE, &tx, &e), e);
    MUST(db_tx_query(tx, &hold_stmt, &DB_INT8(LOCK), 1, &f->a, NULL, &e), e);
    return tx;
}

/* Begins a long search for each of the accounts, in their order. */
static void begin(struct shared *shared, struct search *searches, const char *accounts)
{
    struct err e = ERR_CLEAR;
    for (size_t i = 0; accounts[i]; i++) {
        searches[i] = (struct search){ shared, accounts[i] };
        MUST(fiber_spawn(shared->f->rt, "search", search_long, &searches[i], NULL, &e), e);
        fiber_yield();
    }
}

static void wait_for_waiting(struct fixture *f, int64_t wanted)
{
    const int64_t end = clock_deadline_in((int64_t)60 * 1000);
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    do {
        if (clock_monotonic_ms() > end)
            fail_msg("not as many searches wait as wanted");
        MUST(db_query(f->db, DB_READ, &waiting_stmt, &DB_INT8(LOCK), 1, &f->a, DEADLINE_NONE, &rows,
                      &e),
             e);
    } while (db_int(rows, 0, 0) != wanted);
}

static void wait_for_end(const struct shared *shared, size_t n)
{
    while (shared->n < n)
        (void)fiber_sleep_until(clock_deadline_in(1), NULL);
}

/* One account has much to search for: another one is answered meanwhile. */
static void others_body(void *arg)
{
    struct shared shared = { .f = arg };
    struct fixture *f = arg;
    struct search searches[SEARCHES_MAX];
    struct db_rows *rows = NULL;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = hold(f);
    begin(&shared, searches, "aaaa");
    wait_for_waiting(f, 1);
    MUST(db_search(f->db, 'b', &short_stmt, &DB_INT8(5), 1, &f->a, DEADLINE_NONE, &rows, &e), e);
    assert_int_equal(db_int(rows, 0, 0), 5);
    assert_int_equal(shared.n, 0);
    db_rollback(&tx);
    wait_for_end(&shared, 4);
    assert_string_equal(shared.order, "aaaa");
}

/* What waits for the only connection has it by turns. */
static void turns_body(void *arg)
{
    struct shared shared = { .f = arg };
    struct search searches[SEARCHES_MAX];
    struct db_tx *tx = hold(arg);
    begin(&shared, searches, "aaabbc");
    wait_for_waiting(arg, 1);
    db_rollback(&tx);
    wait_for_end(&shared, 6);
    assert_string_equal(shared.order, "abcaba");
}

static void with_searches(unsigned connections, fiber_fn body)
{
    struct fixture f = { .listener = -1 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(NULL, &e);
    assert_non_null(f.rt);
    /* Without named statements there are no timeouts. */
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start(),
                                              .shared = { [DB_SEARCH] = connections } });
    arena_init(&f.a);
    in_fiber_run_to_end(f.rt, body, &f);
    arena_fini(&f.a);
    db_free(&f.db);
    runtime_free(&f.rt);
}

static void test_others(void **state)
{
    (void)state;
    with_searches(2, others_body);
}

static void test_turns(void **state)
{
    (void)state;
    with_searches(1, turns_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
