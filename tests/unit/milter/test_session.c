/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter is told of the client, and what it may change of the envelope. */
#include "milter/session.h"

#include "milter/codec.h"
#include "support/in_fiber.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A filter that says all of its answers at once, and keeps what it was told. */
struct filter {
    str answers;
    int fd; /* listens */
    struct milter_server server;
    pthread_t thread;
    char told[1024];
    size_t n;
};

static void *serve(void *arg)
{
    struct filter *f = arg;
    ssize_t n = 0;
    int peer = accept(f->fd, NULL, NULL);
    if (peer < 0 || send(peer, f->answers.p, f->answers.n, MSG_NOSIGNAL) < 0)
        return NULL;
    do {
        f->n += (size_t)n;
        n = read(peer, f->told + f->n, sizeof(f->told) - f->n);
    } while (n > 0);
    (void)close(peer);
    return NULL;
}

static void begin(struct filter *f, str answers)
{
    struct err e = ERR_CLEAR;
    struct net_address *at = &f->server.at;
    *f = (struct filter){ .answers = answers, .server = { .name = STR("filter") } };
    assert_true(net_address_parse(STR("127.0.0.1:0"), at, &e));
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->fd, (const struct sockaddr *)&at->sa, at->len), 0);
    assert_int_equal(listen(f->fd, 1), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&at->sa, &at->len), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

/* Takes the next packet, which has to be of this command: its data. */
static str take(str *told, char command)
{
    struct err e = ERR_CLEAR;
    size_t length = 0;
    assert_true(told->n > 4);
    assert_true(milter_length_parse((const uint8_t *)told->p, &length, &e));
    assert_true(told->n >= 4 + length && told->p[4] == command);
    str data = str_slice(*told, 5, length - 1);
    *told = str_skip(*told, 4 + length);
    return data;
}

#define OURS "Cj\0mx.test\0v\0Heronry\0{daemon_name}\0mx.test\0"

static const struct {
    struct milter_message message;
    str macros;
    str connection;
} cases[] = {
    { { .client_ip = STR_INIT("192.0.2.1"),
        .client_port = 258,
        .client_name = STR_INIT("a.test"),
        .client_ptr = STR_INIT("a.test") },
      STR_INIT(OURS "_\0a.test [192.0.2.1]\0{client_addr}\0"
                    "192.0.2.1\0{client_name}\0a.test\0{client_ptr}\0a.test\0{client_port}\0"
                    "258\0"),
      STR_INIT("a.test\0"
               "4\1\2"
               "192.0.2.1\0") },
    { { .client_ip = STR_INIT("2001:db8::1"),
        .client_port = 65535,
        .client_ptr = STR_INIT("b.test") },
      STR_INIT(OURS "_\0b.test [2001:db8::1] (may be forged)\0{client_addr}\0"
                    "IPv6:2001:db8::1\0{client_name}\0unknown\0{client_ptr}\0b.test\0"
                    "{client_port}\0"
                    "65535\0"),
      STR_INIT("[2001:db8::1]\0"
               "6\xff\xff"
               "IPv6:2001:db8::1\0") },
    { { .client_ip = STR_INIT("192.0.2.2") },
      STR_INIT(OURS "_\0unknown [192.0.2.2]\0{client_addr}\0"
                    "192.0.2.2\0{client_name}\0unknown\0{client_ptr}\0unknown\0{client_port}\0"
                    "0\0"),
      STR_INIT("[192.0.2.2]\0"
               "4\0\0"
               "192.0.2.2\0") },
    { { .client_ip = STR_INIT("") },
      STR_INIT(OURS "_\0localhost [127.0.0.1]\0{client_addr}\0"
                    "127.0.0.1\0{client_name}\0localhost\0{client_ptr}\0localhost\0{client_port}\0"
                    "0\0"),
      STR_INIT("localhost\0"
               "4\0\0"
               "127.0.0.1\0") },
    { { .is_client_unknown = true },
      STR_INIT(OURS "_\0unknown [unknown]\0{client_addr}\0"
                    "unknown\0{client_name}\0unknown\0{client_ptr}\0unknown\0{client_port}\0"
                    "0\0"),
      STR_INIT("unknown\0U") },
};

static void tell_all(void *arg)
{
    struct runtime *rt = arg;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filter f;
        struct arena a;
        struct err e = ERR_CLEAR;
        struct milter_result result = { .content = STR_EMPTY };
        struct milter_message message = cases[i].message;
        message.hostname = STR("mx.test");
        /* Options of version 6 without any wish, then the answer to the connection. */
        begin(&f, STR("\0\0\0\15O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1r"));
        arena_init(&a);
        const struct milter_chain chain = {
            .runtime = rt, .servers = &f.server, .n = 1, .timeout_ms = 60000
        };
        MUST(milter_session_run(&chain, &f.server, &message, &a, &result, &e), e);
        assert_int_equal(result.verdict, MILTER_REFUSED);
        assert_int_equal(pthread_join(f.thread, NULL), 0);
        str told = str_of(f.told, f.n);
        (void)take(&told, 'O');
        assert_true(str_eq(take(&told, 'D'), cases[i].macros));
        assert_true(str_eq(take(&told, 'C'), cases[i].connection));
        (void)take(&told, 'Q');
        arena_fini(&a);
        (void)close(f.fd);
    }
}

