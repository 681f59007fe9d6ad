/* SPDX-License-Identifier: Apache-2.0 */
/* Two machines that tell each other of their counts: who leads, what is told and when, and what
 * limits make of what was heard. */
#include "net/tally_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    NAMES = 4
};

/* What a machine said in a round. */
struct heard {
    size_t n;
    char names[NAMES][NET_TALLY_NAME_SIZE];
    struct net_tally_told told[NAMES];
};

static struct net_tally *make(size_t columns)
{
    struct err e = ERR_CLEAR;
    struct net_tally *t = net_tally_new(columns, 100, &e);
    assert_non_null(t);
    return t;
}

static struct net_count *enter(struct net_tally *t, const char *name, unsigned max_open,
                               unsigned max_per_minute)
{
    const struct net_tally_limit limit = { max_open, max_per_minute, .is_shared = true };
    return net_tally_enter(t, str_from_cstr(name), &limit, 0);
}

static void note(const struct net_tally_told *told, void *arg)
{
    struct heard *h = arg;
    assert_true(h->n < NAMES);
    memcpy(h->names[h->n], told->name.p, told->name.n);
    h->told[h->n] = *told;
    h->n++;
}

static struct heard round_of(struct net_tally_teller *teller, bool all)
{
    struct heard h = { 0 };
    size_t n = net_tally_tell(teller, all, note, &h);
    assert_int_equal(n, h.n);
    return h;
}

static void one_process_of_a_machine_leads(void **state)
{
    struct net_tally *t = make(2);
    bool is_new;
    (void)state;
    assert_true(net_tally_lead(t, 1000, &is_new) && is_new);
    assert_true(net_tally_lead(t, 2000, &is_new) && !is_new);
    net_tally_use(t, 1);
    assert_false(net_tally_lead(t, 4999, &is_new));
    assert_true(net_tally_lead(t, 5000, &is_new) && is_new);
    net_tally_use(t, 0);
    assert_false(net_tally_lead(t, 5001, &is_new));
    net_tally_clear(t, 1); /* it ended */
    assert_true(net_tally_lead(t, 5001, &is_new) && is_new);
    assert_int_equal(net_tally_next_picture(t), 1);
    assert_int_equal(net_tally_next_picture(t), 2);
    net_tally_free(&t);
}

static void changes_are_told_once(void **state)
{
    struct net_tally *t = make(1);
    struct net_tally_teller *teller = net_tally_teller_new(t, 2);
    const struct net_tally_limit own = { .max_open = 9 };
    (void)state;
    struct net_count *first = enter(t, "a", 9, 0);
    struct net_count *second = enter(t, "a", 9, 0);
    assert_non_null(net_tally_enter(t, STR("own"), &own, 0));
    struct heard h = round_of(teller, false);
    assert_int_equal(h.n, 1);
    assert_true(str_eq(str_from_cstr(h.names[0]), STR("a")) && h.told[0].open == 2 &&
                h.told[0].fresh == 2);
    assert_int_equal(round_of(teller, false).n, 0);
    h = round_of(teller, true);
    assert_true(h.n == 1 && h.told[0].open == 2 && h.told[0].fresh == 0);
    net_tally_leave(&first);
    h = round_of(teller, false);
    assert_true(h.n == 1 && h.told[0].open == 1);
    net_tally_leave(&second);
    h = round_of(teller, false);
    assert_true(h.n == 1 && h.told[0].open == 0);
    assert_int_equal(round_of(teller, true).n, 0);
    net_tally_teller_free(&teller);
    net_tally_free(&t);
}

/* What cannot be taken back is not told as open. */
static void no_more_names_than_are_watched(void **state)
{
    struct net_tally *t = make(1);
    struct net_tally_teller *teller = net_tally_teller_new(t, 1);
    size_t open = 0;
    (void)state;
    struct net_count *a = enter(t, "a", 9, 0);
    struct net_count *b = enter(t, "b", 9, 0);
    struct heard h = round_of(teller, false);
    for (size_t i = 0; i < h.n; i++)
        open += h.told[i].open;
    assert_true(h.n == 2 && open == 1);
    net_tally_leave(&a);
    net_tally_leave(&b);
    assert_true(round_of(teller, false).n == 1);
    net_tally_teller_free(&teller);
    net_tally_free(&t);
}

static void limits_hold_over_both(void **state)
{
    struct net_tally *t = make(1);
    const struct net_tally_told two = { .name = STR("a"), .open = 2, .fresh = 2 };
    (void)state;
    assert_true(net_tally_hear(t, &two, 2, 0));
    assert_int_equal(net_tally_open(t, STR("a")), 2);
    struct net_count *here = enter(t, "a", 3, 0);
    assert_non_null(here);
    assert_null(enter(t, "a", 3, 0));
    assert_true(net_tally_hear(t, &(struct net_tally_told){ .name = STR("a") }, -1, 0));
    assert_non_null(enter(t, "a", 3, 0));
    /* Six new ones within this minute by now. */
    assert_null(enter(t, "a", 0, 5));
    assert_true(net_tally_hear(t, &(struct net_tally_told){ .name = STR("a") }, -9, 0));
    assert_int_equal(net_tally_open(t, STR("a")), 2);
    bool is_new;
    assert_true(net_tally_hear(t, &two, 2, 0));
    assert_true(net_tally_lead(t, 0, &is_new) && is_new);
    assert_int_equal(net_tally_open(t, STR("a")), 2); /* the new leader hears it again */
    net_tally_free(&t);
}

/* It hung, and wakes with messages that the new leader has heard too. */
static void a_former_leader_adds_nothing(void **state)
{
    struct net_tally *t = make(2);
    const struct net_tally_told two = { .name = STR("a"), .open = 2, .fresh = 2 };
    bool is_new;
    (void)state;
    assert_true(net_tally_lead(t, 1000, &is_new));
    assert_true(net_tally_hear(t, &two, 2, 0));
    net_tally_use(t, 1);
    assert_true(net_tally_lead(t, 5000, &is_new) && is_new);
    assert_true(net_tally_hear(t, &two, 2, 0));
    net_tally_use(t, 0);
    assert_false(net_tally_hear(t, &two, 2, 0));
    assert_int_equal(net_tally_open(t, STR("a")), 2);
    net_tally_free(&t);
}

static void buckets_hold_over_both(void **state)
{
    struct net_tally *t = make(1);
    struct net_tally_teller *teller = net_tally_teller_new(t, 2);
    const struct net_tally_want want = { 40, 100, 1000, .is_shared = true };
    int64_t full_us;
    (void)state;
    assert_int_equal(net_tally_take(t, STR("b"), &want, &full_us), NET_TALLY_TAKEN);
    struct heard h = round_of(teller, false);
    assert_true(h.n == 1 && h.told[0].cost_us == 40 && h.told[0].open == 0);
    assert_int_equal(round_of(teller, false).n, 0);
    assert_true(
        net_tally_hear(t, &(struct net_tally_told){ .name = STR("b"), .cost_us = 40 }, 0, 1000));
    assert_int_equal(net_tally_take(t, STR("b"), &want, &full_us), NET_TALLY_TOO_LITTLE);
    assert_int_equal(full_us, 1080);
    assert_int_equal(round_of(teller, false).n, 0);
    net_tally_teller_free(&teller);
    net_tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_of_a_machine_leads), cmocka_unit_test(changes_are_told_once),
        cmocka_unit_test(no_more_names_than_are_watched), cmocka_unit_test(limits_hold_over_both),
        cmocka_unit_test(a_former_leader_adds_nothing),   cmocka_unit_test(buckets_hold_over_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
