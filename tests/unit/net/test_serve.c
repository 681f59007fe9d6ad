/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and parked connections: an echo protocol with a log of why it was run, driven by
 * clients of our own in the same loop. TLS is in test_tls.c. */
#include "net/net_fixture.h"
#include "support/servers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server side: one service, counters and the last session. */
struct echo {
    unsigned opened;
    unsigned closed;
    struct net_conn *last; /* NULL once it is gone */
    struct buf log;        /* one letter a run: o i w t d; l: a look while a write waits */
    char peer[NET_ADDRESS_TEXT];
    bool refuses;
};

struct world {
    struct runtime *rt;
    struct net_listener *listener;
    struct net_address at;
    struct echo echo;
};

static void *echo_opened(struct net_conn *c, void *service)
{
    struct echo *s = service;
    if (s->refuses)
        return NULL;
    s->opened++;
    s->last = c;
    (void)net_address_ip(net_conn_peer(c), s->peer);
    return s;
}

static void echo_closed(struct net_conn *c, void *session)
{
    struct echo *s = session;
    s->closed++;
    if (s->last == c)
        s->last = NULL;
}

/* Writes until the connection ends. */
static enum net_next write_without_end(struct net_conn *c)
{
    static const char block[65536];
    struct err e = ERR_CLEAR;
    while (net_write(c, str_of(block, sizeof(block)), &e))
        continue;
    assert_int_equal(e.kind, ERR_CLOSED);
    return NET_CLOSE;
}

/* Ends the connection at the third look. */
static bool echo_waiting(struct net_conn *c, void *session)
{
    struct echo *s = session;
    assert_ptr_equal(c, s->last);
    (void)buf_add_byte(&s->log, 'l');
    return !str_has_suffix(buf_str(&s->log), STR("lll"));
}

/* "quit" closes, "much" writes without end, "idle N" sets the idle time, anything else is echoed.
 */
static enum net_next echo_line(struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    str line;
    uint64_t number;
    if (!net_read_line(c, 1000, clock_deadline_in(30000), &line, NULL, &e)) {
        if (e.kind == ERR_LIMIT)
            return net_write(c, STR("too long\r\n"), &e) ? NET_PARK : NET_CLOSE;
        return NET_CLOSE;
    }
    if (str_eq(line, STR("quit"))) {
        (void)net_write(c, STR("bye\r\n"), &e);
        return NET_CLOSE;
    }
    if (str_eq(line, STR("much")))
        return write_without_end(c);
    if (str_has_prefix(line, STR("idle ")) && str_to_uint(str_skip(line, 5), 9999, &number))
        net_conn_set_idle(c, clock_deadline_in((int64_t)number));
    if (!net_write(c, line, &e) || !net_write(c, STR("\r\n"), &e))
        return NET_CLOSE;
    return NET_PARK;
}

static enum net_next echo_run(struct net_conn *c, void *session, enum net_why why)
{
    static const char letters[] = { 'o', 'i', 'w', 't', 'd' };
    struct echo *s = session;
    struct err e = ERR_CLEAR;
    (void)buf_add_byte(&s->log, letters[why]);
    switch (why) {
    case NET_OPENED:
        return net_write(c, STR("hello\r\n"), &e) ? NET_PARK : NET_CLOSE;
    case NET_INPUT:
        return echo_line(c);
    case NET_WOKEN:
        return net_write(c, STR("woken\r\n"), &e) ? NET_PARK : NET_CLOSE;
    case NET_IDLE:
        return net_write(c, STR("idle\r\n"), &e) ? NET_PARK : NET_CLOSE;
    case NET_DRAIN:
        (void)net_write(c, STR("good-bye\r\n"), &e);
        return NET_CLOSE;
    }
    return NET_CLOSE;
}

static const struct net_protocol echo_protocol = { .name = "echo",
                                                   .opened = echo_opened,
                                                   .run = echo_run,
                                                   .closed = echo_closed,
                                                   .busy_reply = "busy\r\n",
                                                   .waiting = echo_waiting };

static void begin(struct world *w, struct net_listener_options options,
                  const struct runtime_options *runtime)
{
    struct err e = ERR_CLEAR;
    memset(w, 0, sizeof(*w));
    w->rt = runtime_new(runtime, &e);
    assert_non_null(w->rt);
    int fd = open_port(&w->at);
    buf_init(&w->echo.log, 100000);
    options.protocol = &echo_protocol;
    options.service = &w->echo;
    w->listener = net_listener_new(w->rt, fd, &options);
}

/* Runs the fiber until it stops the loop, and ends the world. */
static void run_and_end(struct world *w, fiber_fn fn, void *arg)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(w->rt, "client", fn, arg, NULL, &e));
    runtime_run(w->rt);
    net_listener_free(&w->listener);
    buf_fini(&w->echo.log);
    runtime_free(&w->rt);
}

