/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets to Redis. */
#include "redis/dial.h"

#include "net/net.h"
#include "net/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

struct redis_tls {
    unsigned refs;
    struct tls_client *client;
};

struct redis_dial {
    struct runtime *rt;
    struct redis_url url;
    struct redis_tls *tls;
    int64_t deadline_ms;
    redis_dialed_fn fn; /* NULL: cancelled */
    void *arg;
};

struct redis_tls *redis_tls_new(const char *ca_file, struct err *e)
{
    struct tls_client *client = tls_client_new(TLS_VERIFY_REQUIRE, ca_file, e);
    if (!client)
        return NULL;
    struct redis_tls *tls = HEAP_NEW(struct redis_tls);
    *tls = (struct redis_tls){ 1, client };
    return tls;
}

void redis_tls_release(struct redis_tls *tls)
{
    if (!tls || --tls->refs > 0)
        return;
    tls_client_free(&tls->client);
    free(tls);
}

/* ---- plain sockets ---- */

YIELDS static bool finish_connect(int fd, int64_t deadline_ms, struct err *e)
{
    int status = 0;
    socklen_t len = sizeof(status);
    if (!fiber_wait_fd(fd, FIBER_WRITE, deadline_ms, NULL, e))
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &len) != 0 || status != 0)
        return ERR(e, ERR_UNAVAILABLE, "connect: %s", strerror(status));
    return true;
}

/* A connected socket, or -1. */
YIELDS static int connect_to(const struct net_address *to, int64_t deadline_ms, struct err *e)
{
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        ERR_SYS(e, ERR_UNAVAILABLE, "socket");
        return -1;
    }
    int on = 1;
    if (to->sa.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bool ok = connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0;
    if (!ok && errno == EINPROGRESS) {
        ok = finish_connect(fd, deadline_ms, e);
    } else if (!ok) {
        ERR_SYS(e, ERR_UNAVAILABLE, "connect");
    }
    if (ok)
        return fd;
    close(fd);
    return -1;
}

static int connect_unix(const char *path, int64_t deadline_ms, struct err *e)
{
    struct net_address to = { .len = sizeof(struct sockaddr_un) };
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    INVARIANT(strlen(path) < sizeof(sa.sun_path));
    memcpy(sa.sun_path, path, strlen(path));
    memcpy(&to.sa, &sa, sizeof(sa));
    return connect_to(&to, deadline_ms, e);
}

/* ---- TLS: the link talks to one end of a socket pair, two fibers pump between the other end and
 * the TLS connection. Redis is asked rarely over TLS; the link stays one piece of code. ---- */

struct bridge {
    struct net_conn *inner; /* the other end of the link's socket */
    struct net_conn *outer; /* TLS */
    struct redis_tls *tls;
    unsigned pumps;
};

struct pump {
    struct bridge *bridge;
    struct net_conn *from;
    struct net_conn *to;
};

static void bridge_release(struct bridge *b)
{
    if (--b->pumps > 0)
        return;
    net_close(&b->inner);
    net_close(&b->outer);
    redis_tls_release(b->tls);
    free(b);
}

static void pump_main(void *arg)
{
    struct pump p = *(struct pump *)arg;
    free(arg);
    struct err e = ERR_CLEAR;
    str bytes;
    while (net_read_some(p.from, 65536, DEADLINE_NONE, &bytes, &e) && net_write(p.to, bytes, &e) &&
           net_flush(p.to, &e))
        ;
    net_conn_abort(p.bridge->inner);
    net_conn_abort(p.bridge->outer);
    bridge_release(p.bridge);
}

static bool start_pump(struct runtime *rt, struct bridge *b, bool outwards, struct err *e)
{
    struct pump *p = HEAP_NEW(struct pump);
    *p = (struct pump){ b, outwards ? b->inner : b->outer, outwards ? b->outer : b->inner };
    if (fiber_spawn(rt, "redis-tls", pump_main, p, NULL, e)) {
        b->pumps++;
        return true;
    }
    free(p);
    return false;
}

/* Takes the TLS connection. Gives the link's end of the pair, or -1. */
static int start_bridge(const struct redis_dial *d, struct net_conn *outer, struct err *e)
{
    int fds[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        ERR_SYS(e, ERR_UNAVAILABLE, "socketpair");
        net_close(&outer);
        return -1;
    }
    struct bridge *b = HEAP_NEW(struct bridge);
    *b = (struct bridge){ net_conn_wrap(d->rt, fds[1]), outer, d->tls, 1 };
    d->tls->refs++;
    bool ok = start_pump(d->rt, b, true, e) && start_pump(d->rt, b, false, e);
    if (!ok) {
        net_conn_abort(b->inner);
        net_conn_abort(b->outer);
        close(fds[0]);
    }
    bridge_release(b);
    return ok ? fds[0] : -1;
}

YIELDS static int connect_tls(const struct redis_dial *d, const struct net_address *to,
                              struct err *e)
{
    struct net_conn *conn = NULL;
    if (!net_connect(d->rt, to, NULL, d->deadline_ms, &conn, e))
        return -1;
    if (net_starttls_client(conn, d->tls->client, d->url.host, d->deadline_ms, e))
        return start_bridge(d, conn, e);
    net_close(&conn);
    return -1;
}

/* ---- the fiber ---- */

YIELDS static int connect_host(const struct redis_dial *d, struct err *e)
{
    struct net_address found[4];
    size_t n = 0;
    if (!net_resolve(d->url.host, d->url.port, d->deadline_ms, found, COUNT_OF(found), &n, e))
        return -1;
    int fd = -1;
    for (size_t i = 0; i < n && fd < 0; i++) {
        fd =
            d->url.is_tls ? connect_tls(d, &found[i], e) : connect_to(&found[i], d->deadline_ms, e);
    }
    return fd;
}

static void dial_main(void *arg)
{
    struct redis_dial *d = arg;
    struct err e = ERR_CLEAR;
    int fd = d->url.path[0] ? connect_unix(d->url.path, d->deadline_ms, &e) : connect_host(d, &e);
    if (d->fn) {
        d->fn(d->arg, fd, e.msg);
    } else if (fd >= 0) {
        close(fd);
    }
    redis_tls_release(d->tls);
    free(d);
}

struct redis_dial *redis_dial_start(struct runtime *rt, const struct redis_url *url,
                                    struct redis_tls *tls, int64_t deadline_ms, redis_dialed_fn fn,
                                    void *arg)
{
    struct redis_dial *d = HEAP_NEW(struct redis_dial);
    *d = (struct redis_dial){ rt, *url, tls, deadline_ms, fn, arg };
    if (tls)
        tls->refs++;
    if (fiber_spawn(rt, "redis-dial", dial_main, d, NULL, NULL))
        return d;
    redis_tls_release(tls);
    free(d);
    return NULL;
}

void redis_dial_cancel(struct redis_dial **d)
{
    if (*d)
        (*d)->fn = NULL;
    *d = NULL;
}
