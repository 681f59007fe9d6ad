/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/bench http measures the bare HTTP module with: a server whose fibers answer from
 * memory
 * (`serve PORT`), and clients that hold many event streams (`streams PORT COUNT ROUNDS`). */
#include "http/http_server.h"
#include "obs/obs.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE = 256 * 1024,
    DOWNLOAD = 50 * 1024 * 1024,
    READ_SIZE = 2048,
    PAUSE_MS = 200 /* between two events */
};

struct bench {
    struct list seats; /* struct seat */
    const char *piece;
};

struct seat {
    struct list link;
    struct http_events *events;
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

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
    int n = snprintf(text, sizeof(text), "data: %lld\n\n", (long long)now_us());
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

static int serve(const char *port)
{
    struct err e = ERR_CLEAR;
    struct net_address at;
    struct bench b = { .piece = heap_zalloc(PIECE) };
    char text[64];
    int fd;
    list_init(&b.seats);
    obs_log_init(2, OBS_WARN, OBS_TEXT, "httpbench", "");
    struct runtime *rt = runtime_new(NULL, &e);
    const struct http_server_options options = { .handle = handle, .arg = &b };
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

/* ---- clients of event streams ---- */

static int dial(unsigned port, const char *request)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        perror("httpbench: connect");
        exit(1);
    }
    return fd;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The time that an event took, or -1 for octets that hold none. */
static int64_t event_age(int fd)
{
    char text[READ_SIZE + 1];
    ssize_t n = recv(fd, text, READ_SIZE, 0);
    int64_t arrived = now_us();
    if (n <= 0) {
        (void)fprintf(stderr, "httpbench: a stream ended\n");
        exit(1);
    }
    text[n] = '\0';
    const char *data = strstr(text, "data: ");
    return data ? arrived - strtoll(data + 6, NULL, 10) : -1;
}

static size_t gather(int epoll, int64_t *ages, size_t wanted)
{
    struct epoll_event events[256];
    size_t n = 0;
    while (n < wanted) {
        int ready = epoll_wait(epoll, events, 256, 10000);
        if (ready <= 0)
            return n;
        for (int i = 0; i < ready; i++) {
            int64_t age = event_age(events[i].data.fd);
            if (age >= 0)
                ages[n++] = age;
        }
    }
    return n;
}

static void ask_publish(unsigned port, bool to_all)
{
    static const char all[] = "GET /publish HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    static const char one[] = "GET /publish?one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char answer[READ_SIZE];
    int fd = dial(port, to_all ? all : one);
    while (recv(fd, answer, sizeof(answer), 0) > 0)
        continue;
    (void)close(fd);
}

/* All streams have answered with their head. */
static void await_heads(int epoll, size_t count)
{
    struct epoll_event events[256];
    size_t n = 0;
    while (n < count) {
        int ready = epoll_wait(epoll, events, 256, 10000);
        if (ready <= 0) {
            (void)fprintf(stderr, "httpbench: only %zu of %zu streams opened\n", n, count);
            exit(1);
        }
        for (int i = 0; i < ready; i++) {
            (void)event_age(events[i].data.fd);
            n++;
        }
    }
}

/* Asks for events and measures their way; false when one is lost. */
static bool measure(unsigned port, int epoll, const char *name, size_t count, size_t rounds)
{
    size_t n = 0;
    bool to_all = count > 1;
    int64_t *ages = heap_zalloc((count * rounds + 1) * sizeof(*ages));
    for (size_t i = 0; i < rounds; i++) {
        (void)poll(NULL, 0, PAUSE_MS);
        ask_publish(port, to_all);
        n += gather(epoll, ages + n, count);
    }
    qsort(ages, n, sizeof(*ages), by_value);
    (void)printf("\"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f", name, (double)ages[n / 2] / 1000, name,
                 (double)ages[n * 99 / 100] / 1000);
    free(ages);
    return n == count * rounds;
}

static int streams(unsigned port, size_t count, size_t rounds)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        int fd = dial(port, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            return 1;
    }
    await_heads(epoll, count);
    (void)printf("open\n{");
    (void)fflush(stdout);
    bool is_good = measure(port, epoll, "one", 1, rounds);
    (void)printf(", ");
    is_good = measure(port, epoll, "all", count, rounds) && is_good;
    (void)printf("}\n");
    (void)fflush(stdout);
    char end[1];
    (void)(read(STDIN_FILENO, end, sizeof(end)) == 0); /* held until told */
    return is_good ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = { 0 };
    struct rlimit files = { 0 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 2; i < argc && i < 5; i++)
        (void)str_to_uint(str_from_cstr(argv[i]), 1000000, &numbers[i - 2]);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 5 && strcmp(argv[1], "streams") == 0)
        return streams((unsigned)numbers[0], numbers[1], numbers[2]);
    (void)fprintf(stderr, "usage: httpbench serve PORT | streams PORT COUNT ROUNDS\n");
    return 64;
}
