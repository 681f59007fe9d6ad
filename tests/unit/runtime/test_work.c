/* SPDX-License-Identifier: Apache-2.0 */
/* The offload pool: results, the full line, and above all jobs whose waiter is gone. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

static struct runtime *rt;
static unsigned n_done;
static atomic_uint n_begun;
static atomic_uint n_ran;

static int set_up(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct runtime_options o = { .pool_threads = 2, .pool_queue = 4 };
    rt = runtime_new(&o, &e);
    n_done = 0;
    n_begun = n_ran = 0;
    return rt ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    runtime_free(&rt);
    return 0;
}

static atomic_bool is_held; /* no job ends */

struct sum {
    struct work work;
    unsigned upto;
    useconds_t wait_us;
    unsigned long result;
};

static void add_up(struct work *job)
{
    struct sum *s = CONTAINER_OF(job, struct sum, work);
    atomic_fetch_add(&n_begun, 1);
    while (atomic_load(&is_held))
        usleep(1000);
    if (s->wait_us)
        usleep(s->wait_us);
    for (unsigned i = 1; i <= s->upto; i++)
        s->result += i;
    atomic_fetch_add(&n_ran, 1);
}

static void free_sum(struct work *job)
{
    n_done++;
    free(CONTAINER_OF(job, struct sum, work));
}

struct user {
    unsigned upto;
    useconds_t wait_us;
    int64_t deadline_ms; /* from the start; 0 = none */
    bool ok;
    enum err_kind kind;
    unsigned long result;
};

static void use_pool(void *arg)
{
    struct user *u = arg;
    struct err e = ERR_CLEAR;
    struct sum *s = HEAP_NEW(struct sum);
    s->work.run = add_up;
    s->work.done = free_sum;
    s->upto = u->upto;
    s->wait_us = u->wait_us;
    u->ok =
        work_run(&s->work, u->deadline_ms ? clock_deadline_in(u->deadline_ms) : DEADLINE_NONE, &e);
    u->kind = e.kind;
    if (!u->ok)
        return;
    u->result = s->result;
    work_finish(&s->work);
}

static struct fiber *spawn(fiber_fn fn, void *arg)
{
    struct err e = ERR_CLEAR;
    struct fiber *f = NULL;
    assert_true(fiber_spawn(rt, "test", fn, arg, &f, &e));
    return f;
}

static void test_results_come_back(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct user users[4];
        for (unsigned i = 0; i < COUNT_OF(users); i++) {
            users[i] = (struct user){ .upto = i * 10 };
            spawn(use_pool, &users[i]);
        }
        runtime_run(rt);
        for (unsigned i = 0; i < COUNT_OF(users); i++) {
            assert_true(users[i].ok);
            assert_int_equal(users[i].result, i * 10 * (i * 10 + 1) / 2);
        }
    }
    assert_int_equal(n_done, 200);
}

/* After those that were spawned before it have begun to wait. */
static void let_go(void *arg)
{
    (void)arg;
    atomic_store(&is_held, false);
}

static void test_a_full_line_is_a_limit(void **state)
{
    (void)state;
    struct user users[12];
    atomic_store(&is_held, true);
    for (unsigned i = 0; i < COUNT_OF(users); i++) {
        users[i] = (struct user){ .upto = 3 };
        spawn(use_pool, &users[i]);
    }
    spawn(let_go, NULL);
    runtime_run(rt);
    unsigned refused = 0;
    for (unsigned i = 0; i < COUNT_OF(users); i++) {
        if (users[i].ok) {
            assert_int_equal(users[i].result, 6);
            continue;
        }
        assert_int_equal(users[i].kind, ERR_LIMIT);
        refused++;
    }
    /* Two may be taken by a thread while the line fills. */
    assert_in_range(refused, 6, 8);
    assert_int_equal(n_done, COUNT_OF(users));
}

static void cancel_soon(void *arg)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(10), &e));
    fiber_cancel(arg);
}

