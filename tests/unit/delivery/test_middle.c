/* SPDX-License-Identifier: Apache-2.0 */
/* What ends a message in its middle: a server that speaks, goes, reads nothing or reads for ever.
 */
#include "script_fixture.h"

static const struct script plain = {
    "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n" }
};

static enum net_next say_and_close(struct world *w, struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    (void)net_write(c, str_from_cstr(w->interjects), &e);
    return NET_CLOSE;
}

static enum net_next say_and_listen(struct world *w, struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    (void)net_write(c, str_from_cstr(w->interjects), &e);
    w->interjects = "";
    return NET_PARK;
}

/* The reset is behind what was said. */
static enum net_next say_and_reset(struct world *w, struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    (void)net_write(c, str_from_cstr(w->interjects), &e);
    (void)net_flush(c, &e);
    net_conn_abort(c);
    return NET_CLOSE;
}

static enum net_next cut(struct world *w, struct net_conn *c)
{
    (void)w;
    net_conn_abort(c);
    return NET_CLOSE;
}

/* What the kernel does not take any more stays here. */
static enum net_next read_nothing(struct world *w, struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    (void)c;
    while (!w->is_done && fiber_sleep_until(clock_deadline_in(5), &e))
        continue;
    return NET_CLOSE;
}

static void lose_patience(struct world *w, str line)
{
    if (str_eq(line, STR("DATA")))
        net_conn_set_write_timeout(w->session.conn, 100);
}

/* The message has no end here: it is the server that ends it, or time. */
static const struct middle_case {
    const char *name;
    enum net_next (*on_body)(struct world *w, struct net_conn *c);
    const char *said;
    int64_t body_ms; /* 0: enough */
    enum queue_outcome outcome;
    const char *status;
    const char *reply;
    bool elsewhere;
    bool is_working;
} middle_cases[] = {
    { "421 and gone", say_and_close, "421 4.4.2 too slow\r\n", 0, QUEUE_DEFERRED, "4.4.2",
      "421 4.4.2 too slow", true, false },
    { "421 and waiting", say_and_listen, "421 4.4.2 too slow\r\n", 0, QUEUE_DEFERRED, "4.4.2",
      "421 4.4.2 too slow", true, false },
    { "421 and a reset", say_and_reset, "421-4.7.0 we\r\n421 4.7.0 hurry\r\n", 0, QUEUE_DEFERRED,
      "4.7.0", "421 4.7.0 we", true, false },
    { "too large, and a reset", say_and_reset, "552 5.3.4 too large\r\n", 0, QUEUE_FAILED, "5.3.4",
      "552 5.3.4 too large", false, true },
    { "half a reply and a reset", say_and_reset, "552-5.3.4 too\r\n552 5.3", 0, QUEUE_DEFERRED,
      "4.4.2", "while sending the message", true, true },
    { "taken too early, and a reset", say_and_reset, "250 2.0.0 taken\r\n", 0, QUEUE_DEFERRED,
      "4.4.2", "while sending the message", true, true },
    { "too large", say_and_listen, "552 5.3.4 too large\r\n", 0, QUEUE_FAILED, "5.3.4",
      "552 5.3.4 too large", false, true },
    { "taken too early", say_and_listen, "250 2.0.0 taken\r\n", 0, QUEUE_DEFERRED, "4.4.2",
      "spoke before the end", true, true },
    { "cut", cut, "", 0, QUEUE_DEFERRED, "4.4.2", "while sending the message", true, true },
    { "a server that reads nothing", read_nothing, "", 0, QUEUE_DEFERRED, "4.4.2",
      "while sending the message", true, true },
    { "one that is never done", NULL, "", 100, QUEUE_DEFERRED, "4.4.2", "while sending the message",
      true, true },
};

static void try_middle(const struct middle_case *c, const struct script *script)
{
    static struct world w;
    begin(&w, script, "");
    w.interjects = c->said;
    char *text = arena_alloc(&w.a, 100000);
    memset(text, 'x', 100000);
    for (size_t i = 98; i < 100000; i += 100)
        memcpy(text + i, "\r\n", 2);
    w.body = str_of(text, 100000);
    w.is_endless = true;
    w.on_body = c->on_body;
    w.on_line = c->on_body == read_nothing ? lose_patience : NULL;
    if (c->body_ms)
        w.session.patience.body_ms = c->body_ms;
    go(&w);
    expect_result(&w.results[0], c->outcome, c->status, c->reply);
    assert_int_equal(w.elsewhere[0], c->elsewhere);
    assert_int_equal(w.is_working, c->is_working);
    assert_int_equal(str_find(buf_str(&w.seen), STR("|.|")), -1);
    assert_int_equal(str_find(buf_str(&w.seen), STR("QUIT")), -1);
    end(&w);
}

static void test_in_the_middle_of_the_message(void **state)
{
    (void)state;
    static const struct script encrypted = { "220 hi\r\n",
                                             { "250-mx.example\r\n250 STARTTLS\r\n", "220 go\r\n",
                                               PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
                                               "354 go\r\n" } };
    for (size_t i = 0; i < COUNT_OF(middle_cases); i++) {
        print_message("%s\n", middle_cases[i].name);
        try_middle(&middle_cases[i], &plain);
        try_middle(&middle_cases[i], &encrypted);
    }
}

/* What comes with 354 is no answer to a message (test_session.c), but a refusal may be said at any
 * time. */
static void test_a_refusal_right_behind_354(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum queue_outcome outcome;
        const char *status;
        bool is_working;
    } cases[] = {
        { "354 go\r\n552 5.3.4 no\r\n", QUEUE_FAILED, "5.3.4", true },
        { "354 go\r\n452 4.3.1 not now\r\n", QUEUE_DEFERRED, "4.3.1", true },
        { "354 go\r\n421 4.7.0 no\r\ndrop", QUEUE_DEFERRED, "4.7.0", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        const struct script script = {
            "220 hi\r\n", { PLAIN_EHLO, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", cases[i].reply }
        };
        begin(&w, &script, "");
        go(&w);
        expect_result(&w.results[0], cases[i].outcome, cases[i].status, cases[i].status);
        assert_int_equal(w.is_working, cases[i].is_working);
        expect_seen(&w, "EHLO us.example|" ENVELOPE "<end>");
        end(&w);
    }
}

/* Our own database goes away in the middle: the server must forget what it has. */
static void test_a_body_that_breaks_off(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &plain, "");
    char *text = arena_alloc(&w.a, 300000);
    memset(text, 'x', 300000);
    for (size_t i = 100; i + 2 < 300000; i += 100)
        memcpy(text + i, "\r\n", 2);
    w.body = str_of(text, 300000);
    w.breaks_at = 100000;
    go(&w);
    expect_result(&w.results[0], QUEUE_DEFERRED, "4.4.2", "no database");
    assert_false(w.elsewhere[0]); /* another server would not hear more of it */
    assert_int_equal(str_find(buf_str(&w.seen), STR("|.|")), -1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_middle_of_the_message),
        cmocka_unit_test(test_a_refusal_right_behind_354),
        cmocka_unit_test(test_a_body_that_breaks_off),
    };
    return cmocka_run_group_tests_name("delivery/middle", tests, NULL, NULL);
}
