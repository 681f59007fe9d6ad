/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter is told of the client. */
#include "milter/session.h"

#include "milter/codec.h"
#include "support/in_fiber.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A filter that refuses each client at once, and keeps what it was told. */
struct filter {
    int fd; /* listens */
    struct milter_server server;
    pthread_t thread;
    char told[1024];
    size_t n;
};

static void *serve(void *arg)
{
    struct filter *f = arg;
    /* Options of version 6 without any wish, then the answer to the connection. */
    static const char answers[] = "\0\0\0\15O\0\0\0\6\0\0\0\0\0\0\0\0"
                                  "\0\0\0\1r";
    ssize_t n = 0;
    int peer = accept(f->fd, NULL, NULL);
    if (peer < 0 || send(peer, answers, sizeof(answers) - 1, MSG_NOSIGNAL) < 0)
        return NULL;
    do {
        f->n += (size_t)n;
        n = read(peer, f->told + f->n, sizeof(f->told) - f->n);
    } while (n > 0);
    (void)close(peer);
    return NULL;
}

static void begin(struct filter *f)
{
    struct err e = ERR_CLEAR;
    struct net_address *at = &f->server.at;
    *f = (struct filter){ .server = { .name = STR("filter") } };
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
        begin(&f);
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

static void test_clients(void **state)
{
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(NULL, &e);
    (void)state;
    assert_non_null(rt);
    in_fiber_run_to_end(rt, tell_all, rt);
    runtime_free(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
    };
    return cmocka_run_group_tests_name("milter/session", tests, NULL, NULL);
}
