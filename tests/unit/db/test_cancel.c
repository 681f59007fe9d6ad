/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that nobody waits for any more end at the server, and never somebody else's. */
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

enum {
    ROUNDS = 150,
    LONG_S = 120, /* what is ended would go on for so long */
    PATIENCE_MS = 30000
};

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct arena a;
    bool in_tx;
    enum err_kind kind;
    bool ended;
};

static const struct db_stmt sleep_stmt = { "SELECT pg_sleep($1::float8), 'unwanted'" };
static const struct db_stmt number_stmt = { "SELECT $1::bigint * 2" };
static const struct db_stmt running_stmt = {
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%unwanted%'"
    " AND pid <> pg_backend_pid()"
};

static int64_t soon(void)
{
    return clock_deadline_in(PATIENCE_MS);
}

/* With named statements the server ends long ones by itself. */
static void run(fiber_fn fn, bool named)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(NULL, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt,
                  &(struct db_options){ .conninfo = test_pg_start(), .named_statements = named });
    arena_init(&f.a);
    in_fiber_run_to_end(f.rt, fn, &f);
    arena_fini(&f.a);
    db_free(&f.db);
    runtime_run(f.rt); /* until what still runs has ended */
    runtime_free(&f.rt);
}

static int64_t running(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_rows *r = NULL;
    assert_true(db_query(f->db, DB_READ, &running_stmt, NULL, 0, &f->a, soon(), &r, &e));
    return db_int(r, 0, 0);
}

static void wait_for_running(struct fixture *f, int64_t wanted)
{
    for (int64_t end = soon(); running(f) != wanted && clock_monotonic_ms() < end;)
        (void)fiber_sleep_until(clock_deadline_in(10), NULL);
    assert_int_equal(running(f), wanted);
}

static void sleep_long(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    bool ok;
    const struct db_param param = DB_FLOAT8(LONG_S);
    if (f->in_tx) {
        ok = db_begin(f->db, DB_READ, DB_READ_COMMITTED, DEADLINE_NONE, &tx, &e) &&
             db_tx_query(tx, &sleep_stmt, &param, 1, &f->a, NULL, &e);
        db_rollback(&tx);
    } else {
        ok = db_query(f->db, DB_SEARCH, &sleep_stmt, &param, 1, &f->a, DEADLINE_NONE, NULL, &e);
    }
    f->kind = ok ? ERR_NONE : e.kind;
    f->ended = true;
}

static void check_works(struct fixture *f, enum db_class class, int64_t number)
{
    struct err e = ERR_CLEAR;
    struct db_rows *r = NULL;
    struct db_tx *tx = NULL;
    if (!db_query(f->db, class, &number_stmt, &DB_INT8(number), 1, &f->a, soon(), &r, &e))
        fail_msg("%s: %s", err_kind_name(e.kind), e.msg);
    assert_int_equal(db_int(r, 0, 0), number * 2);
    if (!db_begin(f->db, class, DB_READ_COMMITTED, soon(), &tx, &e) ||
        !db_tx_query(tx, &number_stmt, &DB_INT8(number), 1, &f->a, &r, &e) ||
        !db_commit(&tx, &f->a, NULL, 0, NULL, &e))
        fail_msg("%s: %s", err_kind_name(e.kind), e.msg);
    assert_int_equal(db_int(r, 0, 0), number * 2);
}

static void cancel_once(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct fiber *fiber;
    f->ended = false;
    assert_true(fiber_spawn(f->rt, "sleeper", sleep_long, f, &fiber, &e));
    wait_for_running(f, 1);
    fiber_cancel(fiber);
    wait_for_running(f, 0); /* long before it would end by itself */
    assert_true(f->ended);
    assert_int_equal(f->kind, ERR_CANCELLED);
    check_works(f, DB_SEARCH, 21);
    check_works(f, DB_READ, 21);
}

static void cancel_query(void *arg)
{
    cancel_once(arg);
}

static void cancel_tx(void *arg)
{
    struct fixture *f = arg;
    f->in_tx = true;
    cancel_once(f);
}

static void test_query(void **state)
{
    (void)state;
    run(cancel_query, false);
}

static void test_tx(void **state)
{
    (void)state;
    run(cancel_tx, false);
}

/* The same by its own deadline. */
static void time_out(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t deadline = clock_deadline_in(100);
    test_pg_await(false); /* the deadline counts */
    assert_false(
        db_query(f->db, DB_SEARCH, &sleep_stmt, &DB_FLOAT8(LONG_S), 1, &f->a, deadline, NULL, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    test_pg_await(true);
    wait_for_running(f, 0);
    check_works(f, DB_SEARCH, 4);
}

static void test_time_out(void **state)
{
    (void)state;
    run(time_out, false);
}

/* Given up at every moment of their life, beside others that must all succeed. */
static void sleep_short(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    (void)db_query(f->db, DB_SEARCH, &sleep_stmt, &DB_FLOAT8(0.003), 1, &f->a, soon(), NULL, &e);
    f->ended = true;
}

static void cancel_often(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    for (int i = 0; i < ROUNDS; i++) {
        struct fiber *fiber;
        f->ended = false;
        assert_true(fiber_spawn(f->rt, "sleeper", sleep_short, f, &fiber, &e));
        (void)fiber_sleep_until(clock_deadline_in(i % 6), NULL);
        if (!f->ended)
            fiber_cancel(fiber);
        check_works(f, DB_SEARCH, i);
        while (!f->ended)
            fiber_yield();
    }
    wait_for_running(f, 0);
}

static void test_often(void **state)
{
    (void)state;
    run(cancel_often, true);
}

/* The end of the client with a request under way. */
static void cancel_and_leave(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    int64_t deadline = clock_deadline_in(50);
    test_pg_await(false);
    assert_false(
        db_query(f->db, DB_SEARCH, &sleep_stmt, &DB_FLOAT8(LONG_S), 1, &f->a, deadline, NULL, &e));
    test_pg_await(true);
}

static void test_leave(void **state)
{
    (void)state;
    run(cancel_and_leave, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query), cmocka_unit_test(test_tx),    cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_often), cmocka_unit_test(test_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
