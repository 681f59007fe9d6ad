/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let into a room of octets, and when. */
#include "../runtime/runtime_fixture.h"
#include "services/imap/room.h"

enum {
    MAX = 100,
    SHARE = 40,
    LONG_MS = 60 * 1000,
    GUESTS = 8
};

struct request {
    int64_t account_id;
    size_t octets;
};

/* One fiber each: enters, and stays for a while. */
struct visit {
    struct request wants;
    int64_t wait_ms; /* 0: LONG_MS */
    bool is_cancelled;
    struct scene *scene;
    struct imap_room_guest guest;
    enum err_kind kind; /* ERR_NONE: it was let in */
};

struct scene {
    struct imap_room room;
    struct visit visits[GUESTS];
    size_t n;
    char order[GUESTS + 1]; /* of those who came in, by their places in the case */
    size_t n_in;
    size_t most; /* octets at a time */
};

static void visit(void *arg)
{
    struct visit *v = arg;
    struct scene *s = v->scene;
    struct err e = ERR_CLEAR;
    imap_room_guest_init(&v->guest, v->wants.account_id);
    bool is_in =
        imap_room_enter(&s->room, &v->guest, v->wants.octets, clock_deadline_in(v->wait_ms), &e);
    v->kind = e.kind;
    if (!is_in)
        return;
    s->order[s->n_in++] = (char)('0' + (v - s->visits));
    s->most = s->room.used > s->most ? s->room.used : s->most;
    for (int i = 0; i < 10; i++) /* it holds on, until nobody can come any more */
        fiber_yield();
    imap_room_leave(&s->room, &v->guest);
}

static void play(struct scene *s)
{
    imap_room_init(&s->room, MAX, SHARE);
    for (size_t i = 0; i < s->n; i++) {
        s->visits[i].scene = s;
        s->visits[i].wait_ms = s->visits[i].wait_ms ? s->visits[i].wait_ms : LONG_MS;
        struct fiber *f = spawn(visit, &s->visits[i]);
        if (s->visits[i].is_cancelled)
            fiber_cancel(f);
    }
    runtime_run(rt);
    assert_int_equal(s->room.used, 0);
    assert_false(imap_room_is_wanted(&s->room));
}

static void everybody_has_a_turn(void **state)
{
    static struct {
        const char *name;
        struct request requests[GUESTS];
        const char *order;
        size_t most;
    } cases[] = {
        { "all fit", { { 1, 30 }, { 2, 30 }, { 3, 40 } }, "012", 100 },
        { "a big one is not passed by small ones",
          { { 1, 30 }, { 2, 30 }, { 3, 90 }, { 4, 10 }, { 5, 10 } },
          "01234",
          100 },
        { "greater than the room", { { 1, 30 }, { 2, 500 }, { 3, 10 } }, "012", 500 },
        { "an account holds its share, others do not wait for it",
          { { 1, 40 }, { 1, 10 }, { 1, 10 }, { 2, 40 } },
          "0312",
          80 },
        { "accounts take turns, whoever has more requests",
          { { 1, 90 }, { 1, 90 }, { 1, 90 }, { 1, 90 }, { 2, 90 }, { 2, 90 } },
          "014253",
          90 },
        { "one account alone may hold its share in pieces",
          { { 1, 10 }, { 1, 10 }, { 1, 20 }, { 1, 20 } },
          "0123",
          40 },
        { "nothing needs no room", { { 1, 100 }, { 2, 0 } }, "01", 100 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scene s = { .n = 0 };
        for (; s.n < GUESTS && cases[i].requests[s.n].account_id; s.n++)
            s.visits[s.n].wants = cases[i].requests[s.n];
        play(&s);
        if (strcmp(s.order, cases[i].order) != 0 || s.most != cases[i].most)
            fail_msg("%s: in came %s, at most %zu", cases[i].name, s.order, s.most);
    }
}

/* Who gives up lets those behind it pass. */
static void who_gives_up_is_in_nobodys_way(void **state)
{
    struct scene s = { .visits = { { .wants = { 1, 60 } },
                                   { .wants = { 2, 90 }, .is_cancelled = true },
                                   { .wants = { 3, 90 }, .wait_ms = -1 }, /* it is over already */
                                   { .wants = { 4, 40 } } },
                       .n = 4 };
    (void)state;
    play(&s);
    assert_string_equal(s.order, "03");
    assert_int_equal(s.most, 100);
    assert_int_equal(s.visits[1].kind, ERR_CANCELLED);
    assert_int_equal(s.visits[2].kind, ERR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_has_a_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gives_up_is_in_nobodys_way, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("imap/room", tests, NULL, NULL);
}
