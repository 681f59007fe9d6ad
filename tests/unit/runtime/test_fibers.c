/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: turns, deadlines, cancellation, caps, stacks. Not the offload pool (test_work.c) and not
 * the drain (test_loop.c). */
#include "runtime/runtime_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sanitizer.h"

struct trace {
    char text[64];
    size_t n;
};

static void note(struct trace *t, char c)
{
    assert_true(t->n + 1 < sizeof(t->text));
    t->text[t->n++] = c;
}

struct letter {
    struct trace *trace;
    char c;
};

static void write_twice(void *arg)
{
    struct letter *l = arg;
    assert_non_null(fiber_current());
    assert_ptr_equal(fiber_runtime(), rt);
    note(l->trace, l->c);
    fiber_yield();
    note(l->trace, l->c);
}

static void test_fibers_take_turns(void **state)
{
    (void)state;
    struct trace t = { .n = 0 };
    struct letter a = { &t, 'a' };
    struct letter b = { &t, 'b' };
    spawn(write_twice, &a);
    spawn(write_twice, &b);
    assert_null(fiber_current());
    runtime_run(rt);
    assert_string_equal(t.text, "abab");
    assert_null(fiber_current());
}

static void spawn_child(void *arg)
{
    struct letter *l = arg;
    spawn(write_twice, l);
    note(l->trace, '(');
    fiber_yield();
    fiber_yield();
    note(l->trace, ')');
}

static void test_a_spawned_fiber_starts_in_a_later_round(void **state)
{
    (void)state;
    struct trace t = { .n = 0 };
    struct letter a = { &t, 'a' };
    spawn(spawn_child, &a);
    runtime_run(rt);
    assert_string_equal(t.text, "(aa)");
}

struct sleeper {
    int64_t ms;
    int64_t command_ms; /* 0 = no deadline of the command */
    bool ok;
    enum err_kind kind;
    int64_t took_ms;
};

static void sleep_once(void *arg)
{
    struct sleeper *s = arg;
    struct err e = ERR_CLEAR;
    int64_t start = clock_monotonic_ms();
    if (s->command_ms)
        assert_true(fiber_set_deadline(start + s->command_ms) == DEADLINE_NONE);
    s->ok = fiber_sleep_until(start + s->ms, &e);
    s->kind = e.kind;
    s->took_ms = clock_monotonic_ms() - start;
}

static void test_sleep_ends_at_its_time(void **state)
{
    (void)state;
    struct sleeper s[] = { { .ms = 30 }, { .ms = 10 }, { .ms = 0 }, { .ms = -5 } };
    for (size_t i = 0; i < COUNT_OF(s); i++)
        spawn(sleep_once, &s[i]);
    runtime_run(rt);
    for (size_t i = 0; i < COUNT_OF(s); i++) {
        assert_true(s[i].ok);
        assert_true(s[i].took_ms >= s[i].ms && s[i].took_ms < s[i].ms + 20000);
    }
}

static void test_the_deadline_of_the_command_ends_a_sleep(void **state)
{
    (void)state;
    struct sleeper s = { .ms = 10000, .command_ms = 10 };
    spawn(sleep_once, &s);
    runtime_run(rt);
    assert_false(s.ok);
    assert_int_equal(s.kind, ERR_TIMEOUT);
    assert_true(s.took_ms < 5000);
}

static void cancel_it(void *arg)
{
    fiber_cancel(arg);
}

static void test_cancel_ends_a_sleep(void **state)
{
    (void)state;
    struct sleeper s = { .ms = 10000 };
    struct fiber *f = spawn(sleep_once, &s);
    spawn(cancel_it, f);
    runtime_run(rt);
    assert_false(s.ok);
    assert_int_equal(s.kind, ERR_CANCELLED);
}

static void wait_until_cancelled_twice(void *arg)
{
    unsigned *failures = arg;
    struct err e = ERR_CLEAR;
    fiber_cancel(fiber_current());
    assert_true(fiber_is_cancelled());
    *failures += fiber_sleep_until(clock_deadline_in(10000), &e) ? 0 : 1;
    fiber_yield(); /* is no wait: must still come back */
    *failures += fiber_sleep_until(clock_deadline_in(10000), &e) ? 0 : 1;
}

static void test_a_cancelled_fiber_fails_every_wait(void **state)
{
    (void)state;
    unsigned failures = 0;
    spawn(wait_until_cancelled_twice, &failures);
    int64_t start = clock_monotonic_ms();
    runtime_run(rt);
    assert_int_equal(failures, 2);
    assert_true(clock_monotonic_ms() - start < 5000);
}

struct pipe_reader {
    int fd;
    int64_t deadline_ms;
    bool ok;
    unsigned ready;
    enum err_kind kind;
};

