/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events: order, replacing, overflow, both ends, and many idle streams without fibers.
 */
#include "http_fixture.h"

enum {
    MANY = 2000,
    SLOW_EVENTS = 400,
    SLOW_EVENT_SIZE = 40 * 1024
};

struct stream {
    struct world *w;
    struct http_events *events; /* NULL: ended */
    struct stream *next;
};

struct streams {
    struct stream *first;
    atomic_uint open;
    atomic_uint closed;
};

static const struct http_events_options defaults = { .overflow = STR_INIT("event: reset\n\n") };

static void on_closed(void *arg)
{
    struct stream *s = arg;
    struct streams *all = s->w->extra;
    s->events = NULL;
    (void)atomic_fetch_add(&all->closed, 1);
    (void)atomic_fetch_sub(&all->open, 1);
}

static struct stream *begin(struct world *w, struct http_request *r, size_t queue_max)
{
    struct streams *all = w->extra;
    struct stream *s = HEAP_NEW(struct stream);
    struct http_events_options o = defaults;
    o.queue_max = queue_max;
    o.closed = on_closed;
    o.arg = s;
    s->w = w;
    s->next = all->first;
    all->first = s;
    s->events = http_events_begin(r, &o, STR("retry: 3000\n\n"));
    if (s->events)
        (void)atomic_fetch_add(&all->open, 1);
    return s;
}

static void send_to_all(struct world *w, str key, str text)
{
    const struct streams *all = w->extra;
    for (struct stream *s = all->first; s; s = s->next) {
        if (s->events)
            http_events_send(s->events, key, text);
    }
}

static void send_much(struct world *w)
{
    struct buf event;
    char number[24];
    buf_init(&event, SLOW_EVENT_SIZE + 100);
    for (int i = 0; i < SLOW_EVENTS; i++) {
        buf_clear(&event);
        (void)snprintf(number, sizeof(number), "data: %d ", i);
        (void)buf_add(&event, str_from_cstr(number));
        (void)memset(buf_reserve(&event, SLOW_EVENT_SIZE), 'x', SLOW_EVENT_SIZE);
        buf_commit(&event, SLOW_EVENT_SIZE);
        (void)buf_add(&event, STR("\n\n"));
        send_to_all(w, STR_EMPTY, buf_str(&event));
    }
    send_to_all(w, STR_EMPTY, STR("data: last\n\n"));
    buf_fini(&event);
}

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct streams *all = w->extra;
    if (str_eq(r->path, STR("/events"))) {
        (void)begin(w, r, 0);
    } else if (str_eq(r->path, STR("/wide"))) {
        (void)begin(w, r, (size_t)4 * SLOW_EVENT_SIZE);
    } else if (str_eq(r->path, STR("/burst"))) {
        /* The first goes at once; of those that wait, the last of each key stays. */
        send_to_all(w, STR("a"), STR("data: a1\n\n"));
        send_to_all(w, STR("a"), STR("data: a2\n\n"));
        send_to_all(w, STR_EMPTY, STR("data: plain\n\n"));
        send_to_all(w, STR("a"), STR("data: a3\n\n"));
        http_reply(r, 204, NULL, STR_EMPTY);
    } else if (str_eq(r->path, STR("/much"))) {
        send_much(w);
        http_reply(r, 204, NULL, STR_EMPTY);
    } else if (str_eq(r->path, STR("/end"))) {
        send_to_all(w, STR_EMPTY, STR("data: bye\n\n"));
        for (struct stream *s = all->first; s; s = s->next) {
            if (s->events)
                (void)atomic_fetch_sub(&all->open, 1);
            http_events_end(&s->events);
        }
        http_reply(r, 204, NULL, STR_EMPTY);
    }
}

static void open_world(struct world *w, struct streams *all)
{
    const struct http_server_options options = { .handle = handle, .arg = w };
    w->extra = all;
    world_open(w, &options);
}

static void close_world(struct world *w)
{
    struct streams *all = w->extra;
    struct stream *next;
    world_close(w);
    assert_int_equal(atomic_load(&all->open), 0);
    for (struct stream *s = all->first; s; s = next) {
        next = s->next;
        free(s);
    }
}

#define EVENTS         STR("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
#define GET_TEXT(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define GET(path)      STR(GET_TEXT(path))

static void wait_for(const atomic_uint *what, unsigned n)
{
    for (int i = 0; i < 3000 && atomic_load(what) != n; i++)
        client_sleep_ms(10);
    assert_int_equal(atomic_load(what), n);
}

/* Until all that was sent to streams is with the kernel: what comes then goes at once. */
static void wait_until_sent(struct world *w)
{
    struct http_server_counts counts = { .octets = 1 };
    for (int i = 0; i < 3000 && counts.octets > 0; i++) {
        client_sleep_ms(10);
        http_server_count(w->server, &counts);
    }
    assert_int_equal(counts.octets, 0);
}

