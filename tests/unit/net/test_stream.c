/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing over socket pairs: lines and their limits, slow peers, closed peers. */
#include "net_fixture.h"

#include <errno.h>
#include <unistd.h>

static struct runtime *rt;

/* Two ends of one connection: ours, and the peer's as a plain descriptor. */
struct pair {
    struct net_conn *c;
    int peer;
};

static int set_up(void **state)
{
    struct err e = ERR_CLEAR;
    struct pair *p = HEAP_NEW(struct pair);
    int ends[2];
    rt = runtime_new(NULL, &e);
    if (!rt || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    p->c = net_conn_wrap(rt, ends[0]);
    p->peer = ends[1];
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    net_close(&p->c);
    if (p->peer >= 0)
        close(p->peer);
    free(p);
    runtime_free(&rt);
    return 0;
}

static void run(fiber_fn fn, void *arg)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(rt, "test", fn, arg, NULL, &e));
    runtime_run(rt);
}

static void send_all(int fd, str bytes)
{
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
}

/* ---- lines ---- */

struct line_case {
    const char *name;
    str input;
    const char *lines; /* what is read, each ended by '|'; '!' marks a line that is not clean */
};

enum {
    LINE_MAX = 20
};

static const struct line_case line_cases[] = {
    { "clean", STR_INIT("EHLO a\r\n\r\nQUIT\r\n"), "EHLO a||QUIT|" },
    { "bare LF", STR_INIT("EHLO a\nQUIT\r\n"), "EHLO a!|QUIT|" },
    { "bare CR", STR_INIT("a\rb\r\nc\r\r\n"), "a\rb!|c\r!|" },
    { "LF alone", STR_INIT("\n"), "!|" },
    { "at the limit", STR_INIT("12345678901234567890\r\n12345678901234567890\n"),
      "12345678901234567890|12345678901234567890!|" },
    { "above the limit", STR_INIT("123456789012345678901\r\nnext\r\n"), "<too long>|next|" },
    { "above the limit, bare LF", STR_INIT("123456789012345678901\nnext\r\n"), "<too long>|next|" },
    { "far above the limit", STR_INIT("1234567890123456789012345678901234567890\r\nnext\r\n"),
      "<too long>|next|" },
    { "CR is no end", STR_INIT("12345678901234567890\rx\r\nnext\r\n"), "<too long>|next|" },
    { "cut off", STR_INIT("one\r\ntwo"), "one|" },
};

struct line_reader {
    struct net_conn *c;
    struct buf seen;
    enum err_kind end;
};

static void read_lines(void *arg)
{
    struct line_reader *r = arg;
    for (;;) {
        struct err e = ERR_CLEAR;
        str line;
        bool clean;
        bool ok = net_read_line(r->c, LINE_MAX, clock_deadline_in(30000), &line, &clean, &e);
        if (!ok && e.kind != ERR_LIMIT) {
            r->end = e.kind;
            return;
        }
        (void)buf_add(&r->seen, ok ? line : STR("<too long>"));
        (void)buf_add(&r->seen, ok && !clean ? STR("!|") : STR("|"));
    }
}

struct dribble {
    int fd;
    str input;
    size_t cut;
};

static void send_in_two(void *arg)
{
    struct dribble *d = arg;
    struct err e = ERR_CLEAR;
    send_all(d->fd, str_slice(d->input, 0, d->cut));
    assert_true(fiber_sleep_until(clock_deadline_in(1), &e));
    send_all(d->fd, str_skip(d->input, d->cut));
    assert_int_equal(shutdown(d->fd, SHUT_WR), 0);
}

static void check_lines(const struct line_case *c, size_t cut)
{
    int ends[2];
    struct err e = ERR_CLEAR;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    struct line_reader r = { .c = net_conn_wrap(rt, ends[0]) };
    struct dribble d = { ends[1], c->input, cut };
    buf_init(&r.seen, 4096);
    assert_true(fiber_spawn(rt, "reader", read_lines, &r, NULL, &e));
    run(send_in_two, &d);
    if (strcmp(buf_cstr(&r.seen), c->lines) != 0)
        fail_msg("%s, cut at %zu: %s", c->name, cut, buf_cstr(&r.seen));
    assert_int_equal(r.end, ERR_CLOSED);
    buf_fini(&r.seen);
    net_close(&r.c);
    close(ends[1]);
}

static void test_lines_split_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(line_cases); i++)
        for (size_t cut = 0; cut <= line_cases[i].input.n; cut++)
            check_lines(&line_cases[i], cut);
}

static void read_line_with_nul(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    str line;
    bool clean = true;
    assert_true(net_read_line(p->c, 100, clock_deadline_in(30000), &line, &clean, &e));
    assert_int_equal(line.n, 3);
    assert_false(clean);
}

