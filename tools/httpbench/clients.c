/* SPDX-License-Identifier: Apache-2.0 */
/* The clients: plain sockets and one epoll. */
#include "clients.h"

#include "base/base.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 2048,
    PAUSE_MS = 200, /* between two events */
    EVENTS = 128,   /* read at a time */
    WAVE = 256,
    PER_ADDRESS = 1000,
    ANSWER_MS = 10000,
    SILENCE_MS = 200,
    OTHERS = 300,
    OTHERS_PAUSE_MS = 3,
    PATH_SIZE = 300
};

int64_t clients_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- event streams ---- */

/* A connection that has sent the request; `from` is our address, 0 for any. */
static int dial_from(uint32_t from, unsigned port, const char *request)
{
    static const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
        connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        perror("httpbench: connect");
        exit(1);
    }
    return fd;
}

static int dial(unsigned port, const char *request)
{
    return dial_from(0, port, request);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of ages in their order. */
static double percentile_ms(const int64_t *ages, size_t n, size_t percent)
{
    size_t at = n * percent / 100;
    return (double)ages[at] / 1000;
}

/* The time that an event took, or -1 for octets that hold none. */
static int64_t event_age(int fd)
{
    char text[READ_SIZE + 1];
    ssize_t n = recv(fd, text, READ_SIZE, 0);
    int64_t arrived = clients_now_us();
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
    struct epoll_event events[EVENTS];
    size_t n = 0;
    while (n < wanted) {
        int ready = epoll_wait(epoll, events, EVENTS, ANSWER_MS);
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
    struct epoll_event events[EVENTS];
    size_t n = 0;
    while (n < count) {
        int ready = epoll_wait(epoll, events, EVENTS, ANSWER_MS);
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
    (void)printf("\"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f", name, percentile_ms(ages, n, 50), name,
                 percentile_ms(ages, n, 99));
    free(ages);
    return n == count * rounds;
}

/* What is open is held until then. */
static void wait_for_end(void)
{
    char end[1];
    (void)fflush(stdout);
    (void)(read(STDIN_FILENO, end, sizeof(end)) == 0);
}

int clients_stream(unsigned port, size_t count, size_t rounds)
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
    wait_for_end();
    return is_good ? 0 : 1;
}

/* ---- many connections that say nothing ---- */

struct crowd {
    unsigned port;
    const char *request;
    int epoll;
    size_t answered;
    size_t closed; /* by the server, also without an answer */
};

/* Reads what the server says, until it said nothing for `patience_ms` or all that was asked is
 * answered or refused. */
static void hear(struct crowd *c, size_t asked, int patience_ms)
{
    struct epoll_event events[EVENTS];
    char text[READ_SIZE];
    size_t heard = 0;
    while (heard < asked) {
        int ready = epoll_wait(c->epoll, events, EVENTS, patience_ms);
        if (ready <= 0)
            return;
        for (int i = 0; i < ready; i++) {
            ssize_t n = recv(events[i].data.fd, text, sizeof(text), MSG_DONTWAIT);
            if (n > 0) {
                c->answered++;
                heard++;
            } else if (n == 0 || errno != EAGAIN) {
                c->closed++;
                heard++;
                (void)close(events[i].data.fd);
            }
        }
    }
}

/* A wave at a time, so that the queue of the listening socket has room. A thousand from each
 * address, of a network of its own. */
static void gather_crowd(struct crowd *c, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t wave = count - i < WAVE ? count - i : WAVE;
        for (size_t k = 0; k < wave; k++, i++) {
            uint32_t from = INADDR_LOOPBACK + (1U << 16) + ((uint32_t)(i / PER_ADDRESS) << 8);
            int fd = dial_from(from, c->port, c->request);
            struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
            if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
                perror("httpbench: epoll");
        }
        hear(c, wave, ANSWER_MS);
    }
}

/* Others who come meanwhile: how long each waits for the whole answer. False when one gets none. */
static bool measure_others(const struct crowd *c, size_t *n, int64_t *ages)
{
    char answer[READ_SIZE];
    for (*n = 0; *n < OTHERS; (*n)++) {
        (void)poll(NULL, 0, OTHERS_PAUSE_MS);
        int64_t began = clients_now_us();
        int fd = dial(c->port, c->request);
        ssize_t got = recv(fd, answer, sizeof(answer), 0);
        ages[*n] = clients_now_us() - began;
        (void)close(fd);
        if (got < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0)
            return false;
    }
    return true;
}

int clients_idle(unsigned port, size_t count, const char *path)
{
    char request[PATH_SIZE];
    size_t n;
    int64_t *ages = heap_zalloc(OTHERS * sizeof(*ages));
    int size =
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    struct crowd c = { .port = port, .request = request, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    if (size < 0 || (size_t)size >= sizeof(request))
        return 64;
    int64_t began = clients_now_us();
    gather_crowd(&c, count);
    int64_t took_us = clients_now_us() - began;
    hear(&c, SIZE_MAX, SILENCE_MS);
    bool is_good = measure_others(&c, &n, ages);
    hear(&c, SIZE_MAX, SILENCE_MS); /* who was sent away meanwhile */
    qsort(ages, n, sizeof(ages[0]), by_value);
    (void)printf("{\"answered\": %zu, \"held\": %zu, \"opened_per_s\": %.0f, \"others\": %zu, "
                 "\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
                 c.answered, count - c.closed, (double)count * 1e6 / (double)took_us, n,
                 percentile_ms(ages, n, 50), percentile_ms(ages, n, 99));
    free(ages);
    wait_for_end();
    return is_good ? 0 : 1;
}
