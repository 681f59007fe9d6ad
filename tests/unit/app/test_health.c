/* SPDX-License-Identifier: Apache-2.0 */
/* When a worker finds itself behind, and when it finds the disk full. */
#include "services/app/health.h"

#include "config/config.h"
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static void one_round_is_an_accident_two_are_load(void **state)
{
    (void)state;
    static const struct {
        int64_t worst_ms;
        bool is_behind;
    } rounds[] = {
        { 0, false },   { 200, false }, { 200, false }, { 201, false }, { 5, false },
        { 201, false }, { 201, true },  { 5, true },    { 5, true },    { 5, true },
        { 300, true },  { 5, true },    { 5, true },    { 200, true },  { 5, false },
        { 900, false }, { 5, false },   { 900, false }, { 900, true },
    };
    struct app_lag lag = { 0 };
    for (size_t i = 0; i < COUNT_OF(rounds); i++) {
        app_lag_note(&lag, rounds[i].worst_ms);
        if (lag.is_behind != rounds[i].is_behind)
            fail_msg("round %zu", i);
    }
}

static void the_disk_is_low_at_either_limit_and_until_there_is_more(void **state)
{
    (void)state;
    static const uint64_t mb = 1024 * 1024;
    static const struct {
        uint64_t free_mb;
        uint64_t total_mb;
        bool was_low;
        bool is_low;
    } cases[] = {
        { 512, 1000, false, false },  { 511, 1000, false, true },     { 520, 1000, true, true },
        { 532, 1000, true, false },   { 5000, 100000, false, false }, { 4999, 100000, false, true },
        { 6999, 100000, true, true }, { 7000, 100000, true, false },  { 0, 100000, false, true },
        { 600, 10000, false, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct app_disk disk = { .free_bytes = cases[i].free_mb * mb,
                                       .total_bytes = cases[i].total_mb * mb };
        if (app_disk_is_low(&disk, 512 * mb, 5, cases[i].was_low) != cases[i].is_low)
            fail_msg("case %zu", i);
    }
}

/* ---- a loop that is held ---- */

struct world {
    struct app app;
    bool was_behind;
    bool is_calm;
};

static void hold_the_loop(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    int64_t end = clock_deadline_in(20000);
    const struct timespec held = { .tv_nsec = 210 * 1000000 };
    while (!w->app.health.is_behind && clock_monotonic_ms() < end) {
        (void)nanosleep(&held, NULL);
        assert_true(fiber_sleep_until(clock_deadline_in(20), &e));
    }
    w->was_behind = w->app.health.is_behind;
    while (w->app.health.is_behind && clock_monotonic_ms() < end)
        assert_true(fiber_sleep_until(clock_deadline_in(20), &e));
    w->is_calm = !w->app.health.is_behind;
    runtime_stop(w->app.runtime);
}

static void a_loop_that_is_held_lags_behind(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    struct world w = { 0 };
    assert_true(config_parse(STR("data_dir: /nowhere\n"), "test", NULL, NULL, &config, &e));
    w.app.config = config;
    w.app.runtime = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(w.app.runtime);
    assert_false(w.app.health.is_behind);
    struct app_watch *watch = app_watch_new(&w.app);
    assert_true(fiber_spawn(w.app.runtime, "hold", hold_the_loop, &w, NULL, &e));
    runtime_run(w.app.runtime);
    assert_true(w.was_behind);
    assert_true(w.is_calm);
    assert_false(w.app.health.is_disk_full); /* what cannot be looked at */
    app_watch_free(&watch);
    runtime_free(&w.app.runtime);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_round_is_an_accident_two_are_load),
        cmocka_unit_test(the_disk_is_low_at_either_limit_and_until_there_is_more),
        cmocka_unit_test(a_loop_that_is_held_lags_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