static void read_pipe(void *arg)
{
    struct pipe_reader *r = arg;
    struct err e = ERR_CLEAR;
    r->ok = fiber_wait_fd(r->fd, FIBER_READ, r->deadline_ms, &r->ready, &e);
    r->kind = e.kind;
}

static void write_pipe(void *arg)
{
    assert_int_equal(write(*(int *)arg, "x", 1), 1);
}

static void test_wait_fd(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct pipe_reader late = { .fd = ends[0], .deadline_ms = clock_deadline_in(10) };
    spawn(read_pipe, &late);
    runtime_run(rt);
    assert_false(late.ok);
    assert_int_equal(late.kind, ERR_TIMEOUT);

    struct pipe_reader r = { .fd = ends[0], .deadline_ms = clock_deadline_in(5000) };
    spawn(read_pipe, &r);
    spawn(write_pipe, &ends[1]);
    runtime_run(rt);
    assert_true(r.ok);
    assert_int_equal(r.ready, FIBER_READ);

    /* Readiness wins over a deadline that passed before the wait. */
    struct pipe_reader past = { .fd = ends[0], .deadline_ms = clock_monotonic_ms() - 1000 };
    spawn(read_pipe, &past);
    runtime_run(rt);
    assert_true(past.ok);
    close(ends[0]);
    close(ends[1]);
}

enum {
    MANY =
#ifdef RUNTIME_TSAN
        500 /* ThreadSanitizer counts fibers as threads, of which it knows 8,000 */
#else
        10000
#endif
};

