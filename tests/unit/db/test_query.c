/* SPDX-License-Identifier: Apache-2.0 */
/* db on a real server: values, pipelining, errors, loss of connections. */
#include "db/db_fixture.h"

static void with_db(bool named, fiber_fn fn)
{
    with_client(test_pg_start(), named, fn);
}

static struct db_rows *ask(struct fixture *f, enum db_class class, const struct db_stmt *stmt,
                           const struct db_param *params, size_t n)
{
    struct err e = ERR_CLEAR;
    struct db_rows *rows = NULL;
    MUST(db_query(f->db, class, stmt, params, n, &f->a, soon(), &rows, &e), e);
    return rows;
}

static struct db_rows *query(struct fixture *f, const struct db_stmt *stmt,
                             const struct db_param *params, size_t n)
{
    return ask(f, DB_READ, stmt, params, n);
}

/* ---- values ---- */

static const struct db_stmt echo_scalars = {
    "SELECT $1::bool, $2::int4, $3::int8, $4::text, $5::bytea, $6::timestamptz, $7::float8,"
    " $8::text, 7::int2, 9::oid, NULL::int4, $6::timestamptz::text"
};
static const struct db_stmt echo_arrays = {
    "SELECT $1::int4[], $2::int8[], $3::text[], $4::bytea[],"
    " $5::int8[], cardinality($3::text[])"
};

static void scalars_body(void *arg)
{
    struct fixture *f = arg;
    str blob = str_of("\0\xff\r\n'", 5);
    const int64_t us = 1700000000123456;
    const struct db_param params[] = {
        DB_BOOL(true),  DB_INT4(-7),    DB_INT8(INT64_MIN), DB_TEXT(STR("gr\xc3\xbc\xc3\x9f")),
        DB_BYTEA(blob), DB_TIME_US(us), DB_FLOAT8(-0.25),   DB_NULL,
    };
    struct db_rows *r = query(f, &echo_scalars, params, COUNT_OF(params));
    assert_int_equal(db_row_count(r), 1);
    assert_int_equal(db_int(r, 0, 0), 1);
    assert_int_equal(db_int(r, 0, 1), -7);
    assert_true(db_int(r, 0, 2) == INT64_MIN);
    assert_true(str_eq(db_str(r, 0, 3), STR("gr\xc3\xbc\xc3\x9f")));
    assert_true(str_eq(db_str(r, 0, 4), blob));
    assert_true(db_time_us(r, 0, 5) == us);
    assert_true(db_float(r, 0, 6) > -0.26 && db_float(r, 0, 6) < -0.24);
    assert_true(db_is_null(r, 0, 7));
    assert_true(str_is_empty(db_str(r, 0, 7)));
    assert_int_equal(db_int(r, 0, 8), 7);
    assert_int_equal(db_int(r, 0, 9), 9);
    assert_int_equal(db_int_or(r, 0, 10, -1), -1);
    assert_true(str_has_prefix(db_str(r, 0, 11), STR("2023-11-1")));
}

static const struct db_stmt time_arrays = {
    "SELECT ARRAY['1970-01-01 00:00:01.5+00', '1969-12-31 23:59:59+00']::timestamptz[],"
    " NULL::bigint[]"
};

static void arrays_body(void *arg)
{
    struct fixture *f = arg;
    const int64_t ints[] = { 1, -2, INT32_MAX };
    const int64_t longs[] = { INT64_MAX, 0, INT64_MIN };
    const str texts[] = { STR("a"), STR(""), STR("{,\"}") };
    const str blobs[] = { str_of("\0\1", 2), STR("") };
    const struct db_param params[] = { DB_INT4S(ints, 3), DB_INT8S(longs, 3), DB_TEXTS(texts, 3),
                                       DB_BYTEAS(blobs, 2), DB_INT8S(NULL, 0) };
    struct db_rows *r = query(f, &echo_arrays, params, COUNT_OF(params));
    int64_t *numbers = NULL;
    str *strs = NULL;
    assert_int_equal(db_ints(r, 0, 0, &f->a, &numbers), 3);
    assert_int_equal(numbers[1], -2);
    assert_int_equal(db_ints(r, 0, 1, &f->a, &numbers), 3);
    assert_true(numbers[0] == INT64_MAX && numbers[2] == INT64_MIN);
    assert_int_equal(db_strs(r, 0, 2, &f->a, &strs), 3);
    assert_true(str_eq(strs[2], texts[2]) && str_is_empty(strs[1]));
    assert_int_equal(db_strs(r, 0, 3, &f->a, &strs), 2);
    assert_true(str_eq(strs[0], blobs[0]));
    assert_int_equal(db_ints(r, 0, 4, &f->a, &numbers), 0);
    assert_int_equal(db_int(r, 0, 5), 3);
    struct db_array in_place = db_array_open(r, 0, 1);
    assert_int_equal(in_place.n, 3);
    assert_true(db_array_at(&in_place, 0) == INT64_MAX && db_array_at(&in_place, 2) == INT64_MIN);
    assert_int_equal(db_array_open(r, 0, 4).n, 0);
    r = query(f, &time_arrays, NULL, 0);
    in_place = db_array_open(r, 0, 0);
    assert_int_equal(in_place.n, 2);
    assert_int_equal(db_array_at(&in_place, 0), 1500000);
    assert_int_equal(db_array_at(&in_place, 1), -1000000);
    assert_int_equal(db_array_open(r, 0, 1).n, 0);
}

