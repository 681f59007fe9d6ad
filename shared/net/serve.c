/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a server's connection: opened, run in a fiber whenever something is due, parked
 * without one in between, closed. Between the last look at c->due and the end of the fiber nothing
 * yields, so that no wake is lost. */
#include "net/listener.h"
#include "net/proxy.h"
#include "net/tls_private.h"

#include <errno.h>
#include <sys/ioctl.h>

enum {
    RETRY_SPAWN_MS = 50,
    LINGER_READS_A_TURN = 8,
    RUNS_A_TURN = 16, /* commands of one pipelining client before others get their turn */
    OUT_BATCH = 16384 /* replies to pipelined commands are sent together up to this */
};

static const struct net_protocol *protocol_of(const struct net_conn *c)
{
    return c->listener->options.protocol;
}

/* ---- opening ---- */

static bool apply_proxy(struct net_conn *c, const struct net_proxy *header, struct err *e)
{
    struct net_listener *l = c->listener;
    if (header->has_addresses) {
        c->peer = conn_end_of(&header->peer);
        c->local = conn_end_of(&header->local);
        free(c->shown);
        c->shown = NULL;
    }
    const char *why;
    if (limits_enter(&l->limits, net_conn_peer(c), clock_monotonic_ms(), &c->counted, &why))
        return true;
    listener_refuse(l, c->fd, net_conn_peer(c), net_conn_id(c), why);
    return ERR(e, ERR_LIMIT, "%s", why);
}

bool net_conn_take_count(struct net_conn *c)
{
    const char *why;
    if (!c->listener || c->counted.levels[0])
        return true;
    struct limits limits = c->listener->limits;
    limits.max_per_minute = 0;
    return limits_enter(&limits, net_conn_peer(c), clock_monotonic_ms(), &c->counted, &why);
}

/* Reads the header and not one octet more: what follows may be for TLS, which reads the socket
 * itself. Octets are only taken from the socket when they are known to belong to the header. */
static bool read_proxy_header(struct net_conn *c, int64_t deadline_ms, struct err *e)
{
    char input[NET_PROXY_MAX];
    size_t taken = 0;
    for (;;) {
        struct net_proxy header;
        size_t used;
        if (!conn_wait(c, FIBER_READ, deadline_ms, e))
            return false;
        ssize_t n = recv(c->fd, input + taken, sizeof(input) - taken, MSG_DONTWAIT | MSG_PEEK);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return ERR(e, ERR_CLOSED, "closed before its PROXY header");
        size_t known = taken + (size_t)n;
        enum net_proxy_result what = net_proxy_parse(str_of(input, known), &header, &used);
        if (what == NET_PROXY_BAD || (what == NET_PROXY_MORE && known == sizeof(input)))
            return ERR(e, ERR_SYNTAX, "no PROXY header from a trusted balancer");
        size_t wanted = (what == NET_PROXY_DONE ? used : known) - taken;
        if (recv(c->fd, input + taken, wanted, MSG_DONTWAIT) != (ssize_t)wanted)
            return ERR(e, ERR_CLOSED, "closed inside its PROXY header");
        taken += wanted;
        if (what == NET_PROXY_DONE)
            return apply_proxy(c, &header, e);
    }
}

static bool open_session(struct net_conn *c, struct err *e)
{
    const struct net_listener_options *o = &c->listener->options;
    int64_t deadline_ms = clock_deadline_in(o->handshake_ms);
    if (net_networks_contain(o->proxy_from, net_conn_peer(c)) &&
        !read_proxy_header(c, deadline_ms, e))
        return false;
    if (o->implicit_tls &&
        !conn_handshake(c, tls_server_accept(o->implicit_tls, c->fd), deadline_ms, e)) {
        char peer[NET_ADDRESS_TEXT];
        obs_log(EV_TLS_HANDSHAKE_FAILED, net_conn_id(c), OBS_CSTR("protocol", o->protocol->name),
                OBS_STR("peer", net_address_ip(net_conn_peer(c), peer)), OBS_ERR(e));
        return false;
    }
    c->session = o->protocol->opened(c, o->service);
    c->is_open = c->session != NULL;
    return c->is_open || ERR(e, ERR_DENIED, "the protocol does not want it");
}

/* ---- closing ---- */

/* Closing a socket with unread input makes the kernel send a reset, which may overtake our last
 * reply. So a peer that still talks is listened to for a moment. Yields. */
