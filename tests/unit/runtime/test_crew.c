/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks side by side: that they are, where they end, what comes of failures and cancellation. */
#include "runtime/runtime_fixture.h"

#include "runtime/crew.h"

enum {
    N = 12
};

struct shared {
    struct signal_point point;
    unsigned running;
    unsigned most_running;
    unsigned begun;
    unsigned ended;
    enum err_kind kind; /* how crew_run ended */
    struct fiber *caller;
};

struct job {
    struct shared *shared;
    bool waits; /* until it is cancelled */
    bool fails;
};

static YIELDS bool do_job(void *arg, struct err *e)
{
    const struct job *j = arg;
    struct shared *s = j->shared;
    bool ok = true;
    s->begun++;
    s->most_running = ++s->running > s->most_running ? s->running : s->most_running;
    if (j->waits) {
        ok = signal_point_wait(&s->point, DEADLINE_NONE, e);
    } else if (fiber_current()) {
        fiber_yield();
    }
    s->running--;
    s->ended++;
    return ok && (!j->fails || ERR(e, ERR_CONFLICT, "it was to fail"));
}

struct scene {
    struct shared shared;
    struct job jobs[N];
    struct crew_task tasks[N];
};

static void init(struct scene *s)
{
    *s = (struct scene){ .shared = { .kind = ERR_INTERNAL } };
    signal_point_init(&s->shared.point);
    for (size_t i = 0; i < N; i++) {
        s->jobs[i].shared = &s->shared;
        s->tasks[i] = (struct crew_task){ do_job, &s->jobs[i] };
    }
}

static YIELDS void run_scene(void *arg)
{
    struct scene *s = arg;
    struct err e = ERR_CLEAR;
    s->shared.caller = fiber_current();
    bool ok = crew_run(s->tasks, N, &e);
    assert_int_equal(s->shared.running, 0);
    s->shared.kind = ok ? ERR_NONE : e.kind;
}

static void test_a_few_at_a_time(void **state)
{
    (void)state;
    struct scene s;
    init(&s);
    spawn(run_scene, &s);
    runtime_run(rt);
    assert_int_equal(s.shared.kind, ERR_NONE);
    assert_int_equal(s.shared.ended, N);
    assert_int_equal(s.shared.most_running, CREW_MAX);
}

static void test_outside_of_fibers(void **state)
{
    (void)state;
    struct scene s;
    init(&s);
    run_scene(&s);
    assert_int_equal(s.shared.kind, ERR_NONE);
    assert_int_equal(s.shared.ended, N);
    assert_int_equal(s.shared.most_running, 1);
}

static void test_a_failure_ends_it(void **state)
{
    (void)state;
    struct scene s;
    init(&s);
    s.jobs[1].fails = true;
    spawn(run_scene, &s);
    runtime_run(rt);
    assert_int_equal(s.shared.kind, ERR_CONFLICT);
    assert_int_equal(s.shared.ended, s.shared.begun);
    assert_true(s.shared.begun < N);
}

static void cancel_caller(void *arg)
{
    struct scene *s = arg;
    while (s->shared.running < CREW_MAX)
        fiber_yield();
    fiber_cancel(s->shared.caller);
}

static void test_cancelling_the_caller_ends_all(void **state)
{
    (void)state;
    struct scene s;
    init(&s);
    for (size_t i = 0; i < N; i++)
        s.jobs[i].waits = true;
    spawn(run_scene, &s);
    spawn(cancel_caller, &s);
    runtime_run(rt);
    assert_int_equal(s.shared.kind, ERR_CANCELLED);
    assert_int_equal(s.shared.begun, CREW_MAX);
}

static YIELDS void run_hurried(void *arg)
{
    fiber_set_deadline(clock_deadline_in(20));
    run_scene(arg);
}

static void test_the_deadline_of_the_command_holds_for_all(void **state)
{
    (void)state;
    struct scene s;
    init(&s);
    for (size_t i = 0; i < N; i++)
        s.jobs[i].waits = true;
    spawn(run_hurried, &s);
    runtime_run(rt);
    assert_int_equal(s.shared.kind, ERR_TIMEOUT);
    assert_int_equal(s.shared.begun, CREW_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_few_at_a_time, set_up, tear_down),
        cmocka_unit_test(test_outside_of_fibers),
        cmocka_unit_test_setup_teardown(test_a_failure_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelling_the_caller_ends_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deadline_of_the_command_holds_for_all, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("runtime/crew", tests, NULL, NULL);
}