static const struct db_stmt infinity_stmt = {
    "SELECT $1::timestamptz = 'infinity', 'infinity'::timestamptz, '-infinity'::timestamptz,"
    " '1999-12-31 23:59:59.5+00'::timestamptz"
};

static void times_body(void *arg)
{
    struct fixture *f = arg;
    struct db_rows *r = query(f, &infinity_stmt, &DB_TIME_US(INT64_MAX), 1);
    assert_int_equal(db_int(r, 0, 0), 1);
    assert_true(db_time_us(r, 0, 1) == INT64_MAX);
    assert_true(db_time_us(r, 0, 2) == INT64_MIN);
    assert_true(db_time_us(r, 0, 3) == 946684799500000);
}

/* The same text first with a NULL, then with a value: the types differ. */
static const struct db_stmt nullable_stmt = { "SELECT coalesce($1::int4, -1)" };

static void null_then_value_body(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_int(query(f, &nullable_stmt, &DB_NULL, 1), 0, 0), -1);
        assert_int_equal(db_int(query(f, &nullable_stmt, &DB_INT4(5), 1), 0, 0), 5);
        assert_int_equal(db_int(query(f, &nullable_stmt, &DB_INT8(6), 1), 0, 0), 6);
    }
}

static const struct db_stmt big_stmt = { "SELECT $1::bytea, octet_length($1)" };

static void big_value_body(void *arg)
{
    struct fixture *f = arg;
    size_t n = (size_t)20 * 1024 * 1024;
    char *big = heap_alloc(n);
    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i * 7);
    struct db_rows *r = query(f, &big_stmt, &DB_BYTEA(str_of(big, n)), 1);
    assert_int_equal(db_int(r, 0, 1), n);
    assert_true(str_eq(db_str(r, 0, 0), str_of(big, n)));
    free(big);
}

static void test_scalars(void **state)
{
    (void)state;
    with_db(true, scalars_body);
    with_db(false, scalars_body);
}

static void test_arrays(void **state)
{
    (void)state;
    with_db(true, arrays_body);
}

static void test_times(void **state)
{
    (void)state;
    with_db(true, times_body);
}

static void test_null_then_value(void **state)
{
    (void)state;
    with_db(true, null_then_value_body);
}

static void test_big_value(void **state)
{
    (void)state;
    with_db(true, big_value_body);
}

/* ---- errors ---- */

static const struct {
    const char *name;
    struct db_stmt stmt;
    enum err_kind kind;
} error_cases[] = {
    { "unique", { "INSERT INTO t_err VALUES (1, 1)" }, ERR_EXISTS },
    { "not null", { "INSERT INTO t_err VALUES (2, NULL)" }, ERR_SYNTAX },
    { "check", { "INSERT INTO t_err VALUES (3, -1)" }, ERR_SYNTAX },
    { "division", { "SELECT 1/0" }, ERR_SYNTAX },
    { "no such table", { "SELECT * FROM nowhere" }, ERR_INTERNAL },
    { "syntax", { "SELEC 1" }, ERR_INTERNAL },
    { "own not found", { "SELECT t_raise('HR404')" }, ERR_NOT_FOUND },
    { "own conflict", { "SELECT t_raise('HR412')" }, ERR_CONFLICT },
    { "own limit", { "SELECT t_raise('HR413')" }, ERR_LIMIT },
    { "serialization", { "SELECT t_raise('40001')" }, ERR_CONFLICT },
    { "lock timeout", { "SELECT t_raise('55P03')" }, ERR_TIMEOUT },
    { "statement timeout", { "SELECT t_raise('57014')" }, ERR_LIMIT },
};
static const struct db_stmt one_stmt = { "SELECT 1::int4" };