static void let_go_of_those_left(void *arg)
{
    const struct user *const *gone = arg;
    struct err e = ERR_CLEAR;
    while (gone[0]->kind == ERR_NONE || gone[1]->kind == ERR_NONE)
        assert_true(fiber_sleep_until(clock_deadline_in(1), &e));
    atomic_store(&is_held, false);
}

static void give_up_twice(void)
{
    struct user late = { .wait_us = 20000, .deadline_ms = 5 };
    struct user cancelled = { .wait_us = 20000 };
    const struct user *both[2] = { &late, &cancelled };
    atomic_store(&is_held, true);
    n_begun = n_ran = n_done = 0;
    spawn(use_pool, &late);
    spawn(cancel_soon, spawn(use_pool, &cancelled));
    spawn(let_go_of_those_left, both);
    runtime_run(rt); /* ends when the pool has ended its jobs */
    assert_false(late.ok);
    assert_int_equal(late.kind, ERR_TIMEOUT);
    assert_false(cancelled.ok);
    assert_int_equal(cancelled.kind, ERR_CANCELLED);
    assert_int_equal(n_ran, n_begun);
    assert_int_equal(n_done, 2);
}

/* On a machine that is busy a thread may come too late for one of the jobs, which is taken back. */
static void test_a_waiter_that_gives_up_leaves_its_job(void **state)
{
    (void)state;
    for (int i = 0; i < 200 && n_begun < 2; i++)
        give_up_twice();
    assert_int_equal(n_begun, 2);
}

static void test_a_job_not_begun_is_taken_back(void **state)
{
    (void)state;
    struct user busy[2] = { { .upto = 1 }, { .upto = 1 } };
    struct user late = { .deadline_ms = 5 };
    const struct user *gone[2] = { &late, &late };
    atomic_store(&is_held, true);
    spawn(use_pool, &busy[0]);
    spawn(use_pool, &busy[1]);
    spawn(use_pool, &late);
    spawn(let_go_of_those_left, gone);
    runtime_run(rt);
    assert_true(busy[0].ok && busy[1].ok);
    assert_int_equal(late.kind, ERR_TIMEOUT);
    assert_int_equal(n_ran, 2);
    assert_int_equal(n_done, 3);
}

static void test_a_cancelled_fiber_does_not_start_work(void **state)
{
    (void)state;
    struct user u = { .upto = 3 };
    fiber_cancel(spawn(use_pool, &u));
    runtime_run(rt);
    assert_int_equal(u.kind, ERR_CANCELLED);
    assert_int_equal(n_done, 1);
}

static void stop_soon(void *arg)
{
    (void)arg;
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(5), &e));
    runtime_stop(rt);
}

static void test_the_end_of_the_runtime_ends_the_jobs(void **state)
{
    (void)state;
    static struct user users[5];
    for (unsigned i = 0; i < COUNT_OF(users); i++) {
        users[i] = (struct user){ .wait_us = 30000 };
        spawn(use_pool, &users[i]);
    }
    spawn(stop_soon, NULL);
    runtime_run(rt);
    runtime_free(&rt);
    assert_int_equal(n_done, COUNT_OF(users));
}

/* Deadlines around the time that a job needs: whichever comes first, done() is called once. */
static void test_races_of_deadline_and_result(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        struct user users[4];
        for (unsigned i = 0; i < COUNT_OF(users); i++) {
            users[i] = (struct user){ .wait_us = 2000, .deadline_ms = 1 + i % 4 };
            spawn(use_pool, &users[i]);
        }
        runtime_run(rt);
        assert_int_equal(n_done, (round + 1) * COUNT_OF(users));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_results_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_line_is_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_waiter_that_gives_up_leaves_its_job, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_job_not_begun_is_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cancelled_fiber_does_not_start_work, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_runtime_ends_the_jobs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_races_of_deadline_and_result, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("runtime/work", tests, NULL, NULL);
}