/* Filters that hear of the end only, and then change the envelope. */
enum {
    END_ONLY = MILTER_NO_CONNECT | MILTER_NO_HELO | MILTER_NO_MAIL | MILTER_NO_RCPT |
               MILTER_NO_DATA | MILTER_NO_HEADERS | MILTER_NO_EOH | MILTER_NO_BODY,
    PACKETS = 4,
    ANSWERS_MAX = 128 * 1024
};

static const struct {
    const char *name;
    uint32_t actions; /* that it named */
    struct {
        char command;
        str data;
    } packets[PACKETS]; /* then it lets the message pass */
    bool good;
    const char *sender;
    const char *last; /* recipient */
    size_t n;
} envelopes[] = {
    { "all of it",
      MILTER_ACTIONS,
      { { '+', STR_INIT("<b@x.test>\0") },
        { '-', STR_INIT("a@x.test\0") },
        { '2', STR_INIT("c@x.test\0NOTIFY=NEVER\0") },
        { 'e', STR_INIT("<>\0") } },
      true,
      "",
      "c@x.test",
      2 },
    { "not agreed on, and so not even read",
      MILTER_REMOVES_RECIPIENTS,
      { { '+', STR_INIT("<b@x.test>\0") },
        { '2', STR_INIT("b@x.test") },
        { 'e', STR_INIT("t@x.test\0") },
        { 'p', STR_INIT("") } },
      true,
      "s@x.test",
      "a@x.test",
      1 },
    { "no address",
      MILTER_ACTIONS,
      { { '+', STR_INIT("a b\0") } },
      false,
      "s@x.test",
      "a@x.test",
      1 },
    { "not all of it",
      MILTER_ACTIONS,
      { { '-', STR_INIT("a@x.test") } },
      false,
      "s@x.test",
      "a@x.test",
      1 },
};

/* `more` times the first packet, after all of them. */
static str answers_of(struct arena *a, size_t i, size_t more)
{
    struct buf all;
    struct buf options;
    buf_init(&all, ANSWERS_MAX);
    buf_init(&options, 12);
    assert_true(milter_add_number(&options, MILTER_VERSION) &&
                milter_add_number(&options, envelopes[i].actions) &&
                milter_add_number(&options, END_ONLY) &&
                milter_add_packet(&all, 'O', buf_str(&options)));
    for (size_t k = 0; k < PACKETS && envelopes[i].packets[k].command; k++) {
        assert_true(
            milter_add_packet(&all, envelopes[i].packets[k].command, envelopes[i].packets[k].data));
    }
    while (more-- > 0) {
        assert_true(
            milter_add_packet(&all, envelopes[i].packets[0].command, envelopes[i].packets[0].data));
    }
    assert_true(milter_add_packet(&all, 'a', STR_EMPTY));
    str answers = arena_str(a, buf_str(&all));
    buf_fini(&options);
    buf_fini(&all);
    return answers;
}

static bool ask(struct runtime *rt, struct arena *a, str answers, struct milter_result *result,
                struct err *e)
{
    static const struct milter_recipient named[] = { { .address = STR_INIT("a@x.test"),
                                                       .place = 1 } };
    struct filter f;
    const struct milter_message message = {
        .hostname = STR("mx.test"),
        .envelope = { .sender = STR("s@x.test"), .recipients = named, .n = 1 },
        .content = STR("A: 1\r\n\r\n"),
    };
    begin(&f, answers);
    const struct milter_chain chain = {
        .runtime = rt, .servers = &f.server, .n = 1, .timeout_ms = 60000
    };
    *result = milter_result_of(&message);
    bool ok = milter_session_run(&chain, &f.server, &message, a, result, e);
    assert_int_equal(pthread_join(f.thread, NULL), 0);
    (void)close(f.fd);
    return ok;
}

static void change_all(void *arg)
{
    for (size_t i = 0; i < COUNT_OF(envelopes); i++) {
        struct arena a;
        struct milter_result result;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        bool ok = ask(arg, &a, answers_of(&a, i, 0), &result, &e);
        const struct milter_envelope *envelope = &result.envelope;
        if (ok != envelopes[i].good || envelope->n != envelopes[i].n ||
            !str_eq(envelope->sender, str_from_cstr(envelopes[i].sender)) ||
            !str_eq(envelope->recipients[envelope->n - 1].address,
                    str_from_cstr(envelopes[i].last)))
            fail_msg("%s: %d, %zu recipients: %s", envelopes[i].name, (int)ok, envelope->n, e.msg);
        arena_fini(&a);
    }
}

/* As many changes as there may be, and one more. */
static void change_much(void *arg)
{
    const size_t most = MILTER_ENVELOPE_CHANGES_MAX - PACKETS;
    for (size_t more = most; more <= most + 1; more++) {
        struct arena a;
        struct milter_result result;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        assert_int_equal(ask(arg, &a, answers_of(&a, 0, more), &result, &e), more == most);
        assert_int_equal(e.kind, more == most ? ERR_NONE : ERR_LIMIT);
        arena_fini(&a);
    }
}

static void in_fiber(fiber_fn run)
{
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(NULL, &e);
    assert_non_null(rt);
    in_fiber_run_to_end(rt, run, rt);
    runtime_free(&rt);
}

static void test_clients(void **state)
{
    (void)state;
    in_fiber(tell_all);
}

static void test_envelopes(void **state)
{
    (void)state;
    in_fiber(change_all);
    in_fiber(change_much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_envelopes),
    };
    return cmocka_run_group_tests_name("milter/session", tests, NULL, NULL);
}
