/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's socket: making, waiting for it, facts about it. Reading is in read.c, writing in
 * write.c, the life of a server's connection in serve.c. */
#include "net/conn.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Level-triggered, and left armed while a fiber works: most peers send nothing meanwhile, and it
 * costs no system call to find it armed when the fiber waits again. An event that nobody waits for
 * disarms it. */
static void on_ready(unsigned ready, void *arg)
{
    struct net_conn *c = arg;
    if (c->listener && !c->fiber) {
        conn_on_input_while_parked(c);
        return;
    }
    unsigned unwanted = 0;
    if (ready & FIBER_READ && list_is_empty(&c->readable.waiters))
        unwanted |= FIBER_READ;
    if (ready & FIBER_WRITE && list_is_empty(&c->writable.waiters))
        unwanted |= FIBER_WRITE;
    if (unwanted)
        conn_watch(c, c->watched & ~unwanted);
    if (ready & FIBER_READ)
        signal_point_all(&c->readable);
    if (ready & FIBER_WRITE)
        signal_point_all(&c->writable);
}

void conn_watch(struct net_conn *c, unsigned events)
{
    if (c->watched == events)
        return;
    c->watched = events;
    watch_set(c->watch, c->fd, events);
}

bool conn_wait(struct net_conn *c, unsigned event, int64_t deadline_ms, struct err *e)
{
    if (c->aborted)
        return ERR(e, ERR_CLOSED, "the connection was aborted");
    watch_set_counted(c->watch, true);
    conn_watch(c, c->watched | event);
    struct signal_point *point = event == FIBER_READ ? &c->readable : &c->writable;
    bool ok = signal_point_wait(point, deadline_ms, e);
    /* A client's socket that nobody waits for must not keep the loop going. */
    bool in_use = !list_is_empty(&c->readable.waiters) || !list_is_empty(&c->writable.waiters);
    watch_set_counted(c->watch, c->listener || in_use);
    if (ok && c->aborted)
        return ERR(e, ERR_CLOSED, "the connection was aborted");
    return ok;
}

/* Small commands and replies must not wait for each other (TCP_NODELAY), and a peer that vanished
 * without a word must be noticed within some ten minutes although nothing is sent to it. All of
 * this fails on unix sockets, which need none of it. */
static void set_socket_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },    { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 300 }, { IPPROTO_TCP, TCP_KEEPINTVL, 60 },
        { IPPROTO_TCP, TCP_KEEPCNT, 5 },
    };
    for (size_t i = 0; i < COUNT_OF(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

struct net_conn *conn_new(struct runtime *rt, int fd)
{
    struct net_conn *c = HEAP_NEW(struct net_conn);
    c->rt = rt;
    c->fd = fd;
    c->watch = watch_new(rt, on_ready, c);
    signal_point_init(&c->readable);
    signal_point_init(&c->writable);
    buf_init(&c->in, CONN_IN_MAX);
    buf_init(&c->out, CONN_OUT_MAX);
    c->write_timeout_ms = CONN_WRITE_TIMEOUT_MS;
    c->idle_ms = DEADLINE_NONE;
    list_init(&c->link);
    timer_init(&c->timer, NULL, NULL);
    obs_session_id(c->id);
    set_socket_options(fd);
    struct net_address a = { .len = sizeof(a.sa) };
    if (getpeername(fd, (struct sockaddr *)&a.sa, &a.len) == 0)
        c->peer = conn_end_of(&a);
    a.len = sizeof(a.sa);
    if (getsockname(fd, (struct sockaddr *)&a.sa, &a.len) == 0)
        c->local = conn_end_of(&a);
    return c;
}

void conn_free(struct net_conn *c)
{
    timer_stop(c->rt, &c->timer);
    watch_free(&c->watch);
    SSL_free(c->ssl);
    deflate_free(&c->deflate);
    (void)close(c->fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c->shown);
    free(c);
}

struct conn_end conn_end_of(const struct net_address *a)
{
    struct conn_end end = { .port = net_address_port(a) };
    end.n = (uint8_t)net_address_octets(a, end.ip);
    return end;
}

void conn_end_show(const struct conn_end *end, struct net_address *out)
{
    if (net_address_from_ip(end->ip, end->n, end->port, out))
        return;
    out->sa.ss_family = AF_UNIX;
    out->len = sizeof(out->sa.ss_family);
}

/* Both ends as addresses, made when first asked for: the connection as others see it does not
 * change by that. */
static const struct net_address *show_ends(const struct net_conn *c)
{
    struct net_conn *own = (struct net_conn *)(uintptr_t)c;
    if (!own->shown) {
        own->shown = heap_zalloc(2 * sizeof(struct net_address));
        conn_end_show(&own->peer, &own->shown[0]);
        conn_end_show(&own->local, &own->shown[1]);
    }
    return own->shown;
}

const struct net_address *net_conn_peer(const struct net_conn *c)
{
    return &show_ends(c)[0];
}

const struct net_address *net_conn_local(const struct net_conn *c)
{
    return &show_ends(c)[1];
}

void net_conn_set_peer(struct net_conn *c, const struct net_address *peer)
{
    c->peer = conn_end_of(peer);
    if (c->shown)
        conn_end_show(&c->peer, &c->shown[0]);
}

str net_conn_id(const struct net_conn *c)
{
    return str_from_cstr(c->id);
}

struct runtime *net_conn_runtime(const struct net_conn *c)
{
    return c->rt;
}

const struct tls_facts *net_conn_tls(const struct net_conn *c)
{
    return c->facts.version ? &c->facts : NULL;
}

void net_conn_release_count(struct net_conn *c)
{
    limits_leave(&c->counted);
}

void net_conn_set_write_timeout(struct net_conn *c, int64_t ms)
{
    c->write_timeout_ms = ms;
}

void net_conn_set_silence(struct net_conn *c, int64_t ms)
{
    int value = (int)ms;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof(value));
}

bool net_conn_is_gone(const struct net_conn *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };
    if (conn_is_mute(c))
        return true;
    if (poll(&p, 1, 0) <= 0)
        return false;
    return (p.revents & (POLLERR | POLLHUP)) || (c->ssl && (p.revents & POLLRDHUP));
}

