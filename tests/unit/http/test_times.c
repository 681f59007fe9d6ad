/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are slow or silent (ATTACKS A9): what they are told, and that they hold nothing. The
 * limits are much shorter here than in a server's life. */
#include "http_fixture.h"

#include <poll.h>

enum {
    PIECE = 256 * 1024,
    SHORT_MS = 300
};

struct keeper {
    struct http_events *events;
    enum err_kind kind; /* of the download that stalled */
    atomic_uint begun;  /* handlers, ever */
};

static void on_closed(void *arg)
{
    struct keeper *k = arg;
    k->events = NULL;
}

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct keeper *k = w->extra;
    struct err e = ERR_CLEAR;
    (void)atomic_fetch_add(&w->handlers, 1);
    (void)atomic_fetch_add(&k->begun, 1);
    if (str_eq(r->path, STR("/endless"))) {
        const char *piece = arena_alloc(r->arena, PIECE);
        http_begin(r, 200, "application/octet-stream", -1);
        while (http_send(r, str_of(piece, PIECE), &e))
            continue;
        k->kind = e.kind;
    } else if (str_eq(r->path, STR("/big"))) {
        http_reply(r, 200, "application/octet-stream",
                   str_of(arena_alloc(r->arena, (size_t)64 * PIECE), (size_t)64 * PIECE));
    } else if (str_eq(r->path, STR("/events"))) {
        const struct http_events_options o = { .closed = on_closed, .arg = k };
        k->events = http_events_begin(r, &o, STR_EMPTY);
    } else {
        if (k->events)
            http_events_send(k->events, STR_EMPTY, STR("data: now\n\n"));
        http_reply(r, 200, "text/plain", STR("hello"));
    }
    (void)atomic_fetch_sub(&w->handlers, 1);
}

static void run_server(const struct http_server_options *times, void (*client)(struct world *w),
                       struct keeper *keeper)
{
    struct world w = { .extra = keeper };
    struct http_server_options options = *times;
    options.handle = handle;
    options.arg = &w;
    world_open(&w, &options);
    world_run(&w, client);
    world_close(&w);
}

/* A connection, and what the client knows of its age. */
struct visit {
    int fd;
    int64_t began_ms; /* before the server heard of it, so that its limit is never earlier */
};

static struct visit begin_visit(const struct world *w)
{
    int64_t began_ms = clock_monotonic_ms();
    return (struct visit){ .fd = client_connect(w->port), .began_ms = began_ms };
}

/* What the server says until it closes; not before the limit. */
static void wait_for_end(const struct visit *v, struct buf *b)
{
    buf_clear(b);
    (void)client_read_all(v->fd, b);
    (void)close(v->fd);
    assert_true(clock_monotonic_ms() - v->began_ms >= SHORT_MS - 50);
}

static void ask_slowly(struct world *w)
{
    struct buf b;
    buf_init(&b, 100000);
    /* Nothing at all: nobody waits for an answer. */
    struct visit v = begin_visit(w);
    wait_for_end(&v, &b);
    assert_int_equal(b.n, 0);
    /* Half a head. */
    v = begin_visit(w);
    client_send(v.fd, STR("GET / HTTP/1.1\r\nHost: a\r\nX-Slow"));
    wait_for_end(&v, &b);
    assert_int_equal(status_of(&b), 408);
    /* One octet at a time never gets past the limit. */
    v = begin_visit(w);
    struct pollfd ended = { .fd = v.fd, .events = POLLIN };
    bool has_ended = false;
    for (int i = 0; i < 4000 && !has_ended; i++) {
        client_send(v.fd, STR("G"));
        has_ended = poll(&ended, 1, 10) > 0;
    }
    assert_true(has_ended);
    wait_for_end(&v, &b);
    assert_int_equal(status_of(&b), 408);
    /* Half a body. */
    v = begin_visit(w);
    client_send(v.fd, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"));
    wait_for_end(&v, &b);
    /* Between two requests. */
    v = begin_visit(w);
    client_send(v.fd, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(v.fd, &b, STR("hello")));
    wait_for_end(&v, &b);
    assert_int_equal(b.n, 0);
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_slow(void **state)
{
    (void)state;
    struct keeper k = { 0 };
    const struct http_server_options times = { .head_ms = SHORT_MS, .read_ms = SHORT_MS };
    run_server(&times, ask_slowly, &k);
}

/* Clients that ask and do not read. */
static void ask_and_stall(struct world *w)
{
    static const char *const paths[] = { "/endless", "/big" };
    char text[100];
    const struct keeper *k = w->extra;
    struct http_server_counts counts = { .requests = 0 };
    for (unsigned i = 0; i < COUNT_OF(paths); i++) {
        int fd = client_connect(w->port);
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        client_send(fd, str_from_cstr(text));
        for (int n = 0; n < 6000 && atomic_load(&k->begun) == i; n++)
            client_sleep_ms(5);
        assert_int_equal(atomic_load(&k->begun), i + 1);
        client_wait_nothing_left(w); /* it gives up by itself */
        http_server_count(w->server, &counts);
        assert_int_equal(counts.octets, 0);
        (void)close(fd);
    }
}

static void test_stalled(void **state)
{
    (void)state;
    struct keeper k = { 0 };
    const struct http_server_options times = { .stall_ms = SHORT_MS };
    run_server(&times, ask_and_stall, &k);
    assert_true(k.kind == ERR_TIMEOUT || k.kind == ERR_CANCELLED || k.kind == ERR_CLOSED);
}

/* Heartbeats in a silent stream, and events between them. */
static void ask_beats(struct world *w)
{
    struct buf b;
    struct buf other;
    buf_init(&b, 100000);
    buf_init(&other, 10000);
    int fd = client_connect(w->port);
    client_send(fd, STR("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(fd, &b, STR("\r\n\r\n")));
    for (int i = 0; i < 5; i++) {
        buf_clear(&b);
        assert_true(client_read_until(fd, &b, STR("3\r\n:\n\n\r\n")));
    }
    for (int i = 0; i < 20; i++) {
        buf_clear(&b);
        client_ask(w->port, STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &other);
        assert_true(client_read_until(fd, &b, STR("data: now\n\n")));
    }
    (void)close(fd);
    client_wait_nothing_left(w);
    buf_fini(&other);
    buf_fini(&b);
}

static void test_beats(void **state)
{
    (void)state;
    struct keeper k = { 0 };
    const struct http_server_options times = { .beat_ms = 5 };
    run_server(&times, ask_beats, &k);
    assert_null(k.events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_beats),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
