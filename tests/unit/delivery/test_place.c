/* SPDX-License-Identifier: Apache-2.0 */
/* Places at servers: never more than there may be, in order, and everybody comes to his turn. */
#include "services/delivery/place.h"

#include "config/config.h"
#include "services/delivery/delivery.h"
#include "support/in_fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
    PLACES = 3,
    MANY = 30,
    ROUNDS_MAX = 100000 /* it takes some hundreds */
};

struct world {
    struct runtime *rt;
    struct app app;
    struct delivery d;
    struct net_address server;
    struct net_address other;
    size_t served[2 * MANY]; /* destinations, in the order of their places */
    size_t n_served;
    size_t n_ended;
};

/* A destination that wants a place. */
struct client {
    struct world *w;
    size_t number;
    struct delivery_place place;
    struct fiber *fiber;
    bool has_place;
    bool has_ended;
    unsigned turns; /* left */
};

static struct net_address address(const char *text)
{
    struct net_address out;
    struct err e = ERR_CLEAR;
    MUST(net_address_parse_ip(str_from_cstr(text), &out, &e), e);
    return out;
}

static void client_init(struct client *c, struct world *w, size_t number,
                        enum delivery_place_mode mode)
{
    *c = (struct client){ .w = w, .number = number, .place = { .mode = mode } };
    signal_point_init(&c->place.turn);
}

YIELDS static bool take(struct client *c)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "d%zu.example", c->number);
    return delivery_place_take(&c->w->d, &c->place, &c->w->server, str_from_cstr(name));
}

static void wait_for_place(void *arg)
{
    struct client *c = arg;
    c->has_place = take(c);
    c->has_ended = true;
    if (c->has_place)
        c->w->served[c->w->n_served++] = c->number;
}

static void yield_often(void)
{
    for (int i = 0; i < 4; i++)
        fiber_yield();
}

/* Starts one that waits; it stands in the line, or is away, then. */
static void start(struct client *c, struct world *w, size_t number)
{
    struct err e = ERR_CLEAR;
    client_init(c, w, number, DELIVERY_PLACE_IN_LINE);
    MUST(fiber_spawn(w->rt, "client", wait_for_place, c, &c->fiber, &e), e);
    yield_often();
}

static void leave(struct client *c)
{
    delivery_place_leave(&c->place);
    yield_often();
}

static void fill(struct world *w, struct client first[PLACES])
{
    for (size_t i = 0; i < PLACES; i++) {
        client_init(&first[i], w, 100, i == 0 ? DELIVERY_PLACE_IN_LINE : DELIVERY_PLACE_IF_FREE);
        assert_true(take(&first[i]));
    }
}

static void in_order(void *arg)
{
    struct world *w = arg;
    struct client first[PLACES];
    struct client line[PLACES];
    struct client late;
    fill(w, first);
    assert_false(delivery_place_is_wanted(&first[0].place));
    for (size_t i = 0; i < PLACES; i++)
        start(&line[i], w, i);
    assert_true(line[0].place.is_waiting && delivery_place_is_wanted(&first[0].place));
    client_init(&late, w, 9, DELIVERY_PLACE_IF_FREE);
    assert_false(take(&late));
    leave(&first[1]);
    assert_false(take(&late)); /* the place was handed over */
    leave(&first[0]);
    leave(&first[2]);
    assert_int_equal(w->n_served, PLACES);
    for (size_t i = 0; i < PLACES; i++)
        assert_int_equal(w->served[i], i);
    assert_false(take(&late));
    leave(&line[1]);
    assert_true(take(&late));
    leave(&late);
    leave(&line[0]);
    leave(&line[2]);
    assert_true(list_is_empty(&w->d.servers));
}

static struct config *config_of(const char *text)
{
    struct config *config = NULL;
    struct err e = ERR_CLEAR;
    MUST(config_parse(str_from_cstr(text), "test", NULL, NULL, &config, &e), e);
    return config;
}

/* A limit that a reload makes lower counts at once: what is over it goes to nobody. One that is
 * made higher is used when the next one comes, in the order of the line. */