void net_conn_abort(struct net_conn *c)
{
    c->aborted = true;
    if (c->listener && !c->fiber) {
        serve_end_parked(c);
        return;
    }
    signal_point_all(&c->readable);
    signal_point_all(&c->writable);
}

static bool say_failed(const struct net_conn *c, int sys, struct err *e)
{
    if (c->aborted)
        return ERR(e, ERR_CLOSED, "the connection was aborted");
    return err_set(e, ERR_UNAVAILABLE, sys, __FILE__, __LINE__, "the connection broke%s",
                   sys ? "" : " (TLS)");
}

bool conn_failed(struct net_conn *c, int sys, struct err *e)
{
    c->broken = true;
    return say_failed(c, sys, e);
}

bool conn_is_mute(const struct net_conn *c)
{
    return c->broken || c->mute || c->aborted;
}

void conn_mute(struct net_conn *c, int sys)
{
    if (conn_is_mute(c))
        sys = c->mute_sys; /* the first attempt has shown it */
    c->mute = true;
    c->mute_sys = sys;
    c->broken = c->broken || c->listener || sys == 0; /* after a fault of TLS nothing is read */
}

bool conn_send_failed(struct net_conn *c, int sys, struct err *e)
{
    conn_mute(c, sys);
    return say_failed(c, c->mute_sys, e);
}

size_t net_buffered(const struct net_conn *c)
{
    size_t unread = conn_unread(c);
    /* Packed octets may unpack to nothing: only what has been unpacked is known to be there. */
    if (unread > 0 || c->broken || c->deaf || c->deflate)
        return unread;
    if (c->ssl) {
        char byte;
        size_t got;
        ERR_clear_error();
        return SSL_peek_ex(c->ssl, &byte, 1, &got) == 1 ? (size_t)SSL_pending(c->ssl) : 0;
    }
    int waiting = 0;
    return ioctl(c->fd, FIONREAD, &waiting) == 0 && waiting > 0 ? (size_t)waiting : 0;
}

/* ---- compression ---- */

bool net_conn_compress(struct net_conn *c, struct err *e)
{
    size_t room;
    if (c->deflate)
        return ERR(e, ERR_EXISTS, "the connection is compressed already");
    if (!net_flush(c, e))
        return false;
    struct deflate *d = deflate_new();
    char *to = deflate_room(d, &room);
    str early = str_skip(buf_str(&c->in), c->in_at); /* sent before the answer came: packed, too */
    if (early.n > room) {
        deflate_free(&d);
        return ERR(e, ERR_LIMIT, "%zu octets came before compression began", early.n);
    }
    if (early.n)
        memcpy(to, early.p, early.n);
    deflate_put(d, early.n);
    c->in_at = c->in.n;
    c->deflate = d;
    return true;
}

bool net_conn_decompress(struct net_conn *c, struct err *e)
{
    if (!c->deflate)
        return true;
    if (!net_flush(c, e))
        return false;
    /* Unpacked octets behind the last command belong to no command any more. */
    c->in_at = c->in.n;
    buf_consume(&c->in, c->in_at);
    c->in_at = 0;
    INVARIANT(buf_add(&c->in, deflate_leave(c->deflate)));
    deflate_free(&c->deflate);
    return true;
}

bool net_conn_is_compressed(const struct net_conn *c)
{
    return c->deflate != NULL;
}

size_t net_conn_memory(const struct net_conn *c)
{
    return sizeof(*c) + c->in.cap + c->out.cap + (c->deflate ? deflate_memory(c->deflate) : 0);
}

struct net_conn *net_conn_wrap(struct runtime *rt, int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return conn_new(rt, fd);
}

void net_close(struct net_conn **c_ptr)
{
    struct net_conn *c = *c_ptr;
    if (!c)
        return;
    *c_ptr = NULL;
    INVARIANT(!c->listener);
    if (c->ssl && !conn_is_mute(c)) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); /* a good-bye that may be lost */
    }
    conn_free(c);
}
