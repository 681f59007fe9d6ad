/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of db on a real server: rows of a flush, isolation, failures, and what is known
 * about a COMMIT. */
#include "db/db_fixture.h"

static void with_db(fiber_fn fn)
{
    with_client(test_pg_start(), true, fn);
}

static const struct db_stmt insert_stmt = { "INSERT INTO t_tx (id) VALUES ($1) RETURNING id * 10" };
static const struct db_stmt count_stmt = { "SELECT count(*) FROM t_tx" };
static const struct db_stmt has_stmt = { "SELECT count(*) FROM t_tx WHERE id = $1" };
static const struct db_stmt slow_insert_stmt = { "INSERT INTO t_slow_commit VALUES ($1)" };
static const struct db_stmt sleep_stmt = { "SELECT pg_sleep($1::float8)" };
/* What is ended by somebody would go on for long: no end of its own may be taken for that. */
static const struct db_stmt unlimited_stmt = { "SET LOCAL statement_timeout = 0" };
enum {
    LONG_S = 120
};
static const struct db_stmt kill_stmt = {
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heronry'"
    " AND pid <> pg_backend_pid()"
};

static const struct db_stmt sleeping_stmt = {
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'heronry' AND wait_event = "
    "'PgSleep'"
};

static struct db_tx *begin(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    return tx;
}

static int64_t rows_with(struct fixture *f, int64_t id)
{
    struct err e = ERR_CLEAR;
    struct db_rows *r = NULL;
    MUST(db_query(f->db, DB_READ, &has_stmt, &DB_INT8(id), 1, &f->a, soon(), &r, &e), e);
    return db_int(r, 0, 0);
}

/* ---- what goes well ---- */

static void flush_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    struct db_rows *rows[3] = { NULL };
    size_t failed = 99;
    for (int64_t i = 1; i <= 3; i++)
        db_tx_send(tx, &insert_stmt, &DB_INT8(i), 1);
    MUST(db_tx_flush(tx, &f->a, rows, 3, &failed, &e), e);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(db_int(rows[i], 0, 0), 10 * (i + 1));
    struct db_rows *r = NULL;
    MUST(db_tx_query(tx, &count_stmt, NULL, 0, &f->a, &r, &e), e);
    assert_int_equal(db_int(r, 0, 0), 3);
    assert_int_equal(rows_with(f, 1), 0); /* another connection does not see it yet */
    db_tx_send(tx, &insert_stmt, &DB_INT8(4), 1);
    MUST(db_commit(&tx, &f->a, rows, 1, &failed, &e), e);
    assert_null(tx);
    assert_int_equal(db_int(rows[0], 0, 0), 40);
    assert_int_equal(rows_with(f, 4), 1);
}

/* All in one go: BEGIN, statements, COMMIT. */
static void one_trip_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    for (int64_t i = 100; i < 140; i++) {
        struct db_tx *tx = begin(f);
        db_tx_send(tx, &insert_stmt, &DB_INT8(i), 1);
        db_tx_send(tx, &insert_stmt, &DB_INT8(i + 1000), 1);
        MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    }
    assert_int_equal(rows_with(f, 1139), 1);
    struct db_tx *empty = begin(f);
    MUST(db_commit(&empty, &f->a, NULL, 0, NULL, &e), e);
}

static void test_flush(void **state)
{
    (void)state;
    with_db(flush_body);
}

static void test_one_trip(void **state)
{
    (void)state;
    with_db(one_trip_body);
}

/* ---- failures ---- */