static void linger(struct net_conn *c)
{
    char dropped[2048];
    int waiting = 0;
    size_t total = 0;
    int64_t end = clock_deadline_in(CONN_LINGER_MS);
    if (!c->deaf && (ioctl(c->fd, FIONREAD, &waiting) != 0 || waiting == 0))
        return;
    (void)shutdown(c->fd, SHUT_WR);
    for (unsigned rounds = 1; total < CONN_LINGER_MAX && clock_monotonic_ms() < end; rounds++) {
        ssize_t n = recv(c->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
        bool is_dry = n < 0 && (errno == EAGAIN || errno == EINTR);
        if (n <= 0 && !is_dry)
            return;
        if (is_dry && !conn_wait(c, FIBER_READ, end, NULL))
            return;
        total += n > 0 ? (size_t)n : 0;
        if (rounds % LINGER_READS_A_TURN == 0)
            fiber_yield();
    }
}

static void say_good_bye(struct net_conn *c)
{
    struct err e = ERR_CLEAR;
    if (c->broken || c->aborted)
        return;
    (void)fiber_set_deadline(clock_deadline_in(CONN_CLOSE_TIMEOUT_MS));
    if (!net_flush(c, &e))
        return;
    if (c->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
    }
    if (!c->eof)
        linger(c);
}

static void forget(struct net_conn *c)
{
    struct net_listener *l = c->listener;
    if (c->is_open)
        protocol_of(c)->closed(c, c->session);
    listener_forget(l, c);
    conn_free(c);
}

void serve_end_parked(struct net_conn *c)
{
    INVARIANT(!c->fiber);
    forget(c);
}

/* ---- serving ---- */

bool serve_looks_after_writes(const struct net_conn *c)
{
    return c->listener && c->is_open && protocol_of(c)->waiting;
}

bool serve_waiting(struct net_conn *c)
{
    bool goes_on = protocol_of(c)->waiting(c, c->session);
    c->waiting_ms = clock_deadline_in(CONN_WAITING_MS);
    c->aborted = c->aborted || !goes_on;
    return !c->aborted;
}

/* Is there input, or the news that there will be none? A TLS record without data, such as a new
 * key, is no reason to run the protocol. */
static bool has_input(struct net_conn *c)
{
    int sys;
    if (conn_unread(c) > 0 || c->deaf)
        return true;
    bool has_kept =
        (c->ssl && SSL_pending(c->ssl) > 0) || (c->deflate && deflate_has_input(c->deflate));
    if (!(c->due & DUE_INPUT) && !has_kept)
        return false;
    c->due &= ~(unsigned)DUE_INPUT;
    enum io_result what = conn_fill_now(c, &sys);
    c->broken = c->broken || what == IO_BROKEN;
    return what == IO_DONE || what == IO_EOF || what == IO_BROKEN;
}

/* The next reason to run the protocol, the most pressing first; false: park. */
static bool take_due(struct net_conn *c, enum net_why *why)
{
    static const struct {
        unsigned bit;
        enum net_why why;
    } order[] = {
        { DUE_OPEN, NET_OPENED },
        { DUE_DRAIN, NET_DRAIN },
        { DUE_WAKE, NET_WOKEN },
        { DUE_IDLE, NET_IDLE },
    };
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        if (!(c->due & order[i].bit))
            continue;
        c->due &= ~order[i].bit;
        *why = order[i].why;
        return true;
    }
    *why = NET_INPUT;
    return has_input(c);
}

/* Runs the protocol until nothing is due. False: close. Yields. */
static bool run_all_due(struct net_conn *c)
{
    enum net_why why;
    for (unsigned runs = 1;; runs++) {
        struct err e = ERR_CLEAR;
        while (!take_due(c, &why)) {
            if (c->out.n == 0)
                return true;
            if (!net_flush(c, &e))
                return false;
        }
        (void)fiber_set_deadline(DEADLINE_NONE);
        enum net_next next = protocol_of(c)->run(c, c->session, why);
        if (next == NET_CLOSE || c->aborted || fiber_is_cancelled())
            return false;
        if (c->out.n > OUT_BATCH && !net_flush(c, &e))
            return false;
        if (runs % RUNS_A_TURN == 0)
            fiber_yield();
    }
}

static void park(struct net_conn *c)
{
    buf_fini(&c->in);
    buf_fini(&c->out);
    if (c->deflate)
        deflate_rest(c->deflate, true);
    free(c->shown);
    c->shown = NULL;
    c->in_at = 0;
    conn_watch(c, FIBER_READ);
    timer_start(c->rt, &c->timer, c->idle_ms);
    c->fiber = NULL;
}

static void serve(void *arg)
{
    struct net_conn *c = arg;
    struct err e = ERR_CLEAR;
    bool opened = c->is_open || open_session(c, &e);
    if (opened && run_all_due(c)) {
        park(c);
        return;
    }
    if (opened)
        say_good_bye(c);
    forget(c);
}

/* Without a free fiber, tries again a little later: the peer waits, nothing is lost. */
static void start(struct net_conn *c)
{
    timer_stop(c->rt, &c->timer);
    if (fiber_spawn(c->rt, protocol_of(c)->name, serve, c, &c->fiber, NULL))
        return;
    c->fiber = NULL;
    conn_watch(c, 0);
    timer_start(c->rt, &c->timer, clock_deadline_in(RETRY_SPAWN_MS));
}

static void on_timer(void *arg)
{
    struct net_conn *c = arg;
    if (c->due == 0) {
        c->due |= DUE_IDLE;
        c->idle_ms = DEADLINE_NONE; /* once for each net_conn_set_idle */
    }
    start(c);
}

void serve_begin(struct net_conn *c)
{
    timer_init(&c->timer, on_timer, c);
    c->due = DUE_OPEN;
    start(c);
}

void serve_due(struct net_conn *c, unsigned why)
{
    c->due |= why;
    if (!c->fiber)
        start(c);
}

void conn_on_input_while_parked(struct net_conn *c)
{
    serve_due(c, DUE_INPUT);
}

void net_conn_wake(struct net_conn *c)
{
    serve_due(c, DUE_WAKE);
}

bool net_conn_was_woken(struct net_conn *c)
{
    bool woken = c->due & DUE_WAKE;
    c->due &= ~(unsigned)DUE_WAKE;
    return woken;
}

void net_conn_set_idle(struct net_conn *c, int64_t deadline_ms)
{
    c->idle_ms = deadline_ms;
    if (!c->fiber && c->listener && c->due == 0)
        timer_start(c->rt, &c->timer, deadline_ms);
}
