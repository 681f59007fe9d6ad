/* SPDX-License-Identifier: Apache-2.0 */
/* What was sent is noted, however late the database comes back. */
#include "services/delivery/shift.h"

#include "queue/queue_fixture.h"

#define SIGNATURE                                                                            \
    "queue_finish(text, int8, int8, text[], int4[], int4[], int8[], text[], text[], text[]," \
    " text[], text, bytea)"

static void take_away(void)
{
    test_pg_run("ALTER FUNCTION " SIGNATURE " RENAME TO queue_finish_away;"
                "CREATE FUNCTION " SIGNATURE " RETURNS int LANGUAGE plpgsql AS"
                " 'BEGIN RAISE EXCEPTION ''away'' USING ERRCODE = ''40001''; END'");
}

static void bring_back(void *arg)
{
    const struct delivery *d = arg;
    struct err e = ERR_CLEAR;
    while (d->n_unnoted == 0)
        assert_true(fiber_sleep_until(clock_deadline_in(5), &e));
    test_pg_run("DROP FUNCTION " SIGNATURE ";"
                "ALTER FUNCTION queue_finish_away RENAME TO queue_finish");
}

static void shift_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    int64_t queue_id = 0;
    str to = STR("a@x.test");
    MUST(config_parse(STR(""), "test", NULL, NULL, &config, &e), e);
    struct app app = { .config = config, .runtime = f->rt, .queue = f->q };
    struct delivery d = { .app = &app };
    signal_point_init(&d.noted);
    const struct queue_new_message m = message(f, STR("me@here.test"), &to, 1);
    MUST(queue_enqueue(f->q, &m, soon(), &queue_id, &e), e);
    struct shift *shift = shift_new(&d);
    shift->lease = claim(f);
    assert_non_null(shift->lease);
    shift->lease->until_ms = clock_monotonic_ms(); /* the lease has ended meanwhile */
    const struct queue_result sent = { .outcome = QUEUE_DELIVERED, .reply = STR("250 taken") };
    /* One that was not sent is not worth waiting for. */
    const struct queue_result later = { .outcome = QUEUE_DEFERRED, .reply = STR("451 later") };
    take_away();
    assert_false(shift_finish_all(shift, &shift->lease->messages[0], &later));
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 1);
    MUST(fiber_spawn(f->rt, "database", bring_back, &d, NULL, &e), e);
    assert_true(shift_finish_all(shift, &shift->lease->messages[0], &sent));
    assert_int_equal(d.n_unnoted, 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM q_msg"), 0);
    shift_drop(shift);
    config_free(&config);
}

static void test_noted_without_a_lease(void **state)
{
    (void)state;
    with_queue(shift_body);
}

/* Nobody is called for help who could begin with nothing. */
static void go_on_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    MUST(config_parse(STR(""), "test", NULL, NULL, &config, &e), e);
    struct app app = { .config = config, .runtime = f->rt, .queue = f->q };
    struct delivery d = { .app = &app };
    (void)enqueue(f, "me@here.test", "a@x.test");
    struct shift *shift = shift_new(&d);
    shift->lease = claim(f);
    assert_non_null(shift->lease);
    const int64_t until_ms = shift->lease->until_ms;
    const int64_t began_ms = shift->began_ms;
    assert_true(shift_may_go_on(shift));
    shift->lease->until_ms = clock_monotonic_ms(); /* the lease is about to end */
    assert_false(shift_may_go_on(shift));
    shift->lease->until_ms = until_ms;
    shift->began_ms -= INT64_C(10) * 60 * 1000; /* it had its turn */
    assert_false(shift_may_go_on(shift));
    shift->began_ms = began_ms;
    shift->is_lost = true;
    assert_false(shift_may_go_on(shift));
    shift->is_lost = false;
    shift->no_more = true;
    assert_false(shift_may_go_on(shift));
    shift->no_more = false;
    assert_true(shift_may_go_on(shift));
    shift_drop(shift);
    config_free(&config);
}

static void test_may_go_on(void **state)
{
    (void)state;
    with_queue(go_on_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_noted_without_a_lease),
                                        cmocka_unit_test(test_may_go_on) };
    return cmocka_run_group_tests_name("delivery/shift", tests, NULL, NULL);
}