static void test_many_sleeping_fibers(void **state)
{
    (void)state;
    static struct sleeper sleepers[MANY];
    for (size_t i = 0; i < MANY; i++) {
        sleepers[i] = (struct sleeper){ .ms = (int64_t)(i * 7 % 50) };
        spawn(sleep_once, &sleepers[i]);
    }
    runtime_run(rt);
    for (size_t i = 0; i < MANY; i++)
        assert_true(sleepers[i].ok);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void test_the_cap_of_fibers(void **state)
{
    (void)state;
    struct runtime_options o = { .max_fibers = 3 };
    struct err e = ERR_CLEAR;
    struct runtime *small = runtime_new(&o, &e);
    assert_non_null(small);
    for (int i = 0; i < 3; i++)
        assert_true(fiber_spawn(small, "test", do_nothing, NULL, NULL, &e));
    assert_false(fiber_spawn(small, "test", do_nothing, NULL, NULL, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    runtime_run(small);
    e = ERR_CLEAR;
    assert_true(fiber_spawn(small, "test", do_nothing, NULL, NULL, &e));
    runtime_run(small);
    runtime_free(&small);
}

/* Leaves a deep frame behind by ending inside of it, so that a reused stack has old poison. */
static __attribute__((noinline)) unsigned use_stack(unsigned depth)
{
    volatile char bytes[512];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)depth;
    if (depth == 0) {
        fiber_yield();
        return (unsigned char)bytes[7];
    }
    return use_stack(depth - 1) + (unsigned char)bytes[sizeof(bytes) - 1];
}

static void use_some_stack(void *arg)
{
    unsigned *sum = arg;
    *sum += use_stack(*sum % 2 ? 200 : 3);
}

static void test_stacks_are_reused(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        unsigned sums[20];
        for (unsigned i = 0; i < COUNT_OF(sums); i++) {
            sums[i] = i;
            spawn(use_some_stack, &sums[i]);
        }
        runtime_run(rt);
        for (unsigned i = 0; i < COUNT_OF(sums); i++)
            assert_true(sums[i] > i);
    }
}

static void signal_waiter(void *arg)
{
    struct err e = ERR_CLEAR;
    assert_true(signal_point_wait(arg, DEADLINE_NONE, &e));
}

struct point_user {
    struct signal_point *point;
    struct trace *trace;
    char name;
    int64_t wait_ms;
};

static void wait_at_point(void *arg)
{
    struct point_user *u = arg;
    struct err e = ERR_CLEAR;
    bool ok = signal_point_wait(u->point, clock_deadline_in(u->wait_ms), &e);
    note(u->trace, ok ? u->name : '-');
}

static void signal_one_then_all(void *arg)
{
    struct point_user *u = arg;
    signal_point_one(u->point);
    fiber_yield();
    note(u->trace, '|');
    signal_point_all(u->point);
    note(u->trace, '!'); /* they run in a later round, not now */
}

static void test_signal_points(void **state)
{
    (void)state;
    struct signal_point point;
    signal_point_init(&point);
    struct trace t = { .n = 0 };
    struct point_user users[] = {
        { &point, &t, 'a', 5000 },
        { &point, &t, 'b', 5000 },
        { &point, &t, 'c', 5000 },
    };
    for (size_t i = 0; i < COUNT_OF(users); i++)
        spawn(wait_at_point, &users[i]);
    spawn(signal_one_then_all, &users[0]);
    runtime_run(rt);
    assert_string_equal(t.text, "a|!bc");

    struct point_user late = { &point, &t, 'd', 5 };
    spawn(wait_at_point, &late);
    runtime_run(rt);
    assert_string_equal(t.text, "a|!bc-");
    signal_point_one(&point); /* for nobody: not remembered */
    spawn(wait_at_point, &late);
    runtime_run(rt);
    assert_string_equal(t.text, "a|!bc--");
}

static void test_nothing_to_wait_for_ends_the_run(void **state)
{
    (void)state;
    struct signal_point point;
    signal_point_init(&point);
    spawn(signal_waiter, &point);
    runtime_run(rt); /* the fiber waits for ever; runtime_free abandons it */
}

struct gate_user {
    struct semaphore *gate;
    unsigned *inside;
    unsigned *most;
    bool entered;
    int64_t wait_ms;
    enum err_kind kind;
};

static void pass_gate(void *arg)
{
    struct gate_user *u = arg;
    struct err e = ERR_CLEAR;
    u->entered = semaphore_acquire(u->gate, clock_deadline_in(u->wait_ms), &e);
    u->kind = e.kind;
    if (!u->entered)
        return;
    if (++*u->inside > *u->most)
        *u->most = *u->inside;
    assert_true(fiber_sleep_until(clock_deadline_in(20), &e));
    --*u->inside;
    semaphore_release(u->gate);
}

static void test_semaphore(void **state)
{
    (void)state;
    struct semaphore gate;
    semaphore_init(&gate, 2);
    unsigned inside = 0;
    unsigned most = 0;
    struct gate_user users[6];
    for (size_t i = 0; i < COUNT_OF(users); i++) {
        users[i] = (struct gate_user){ &gate, &inside, &most, false, 5000, ERR_NONE };
        if (i == 3)
            users[i].wait_ms = 5;
        struct fiber *f = spawn(pass_gate, &users[i]);
        if (i == 4)
            fiber_cancel(f);
    }
    runtime_run(rt);
    for (size_t i = 0; i < COUNT_OF(users); i++)
        assert_int_equal(users[i].entered, i != 3 && i != 4);
    assert_int_equal(users[3].kind, ERR_TIMEOUT);
    assert_int_equal(users[4].kind, ERR_CANCELLED);
    assert_int_equal(most, 2);
    assert_int_equal(inside, 0);
    assert_int_equal(gate.free, 2);
    assert_int_equal(gate.waiting, 0);
}

static void yield_where_forbidden(void *arg)
{
    (void)arg;
    fiber_forbid_yield();
    fiber_forbid_yield();
    fiber_allow_yield();
    fiber_yield();
}

static __attribute__((noinline)) int fall_deep(int depth)
{
    volatile char bytes[1024];
    bytes[0] = (char)depth;
    return depth < 1000000 ? fall_deep(depth + 1) + (int)bytes[0] : 0;
}

static void fall_off_the_stack(void *arg)
{
    *(int *)arg = fall_deep(0);
}

/* Runs fn as a fiber in a child; gives how the child ended and what it said. */
static int run_in_child(fiber_fn fn, char *said, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int result = 0;
        struct err e = ERR_CLEAR;
        dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka's */
        (void)signal(SIGABRT, SIG_DFL);
        struct runtime *own = runtime_new(NULL, &e);
        if (own && fiber_spawn(own, "child", fn, &result, NULL, &e))
            runtime_run(own);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < size && (got = read(ends[0], said + n, size - n - 1)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_a_forbidden_yield_is_a_broken_invariant(void **state)
{
    (void)state;
    char said[2048];
    int status = run_in_child(yield_where_forbidden, said, sizeof(said));
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(said, "yields_forbidden"));
}

static void test_a_stack_overflow_is_told(void **state)
{
    (void)state;
    char said[2048];
    int status = run_in_child(fall_off_the_stack, said, sizeof(said));
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#if !defined(RUNTIME_ASAN) && !defined(RUNTIME_TSAN)
    assert_non_null(strstr(said, "stack overflow in fiber child"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fibers_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_spawned_fiber_starts_in_a_later_round, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sleep_ends_at_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deadline_of_the_command_ends_a_sleep, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_ends_a_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cancelled_fiber_fails_every_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wait_fd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_sleeping_fibers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_cap_of_fibers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stacks_are_reused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signal_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_wait_for_ends_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_semaphore, set_up, tear_down),
        cmocka_unit_test(test_a_forbidden_yield_is_a_broken_invariant),
        cmocka_unit_test(test_a_stack_overflow_is_told),
    };
    return cmocka_run_group_tests_name("runtime/fibers", tests, NULL, NULL);
}