static void test_nul_is_not_clean(void **state)
{
    struct pair *p = *state;
    send_all(p->peer, STR("a\0b\r\n"));
    run(read_line_with_nul, p);
}

static void send_endless_line(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    static char junk[1024];
    memset(junk, 'x', sizeof(junk));
    for (int i = 0; i < 80; i++) {
        unsigned ready;
        if (!fiber_wait_fd(p->peer, FIBER_WRITE, clock_deadline_in(200), &ready, &e))
            return;
        send_all(p->peer, str_of(junk, sizeof(junk)));
    }
}

static void test_an_endless_line_is_told_once(void **state)
{
    struct pair *p = *state;
    struct line_reader r = { .c = p->c };
    struct err e = ERR_CLEAR;
    buf_init(&r.seen, 4096);
    assert_true(fiber_spawn(rt, "sender", send_endless_line, p, NULL, &e));
    run(read_lines, &r);
    assert_int_equal(r.end, ERR_CLOSED);
    assert_true(str_eq(buf_str(&r.seen), STR("<too long>|")));
    buf_fini(&r.seen);
}

/* ---- blocks ---- */

static void read_blocks(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    str some;
    char exact[6];
    int64_t end = clock_deadline_in(5000);
    assert_int_equal(net_buffered(p->c), 12); /* in the kernel still */
    assert_true(net_read_some(p->c, 4, end, &some, &e));
    assert_memory_equal(some.p, "0123", 4);
    assert_int_equal(some.n, 4);
    net_unread(p->c, 3);
    assert_int_equal(net_buffered(p->c), 11);
    assert_true(net_read_exactly(p->c, exact, 6, end, &e));
    assert_memory_equal(exact, "123456", 6);
    assert_true(net_read_some(p->c, 100, end, &some, &e));
    assert_int_equal(some.n, 5);
    assert_false(net_read_some(p->c, 100, clock_deadline_in(5), &some, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    close(p->peer);
    p->peer = -1;
    e = ERR_CLEAR;
    assert_false(net_read_exactly(p->c, exact, 6, end, &e));
    assert_int_equal(e.kind, ERR_CLOSED);
}

static void test_blocks(void **state)
{
    struct pair *p = *state;
    send_all(p->peer, STR("0123456789ab"));
    run(read_blocks, p);
}

/* ---- writing ---- */

enum {
    MUCH = 3 * 1024 * 1024
};

static void write_much(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    char *much = heap_alloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 % 251);
    assert_true(net_writef(p->c, &e, "%d octets\r\n", MUCH));
    assert_true(net_write(p->c, str_of(much, MUCH), &e));
    assert_true(net_flush(p->c, &e));
    free(much);
    shutdown(p->peer, SHUT_RD);
}

static void read_much(void *arg)
{
    struct pair *p = arg;
    struct net_conn *reader = net_conn_wrap(rt, dup(p->peer));
    struct err e = ERR_CLEAR;
    str line;
    assert_true(net_read_line(reader, 100, clock_deadline_in(30000), &line, NULL, &e));
    assert_true(str_eq(line, STR("3145728 octets")));
    for (size_t at = 0; at < MUCH;) {
        str some;
        assert_true(net_read_some(reader, 100000, clock_deadline_in(30000), &some, &e));
        for (size_t i = 0; i < some.n; i++, at++)
            assert_int_equal((unsigned char)some.p[i], at * 31 % 251);
    }
    net_close(&reader);
}

static void test_much_goes_through_a_small_buffer(void **state)
{
    struct pair *p = *state;
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(rt, "reader", read_much, p, NULL, &e));
    run(write_much, p);
}

static void write_to_a_stalled_peer(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    static char block[65536];
    net_conn_set_write_timeout(p->c, 30);
    int64_t start = clock_monotonic_ms();
    while (net_write(p->c, str_of(block, sizeof(block)), &e))
        assert_true(clock_monotonic_ms() - start < 5000);
    assert_int_equal(e.kind, ERR_TIMEOUT);
}

static void test_a_stalled_reader_times_out(void **state)
{
    run(write_to_a_stalled_peer, *state);
}

