/* SPDX-License-Identifier: Apache-2.0 */
/* Places shared by holders: who gets one, in which order, and what becomes of those who give up. */
#include "runtime/turns.h"

#include "runtime/runtime_fixture.h"

enum {
    MAX = 16
};

static struct turns turns;
static char order[MAX + 1]; /* of the holders, as they were served */
static size_t n_served;

/* One that comes, is served, and keeps its place until the test gives it back. */
struct visitor {
    char holder; /* '0': nobody's */
    struct fiber *fiber;
    bool is_served;
    enum err_kind failed;
};

static int64_t id_of(const struct visitor *v)
{
    return v->holder == '0' ? TURNS_NOBODY : v->holder;
}

static void visit(void *arg)
{
    struct visitor *v = arg;
    struct err e = ERR_CLEAR;
    v->is_served = turns_acquire(&turns, id_of(v), DEADLINE_NONE, &e);
    v->failed = e.kind;
    if (v->is_served)
        order[n_served++] = v->holder;
}

/* Lets everything run that can. */
static void settle(void)
{
    runtime_run(rt);
}

/* They come in this order. */
static void come(struct visitor *v, const char *holders)
{
    n_served = 0;
    memset(order, 0, sizeof(order));
    for (size_t i = 0; holders[i]; i++) {
        v[i] = (struct visitor){ .holder = holders[i] };
        v[i].fiber = spawn(visit, &v[i]);
        settle();
    }
}

/* Gives back one place of the holder. */
static void leave(char holder)
{
    struct visitor v = { .holder = holder };
    turns_release(&turns, id_of(&v));
    settle();
}

static const struct {
    const char *name;
    unsigned limit;
    const char *come;    /* holders, in this order */
    const char *at_once; /* who is served of them before anybody leaves */
    const char *order;   /* in which all are served when each time who was served first leaves */
} cases[] = {
    { "one place, by turns", 1, "aaabbc", "a", "abcaba" },
    { "one place is left for others", 2, "aaabb", "ab", "ababa" },
    { "one alone has all but one", 3, "aaaa", "aa", "aaaa" },
    { "who holds nothing comes before who holds something", 3, "aabbc", "aab", "aabcb" },
    { "nobody's may fill all, first come first served", 2, "00000", "00", "00000" },
    { "nobody's waits as others do", 1, "a0a0", "a", "a0a0" },
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct visitor v[MAX];
        turns_init(&turns, cases[i].limit);
        come(v, cases[i].come);
        if (strcmp(order, cases[i].at_once) != 0)
            fail_msg("%s: %s are served at once", cases[i].name, order);
        for (size_t left = 0; left < n_served; left++)
            leave(order[left]);
        if (strcmp(order, cases[i].order) != 0)
            fail_msg("%s: %s", cases[i].name, order);
        assert_int_equal(turns.free, cases[i].limit);
        assert_true(list_is_empty(&turns.holders));
        turns_fini(&turns);
    }
}

/* Who is cancelled while it waits leaves the line; who is cancelled in the moment that it is served
 * has its place, or another has it. */
static void test_cancelled(void **state)
{
    (void)state;
    struct visitor v[3];
    turns_init(&turns, 1);
    come(v, "abb");
    fiber_cancel(v[1].fiber);
    settle();
    assert_int_equal(v[1].failed, ERR_CANCELLED);
    turns_release(&turns, 'a');
    fiber_cancel(v[2].fiber);
    settle();
    if (v[2].is_served)
        leave('b');
    assert_int_equal(turns.free, 1);
    assert_true(list_is_empty(&turns.holders));
    turns_fini(&turns);
}

static void wait_in_vain(void *arg)
{
    bool *ended = arg;
    struct err e = ERR_CLEAR;
    assert_false(turns_acquire(&turns, 'a', clock_deadline_in(1), &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    *ended = true;
}

static void test_deadline(void **state)
{
    (void)state;
    bool ended = false;
    struct visitor v[1];
    turns_init(&turns, 1);
    come(v, "a");
    (void)spawn(wait_in_vain, &ended);
    settle();
    assert_true(ended);
    leave('a');
    assert_true(list_is_empty(&turns.holders));
    turns_fini(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
