/* SPDX-License-Identifier: Apache-2.0 */
/* Leases and node ids on a real database. */
#include "cluster/cluster.h"

#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    LONG_MS = 20000,
    LEASE_MS = 60000
};

#define DO(call)                                              \
    do {                                                      \
        struct err e = ERR_CLEAR;                             \
        if (!(call))                                          \
            fail_msg("%s: %s", err_kind_name(e.kind), e.msg); \
    } while (0)

static int64_t soon(void)
{
    return clock_deadline_in(LONG_MS);
}

static int64_t acquire(struct db *db, const char *name, const char *owner, int64_t ms)
{
    int64_t token = -1;
    DO(cluster_lease_acquire(db, str_from_cstr(name), str_from_cstr(owner), ms, soon(), &token,
                             &e));
    return token;
}

static void leases(void *arg)
{
    struct db *db = arg;
    int64_t first = acquire(db, "job", "a", LEASE_MS);
    assert_true(first > 0);
    assert_int_equal(acquire(db, "job", "a", LEASE_MS), first); /* extended */
    assert_int_equal(acquire(db, "job", "b", LEASE_MS), 0);
    assert_true(acquire(db, "other job", "b", LEASE_MS) > 0);
    DO(cluster_lease_release(db, STR("job"), STR("b"), soon(), &e)); /* not b's: no effect */
    assert_int_equal(acquire(db, "job", "b", LEASE_MS), 0);
    DO(cluster_lease_release(db, STR("job"), STR("a"), soon(), &e));
    int64_t second = acquire(db, "job", "b", 1);
    assert_true(second > first);
    test_pg_run("SELECT pg_sleep(0.01)");
    int64_t third = acquire(db, "job", "a", LEASE_MS);
    assert_true(third > second); /* it ended by itself */
    /* The clock went back by a day (R12): the lease does not last for that long. */
    test_pg_run("UPDATE job_lease SET until = now() + interval '1 day' WHERE name = 'job'");
    assert_true(acquire(db, "job", "b", LEASE_MS) > third);
    assert_int_equal(acquire(db, "job", "a", LEASE_MS), 0);
}

static void nodes(void *arg)
{
    bool taken[CLUSTER_NODES] = { false };
    struct db *db = arg;
    unsigned node;
    unsigned last = 0;
    for (int i = 0; i < 50; i++) {
        char owner[32];
        int n = snprintf(owner, sizeof(owner), "process %d", i);
        DO(cluster_node_claim(db, str_of(owner, (size_t)n), LEASE_MS, soon(), &node, &e));
        assert_in_range(node, 0, CLUSTER_NODES - 1);
        assert_false(taken[node]);
        taken[node] = true;
        last = node;
    }
    DO(cluster_node_extend(db, last, STR("process 49"), LEASE_MS, soon(), &e));
    struct err lost = ERR_CLEAR;
    assert_false(cluster_node_extend(db, last, STR("another"), LEASE_MS, soon(), &lost));
    assert_int_equal(lost.kind, ERR_CONFLICT);
    test_pg_run("INSERT INTO job_lease (name, owner, until) SELECT 'node-' || n, 'x', "
                "now() + interval '1 hour' FROM generate_series(0, 1023) n "
                "ON CONFLICT (name) DO UPDATE SET until = EXCLUDED.until");
    lost = ERR_CLEAR;
    assert_false(cluster_node_claim(db, STR("late"), LEASE_MS, soon(), &node, &lost));
    assert_int_equal(lost.kind, ERR_LIMIT);
    test_pg_run("UPDATE job_lease SET until = now() - interval '1 s' WHERE name = 'node-77'");
    DO(cluster_node_claim(db, STR("late"), LEASE_MS, soon(), &node, &e));
    assert_int_equal(node, 77);
}

static void with_db(fiber_fn fn)
{
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    struct db *db = db_new(rt, &(struct db_options){ .conninfo = test_pg_start_migrated() });
    in_fiber_run_to_end(rt, fn, db);
    db_free(&db);
    runtime_free(&rt);
}

static void test_leases(void **state)
{
    (void)state;
    with_db(leases);
}

static void test_nodes(void **state)
{
    (void)state;
    with_db(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leases),
        cmocka_unit_test(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