static void flush_with_little_patience(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    static char block[65536];
    bool is_done = false;
    size_t given = 0;
    size_t got = 0;
    assert_true(net_flush_within(p->c, 20, &is_done, &e) && is_done);
    for (; is_done; given += sizeof(block)) {
        assert_true(given < MUCH);
        assert_true(net_write(p->c, str_of(block, sizeof(block)), &e));
        assert_true(net_flush_within(p->c, 20, &is_done, &e));
    }
    while (got < given) { /* nothing is lost, and the connection goes on */
        ssize_t n = read(p->peer, block, sizeof(block));
        assert_true(n > 0);
        got += (size_t)n;
        assert_true(net_flush_within(p->c, 20, &is_done, &e));
    }
    assert_true(is_done && got == given);
    close(p->peer);
    p->peer = -1;
    assert_true(net_write(p->c, STR("x"), &e));
    assert_false(net_flush_within(p->c, 20, &is_done, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
}

static void test_a_flush_may_give_up_waiting(void **state)
{
    run(flush_with_little_patience, *state);
}

static void write_to_a_closed_peer(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    close(p->peer);
    p->peer = -1;
    assert_true(net_write(p->c, STR("x"), &e));
    assert_false(net_flush(p->c, &e)); /* and no SIGPIPE */
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    e = ERR_CLEAR;
    assert_false(net_write(p->c, STR("x"), &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
}

static void test_a_closed_reader_is_an_error(void **state)
{
    run(write_to_a_closed_peer, *state);
}

/* Whole lines or nothing, and no wait. */
static void write_to_who_reads_late(void *arg)
{
    static const char line[] = "* a line of thirty-two octets\r\n";
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    size_t n = sizeof(line) - 1;
    size_t taken = 0;
    size_t got = 0;
    static char block[65536];
    fiber_forbid_yield();
    while (net_write_now(p->c, str_of(line, n)))
        taken += n;
    fiber_allow_yield();
    assert_true(taken > 65536); /* the buffer is full, and the kernel's, too */
    while (got < taken) {
        ssize_t some = recv(p->peer, block, sizeof(block), MSG_DONTWAIT);
        got += some > 0 ? (size_t)some : 0;
        if (some <= 0)
            (void)net_write_now(p->c, STR_EMPTY);
    }
    assert_int_equal(got, taken);
    assert_true(net_flush(p->c, &e));
    assert_true(recv(p->peer, block, sizeof(block), MSG_DONTWAIT) < 0);
}

static void test_lines_are_written_without_waiting(void **state)
{
    run(write_to_who_reads_late, *state);
}

static void look_for_the_peer(void *arg)
{
    struct pair *p = arg;
    assert_false(net_conn_is_gone(p->c));
    shutdown(p->peer, SHUT_WR); /* it still waits for an answer */
    assert_false(net_conn_is_gone(p->c));
    assert_true(net_write_now(p->c, STR("x")));
    close(p->peer);
    p->peer = -1;
    assert_true(net_conn_is_gone(p->c));
    (void)net_write_now(p->c, STR("x"));
    assert_false(net_write_now(p->c, STR("x")));
}

static void test_a_peer_that_is_gone_is_known(void **state)
{
    run(look_for_the_peer, *state);
}

static void ask_and_wait(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    str line;
    assert_true(net_write(p->c, STR("question\r\n"), &e));
    /* Not flushed by us: waiting for input does it. */
    assert_true(net_read_line(p->c, 100, clock_deadline_in(30000), &line, NULL, &e));
    assert_true(str_eq(line, STR("answer")));
}

static void answer(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    unsigned ready;
    char question[32];
    assert_true(fiber_wait_fd(p->peer, FIBER_READ, clock_deadline_in(30000), &ready, &e));
    assert_int_equal(read(p->peer, question, sizeof(question)), 10);
    send_all(p->peer, STR("answer\r\n"));
}

static void test_waiting_for_input_sends_what_is_buffered(void **state)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(rt, "peer", answer, *state, NULL, &e));
    run(ask_and_wait, *state);
}

static void read_until_aborted(void *arg)
{
    struct pair *p = arg;
    struct err e = ERR_CLEAR;
    str some;
    assert_false(net_read_some(p->c, 10, DEADLINE_NONE, &some, &e));
    assert_int_equal(e.kind, ERR_CLOSED);
}

static void abort_it(void *arg)
{
    struct pair *p = arg;
    net_conn_abort(p->c);
}

static void test_abort_ends_a_read(void **state)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_spawn(rt, "reader", read_until_aborted, *state, NULL, &e));
    run(abort_it, *state);
}

/* ---- fairness ---- */

struct flood {
    struct net_conn *c;
    unsigned lines;
    bool is_over;
    unsigned turns; /* that the other fiber got meanwhile */
};

static void read_flood(void *arg)
{
    struct flood *flood = arg;
    struct err e = ERR_CLEAR;
    str line;
    while (net_read_line(flood->c, LINE_MAX, DEADLINE_NONE, &line, NULL, &e))
        flood->lines++;
    flood->is_over = true;
}

static void take_turns(void *arg)
{
    struct flood *flood = arg;
    while (!flood->is_over) {
        flood->turns++;
        fiber_yield();
    }
}