static void failure_in_flush_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    size_t failed = 99;
    db_tx_send(tx, &insert_stmt, &DB_INT8(200), 1);
    db_tx_send(tx, &insert_stmt, &DB_INT8(200), 1); /* twice */
    db_tx_send(tx, &insert_stmt, &DB_INT8(201), 1);
    assert_false(db_tx_flush(tx, &f->a, NULL, 0, &failed, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_int_equal(failed, 1);
    /* Only a rollback helps: a COMMIT says so and does it. */
    e = ERR_CLEAR;
    assert_false(db_commit(&tx, &f->a, NULL, 0, &failed, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_null(tx);
    assert_int_equal(rows_with(f, 200), 0);
}

static void failure_in_commit_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    for (int i = 0; i < 10; i++) {
        struct db_tx *tx = begin(f);
        size_t failed = 99;
        db_tx_send(tx, &insert_stmt, &DB_INT8(300), 1);
        db_tx_send(tx, &insert_stmt, &DB_INT8(301), 1);
        db_tx_send(tx, &insert_stmt, &DB_INT8(300), 1);
        e = ERR_CLEAR;
        assert_false(db_commit(&tx, &f->a, NULL, 0, &failed, &e));
        assert_int_equal(e.kind, ERR_EXISTS);
        assert_int_equal(failed, 2);
    }
    assert_int_equal(rows_with(f, 300), 0);
    struct db_tx *tx = begin(f);
    MUST(db_tx_query(tx, &insert_stmt, &DB_INT8(300), 1, &f->a, NULL, &e), e);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    assert_int_equal(rows_with(f, 300), 1);
}

static void rollback_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    MUST(db_tx_query(tx, &insert_stmt, &DB_INT8(400), 1, &f->a, NULL, &e), e);
    db_tx_send(tx, &insert_stmt, &DB_INT8(401), 1); /* appended, never flushed */
    db_rollback(&tx);
    assert_null(tx);
    db_rollback(&tx); /* harmless */
    tx = begin(f);
    db_rollback(&tx); /* nothing was sent */
    assert_int_equal(rows_with(f, 400) + rows_with(f, 401), 0);
}

static void test_failure_in_flush(void **state)
{
    (void)state;
    with_db(failure_in_flush_body);
}

static void test_failure_in_commit(void **state)
{
    (void)state;
    with_db(failure_in_commit_body);
}

static void test_rollback(void **state)
{
    (void)state;
    with_db(rollback_body);
}

/* ---- isolation, and waiting for a connection ---- */

static void isolation_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    struct db_rows *r = NULL;
    MUST(db_begin(f->db, DB_READ, DB_REPEATABLE_READ_ONLY, soon(), &tx, &e), e);
    MUST(db_tx_query(tx, &has_stmt, &DB_INT8(500), 1, &f->a, &r, &e), e);
    MUST(db_query(f->db, DB_DELIVER, &insert_stmt, &DB_INT8(500), 1, &f->a, soon(), NULL, &e), e);
    MUST(db_tx_query(tx, &has_stmt, &DB_INT8(500), 1, &f->a, &r, &e), e);
    assert_int_equal(db_int(r, 0, 0), 0);
    assert_false(db_tx_query(tx, &insert_stmt, &DB_INT8(501), 1, &f->a, &r, &e)); /* read only */
    db_rollback(&tx);
}

static void semaphore_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *held = NULL;
    struct db_tx *second = NULL;
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, soon(), &held, &e), e); /* the only one */
    test_pg_await(false); /* the deadline counts */
    assert_false(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, clock_deadline_in(50), &second, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    test_pg_await(true);
    db_rollback(&held);
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, soon(), &second, &e), e);
    db_rollback(&second);
}

/* A caller that gave up in the middle: its statement is ended by us, and its ROLLBACK is answered
 * before the next lease. */
static void gave_up_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, soon(), &tx, &e), e); /* a connection */
    db_rollback(&tx);
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, clock_deadline_in(1000), &tx, &e), e);
    db_tx_send(tx, &insert_stmt, &DB_INT8(600), 1);
    db_tx_send(tx, &unlimited_stmt, NULL, 0);
    test_pg_await(false); /* the deadline counts */
    assert_false(db_tx_query(tx, &sleep_stmt, &DB_FLOAT8(LONG_S), 1, &f->a, NULL, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    test_pg_await(true);
    db_rollback(&tx);
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, soon(), &tx, &e), e); /* long before its end */
    struct db_rows *r = NULL;
    MUST(db_tx_query(tx, &has_stmt, &DB_INT8(600), 1, &f->a, &r, &e), e);
    assert_int_equal(db_int(r, 0, 0), 0);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
}