static void ask_order(struct world *w)
{
    struct buf b;
    struct buf other;
    buf_init(&b, 100000);
    buf_init(&other, 10000);
    int fd = client_connect(w->port);
    client_send(fd, EVENTS);
    assert_true(client_read_until(fd, &b, STR("retry: 3000")));
    assert_true(str_ifind(buf_str(&b), STR("content-type: text/event-stream\r\n")) > 0);
    assert_true(str_ifind(buf_str(&b), STR("cache-control: no-store\r\n")) > 0);
    assert_true(str_ifind(buf_str(&b), STR("x-accel-buffering: no\r\n")) > 0);
    wait_until_sent(w);
    client_ask(w->port, GET("/burst"), &other);
    assert_true(client_read_until(fd, &b, STR("data: a3")));
    ptrdiff_t plain = str_find(buf_str(&b), STR("data: plain"));
    assert_true(str_find(buf_str(&b), STR("data: a1")) > 0);
    assert_true(str_find(buf_str(&b), STR("data: a2")) < 0);
    assert_true(plain > str_find(buf_str(&b), STR("data: a1")));
    assert_true(plain < str_find(buf_str(&b), STR("data: a3")));
    client_ask(w->port, GET("/end"), &other);
    assert_true(client_read_until(fd, &b, STR("data: bye\n\n\r\n0\r\n\r\n")));
    (void)close(fd);
    client_wait_nothing_left(w);
    buf_fini(&b);
    buf_fini(&other);
}

static void test_order(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct streams all = { 0 };
    open_world(&w, &all);
    world_run(&w, ask_order);
    close_world(&w);
    assert_int_equal(atomic_load(&all.closed), 0);
}

/* HEAD gets the head; the connection is for the next request, and no stream is open. */
static void ask_head(struct world *w)
{
    struct buf b;
    struct http_server_counts counts;
    buf_init(&b, 100000);
    client_ask(w->port, STR("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n" GET_TEXT("/end")), &b);
    assert_int_equal(status_of(&b), 200);
    assert_true(str_ifind(buf_str(&b), STR("content-type: text/event-stream\r\n")) > 0);
    assert_true(str_has_prefix(body_of(&b), STR("HTTP/1.1 204 ")));
    http_server_count(w->server, &counts);
    assert_int_equal(counts.streams, 0);
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_head(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct streams all = { 0 };
    open_world(&w, &all);
    world_run(&w, ask_head);
    close_world(&w);
    assert_int_equal(atomic_load(&all.closed), 0);
}

/* A client that does not read: the queue stays small, and it is told that it missed something. */
static void ask_overflow(struct world *w)
{
    struct buf b;
    struct http_server_counts counts;
    buf_init(&b, (size_t)64 * 1024 * 1024);
    int fd = client_connect(w->port);
    client_send(fd, STR("GET /wide HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(fd, &b, STR("retry: 3000")));
    buf_clear(&b);
    struct buf other;
    buf_init(&other, 10000);
    client_ask(w->port, GET("/much"), &other);
    http_server_count(w->server, &counts);
    assert_true(counts.octets < (size_t)10 * SLOW_EVENT_SIZE);
    assert_int_equal(counts.streams, 1);
    assert_true(client_read_until(fd, &b, STR("data: last\n\n")));
    ptrdiff_t reset = str_find(buf_str(&b), STR("event: reset\n\n"));
    assert_true(reset > 0);
    assert_true(str_find(buf_str(&b), STR("data: last\n\n")) > reset);
    assert_true(b.n < (size_t)SLOW_EVENTS * SLOW_EVENT_SIZE);
    (void)close(fd);
    const struct streams *all = w->extra;
    wait_for(&all->closed, 1);
    client_wait_nothing_left(w);
    buf_fini(&other);
    buf_fini(&b);
}

static void test_overflow(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct streams all = { 0 };
    open_world(&w, &all);
    world_run(&w, ask_overflow);
    close_world(&w);
}

/* Each gets the event; those whose client goes away are told so at once, not at a heartbeat. */
static void ask_many(struct world *w)
{
    static int fds[MANY];
    struct streams *all = w->extra;
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(w->port);
        client_send(fds[i], EVENTS);
    }
    wait_for(&all->open, MANY);
    client_ask(w->port, GET("/burst"), &b);
    for (int i = 0; i < MANY; i++) {
        buf_clear(&b);
        assert_true(client_read_until(fds[i], &b, STR("data: a3")));
    }
    for (int i = 0; i < MANY / 2; i++)
        (void)close(fds[i]);
    wait_for(&all->closed, MANY / 2);
    for (int i = MANY / 2; i < MANY; i++)
        (void)close(fds[i]);
    wait_for(&all->closed, MANY);
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_many(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct streams all = { 0 };
    open_world(&w, &all);
    world_run(&w, ask_many);
    close_world(&w);
}

/* The server's end: by drain, and without one. */
static void begin_drain(void *arg)
{
    struct world *w = arg;
    runtime_drain(w->rt, clock_deadline_in(5000));
}

static void ask_until_drain(struct world *w)
{
    struct buf b;
    buf_init(&b, 100000);
    int fd = client_connect(w->port);
    client_send(fd, EVENTS);
    assert_true(client_read_until(fd, &b, STR("retry: 3000")));
    runtime_post(w->rt, begin_drain, w);
    assert_true(client_read_all(fd, &b));
    assert_true(str_has_suffix(buf_str(&b), STR("0\r\n\r\n")));
    (void)close(fd);
    buf_fini(&b);
}

static int left_open;

static void ask_and_leave_open(struct world *w)
{
    struct buf b;
    buf_init(&b, 100000);
    left_open = client_connect(w->port);
    client_send(left_open, EVENTS);
    assert_true(client_read_until(left_open, &b, STR("retry: 3000")));
    buf_fini(&b);
}

static void test_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w = { 0 };
        struct streams all = { 0 };
        open_world(&w, &all);
        world_run(&w, i ? ask_and_leave_open : ask_until_drain);
        close_world(&w);
        assert_int_equal(atomic_load(&all.closed), 1);
    }
    (void)close(left_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order), cmocka_unit_test(test_head), cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_many),  cmocka_unit_test(test_ends),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
