/* SPDX-License-Identifier: Apache-2.0 */
/* The loop itself: timers, watches, posts from threads, signals, stop, drain, lag. */
#include "runtime/runtime_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct alarm {
    struct timer timer;
    int64_t at_ms;
    int64_t *last_ms;
    unsigned rings;
};

static void ring(void *arg)
{
    struct alarm *a = arg;
    assert_false(timer_is_armed(&a->timer));
    assert_null(fiber_current());
    assert_true(clock_monotonic_ms() >= a->at_ms);
    assert_true(a->at_ms >= *a->last_ms);
    *a->last_ms = a->at_ms;
    a->rings++;
}

static void test_timers_ring_in_order(void **state)
{
    (void)state;
    static struct alarm alarms[300];
    int64_t last = 0;
    int64_t now = clock_monotonic_ms();
    for (unsigned i = 0; i < COUNT_OF(alarms); i++) {
        alarms[i] = (struct alarm){ .last_ms = &last };
        timer_init(&alarms[i].timer, ring, &alarms[i]);
        alarms[i].at_ms = now + 60000 + (int64_t)(i * 7919 % 31);
        timer_start(rt, &alarms[i].timer, alarms[i].at_ms);
        alarms[i].at_ms -= 59990;
        timer_start(rt, &alarms[i].timer, alarms[i].at_ms); /* armed again: the former is gone */
    }
    for (unsigned i = 0; i < COUNT_OF(alarms); i += 3) {
        timer_stop(rt, &alarms[i].timer);
        timer_stop(rt, &alarms[i].timer);
    }
    runtime_run(rt);
    for (unsigned i = 0; i < COUNT_OF(alarms); i++)
        assert_int_equal(alarms[i].rings, i % 3 ? 1 : 0);
    assert_true(clock_monotonic_ms() - now < 60000); /* when the former ones would ring */
}

struct repeater {
    struct timer timer;
    unsigned left;
};

static void repeat(void *arg)
{
    struct repeater *r = arg;
    if (--r->left > 0)
        timer_start(rt, &r->timer, clock_monotonic_ms() - 10);
}

static void test_a_timer_set_to_the_past_does_not_starve_others(void **state)
{
    (void)state;
    struct repeater a = { .left = 1000 };
    struct repeater b = { .left = 3 };
    timer_init(&a.timer, repeat, &a);
    timer_init(&b.timer, repeat, &b);
    timer_start(rt, &a.timer, 0);
    timer_start(rt, &b.timer, clock_deadline_in(1));
    runtime_run(rt);
    assert_int_equal(a.left, 0);
    assert_int_equal(b.left, 0);
}

struct watched {
    struct watch *watch;
    int fd;
    unsigned calls;
};

static void on_ready(unsigned ready, void *arg)
{
    struct watched *w = arg;
    char byte;
    assert_int_equal(ready, FIBER_READ);
    w->calls++;
    if (w->calls < 3)
        return; /* level-triggered: it must come again */
    assert_int_equal(read(w->fd, &byte, 1), 1);
    watch_set(w->watch, w->fd, 0);
}

static void test_watch_follows_a_descriptor_number(void **state)
{
    (void)state;
    struct watched w = { .calls = 0 };
    w.watch = watch_new(rt, on_ready, &w);
    for (int round = 0; round < 3; round++) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        w.fd = ends[0];
        w.calls = 0;
        watch_set(w.watch, w.fd, FIBER_READ);
        assert_int_equal(write(ends[1], "x", 1), 1);
        runtime_run(rt); /* ends when nothing is watched any more */
        assert_int_equal(w.calls, 3);
        close(ends[0]); /* the next round gets the same numbers */
        close(ends[1]);
    }
    watch_free(&w.watch);
    assert_null(w.watch);
    watch_free(&w.watch);
}

enum {
    POSTS = 1000
};

static unsigned n_posted;

static void count_post(void *arg)
{
    (void)arg;
    n_posted++;
    if (n_posted == 2 * POSTS)
        runtime_stop(rt);
}

static void *post_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < POSTS; i++)
        runtime_post(rt, count_post, NULL);
    return NULL;
}