/* A peer whose input never runs dry must not keep the loop from others. */
static void test_a_flood_of_lines_leaves_turns_to_others(void **state)
{
    struct pair *p = *state;
    struct flood flood = { .c = p->c };
    struct err e = ERR_CLEAR;
    unsigned sent = 0;
    int room = 1024 * 1024;
    assert_int_equal(setsockopt(p->peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    const str noop = STR("NOOP\r\n");
    char block[6 * 500];
    for (size_t at = 0; at < sizeof(block); at += noop.n)
        memcpy(block + at, noop.p, noop.n);
    for (; sent < 128 * 1024; sent += (unsigned)sizeof(block))
        send_all(p->peer, str_of(block, sizeof(block)));
    close(p->peer);
    p->peer = -1;
    assert_true(fiber_spawn(rt, "reader", read_flood, &flood, NULL, &e));
    run(take_turns, &flood);
    assert_int_equal(flood.lines, sent / noop.n);
    assert_true(flood.turns >= 4);
}

/* ---- last words ---- */

/* How a server ends that has said something and reads no more. */
static const struct ending {
    const char *name;
    bool reads_first; /* what we had sent until then */
    bool half_closes;
    bool resets; /* in any case */
} endings[] = {
    { "with unread input", false, false, false },
    { "with a reset", true, false, true },
    { "first its direction, then all of it", false, true, false },
    { "in order, and gone when more comes", true, false, false },
};

static void end_as(const struct ending *how, int fd)
{
    char input[100];
    const struct linger at_once = { .l_onoff = 1 };
    send_all(fd, STR("552-5.3.4 too\r\n552 5.3.4 large\r\n"));
    if (how->reads_first)
        assert_int_equal(read(fd, input, sizeof(input)), 5);
    if (how->half_closes)
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
    if (how->resets)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(fd);
}

struct tcp_pair {
    struct net_address at;
    int listening;
    const struct ending *how;
};

static void hear_last_words(void *arg)
{
    const struct tcp_pair *p = arg;
    struct err e = ERR_CLEAR;
    struct net_conn *c = dial_to(rt, &p->at);
    int peer = accept(p->listening, NULL, NULL);
    assert_true(peer >= 0);
    say(c, STR("body\n"));
    end_as(p->how, peer);
    /* At the latest the second one meets the reset that the first one brought about. */
    while (net_write(c, STR("more\r\n"), &e) && net_flush(c, &e))
        continue;
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_true(net_conn_is_gone(c));
    e = (struct err)ERR_CLEAR;
    assert_false(net_write(c, STR("again\r\n"), &e));
    assert_true(e.sys == ECONNRESET || e.sys == EPIPE);
    expect(c, "552-5.3.4 too");
    expect(c, "552 5.3.4 large");
    str line;
    e = (struct err)ERR_CLEAR;
    assert_false(net_read_line(c, 1000, DEADLINE_NONE, &line, NULL, &e));
    net_close(&c);
}

/* What came before a reset is in the kernel; a failed write does not make it unheard. */
static void test_last_words_are_heard(void **state)
{
    (void)state;
    struct tcp_pair p;
    p.listening = open_port(&p.at);
    for (p.how = endings; p.how < endings + COUNT_OF(endings); p.how++) {
        print_message("%s\n", p.how->name);
        run(hear_last_words, &p);
    }
    close(p.listening);
}

struct stuck {
    struct net_conn *c;
    int peer;
};

static void end_with_a_reset(void *arg)
{
    const struct stuck *stuck = arg;
    end_as(&(const struct ending){ .resets = true }, stuck->peer);
}

static void ask_and_listen(void *arg)
{
    struct stuck *stuck = arg;
    struct err e = ERR_CLEAR;
    static char much[60000]; /* the sockets take less, so the read that sends it waits for room */
    assert_true(net_write(stuck->c, str_of(much, sizeof(much)), &e));
    assert_true(fiber_spawn(rt, "server", end_with_a_reset, stuck, NULL, &e));
    expect(stuck->c, "552-5.3.4 too");
    assert_true(net_conn_is_gone(stuck->c));
    expect(stuck->c, "552 5.3.4 large");
    str line;
    assert_false(net_read_line(stuck->c, 1000, DEADLINE_NONE, &line, NULL, &e));
}

static void test_last_words_during_a_read_that_sends(void **state)
{
    (void)state;
    struct net_address at;
    int listening = open_port(&at);
    int room = 2048;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at.sa, at.len), 0);
    struct stuck stuck = { .c = net_conn_wrap(rt, fd), .peer = accept(listening, NULL, NULL) };
    run(ask_and_listen, &stuck);
    net_close(&stuck.c);
    close(listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_split_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nul_is_not_clean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_endless_line_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_much_goes_through_a_small_buffer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stalled_reader_times_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_flush_may_give_up_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_closed_reader_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_are_written_without_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_for_input_sends_what_is_buffered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_abort_ends_a_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_flood_of_lines_leaves_turns_to_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_last_words_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_words_during_a_read_that_sends, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("net/stream", tests, NULL, NULL);
}
