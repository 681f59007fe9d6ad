/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking line client of the load generator. */
#include "tools/loadgen/client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_MAX = 256 * 1024 * 1024,
    READ_SIZE = 64 * 1024
};

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("loadgen: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

double bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(double *values, size_t n, double q)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof(*values), by_value);
    size_t at = (size_t)(q * (double)n);
    return values[at < n ? at : n - 1];
}

void client_open(struct client *c, const char *host, const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    int on = 1;
    to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
        bench_fail("%s is not an IPv4 address", host);
    *c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    buf_init(&c->in, INPUT_MAX);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        bench_fail("cannot connect to %s:%s", host, port);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void client_start_tls(struct client *c, SSL_CTX *tls)
{
    c->ssl = SSL_new(tls);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
        bench_fail("TLS handshake failed");
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    (void)close(c->fd);
    buf_fini(&c->in);
}

void client_send(struct client *c, str bytes)
{
    while (bytes.n) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, bytes.p, (int)bytes.n)
                           : send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            bench_fail("the server closed the connection while we wrote");
        bytes = str_skip(bytes, (size_t)n);
    }
}

void client_sendf(struct client *c, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    client_send(c, str_of(line, (size_t)n));
}

static void fill(struct client *c)
{
    buf_consume(&c->in, c->consumed);
    c->consumed = 0;
    char *room = buf_reserve(&c->in, READ_SIZE);
    if (!room)
        bench_fail("an answer is too long");
    ssize_t n = c->ssl ? SSL_read(c->ssl, room, READ_SIZE) : recv(c->fd, room, READ_SIZE, 0);
    if (n <= 0)
        bench_fail("the server closed the connection");
    buf_commit(&c->in, (size_t)n);
}

str client_line(struct client *c)
{
    size_t searched = 0;
    for (;;) {
        str waiting = str_skip(buf_str(&c->in), c->consumed);
        ptrdiff_t end = str_find_byte(str_skip(waiting, searched), '\n');
        if (end >= 0) {
            size_t n = searched + (size_t)end;
            c->consumed += n + 1;
            return str_of(waiting.p, n && waiting.p[n - 1] == '\r' ? n - 1 : n);
        }
        searched = waiting.n;
        fill(c);
    }
}

void client_expect_smtp(struct client *c, char digit)
{
    str line = client_line(c);
    while (line.n > 3 && line.p[3] == '-')
        line = client_line(c);
    if (line.n < 3 || line.p[0] != digit)
        bench_fail("expected %cxx, got: %.*s", digit, STR_FMT(line));
}

size_t client_expect_imap(struct client *c, const char *tag, str needle)
{
    size_t hits = 0;
    str wanted = str_from_cstr(tag);
    for (;;) {
        str line = client_line(c);
        if (str_has_prefix(line, wanted) && line.n > wanted.n && line.p[wanted.n] == ' ') {
            if (!str_has_prefix(str_skip(line, wanted.n + 1), STR("OK")))
                bench_fail("IMAP said: %.*s", STR_FMT(line));
            return hits;
        }
        if (str_is_empty(needle) || str_find(line, needle) >= 0)
            hits++;
    }
}