static void test_isolation(void **state)
{
    (void)state;
    with_db(isolation_body);
}

static void test_semaphore(void **state)
{
    (void)state;
    with_db(semaphore_body);
}

static void test_gave_up(void **state)
{
    (void)state;
    with_db(gave_up_body);
}

/* ---- lost connections ---- */

/* Once the server sleeps in a statement or a COMMIT. Whoever waits for the kill sees whether it
 * happened; the answer to it may come after the end. */
static void kill_later(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_rows *r = NULL;
    struct arena a;
    arena_init(&a);
    do {
        MUST(fiber_sleep_until(clock_deadline_in(20), &e), e);
        MUST(db_query(f->db, DB_SEARCH, &sleeping_stmt, NULL, 0, &a, soon(), &r, &e), e);
    } while (db_int(r, 0, 0) == 0);
    (void)db_query(f->db, DB_SEARCH, &kill_stmt, NULL, 0, &a, soon(), NULL, NULL);
    arena_fini(&a);
}

static void schedule_kill(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_spawn(f->rt, "killer", kill_later, f, NULL, &e), e);
}

static void wait_for_database(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    int64_t deadline = clock_deadline_in(30000);
    while (!db_is_up(f->db) && clock_monotonic_ms() < deadline)
        MUST(fiber_sleep_until(clock_deadline_in(20), &e), e);
    assert_true(db_is_up(f->db));
}

static void killed_query_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    schedule_kill(f);
    assert_false(
        db_query(f->db, DB_DELIVER, &sleep_stmt, &DB_FLOAT8(LONG_S), 1, &f->a, soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_UNKNOWN_OUTCOME);
    rows_with(f, 1); /* works again at once */
}

static void killed_statement_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    schedule_kill(f);
    db_tx_send(tx, &insert_stmt, &DB_INT8(700), 1);
    assert_false(db_tx_query(tx, &sleep_stmt, &DB_FLOAT8(LONG_S), 1, &f->a, NULL, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE); /* certainly rolled back */
    db_rollback(&tx);
    assert_int_equal(rows_with(f, 700), 0);
}

/* The connection goes and comes back while the transaction waits for something else: what it does
 * then must not be done without what it did before. */
static void killed_idle_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    MUST(db_tx_query(tx, &insert_stmt, &DB_INT8(710), 1, &f->a, NULL, &e), e);
    (void)db_query(f->db, DB_SEARCH, &kill_stmt, NULL, 0, &f->a, soon(), NULL, NULL);
    MUST(fiber_sleep_until(clock_deadline_in(1000), &e), e);
    wait_for_database(f);
    db_tx_send(tx, &insert_stmt, &DB_INT8(711), 1);
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE); /* certainly rolled back */
    assert_int_equal(rows_with(f, 710), 0);
    assert_int_equal(rows_with(f, 711), 0);
}

static void killed_commit_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = begin(f);
    schedule_kill(f);
    db_tx_send(tx, &slow_insert_stmt, &DB_INT8(1), 1);
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
    assert_int_equal(e.kind, ERR_UNKNOWN_OUTCOME);
    assert_null(tx);
    tx = begin(f);
    MUST(db_tx_query(tx, &insert_stmt, &DB_INT8(800), 1, &f->a, NULL, &e), e);
    MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
}

static void test_killed_query(void **state)
{
    (void)state;
    with_db(killed_query_body);
}

static void test_killed_statement(void **state)
{
    (void)state;
    with_db(killed_statement_body);
}

static void test_killed_idle(void **state)
{
    (void)state;
    with_db(killed_idle_body);
}

static void test_killed_commit(void **state)
{
    (void)state;
    with_db(killed_commit_body);
}