static void reloads(void *arg)
{
    struct world *w = arg;
    struct client first[PLACES];
    struct client line[PLACES];
    struct client more;
    const struct config *former = w->app.config;
    struct config *one = config_of("delivery: { connections_per_server: 1 }\n");
    fill(w, first);
    for (size_t i = 0; i < PLACES; i++)
        start(&line[i], w, i);
    w->app.config = one;
    assert_false(delivery_place_has_room(&first[0].place, 0));
    leave(&first[0]);
    leave(&first[1]);
    assert_int_equal(w->n_served, 0);
    assert_true(delivery_place_has_room(&first[2].place, 0));
    leave(&first[2]);
    assert_int_equal(w->n_served, 1);
    w->app.config = former;
    start(&more, w, PLACES);
    assert_int_equal(w->n_served, PLACES);
    assert_true(more.place.is_waiting);
    leave(&line[0]);
    for (size_t i = 0; i <= PLACES; i++)
        assert_int_equal(w->served[i], i);
    leave(&line[1]);
    leave(&line[2]);
    leave(&more);
    assert_true(list_is_empty(&w->d.servers));
    config_free(&one);
}

static void other_ways(void *arg)
{
    struct world *w = arg;
    struct client first[PLACES];
    struct client one;
    struct client waiting;
    fill(w, first);
    client_init(&one, w, 1, DELIVERY_PLACE_IF_FREE);
    w->other = address("192.0.2.2");
    assert_true(delivery_place_take(&w->d, &one.place, &w->other, STR("d1.example")));
    leave(&one);
    one.place.mode = DELIVERY_PLACE_UNCOUNTED;
    assert_true(take(&one));
    leave(&one);
    struct client beside[2 * PLACES];
    for (size_t i = 0; i < COUNT_OF(beside); i++) {
        client_init(&beside[i], w, 3, DELIVERY_PLACE_ANYWAY);
        assert_true(take(&beside[i]));
    }
    start(&waiting, w, 2);
    assert_false(delivery_place_is_wanted(&beside[0].place));
    leave(&beside[0]);
    assert_true(waiting.place.is_waiting); /* that was none of its places */
    leave(&first[0]);
    assert_true(waiting.has_place); /* however many there are beside */
    leave(&waiting);
    for (size_t i = 1; i < COUNT_OF(beside); i++)
        leave(&beside[i]);
    leave(&first[1]);
    leave(&first[2]);
    assert_true(list_is_empty(&w->d.servers));
}

/* Whoever is given up, or cancelled, is in nobody's way. */
static void ends(void *arg)
{
    struct world *w = arg;
    struct client first[PLACES];
    struct client line[PLACES];
    fill(w, first);
    for (size_t i = 0; i < PLACES; i++)
        start(&line[i], w, i);
    delivery_place_give_up(&line[0].place);
    fiber_cancel(line[1].fiber);
    yield_often();
    assert_true(line[0].has_ended && line[1].has_ended);
    assert_false(line[0].has_place || line[1].has_place);
    leave(&first[0]);
    assert_true(line[2].has_place);
    leave(&line[2]);
    leave(&first[1]);
    leave(&first[2]);
    assert_true(list_is_empty(&w->d.servers));
}

/* In the drain nobody waits, and nothing new is begun with by who has waited. */
static void drains(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct client first[PLACES];
    struct client line[PLACES];
    struct client late;
    fill(w, first);
    for (size_t i = 0; i < PLACES; i++)
        start(&line[i], w, i);
    delivery_place_leave(&first[0].place); /* the first of the line does not know yet */
    assert_true(!line[0].place.is_waiting && !line[0].has_ended);
    runtime_drain(w->rt, clock_deadline_in(60000));
    delivery_place_give_up_all(&w->d);
    yield_often();
    for (size_t i = 0; i < PLACES; i++)
        assert_true(line[i].has_ended && !line[i].has_place);
    leave(&first[1]);
    client_init(&late, w, 9, DELIVERY_PLACE_IN_LINE);
    assert_true(take(&late) && take(&first[1]));
    MUST(fiber_spawn(w->rt, "client", wait_for_place, &line[0], NULL, &e), e);
    yield_often();
    assert_true(line[0].has_ended && !line[0].has_place && !line[0].place.is_waiting);
    leave(&late);
    leave(&first[1]);
    leave(&first[2]);
    assert_true(list_is_empty(&w->d.servers));
}

/* Who was sent away comes before those who came later, and takes the last one's place in the line.
 */
static void ranks(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct client first[PLACES];
    struct client line[DELIVERY_LINE_MAX];
    struct client away;
    struct client last;
    fill(w, first);
    for (size_t i = 0; i < DELIVERY_LINE_MAX; i++)
        start(&line[i], w, i);
    start(&away, w, 50);
    assert_true(away.has_ended && !away.has_place);
    int64_t since_ms = away.place.since_ms;
    while (clock_monotonic_ms() <= since_ms)
        assert_true(fiber_sleep_until(since_ms + 1, &e));
    leave(&first[0]);
    start(&last, w, 60);
    assert_true(last.place.is_waiting);
    start(&away, w, 50);
    assert_true(away.place.is_waiting && away.place.since_ms == since_ms);
    assert_true(last.has_ended && !last.has_place);
    leave(&first[1]);
    leave(&first[2]);
    leave(&line[0]);
    for (size_t i = 1; i < DELIVERY_LINE_MAX; i++)
        leave(&line[i]);
    assert_int_equal(w->n_served, DELIVERY_LINE_MAX + 1);
    assert_int_equal(w->served[DELIVERY_LINE_MAX], 50);
    leave(&away);
    assert_true(list_is_empty(&w->d.servers));
}

