/* SPDX-License-Identifier: Apache-2.0 */
/* Storms of clients that die at the worst moments. After each nothing may be left: no job, no
 * fiber, no octet, no stream; under AddressSanitizer also nothing used after its end. A fiber that
 * waits for the database is in tests/unit/app/test_http_database.c. */
#include "http_fixture.h"

enum {
    ROUNDS = 100,
    TOGETHER = 16, /* clients at a time */
    PIECE = 64 * 1024,
    PIECES = 400
};

struct hall {
    struct list streams; /* struct seat */
};

struct seat {
    struct list link;
    struct http_events *events;
};

static void note_end(struct world *w, const struct err *e)
{
    if (e->kind == ERR_CANCELLED || e->kind == ERR_CLOSED)
        (void)atomic_fetch_add(&w->cancelled, 1);
}

static void on_closed(void *arg)
{
    struct seat *seat = arg;
    list_remove(&seat->link);
    free(seat);
}

static void take_seat(struct http_request *r, struct world *w)
{
    struct hall *hall = w->extra;
    struct seat *seat = HEAP_NEW(struct seat);
    const struct http_events_options o = { .closed = on_closed, .arg = seat };
    seat->events = http_events_begin(r, &o, STR("retry: 1000\n\n"));
    list_init(&seat->link);
    if (!seat->events) {
        free(seat);
        return;
    }
    list_add_tail(&hall->streams, &seat->link);
}

static void download(struct http_request *r, struct world *w)
{
    struct err e = ERR_CLEAR;
    const char *piece = arena_alloc(r->arena, PIECE);
    http_begin(r, 200, "application/octet-stream", (int64_t)PIECE * PIECES);
    for (int i = 0; i < PIECES; i++) {
        if (!http_send(r, str_of(piece, PIECE), &e)) {
            note_end(w, &e);
            return;
        }
    }
    http_end(r);
}

static void send_to_all(const struct hall *hall)
{
    LIST_FOR_EACH (item, &hall->streams) {
        struct seat *seat = CONTAINER_OF(item, struct seat, link);
        http_events_send(seat->events, STR_EMPTY, STR("data: something\n\n"));
    }
}

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    (void)atomic_fetch_add(&w->handlers, 1);
    if (str_eq(r->path, STR("/wait"))) {
        if (!signal_point_wait(&w->never, DEADLINE_NONE, &e))
            note_end(w, &e);
        http_reply(r, 200, NULL, STR("late"));
    } else if (str_eq(r->path, STR("/download"))) {
        download(r, w);
    } else if (str_eq(r->path, STR("/events"))) {
        take_seat(r, w);
        send_to_all(w->extra);
    } else {
        send_to_all(w->extra);
        fiber_yield();
        http_reply(r, 200, "text/plain", r->body.n ? r->body : STR("hello"));
    }
    (void)atomic_fetch_sub(&w->handlers, 1);
}

/* What a client sends, and how long it lives at most. */
struct act {
    const char *name;
    const char *text;
    unsigned life_ms;
    bool reads;  /* some of the answer */
    bool resets; /* ends with a reset instead of a good-bye */
};

static const struct act acts[] = {
    { "nothing", "", 3, false, false },
    { "half a head", "GET / HTTP/1.1\r\nHos", 3, false, true },
    { "half a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf", 3, false,
      true },
    { "half a chunk",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhalf", 3, false,
      false },
    { "a question", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, false, true },
    { "a short wait", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", 0, false, true },
    { "a long wait", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", 90, false, true },
    { "a polite long wait", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", 70, false, false },
    { "a download begun", "GET /download HTTP/1.1\r\nHost: a\r\n\r\n", 2, false, true },
    { "a download half read", "GET /download HTTP/1.1\r\nHost: a\r\n\r\n", 5, true, true },
    { "a download left alone", "GET /download HTTP/1.1\r\nHost: a\r\n\r\n", 80, true, false },
    { "a stream", "GET /events HTTP/1.1\r\nHost: a\r\n\r\n", 4, true, false },
    { "a stream for longer", "GET /events HTTP/1.1\r\nHost: a\r\n\r\n", 80, true, true },
    { "pipelined questions",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /download HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      4, true, true },
};

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return *state >> 16;
}

static void play(const struct world *w, const struct act *act, unsigned *random)
{
    char some[2048];
    int fd = client_connect(w->port);
    client_send(fd, str_from_cstr(act->text));
    if (act->reads && recv(fd, some, sizeof(some), 0) < 0)
        fail_msg("%s: nothing came", act->name);
    if (act->life_ms > 0)
        client_sleep_ms((long)(next_random(random) % act->life_ms));
    const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    if (act->resets)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    (void)close(fd);
}

struct player {
    struct world *w;
    const struct act *only; /* NULL: all in turn */
    unsigned random;
    pthread_t id;
};

static void *play_many(void *arg)
{
    struct player *p = arg;
    for (unsigned i = 0; i < ROUNDS / TOGETHER * COUNT_OF(acts) / (p->only ? 4 : 1); i++)
        play(p->w, p->only ? p->only : &acts[next_random(&p->random) % COUNT_OF(acts)], &p->random);
    return NULL;
}

static void storm(struct world *w, const struct act *only)
{
    struct player players[TOGETHER];
    for (unsigned i = 0; i < TOGETHER; i++) {
        players[i] = (struct player){ .w = w, .only = only, .random = 4711 + i };
        assert_int_equal(pthread_create(&players[i].id, NULL, play_many, &players[i]), 0);
    }
    for (unsigned i = 0; i < TOGETHER; i++)
        assert_int_equal(pthread_join(players[i].id, NULL), 0);
    client_wait_nothing_left(w);
    struct buf b;
    buf_init(&b, 10000);
    client_ask(w->port, STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &b);
    assert_true(str_eq(body_of(&b), STR("hello")));
    buf_fini(&b);
}

static void storm_all(struct world *w)
{
    storm(w, NULL);
    assert_true(atomic_load(&w->cancelled) > 0);
}

static void storms_of_each(struct world *w)
{
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        storm(w, &acts[i]);
}

static void run(void (*client)(struct world *w))
{
    struct world w = { 0 };
    struct hall hall;
    const struct http_server_options options = { .handle = handle, .arg = &w };
    list_init(&hall.streams);
    w.extra = &hall;
    world_open(&w, &options);
    world_run(&w, client);
    assert_true(list_is_empty(&hall.streams));
    world_close(&w);
}

static void test_each(void **state)
{
    (void)state;
    run(storms_of_each);
}

static void test_all(void **state)
{
    (void)state;
    run(storm_all);
}

/* The server ends in the middle of everything: at the drain's deadline what runs is cancelled. */
static void begin_drain(void *arg)
{
    struct world *w = arg;
    runtime_drain(w->rt, clock_deadline_in(200));
}

static void ask_until_end(struct world *w)
{
    static const char *const texts[] = {
        "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /download HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf",
        "GET / HTTP/1.1\r\nHos",
    };
    int fds[COUNT_OF(texts)];
    struct buf b;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        fds[i] = client_connect(w->port);
        client_send(fds[i], str_from_cstr(texts[i]));
    }
    client_sleep_ms(100);
    runtime_post(w->rt, begin_drain, w);
    client_sleep_ms(400);
    buf_init(&b, (size_t)64 * 1024 * 1024);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        (void)client_read_all(fds[i], &b);
        (void)close(fds[i]);
    }
    buf_fini(&b);
}

static void test_end(void **state)
{
    (void)state;
    run(ask_until_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_end),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