static void errors_body(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < COUNT_OF(error_cases); i++) {
        struct err e = ERR_CLEAR;
        struct db_rows *rows = NULL;
        bool ok = db_query(f->db, DB_READ, &error_cases[i].stmt, NULL, 0, &f->a, soon(), &rows, &e);
        if (ok || e.kind != error_cases[i].kind)
            fail_msg("%s gave %s: %s", error_cases[i].name, err_kind_name(e.kind), e.msg);
        /* What our functions raise may be told to users, who know no SQLSTATE. */
        if (str_has_prefix(str_from_cstr(error_cases[i].name), STR("own ")))
            assert_string_equal(e.msg, "as asked");
        /* The connection goes on, and again after the same failure. */
        assert_int_equal(db_int(query(f, &one_stmt, NULL, 0), 0, 0), 1);
        assert_false(
            db_query(f->db, DB_READ, &error_cases[i].stmt, NULL, 0, &f->a, soon(), &rows, &e));
    }
}

static void test_errors(void **state)
{
    (void)state;
    test_pg_start();
    test_pg_run("CREATE TABLE t_err (id int PRIMARY KEY, v int NOT NULL CHECK (v > 0));"
                "INSERT INTO t_err VALUES (1, 1);"
                "CREATE FUNCTION t_raise(state text) RETURNS void LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = state; END $$;");
    with_db(true, errors_body);
    with_db(false, errors_body);
    assert_int_equal(db_sqlstate_kind("99999"), ERR_INTERNAL);
    assert_int_equal(db_sqlstate_kind(""), ERR_INTERNAL);
}

/* ---- many fibers, with errors among them ---- */

enum {
    FIBERS = 1000
};

struct crowd {
    struct fixture *f;
    unsigned left;
    unsigned right; /* got what they should */
    unsigned order; /* answers so far */
    struct signal_point done;
};

struct member {
    struct crowd *crowd;
    int64_t i;
};

static const struct db_stmt crowd_stmt = { "SELECT 100 / ($1::int8 % 10), $1::int8" };

static void crowd_member(void *arg)
{
    struct member m = *(struct member *)arg;
    free(arg);
    struct arena a;
    arena_init(&a);
    struct err e = ERR_CLEAR;
    struct db_rows *rows = NULL;
    bool ok =
        db_query(m.crowd->f->db, DB_READ, &crowd_stmt, &DB_INT8(m.i), 1, &a, soon(), &rows, &e);
    if (m.i % 10 == 0) {
        m.crowd->right += !ok && e.kind == ERR_SYNTAX;
    } else {
        m.crowd->right += ok && db_int(rows, 0, 0) == 100 / (m.i % 10) && db_int(rows, 0, 1) == m.i;
    }
    arena_fini(&a);
    if (--m.crowd->left == 0)
        signal_point_all(&m.crowd->done);
}

static void crowd_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct crowd crowd = { .f = f, .left = FIBERS };
    signal_point_init(&crowd.done);
    for (int i = 0; i < FIBERS; i++) {
        struct member *m = HEAP_NEW(struct member);
        *m = (struct member){ &crowd, i };
        MUST(fiber_spawn(f->rt, "crowd", crowd_member, m, NULL, &e), e);
    }
    MUST(signal_point_wait(&crowd.done, soon(), &e), e);
    assert_int_equal(crowd.right, FIBERS);
}

static void test_crowd(void **state)
{
    (void)state;
    with_db(true, crowd_body);
    with_db(false, crowd_body);
}

/* ---- time ---- */

static const struct db_stmt sleep_stmt = { "SELECT pg_sleep($1::float8), 1::int4" };
static const struct db_stmt hold_stmt = { "SELECT pg_advisory_xact_lock(4711)" };
static const struct db_stmt wait_stmt = { "SELECT pg_advisory_xact_lock_shared(4711)" };

struct follower {
    struct fixture *f;
    int64_t answer;
    bool has_ended;
};

static void follow(void *arg)
{
    struct follower *w = arg;
    w->answer = db_int(ask(w->f, DB_AUTH, &nullable_stmt, &DB_INT4(77), 1), 0, 0);
    w->has_ended = true;
}

/* A caller that gives up leaves its query behind; the connection's later answers are not mixed
 * up. */