/* ---- clients ---- */

static struct net_conn *dial(struct world *w)
{
    return dial_to(w->rt, &w->at);
}

static void expect_end(struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    str line;
    assert_false(net_read_line(c, 1000, clock_deadline_in(5000), &line, NULL, &e));
    assert_true(e.kind == ERR_CLOSED || e.kind == ERR_UNAVAILABLE);
}

static void talk(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    expect(c, "hello");
    say(c, STR("one\r\n"));
    expect(c, "one");
    nap(5); /* parked now */
    say(c, STR("two\r\nthree\r\nfo"));
    expect(c, "two");
    expect(c, "three");
    say(c, STR("ur\r\nquit\r\nunread rest\r\n"));
    expect(c, "four");
    expect(c, "bye");
    expect_end(c);
    net_close(&c);
    nap(5);
    assert_string_equal(w->echo.peer, "127.0.0.1");
    assert_string_equal(buf_cstr(&w->echo.log), "oiiiii");
    assert_int_equal(w->echo.closed, 1);
    runtime_stop(w->rt);
}

static void test_a_dialogue(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, talk, &w);
}

static void wake_and_idle(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    expect(c, "hello");
    nap(5);
    net_conn_wake(w->echo.last);
    net_conn_wake(w->echo.last);
    expect(c, "woken");
    int64_t start = clock_monotonic_ms(); /* before the server's clock starts */
    say(c, STR("idle 20\r\n"));
    expect(c, "idle 20");
    expect(c, "idle");
    assert_in_range(clock_monotonic_ms() - start, 10, 20000);
    nap(50); /* the idle time was for once */
    net_close(&c);
    for (int i = 0; i < 20000 && w->echo.closed == 0; i++)
        nap(1);
    assert_string_equal(buf_cstr(&w->echo.log), "owiti"); /* the last i: the end of the stream */
    runtime_stop(w->rt);
}

static void test_wake_and_idle(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, wake_and_idle, &w);
}

/* A protocol is called while a write waits, be it for a peer that reads nothing or one that reads a
 * little again and again; and may end the connection. */
static void read_slowly(struct world *w, bool reads)
{
    struct err e = ERR_CLEAR;
    struct net_conn *c = dial(w);
    str some;
    expect(c, "hello");
    buf_clear(&w->echo.log);
    unsigned before = w->echo.closed;
    int64_t end = clock_deadline_in(20000);
    say(c, STR("much\r\n"));
    while (w->echo.closed == before && clock_monotonic_ms() < end) {
        if (reads)
            (void)net_read_some(c, 4096, clock_deadline_in(1000), &some, &e);
        nap(20);
    }
    assert_int_equal(w->echo.closed, before + 1);
    assert_string_equal(buf_cstr(&w->echo.log), "illl");
    net_close(&c);
}

static void read_slowly_or_not_at_all(void *arg)
{
    struct world *w = arg;
    read_slowly(w, false);
    read_slowly(w, true);
    runtime_stop(w->rt);
}

static void test_looks_while_a_write_waits(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, read_slowly_or_not_at_all, &w);
}

static void drain_while_parked(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    struct net_conn *second = NULL;
    struct err e = ERR_CLEAR;
    expect(c, "hello");
    nap(5);
    runtime_hold(w->rt); /* the drain waits for this client too */
    runtime_drain(w->rt, clock_deadline_in(60000));
    expect(c, "good-bye");
    expect_end(c);
    assert_false(net_connect(w->rt, &w->at, NULL, clock_deadline_in(1000), &second, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    net_close(&c);
    runtime_release(w->rt);
}

static void test_drain_says_good_bye_and_refuses_new_ones(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    int64_t start = clock_monotonic_ms();
    run_and_end(&w, drain_while_parked, &w); /* the drain ends the run, not runtime_stop */
    assert_true(clock_monotonic_ms() - start < 30000);
    assert_int_equal(w.echo.closed, 1);
}

static void kick(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    expect(c, "hello");
    nap(5);
    net_conn_abort(w->echo.last);
    assert_int_equal(w->echo.closed, 1);
    expect_end(c);
    net_close(&c);
    w->echo.refuses = true;
    c = dial(w);
    expect_end(c);
    net_close(&c);
    assert_int_equal(w->echo.closed, 1); /* a session that never was is not closed */
    runtime_stop(w->rt);
}

/* The client reads only after all of it is sent: the reply must not be lost to a reset. */
static void talk_without_end(void *arg)
{
    static char junk[65536];
    struct world *w = arg;
    struct net_conn *c = dial(w);
    struct err e = ERR_CLEAR;
    expect(c, "hello");
    memset(junk, 'x', sizeof(junk));
    for (int i = 0; i < 32; i++)
        assert_true(net_write(c, str_of(junk, sizeof(junk)), &e));
    assert_true(net_flush(c, &e));
    nap(20);
    expect(c, "too long");
    expect_end(c);
    net_close(&c);
    for (int i = 0; i < 1000 && w->echo.closed == 0; i++)
        nap(5);
    assert_int_equal(w->echo.closed, 1);
    runtime_stop(w->rt);
}

static void test_an_endless_line_is_answered_before_the_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, talk_without_end, &w);
}