/* The more are sent away, the later they come again; whoever is served makes it earlier. */
static void away(void *arg)
{
    struct world *w = arg;
    struct client first[PLACES];
    struct client line[DELIVERY_LINE_MAX];
    struct client one;
    int64_t longest_ms = 0;
    fill(w, first);
    assert_int_equal(first[0].place.again_ms, 0);
    for (size_t i = 0; i < DELIVERY_LINE_MAX; i++)
        start(&line[i], w, i);
    for (size_t i = 1; i <= 2 * (size_t)DELIVERY_AWAY_MAX; i++) {
        size_t most = i < DELIVERY_AWAY_MAX ? i : DELIVERY_AWAY_MAX;
        start(&one, w, 100 + i);
        assert_true(one.has_ended && !one.has_place);
        assert_in_range(one.place.again_ms, DELIVERY_AGAIN_MS, (1 + most) * DELIVERY_AGAIN_MS);
        longest_ms = one.place.again_ms > longest_ms ? one.place.again_ms : longest_ms;
    }
    assert_true(longest_ms > 30 * DELIVERY_AGAIN_MS);
    for (size_t i = 0; i < PLACES; i++)
        leave(&first[i]);
    for (size_t i = 0; i < DELIVERY_LINE_MAX; i++)
        leave(&line[i]);
    assert_true(list_is_empty(&w->d.servers));
}

static void come_again(void *arg)
{
    struct client *c = arg;
    struct world *w = c->w;
    while (c->turns > 0) {
        if (!take(c)) {
            fiber_yield();
            continue;
        }
        c->turns--;
        w->n_served++;
        assert_in_range(w->n_served, 1, PLACES);
        fiber_yield();
        w->n_served--;
        delivery_place_leave(&c->place);
    }
    w->n_ended++;
}

/* More of them than places and line have room for. */
static void everybody(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    static struct client clients[MANY];
    for (size_t i = 0; i < MANY; i++) {
        client_init(&clients[i], w, i, DELIVERY_PLACE_IN_LINE);
        clients[i].turns = 3;
        MUST(fiber_spawn(w->rt, "client", come_again, &clients[i], NULL, &e), e);
    }
    for (unsigned round = 0; w->n_ended < MANY; round++) {
        assert_true(round < ROUNDS_MAX); /* else somebody never comes to his turn */
        fiber_yield();
    }
    assert_true(list_is_empty(&w->d.servers));
}

static void run(fiber_fn fn)
{
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    struct world w = { .server = address("192.0.2.1") };
    MUST(config_parse(STR("delivery: { connections_per_server: 3 }\n"), "test", NULL, NULL, &config,
                      &e),
         e);
    const struct runtime_options options = { .max_fibers = 0 };
    w.rt = runtime_new(&options, &e);
    assert_non_null(w.rt);
    w.app = (struct app){ .config = config, .runtime = w.rt };
    w.d.app = &w.app;
    list_init(&w.d.servers);
    in_fiber_run_to_end(w.rt, fn, &w);
    runtime_free(&w.rt);
    config_free(&config);
}

static void test_reloads(void **state)
{
    (void)state;
    run(reloads);
}

static void test_in_order(void **state)
{
    (void)state;
    run(in_order);
}

static void test_other_ways(void **state)
{
    (void)state;
    run(other_ways);
}

static void test_ends(void **state)
{
    (void)state;
    run(ends);
}

static void test_drains(void **state)
{
    (void)state;
    run(drains);
}

static void test_away(void **state)
{
    (void)state;
    run(away);
}

static void test_ranks(void **state)
{
    (void)state;
    run(ranks);
}

static void test_everybody(void **state)
{
    (void)state;
    run(everybody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),  cmocka_unit_test(test_other_ways),
        cmocka_unit_test(test_ends),      cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_drains),    cmocka_unit_test(test_away),
        cmocka_unit_test(test_everybody), cmocka_unit_test(test_reloads),
    };
    return cmocka_run_group_tests_name("delivery/place", tests, NULL, NULL);
}