static void orphan_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_rows *rows = NULL;
    struct db_tx *holder = NULL;
    struct follower follower = { .f = f };
    /* With a connection at hand each is sent at once. */
    (void)ask(f, DB_AUTH, &nullable_stmt, &DB_INT4(76), 1);
    MUST(db_begin(f->db, DB_DELIVER, DB_READ_COMMITTED, soon(), &holder, &e), e);
    MUST(db_tx_query(holder, &hold_stmt, NULL, 0, &f->a, NULL, &e), e);
    test_pg_await(false); /* deadlines count */
    for (int i = 0; i < 2; i++) {
        assert_false(
            db_query(f->db, DB_AUTH, &wait_stmt, NULL, 0, &f->a, clock_deadline_in(50), &rows, &e));
        assert_int_equal(e.kind, ERR_TIMEOUT);
    }
    test_pg_await(true);
    /* This one stands behind the two orphans on the one connection of its class. */
    MUST(fiber_spawn(f->rt, "follower", follow, &follower, NULL, &e), e);
    (void)ask(f, DB_READ, &one_stmt, NULL, 0);
    assert_false(follower.has_ended);
    db_rollback(&holder);
    while (!follower.has_ended)
        MUST(fiber_sleep_until(clock_deadline_in(1), &e), e);
    assert_int_equal(follower.answer, 77);
}

struct victim {
    struct fixture *f;
    enum db_class class;
    bool has_ended;
    enum err_kind kind;
    struct signal_point ended;
};

static void sleeper(void *arg)
{
    struct victim *v = arg;
    struct err e = ERR_CLEAR;
    struct arena a;
    arena_init(&a);
    bool ok =
        db_query(v->f->db, v->class, &sleep_stmt, &DB_FLOAT8(20), 1, &a, DEADLINE_NONE, NULL, &e);
    v->kind = ok ? ERR_NONE : e.kind;
    v->has_ended = true;
    arena_fini(&a);
    signal_point_all(&v->ended);
}

static void cancel_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct victim v = { .f = f, .class = DB_READ };
    struct fiber *fiber = NULL;
    signal_point_init(&v.ended);
    MUST(fiber_spawn(f->rt, "victim", sleeper, &v, &fiber, &e), e);
    MUST(fiber_sleep_until(clock_deadline_in(50), &e), e);
    fiber_cancel(fiber);
    MUST(signal_point_wait(&v.ended, soon(), &e), e);
    assert_int_equal(v.kind, ERR_CANCELLED);
}

static void test_orphan(void **state)
{
    (void)state;
    with_db(true, orphan_body);
}

static void test_cancel(void **state)
{
    (void)state;
    with_db(true, cancel_body);
}

/* Classes have connections of their own: a slow search does not hold a login up. */
static void classes_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct db_rows *rows = NULL;
    struct victim search = { .f = f, .class = DB_SEARCH };
    struct fiber *fiber = NULL;
    signal_point_init(&search.ended);
    MUST(fiber_spawn(f->rt, "search", sleeper, &search, &fiber, &e), e);
    while (test_pg_number("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                          " AND query LIKE 'SELECT pg_sleep%'") == 0)
        MUST(fiber_sleep_until(clock_deadline_in(5), &e), e);
    MUST(db_query(f->db, DB_AUTH, &one_stmt, NULL, 0, &f->a, soon(), &rows, &e), e);
    assert_false(search.has_ended);
    fiber_cancel(fiber);
    MUST(signal_point_wait(&search.ended, soon(), &e), e);
    assert_int_equal(search.kind, ERR_CANCELLED);
}

static void test_classes(void **state)
{
    (void)state;
    with_db(true, classes_body);
}

static const struct db_stmt settings_stmt = {
    "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout'),"
    " current_setting('application_name')"
};

static void settings_body(void *arg)
{
    static const char *const timeouts[DB_CLASS_COUNT] = { "10s", "10s", "30s", "5s" };
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    for (unsigned i = 0; i < DB_CLASS_COUNT; i++) {
        struct db_rows *rows = NULL;
        MUST(db_query(f->db, (enum db_class)i, &settings_stmt, NULL, 0, &f->a, soon(), &rows, &e),
             e);
        assert_true(str_eq(db_str(rows, 0, 0), str_from_cstr(timeouts[i])));
        assert_true(str_eq(db_str(rows, 0, 1), STR("5s")));
        assert_true(str_eq(db_str(rows, 0, 2), STR("30s")));
        assert_true(str_eq(db_str(rows, 0, 3), STR("heronry")));
    }
}

static void test_settings(void **state)
{
    (void)state;
    with_db(true, settings_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),   cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_times),     cmocka_unit_test(test_null_then_value),
        cmocka_unit_test(test_big_value), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_crowd),     cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_cancel),    cmocka_unit_test(test_classes),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
