/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/bench http measures the bare HTTP module with: a server whose fibers answer from
 * memory
 * (`serve PORT [CONNECTIONS]`), clients that hold event streams (`streams PORT COUNT ROUNDS`), and
 * clients that hold connections and say nothing (`idle PORT COUNT PATH`). */
#include "clients.h"
#include "http/http_server.h"
#include "obs/obs.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    PIECE = 256 * 1024,
    DOWNLOAD = 50 * 1024 * 1024,
    FILES = 1 << 20,             /* that a process may open, when we may say so */
    PATIENCE_MS = 30 * 60 * 1000 /* with connections that idle, when so many are wanted */
};

struct bench {
    struct list seats; /* struct seat */
    const char *piece;
};

struct seat {
    struct list link;
    struct http_events *events;
};

/* ---- the server ---- */

static void on_closed(void *arg)
{
    struct seat *seat = arg;
    list_remove(&seat->link);
    free(seat);
}

static void take_seat(struct http_request *r, struct bench *b)
{
    struct seat *seat = HEAP_NEW(struct seat);
    const struct http_events_options o = { .closed = on_closed, .arg = seat };
    list_init(&seat->link);
    seat->events = http_events_begin(r, &o, STR("retry: 3000\n\n"));
    if (seat->events)
        list_add_tail(&b->seats, &seat->link);
    else
        free(seat);
}

/* An event with the time of its making, to everybody or to one stream. */
static void publish(const struct bench *b, bool to_all)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "data: %lld\n\n", (long long)clients_now_us());
    LIST_FOR_EACH (item, &b->seats) {
        struct seat *seat = CONTAINER_OF(item, struct seat, link);
        http_events_send(seat->events, STR_EMPTY, str_of(text, (size_t)n));
        if (!to_all)
            return;
    }
}

static void download(struct http_request *r, const struct bench *b)
{
    struct err e = ERR_CLEAR;
    http_begin(r, 200, "application/octet-stream", DOWNLOAD);
    for (int64_t sent = 0; sent < DOWNLOAD; sent += PIECE) {
        if (!http_send(r, str_of(b->piece, PIECE), &e))
            return;
    }
    http_end(r);
}

static void handle(struct http_request *r, void *arg)
{
    struct bench *b = arg;
    if (str_eq(r->path, STR("/json"))) {
        http_reply(r, 200, "application/json", STR("{\"message\":\"hello\"}"));
    } else if (str_eq(r->path, STR("/download"))) {
        download(r, b);
    } else if (str_eq(r->path, STR("/events"))) {
        take_seat(r, b);
    } else if (str_eq(r->path, STR("/publish"))) {
        publish(b, r->query.n == 0);
        http_reply(r, 204, NULL, STR_EMPTY);
    } else {
        http_reply_problem(r, 404, "There is nothing at this address.");
    }
}

static void stop(void *arg)
{
    runtime_stop(arg);
}

static int fail(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "httpbench: %s: %s\n", what, e->msg);
    return 1;
}

static int serve(const char *port, size_t connections)
{
    struct err e = ERR_CLEAR;
    struct net_address at;
    struct bench b = { .piece = heap_zalloc(PIECE) };
    char text[64];
    int fd;
    list_init(&b.seats);
    obs_log_init(2, OBS_WARN, OBS_TEXT, "httpbench", "");
    struct runtime *rt = runtime_new(NULL, &e);
    const struct http_server_options options = { .handle = handle,
                                                 .arg = &b,
                                                 .max_connections = (unsigned)connections,
                                                 .read_ms = connections ? PATIENCE_MS : 0 };
    const struct http_listener_options listener = { .to_https = 0 };
    struct http_server *s = rt ? http_server_new(rt, &options, &e) : NULL;
    (void)snprintf(text, sizeof(text), "127.0.0.1:%s", port);
    if (!s || !net_address_parse(str_from_cstr(text), &at, &e) || !net_listen_open(&at, &fd, &e) ||
        !http_server_listen(s, fd, &listener, &e))
        return fail("serve", &e);
    runtime_on_signal(rt, SIGTERM, stop, rt);
    runtime_hold(rt); /* a server without requests goes on */
    struct timer never;
    timer_init(&never, stop, rt);
    timer_start(rt, &never, clock_deadline_in((int64_t)24 * 3600 * 1000));
    runtime_run(rt);
    timer_stop(rt, &never);
    http_server_free(&s);
    runtime_free(&rt);
    return 0;
}

static void raise_limit(void)
{
    struct rlimit files = { FILES, FILES };
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* The word as a number, 0 without one. */
static size_t number_at(int argc, char **argv, int i)
{
    uint64_t n = 0;
    if (i < argc)
        (void)str_to_uint(str_from_cstr(argv[i]), 1000000, &n);
    return n;
}

int main(int argc, char **argv)
{
    const char *act = argc > 1 ? argv[1] : "";
    unsigned port = (unsigned)number_at(argc, argv, 2);
    size_t count = number_at(argc, argv, 3);
    raise_limit();
    if ((argc == 3 || argc == 4) && strcmp(act, "serve") == 0)
        return serve(argv[2], count);
    if (argc == 5 && strcmp(act, "streams") == 0)
        return clients_stream(port, count, number_at(argc, argv, 4));
    if (argc == 5 && strcmp(act, "idle") == 0)
        return clients_idle(port, count, argv[4]);
    (void)fprintf(stderr, "usage: httpbench serve PORT [CONNECTIONS] | streams PORT COUNT ROUNDS | "
                          "idle PORT COUNT PATH\n");
    return 64;
}
