/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations on a real database: order, failure, change, two at once, a newer program. */
#include "schema/schema.h"

#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    LONG_MS = 20000
};

/* What cmake/migrations.cmake writes before the text of a file. */
#define SCRIPT(version, name, checksum, text)                                                 \
    "SELECT pg_advisory_xact_lock(5210318741); INSERT INTO schema_migration (version, name, " \
    "checksum) VALUES (" version ", '" name "', '" checksum "');" text

static const struct schema_migration list[] = {
    { 1, "one", "c1", SCRIPT("1", "one", "c1", "CREATE TABLE one (a int);") },
    { 2, "two", "c2",
      SCRIPT("2", "two", "c2", "INSERT INTO one VALUES (1); SELECT pg_sleep(0.2)") },
    { 3, "three", "c3", SCRIPT("3", "three", "c3", "INSERT INTO one VALUES (2); SELECT 1/0") },
};
static const struct schema_migration repaired[] = {
    { 1, "one", "c1", "unused" },
    { 2, "two", "c2", "unused" },
    { 3, "three", "c3b", SCRIPT("3", "three", "c3b", "INSERT INTO one VALUES (3)") },
};
static const struct schema_migration changed[] = {
    { 1, "one", "other", "unused" },
    { 4, "four", "c4", SCRIPT("4", "four", "c4", "INSERT INTO one VALUES (4)") },
};

struct run {
    struct runtime *rt;
    struct db *db;
    struct arena a;
    const struct schema_migration *list;
    size_t n;
    bool ok;
    size_t applied;
    struct err err;
    struct schema_states states;
};

static void migrate(void *arg)
{
    struct run *r = arg;
    r->ok = schema_migrate(r->db, r->list, r->n, clock_deadline_in(LONG_MS), &r->applied, &r->err);
}

static void compare(void *arg)
{
    struct run *r = arg;
    r->ok = schema_compare(r->db, r->list, r->n, &r->a, clock_deadline_in(LONG_MS), &r->states,
                           &r->err);
}

static void run_with(struct run *r, const struct schema_migration *migrations, size_t n,
                     fiber_fn fn)
{
    r->list = migrations;
    r->n = n;
    r->err = ERR_CLEAR;
    in_fiber_run(r->rt, fn, r);
}

static int setup(void **state)
{
    struct run *r = HEAP_NEW(struct run);
    struct err e = ERR_CLEAR;
    r->rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    r->db = db_new(r->rt, &(struct db_options){ .conninfo = test_pg_start() });
    arena_init(&r->a);
    test_pg_run("DROP TABLE IF EXISTS one, schema_migration");
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct run *r = *state;
    arena_fini(&r->a);
    db_free(&r->db);
    runtime_free(&r->rt);
    free(r);
    return 0;
}

static void test_applies_in_order_and_once(void **state)
{
    struct run *r = *state;
    run_with(r, list, 2, migrate);
    assert_true(r->ok);
    assert_int_equal(r->applied, 2);
    run_with(r, list, 2, migrate);
    assert_true(r->ok);
    assert_int_equal(r->applied, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM one"), 1);
}

/* The failed one leaves nothing, those before it stay; the repaired one goes in later. */
static void test_a_failure_is_one_transaction(void **state)
{
    struct run *r = *state;
    run_with(r, list, 3, migrate);
    assert_false(r->ok);
    assert_int_equal(r->applied, 2);
    assert_non_null(strstr(r->err.msg, "0003 (three)"));
    assert_int_equal(test_pg_number("SELECT count(*) FROM one"), 1);
    run_with(r, repaired, 3, migrate);
    assert_true(r->ok);
    assert_int_equal(r->applied, 1);
    assert_int_equal(test_pg_number("SELECT max(a) FROM one"), 3);
}

static void test_a_changed_one_stops_everything(void **state)
{
    struct run *r = *state;
    run_with(r, list, 2, migrate);
    run_with(r, changed, 2, migrate);
    assert_false(r->ok);
    assert_int_equal(r->err.kind, ERR_UNSUPPORTED);
    assert_int_equal(test_pg_number("SELECT count(*) FROM schema_migration"), 2);
}

static void test_compares_with_a_newer_and_an_older_program(void **state)
{
    struct run *r = *state;
    run_with(r, list, 1, compare);
    assert_true(r->ok);
    assert_int_equal(r->states.n, 1);
    assert_false(r->states.list[0].is_applied);
    run_with(r, list, 2, migrate);
    run_with(r, changed, 2, compare);
    assert_int_equal(r->states.n, 3);
    assert_true(r->states.list[0].is_known && r->states.list[0].is_changed);
    assert_true(!r->states.list[1].is_known && r->states.list[1].is_applied);
    assert_true(str_eq(r->states.list[1].name, STR("two")));
    assert_true(r->states.list[1].applied_at_us > 0);
    assert_true(r->states.list[2].is_known && !r->states.list[2].is_applied);
    run_with(r, list, 1, migrate);
    assert_true(r->ok); /* what a newer program applied is left alone */
}

/* Two processes start at once: both succeed, each migration is applied by one of them. */
static void test_two_at_once(void **state)
{
    struct run *r = *state;
    struct run one = *r;
    struct run other = *r;
    struct err e = ERR_CLEAR;
    one.list = other.list = list;
    one.n = other.n = 2;
    other.db = db_new(r->rt, &(struct db_options){ .conninfo = test_pg_start() });
    assert_true(fiber_spawn(r->rt, "other", migrate, &other, NULL, &e));
    in_fiber_run(r->rt, migrate, &one);
    for (int i = 0; i < 1000 && !other.ok && other.err.kind == ERR_NONE; i++)
        in_fiber_run(r->rt, compare, &one);
    arena_fini(&one.a);
    assert_true(one.ok);
    assert_true(other.ok);
    assert_int_equal(one.applied + other.applied, 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM one"), 1);
    db_free(&other.db);
}

static void test_those_of_this_program(void **state)
{
    struct run *r = *state;
    size_t n;
    const struct schema_migration *ours = schema_migrations(&n);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ours[i].version, i + 1);
        assert_int_equal(strlen(ours[i].checksum), 64);
    }
    run_with(r, ours, n, migrate);
    if (!r->ok)
        fail_msg("%s", r->err.msg);
    assert_int_equal(r->applied, n);
    run_with(r, ours, n, migrate);
    assert_int_equal(r->applied, 0);
}

/* Who removes an index takes a stronger lock than who makes one: whoever reads the table and writes
 * to it next, while old programs run, would wait for the one and be waited for by the other. */
static void test_strong_locks_first(void **state)
{
    size_t n;
    const struct schema_migration *ours = schema_migrations(&n);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const char *made = strstr(ours[i].script, "\nCREATE INDEX ");
        if (made && strstr(made, "\nDROP INDEX ")) {
            fail_msg("%04d_%s: an index is removed behind one that is made", ours[i].version,
                     ours[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_applies_in_order_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_is_one_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_changed_one_stops_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compares_with_a_newer_and_an_older_program, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_two_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_those_of_this_program, setup, teardown),
        cmocka_unit_test(test_strong_locks_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