static void test_abort_and_refusal(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, kick, &w);
}

/* ---- limits ---- */

static void open_three(void *arg)
{
    struct world *w = arg;
    struct net_conn *a = dial(w);
    struct net_conn *b = dial(w);
    expect(a, "hello");
    expect(b, "hello");
    struct net_conn *c = dial(w);
    expect(c, "busy");
    expect_end(c);
    net_close(&c);
    say(a, STR("quit\r\n"));
    expect(a, "bye");
    expect_end(a);
    net_close(&a);
    nap(10);
    c = dial(w);
    expect(c, "hello");
    net_close(&b);
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_the_limit_of_one_address(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ .max_per_ip = 2 }, NULL);
    run_and_end(&w, open_three, &w);
}

static void test_the_limit_of_connections(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ .max_connections = 2 }, NULL);
    run_and_end(&w, open_three, &w);
}

static void open_many_one_by_one(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < 5; i++) {
        struct net_conn *c = dial(w);
        expect(c, i < 3 ? "hello" : "busy");
        net_close(&c);
        nap(2);
    }
    runtime_stop(w->rt);
}

static void test_the_limit_of_new_ones_a_minute(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ .max_new_per_minute = 3 }, NULL);
    run_and_end(&w, open_many_one_by_one, &w);
}