/* The server goes away and comes back: errors are quick, and then it works by itself. */
static void restart_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    rows_with(f, 1);
    assert_true(db_is_up(f->db));
    test_pg_kill();
    MUST(fiber_sleep_until(clock_deadline_in(50), &e), e);
    int64_t start = clock_monotonic_ms();
    for (int i = 0; i < 40; i++) {
        e = ERR_CLEAR;
        assert_false(db_query(f->db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e));
        assert_int_equal(e.kind, ERR_UNAVAILABLE);
        struct db_tx *tx = NULL;
        assert_false(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e));
        assert_int_equal(e.kind, ERR_UNAVAILABLE);
    }
    /* The outage is waited for once, not by each call anew. */
    assert_true(clock_monotonic_ms() - start < LONG_MS);
    assert_false(db_is_up(f->db));
    test_pg_restart();
    wait_for_database(f);
    rows_with(f, 1);
}

/* A server that hangs: the caller's deadline counts, and the loop goes on. */
static void hanging_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    rows_with(f, 1);
    test_pg_pause();
    int64_t start = clock_monotonic_ms();
    assert_false(
        db_query(f->db, DB_READ, &count_stmt, NULL, 0, &f->a, clock_deadline_in(200), NULL, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
    test_pg_resume();
    rows_with(f, 1);
}

static const struct db_stmt slow_stmt = { "SELECT pg_sleep(2.5)" };

/* Whether a statement that takes its time is waited for by a client whose patience is short. Who
 * took it for silence would do so each time; a machine that is busy with others does not. */
static bool slow_is_waited_for(struct fixture *f)
{
    enum {
        ROUNDS = 8
    };
    bool ok = false;
    for (int i = 0; i < ROUNDS && !ok; i++) {
        rows_with(f, 1);
        test_pg_await(false);
        ok = db_query(f->db, DB_READ, &slow_stmt, NULL, 0, &f->a, soon(), NULL, NULL);
        test_pg_await(true);
    }
    return ok;
}

/* A server that answers nothing at all is away, long before the deadline; a statement that takes
 * its time is no sign of that. */
static void silent_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    assert_true(slow_is_waited_for(f));
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(db_tx_query(tx, &count_stmt, NULL, 0, &f->a, NULL, &e), e);
    test_pg_pause();
    int64_t start = clock_monotonic_ms();
    assert_false(db_query(f->db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e));
    assert_true(e.kind == ERR_UNKNOWN_OUTCOME || e.kind == ERR_UNAVAILABLE);
    e = ERR_CLEAR;
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
    assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
    assert_false(db_is_up(f->db));
    for (int i = 0; i < 10; i++) {
        e = ERR_CLEAR;
        assert_false(db_query(f->db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e));
        assert_int_equal(e.kind, ERR_UNAVAILABLE);
    }
    assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
    test_pg_resume();
    wait_for_database(f);
    rows_with(f, 1);
}

static void silent_commit_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    rows_with(f, 1);
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(db_tx_query(tx, &count_stmt, NULL, 0, &f->a, NULL, &e), e);
    test_pg_pause();
    int64_t start = clock_monotonic_ms();
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
    assert_int_equal(e.kind, ERR_UNKNOWN_OUTCOME);
    assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
    test_pg_resume();
}

/* Keeps the loop from its work, most of the time. */
struct hog {
    struct runtime *rt;
    struct timer timer;
};

static void hog_on(void *arg)
{
    struct hog *h = arg;
    usleep(250000);
    timer_start(h->rt, &h->timer, clock_monotonic_ms() + 1);
}

/* A process that is always late takes longer to find out, but it does. */
static void silent_for_the_late_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct hog h = { .rt = f->rt };
    rows_with(f, 1);
    test_pg_pause();
    timer_init(&h.timer, hog_on, &h);
    timer_start(f->rt, &h.timer, clock_monotonic_ms());
    int64_t start = clock_monotonic_ms();
    assert_false(db_query(f->db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e));
    timer_stop(f->rt, &h.timer);
    assert_true(e.kind == ERR_UNKNOWN_OUTCOME || e.kind == ERR_UNAVAILABLE);
    assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
    test_pg_resume();
    wait_for_database(f);
}