static void sleep_long(void *arg)
{
    struct err e = ERR_CLEAR;
    enum err_kind *kind = arg;
    (void)fiber_sleep_until(clock_deadline_in(60000), &e);
    *kind = e.kind;
}

static void test_posts_from_threads(void **state)
{
    (void)state;
    n_posted = 0;
    enum err_kind kind;
    spawn(sleep_long, &kind);
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, NULL), 0);
    runtime_run(rt);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_posted, 2 * POSTS);
}

static void test_a_post_alone_is_run(void **state)
{
    (void)state;
    n_posted = 0;
    runtime_post(rt, count_post, NULL);
    runtime_run(rt);
    assert_int_equal(n_posted, 1);
}

static void stop_on_signal(void *arg)
{
    ++*(unsigned *)arg;
    assert_null(fiber_current());
    runtime_stop(rt);
}

static void raise_usr1(void *arg)
{
    (void)arg;
    assert_int_equal(raise(SIGUSR1), 0);
}

static void test_signals(void **state)
{
    (void)state;
    unsigned first = 0;
    unsigned second = 0;
    runtime_on_signal(rt, SIGUSR1, stop_on_signal, &first);
    runtime_on_signal(rt, SIGUSR1, stop_on_signal, &second); /* one fn a signal: the last */
    spawn(raise_usr1, NULL);
    runtime_run(rt);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
}

struct held_thing {
    unsigned told;
    bool released;
    bool keeps;
};

static void let_go(void *arg)
{
    struct held_thing *h = arg;
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(10), &e));
    h->released = true;
    runtime_release(rt);
}

static void on_drain(void *arg)
{
    struct held_thing *h = arg;
    assert_true(runtime_is_draining(rt));
    h->told++;
    if (!h->keeps)
        spawn(let_go, h);
}

static void drain_soon(void *arg)
{
    runtime_drain(rt, clock_deadline_in(*(int64_t *)arg));
    runtime_drain(rt, clock_deadline_in(1)); /* asked for once: this one counts for nothing */
}

static void test_drain_waits_for_what_is_held(void **state)
{
    (void)state;
    struct held_thing h = { .told = 0 };
    enum err_kind kind = ERR_NONE;
    int64_t grace_ms = 10000;
    runtime_hold(rt);
    runtime_on_drain(rt, on_drain, &h);
    spawn(sleep_long, &kind);
    spawn(drain_soon, &grace_ms);
    assert_false(runtime_is_draining(rt));
    int64_t start = clock_monotonic_ms();
    runtime_run(rt);
    assert_int_equal(h.told, 1);
    assert_true(h.released);
    assert_true(clock_monotonic_ms() - start < 5000);
    assert_int_equal(kind, ERR_CANCELLED); /* what nobody held was unwound */
}

static void test_drain_ends_at_its_deadline(void **state)
{
    (void)state;
    struct held_thing h = { .keeps = true };
    int64_t grace_ms = 20;
    runtime_hold(rt);
    runtime_on_drain(rt, on_drain, &h);
    spawn(drain_soon, &grace_ms);
    int64_t start = clock_monotonic_ms();
    runtime_run(rt);
    assert_int_equal(h.told, 1);
    assert_true(clock_monotonic_ms() - start >= 15 && clock_monotonic_ms() - start < 5000);
    runtime_release(rt);
}

static void test_drain_of_an_idle_process(void **state)
{
    (void)state;
    int64_t grace_ms = 60000;
    unsigned calls = 0;
    runtime_on_signal(rt, SIGUSR2, stop_on_signal, &calls);
    spawn(drain_soon, &grace_ms);
    runtime_run(rt);
    assert_int_equal(calls, 0);
}

static void hold_the_loop(void *arg)
{
    (void)arg;
    usleep(30000);
}

static void test_worst_lag(void **state)
{
    (void)state;
    spawn(hold_the_loop, NULL);
    runtime_run(rt);
    assert_in_range(runtime_take_worst_lag_ms(rt), 29, 5000);
    assert_int_equal(runtime_take_worst_lag_ms(rt), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_ring_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_set_to_the_past_does_not_starve_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_watch_follows_a_descriptor_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_posts_from_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_post_alone_is_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain_waits_for_what_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain_ends_at_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain_of_an_idle_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_worst_lag, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("runtime/loop", tests, NULL, NULL);
}
