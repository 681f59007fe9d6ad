/* SPDX-License-Identifier: Apache-2.0 */
/* A world for tests of http: a server in the loop of this thread, and clients in a thread of their
 * own that use plain blocking sockets, so that they can be as rude as they like. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "http/http_server.h"
#include "http/http_values.h"
#include "obs/obs.h"
#include "support/servers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    CLIENT_TIMEOUT_S = 30
};

struct world {
    struct runtime *rt;
    struct http_server *server;
    unsigned port;   /* plain HTTP */
    unsigned s_port; /* HTTPS, when it was asked for */
    struct signal_point never;
    atomic_uint handlers;  /* of the test's handler that run now */
    atomic_uint cancelled; /* of them, ended by ERR_CANCELLED or ERR_CLOSED */
    void (*client)(struct world *w);
    bool client_is_done;
    atomic_uint posted; /* of what the test posts to the loop: done */
    void *extra;        /* the test's own */
};

static inline int world_listen(unsigned *port)
{
    struct net_address at;
    struct err e = ERR_CLEAR;
    int fd = -1;
    char text[NET_ADDRESS_TEXT];
    *port = test_free_port();
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", *port);
    assert_true(net_address_parse(str_from_cstr(text), &at, &e));
    assert_true(net_listen_open(&at, &fd, &e));
    return fd;
}

/* A listener of the world with these options; gives its port. */
static inline unsigned world_add(struct world *w, const struct http_listener_options *options)
{
    struct err e = ERR_CLEAR;
    unsigned port;
    int fd = world_listen(&port);
    assert_true(http_server_listen(w->server, fd, options, &e));
    return port;
}

static inline void world_open(struct world *w, const struct http_server_options *options)
{
    static const struct http_listener_options plain;
    struct err e = ERR_CLEAR;
    w->rt = runtime_new(NULL, &e);
    assert_non_null(w->rt);
    signal_point_init(&w->never);
    w->server = http_server_new(w->rt, options, &e);
    if (!w->server)
        fail_msg("%s", e.msg);
    w->port = world_add(w, &plain);
}

static inline void world_close(struct world *w)
{
    http_server_free(&w->server);
    runtime_free(&w->rt);
}

static inline void world_stop(void *arg)
{
    struct world *w = arg;
    w->client_is_done = true;
    if (w->rt)
        runtime_stop(w->rt);
}

static inline void *world_client(void *arg)
{
    struct world *w = arg;
    w->client(w);
    runtime_post(w->rt, world_stop, w);
    return NULL;
}

/* Runs client(w) in a thread and the loop meanwhile; after a drain the server is ended as a worker
 * does it, and the client may still read. */
static inline void world_run(struct world *w, void (*client)(struct world *w))
{
    pthread_t id;
    w->client = client;
    w->client_is_done = false;
    assert_int_equal(pthread_create(&id, NULL, world_client, w), 0);
    while (!w->client_is_done && !runtime_is_draining(w->rt))
        runtime_run(w->rt);
    if (runtime_is_draining(w->rt))
        http_server_free(&w->server);
    assert_int_equal(pthread_join(id, NULL), 0);
}

static inline void client_sleep_ms(long ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&time, NULL);
}

/* In the client's thread: waits until the server holds nothing but idle connections. */
static inline void client_wait_nothing_left(struct world *w)
{
    struct http_server_counts counts;
    for (int i = 0; i < 2000; i++) {
        http_server_count(w->server, &counts);
        if (counts.requests == 0 && counts.octets == 0 && atomic_load(&w->handlers) == 0)
            return;
        client_sleep_ms(10);
    }
    fail_msg("left: %zu requests, %zu octets, %u handlers", counts.requests, counts.octets,
             atomic_load(&w->handlers));
}

/* In the client's thread: waits until the server has so many requests, and so many connections. */
static inline void client_wait_requests(struct world *w, size_t n)
{
    struct http_server_counts counts = { .requests = n + 1 };
    for (int i = 0; i < 4000 && counts.requests != n; i++) {
        client_sleep_ms(5);
        http_server_count(w->server, &counts);
    }
    assert_int_equal(counts.requests, n);
}

static inline void client_wait_connections(struct world *w, size_t n)
{
    struct http_server_counts counts = { .connections = n + 1 };
    for (int i = 0; i < 4000 && counts.connections != n; i++) {
        client_sleep_ms(5);
        http_server_count(w->server, &counts);
    }
    assert_int_equal(counts.connections, n);
}

static inline int client_connect(unsigned port)
{
    const struct timeval timeout = { .tv_sec = CLIENT_TIMEOUT_S };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static inline void client_send(int fd, str octets)
{
    while (octets.n > 0) {
        ssize_t n = send(fd, octets.p, octets.n, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server may close early */
        octets = str_skip(octets, (size_t)n);
    }
}

/* All that comes until the server closes. False when it does not, or resets. */
static inline bool client_read_all(int fd, struct buf *out)
{
    char chunk[3072];
    ssize_t n;
    while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
        if (!buf_add(out, str_of(chunk, (size_t)n)))
            return false;
    }
    return n == 0;
}

/* Reads until `text` was seen. */
static inline bool client_read_until(int fd, struct buf *out, str text)
{
    char chunk[3072];
    while (str_find(buf_str(out), text) < 0) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0 || !buf_add(out, str_of(chunk, (size_t)n)))
            return false;
    }
    return true;
}

/* Sends the octets on a connection of its own and gives what comes until its end. */
static inline void client_ask(unsigned port, str octets, struct buf *out)
{
    int fd = client_connect(port);
    buf_clear(out);
    client_send(fd, octets);
    (void)client_read_all(fd, out);
    (void)close(fd);
}

static inline unsigned answers_in(const struct buf *b)
{
    unsigned n = 0;
    str rest = buf_str(b);
    ptrdiff_t at;
    while ((at = str_find(rest, STR("HTTP/1.1 "))) >= 0) {
        n++;
        rest = str_skip(rest, (size_t)at + 1);
    }
    return n;
}

static inline unsigned status_of(const struct buf *b)
{
    uint64_t status = 0;
    if (!str_has_prefix(buf_str(b), STR("HTTP/1.1 ")))
        return 0;
    (void)str_to_uint(str_slice(buf_str(b), 9, 3), 999, &status);
    return (unsigned)status;
}

/* The body of the one answer in `b`. */
static inline str body_of(const struct buf *b)
{
    ptrdiff_t at = str_find(buf_str(b), STR("\r\n\r\n"));
    return at < 0 ? STR_EMPTY : str_skip(buf_str(b), (size_t)at + 4);
}

#endif