static void test_silent(void **state)
{
    (void)state;
    with_db(silent_for_the_late_body);
    with_db(silent_body);
    with_db(silent_commit_body);
}

static void test_restart(void **state)
{
    (void)state;
    with_db(restart_body);
}

static void test_hanging(void **state)
{
    (void)state;
    with_db(hanging_body);
}

/* ---- scripts, and wrong conninfo ---- */

static void script_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    MUST(db_run_script(f->db,
                       "CREATE TABLE t_script (a int); INSERT INTO t_script VALUES (1), (2);",
                       soon(), &e),
         e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM t_script"), 2);
    assert_false(db_run_script(f->db, "INSERT INTO t_script VALUES (3); SELECT 1/0;", soon(), &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    assert_int_equal(test_pg_number("SELECT count(*) FROM t_script"), 2);
    for (int i = 0; i < 6; i++) { /* each of the exclusive connections still does transactions */
        struct db_tx *tx = begin(f);
        MUST(db_tx_query(tx, &count_stmt, NULL, 0, &f->a, NULL, &e), e);
        MUST(db_commit(&tx, &f->a, NULL, 0, NULL, &e), e);
    }
}

static void test_script(void **state)
{
    (void)state;
    with_db(script_body);
}

static const char *const bad_conninfos[] = { "nonsense", "host=/nonexistent-directory",
                                             "host=127.0.0.1 port=1", "host=does-not-exist.invalid",
                                             "hostaddr=127.0.0.1,127.0.0.1 port=1,2" };

static void bad_conninfo_body(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < COUNT_OF(bad_conninfos); i++) {
        struct db *db = db_new(f->rt, &(struct db_options){ .conninfo = bad_conninfos[i] });
        struct err e = ERR_CLEAR;
        int64_t start = clock_monotonic_ms();
        assert_true(db_is_up(db));
        if (db_query(db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e) ||
            e.kind != ERR_UNAVAILABLE)
            fail_msg("%s gave %s", bad_conninfos[i], err_kind_name(e.kind));
        assert_true(clock_monotonic_ms() - start < LONG_MS / 2);
        assert_false(db_is_up(db));
        db_free(&db);
    }
}

static void test_bad_conninfo(void **state)
{
    (void)state;
    with_db(bad_conninfo_body);
}

/* A dead host before the good one. */
static void second_host_body(void *arg)
{
    struct fixture *f = arg;
    char conninfo[256];
    (void)snprintf(conninfo, sizeof(conninfo),
                   "host=/nonexistent-directory,%s user=heronry dbname=heronry", test_directory());
    struct db *db = db_new(f->rt, &(struct db_options){ .conninfo = conninfo });
    struct err e = ERR_CLEAR;
    MUST(db_query(db, DB_READ, &count_stmt, NULL, 0, &f->a, soon(), NULL, &e), e);
    db_free(&db);
}

static void test_second_host(void **state)
{
    (void)state;
    with_db(second_host_body);
}

static int prepare(void **state)
{
    (void)state;
    test_pg_start();
    test_pg_run("CREATE TABLE t_tx (id bigint PRIMARY KEY);"
                "CREATE TABLE t_slow_commit (id bigint);"
                "CREATE FUNCTION t_sleep() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_sleep(120); RETURN NULL; END $$;"
                "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON t_slow_commit DEFERRABLE "
                "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t_sleep();");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_one_trip),
        cmocka_unit_test(test_failure_in_flush),
        cmocka_unit_test(test_failure_in_commit),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_semaphore),
        cmocka_unit_test(test_gave_up),
        cmocka_unit_test(test_killed_query),
        cmocka_unit_test(test_killed_statement),
        cmocka_unit_test(test_killed_idle),
        cmocka_unit_test(test_killed_commit),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_hanging),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_bad_conninfo),
        cmocka_unit_test(test_second_host),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