static void open_without_descriptors(void *arg)
{
    struct world *w = arg;
    struct rlimit before;
    int used[64];
    size_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Blocking, so that the kernel connects it and the loop has not accepted it yet. */
    assert_int_equal(connect(fd, (struct sockaddr *)&w->at.sa, w->at.len), 0);
    struct net_conn *c = net_conn_wrap(w->rt, fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = { .rlim_cur = 40, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < COUNT_OF(used) && (used[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    expect(c, "busy");
    expect_end(c);
    while (n > 0)
        close(used[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    net_close(&c);
    c = dial(w);
    expect(c, "hello"); /* after the pause */
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_out_of_descriptors(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct net_listener_options){ 0 }, NULL);
    run_and_end(&w, open_without_descriptors, &w);
}

static void hold_a_fiber(void *arg)
{
    struct err e = ERR_CLEAR;
    (void)arg;
    (void)fiber_sleep_until(clock_deadline_in(120), &e);
}

static void wait_for_a_fiber(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    struct net_conn *c = dial(w);
    expect(c, "hello");
    nap(5);
    while (fiber_spawn(w->rt, "hog", hold_a_fiber, NULL, NULL, &e))
        ;
    assert_int_equal(e.kind, ERR_LIMIT);
    say(c, STR("still there\r\n"));
    expect(c, "still there"); /* late, but not lost */
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_out_of_fibers(void **state)
{
    (void)state;
    struct world w;
    struct runtime_options few = { .max_fibers = 6 };
    begin(&w, (struct net_listener_options){ 0 }, &few);
    run_and_end(&w, wait_for_a_fiber, &w);
}

/* ---- PROXY headers ---- */

static void come_through_a_proxy(void *arg)
{
    struct world *w = arg;
    static const char header[] = "PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n";
    for (size_t cut = 0; cut < sizeof(header); cut++) {
        struct net_conn *c = dial(w);
        struct err e = ERR_CLEAR;
        assert_true(net_write(c, str_of(header, cut), &e));
        assert_true(net_flush(c, &e));
        nap(cut % 8 == 0 ? 2 : 0);
        assert_true(net_write(c, str_of(header + cut, sizeof(header) - 1 - cut), &e));
        say(c, STR("early\r\n")); /* belongs to the protocol, not to the header */
        expect(c, "hello");
        expect(c, "early");
        assert_string_equal(w->echo.peer, "192.0.2.1");
        net_close(&c);
        nap(1);
    }
    struct net_conn *c = dial(w);
    say(c, STR("EHLO no.header\r\n"));
    expect_end(c);
    net_close(&c);
    c = dial(w); /* the limit counts the told address, here the 2nd of 192.0.2.9 */
    say(c, STR("PROXY TCP4 192.0.2.9 198.51.100.2 1234 25\r\n"));
    expect(c, "hello");
    struct net_conn *second = dial(w);
    say(second, STR("PROXY TCP4 192.0.2.9 198.51.100.2 1235 25\r\n"));
    expect(second, "busy");
    expect_end(second);
    net_close(&second);
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_a_trusted_proxy(void **state)
{
    (void)state;
    struct world w;
    struct net_network local;
    assert_true(net_network_parse(STR("127.0.0.0/8"), &local, NULL));
    struct net_networks trusted = { &local, 1 };
    begin(&w, (struct net_listener_options){ .proxy_from = &trusted, .max_per_ip = 1 }, NULL);
    run_and_end(&w, come_through_a_proxy, &w);
}

static void pretend_to_be_a_proxy(void *arg)
{
    struct world *w = arg;
    struct net_conn *c = dial(w);
    expect(c, "hello");
    say(c, STR("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n"));
    expect(c, "PROXY TCP4 192.0.2.1 198.51.100.2 1234 25"); /* a command like any other */
    assert_string_equal(w->echo.peer, "127.0.0.1");
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_an_untrusted_proxy(void **state)
{
    (void)state;
    struct world w;
    struct net_network other;
    assert_true(net_network_parse(STR("10.0.0.0/8"), &other, NULL));
    struct net_networks trusted = { &other, 1 };
    begin(&w, (struct net_listener_options){ .proxy_from = &trusted }, NULL);
    run_and_end(&w, pretend_to_be_a_proxy, &w);
}

static void send_half_a_header(void *arg)
{
    struct world *w = arg;
    int64_t start = clock_monotonic_ms(); /* before the server's clock starts */
    struct net_conn *c = dial(w);
    say(c, STR("PROXY TCP4 192."));
    expect_end(c);
    assert_in_range(clock_monotonic_ms() - start, 20, 20000);
    net_close(&c);
    runtime_stop(w->rt);
}

static void test_half_a_header_times_out(void **state)
{
    (void)state;
    struct world w;
    struct net_network local;
    assert_true(net_network_parse(STR("127.0.0.0/8"), &local, NULL));
    struct net_networks trusted = { &local, 1 };
    begin(&w, (struct net_listener_options){ .proxy_from = &trusted, .handshake_ms = 30 }, NULL);
    run_and_end(&w, send_half_a_header, &w);
}

/* ---- opening ports ---- */

static void test_opening_a_port(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct net_address at;
    int fd;
    assert_true(net_address_parse(STR("192.0.2.1:1"), &at, &e));
    assert_false(net_listen_open(&at, &fd, &e)); /* not an address of ours */
    assert_int_equal(e.kind, ERR_UNAVAILABLE);

    char path[200];
    (void)snprintf(path, sizeof(path), "unix:%s/socket", test_directory());
    assert_true(net_address_parse(str_from_cstr(path), &at, &e));
    assert_true(net_listen_open(&at, &fd, &e));
    close(fd);
    assert_true(net_listen_open(&at, &fd, &e)); /* the socket that was left is no obstacle */
    close(fd);
    (void)snprintf(path, sizeof(path), "unix:%s/letter", test_directory());
    FILE *letter = fopen(path + strlen("unix:"), "w");
    assert_non_null(letter);
    assert_int_equal(fclose(letter), 0);
    assert_true(net_address_parse(str_from_cstr(path), &at, &e));
    assert_false(net_listen_open(&at, &fd, &e)); /* any other file is not ours to take away */
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_int_equal(access(path + strlen("unix:"), F_OK), 0);

    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(net_address_parse(STR("127.0.0.1:0"), &at, &e));
    assert_int_equal(bind(taken, (struct sockaddr *)&at.sa, at.len), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&at.sa, &at.len), 0);
    e = ERR_CLEAR;
    assert_false(net_listen_open(&at, &fd, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    close(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dialogue),
        cmocka_unit_test(test_wake_and_idle),
        cmocka_unit_test(test_looks_while_a_write_waits),
        cmocka_unit_test(test_drain_says_good_bye_and_refuses_new_ones),
        cmocka_unit_test(test_an_endless_line_is_answered_before_the_end),
        cmocka_unit_test(test_abort_and_refusal),
        cmocka_unit_test(test_the_limit_of_one_address),
        cmocka_unit_test(test_the_limit_of_connections),
        cmocka_unit_test(test_the_limit_of_new_ones_a_minute),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_out_of_fibers),
        cmocka_unit_test(test_a_trusted_proxy),
        cmocka_unit_test(test_an_untrusted_proxy),
        cmocka_unit_test(test_half_a_header_times_out),
        cmocka_unit_test(test_opening_a_port),
    };
    return cmocka_run_group_tests_name("net/serve", tests, NULL, NULL);
}
