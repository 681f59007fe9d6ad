/* SPDX-License-Identifier: Apache-2.0 */
/* A connection from its first octet to libh2o: limits, PROXY header, TLS handshake, a look at the
 * first head. Later heads are looked at when libh2o has parsed them (gate.c). */
#include "http/problem.h"
#include "http/thread.h"

#include "net/proxy.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>

enum {
    REFUSALS_LOGGED_A_SECOND = 10,
    GONE_A_ROUND = 64,
    SLACK = 64 /* connections past the limit that are about to close */
};

static void on_head(h2o_socket_t *sock, const char *err);
static void begin_tls(struct http_conn *c);

struct http_conn *http_conn_of(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    return sock->on_close.data;
}

bool http_conn_may_log(struct http_thread *t)
{
    int64_t now = clock_monotonic_ms();
    if (now - t->refusals_ms >= 1000) {
        t->refusals_ms = now;
        t->refusals = 0;
    }
    return t->refusals++ < REFUSALS_LOGGED_A_SECOND;
}

void http_conn_log_refused(struct http_thread *t, const struct net_address *peer, const char *why)
{
    char text[NET_ADDRESS_TEXT];
    if (http_conn_may_log(t)) {
        obs_log(EV_CONNECTION_REFUSED, STR_EMPTY, OBS_CSTR("protocol", "http"),
                OBS_STR("peer", net_address_ip(peer, text)), OBS_CSTR("reason", why));
    }
}

static void on_closed(void *arg)
{
    struct http_conn *c = arg;
    struct http_thread *t = c->thread;
    INVARIANT(!c->reply);
    h2o_timeout_unlink(&c->timer);
    limits_leave(&c->counted);
    tls_hold_release(&c->tls);
    free(c->fault);
    list_remove(&c->link);
    t->n_conns--;
    (void)atomic_fetch_sub(&t->server->n_connections, 1);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "http", -1);
    free(c);
}

/* Before libh2o has it. */
static void close_conn(struct http_conn *c)
{
    h2o_timeout_unlink(&c->timer);
    h2o_socket_close(c->sock);
}

void http_conn_cut(struct http_conn *c)
{
    if (!c->is_handed_over) {
        close_conn(c);
        return;
    }
    (void)shutdown(h2o_socket_get_fd(c->sock), SHUT_RDWR);
}

void http_conn_cut_idle(struct http_thread *t, bool with_parts)
{
    LIST_FOR_EACH (item, &t->idle) {
        struct http_conn *c = CONTAINER_OF(item, struct http_conn, link);
        if (with_parts || c->sock->input->size == 0)
            http_conn_cut(c);
    }
}

void http_conn_set_busy(struct http_conn *c, bool is_busy)
{
    c->is_busy = is_busy;
    list_remove(&c->link);
    list_add_tail(is_busy ? &c->thread->busy : &c->thread->idle, &c->link);
}

/* libh2o gathers a whole body before it asks anybody, so that many slow clients could fill our
 * memory with halves of requests. */
void http_conn_sweep(h2o_timeout_entry_t *entry)
{
    struct http_thread *t = CONTAINER_OF(entry, struct http_thread, sweep);
    size_t total = 0;
    h2o_timeout_link(t->context.loop, &t->sweep_timeout, &t->sweep);
    LIST_FOR_EACH (item, &t->idle)
        total += CONTAINER_OF(item, struct http_conn, link)->sock->input->size;
    LIST_FOR_EACH (item, &t->idle) {
        struct http_conn *c = CONTAINER_OF(item, struct http_conn, link);
        if (total <= t->server->options.input_max)
            return;
        if (c->sock->input->size <= HEAD_MAX)
            continue;
        total -= c->sock->input->size;
        http_conn_log_refused(t, &c->peer, "too many unfinished requests");
        http_conn_cut(c);
    }
}

static void on_time_out(h2o_timeout_entry_t *entry)
{
    struct http_conn *c = CONTAINER_OF(entry, struct http_conn, timer);
    http_conn_cut(c);
}

void http_conn_is_closing(struct http_conn *c)
{
    struct http_thread *t = c->thread;
    h2o_timeout_unlink(&c->timer);
    h2o_timeout_link(t->context.loop, &t->close_timeout, &c->timer);
}

/* ---- whose client is gone ---- */

void http_conn_watch(struct http_conn *c)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c };
    if (epoll_ctl(c->thread->gone_fd, EPOLL_CTL_ADD, h2o_socket_get_fd(c->sock), &event) == 0)
        c->is_watched = true;
}

void http_conn_unwatch(struct http_conn *c)
{
    if (!c->is_watched)
        return;
    c->is_watched = false;
    (void)epoll_ctl(c->thread->gone_fd, EPOLL_CTL_DEL, h2o_socket_get_fd(c->sock), NULL);
}

void http_conn_on_gone(h2o_socket_t *sock, const char *err)
{
    struct http_thread *t = sock->data;
    struct epoll_event events[GONE_A_ROUND];
    (void)err;
    int n = epoll_wait(t->gone_fd, events, COUNT_OF(events), 0);
    for (int i = 0; i < n; i++) {
        struct http_conn *c = events[i].data.ptr;
        http_conn_unwatch(c);
        http_conn_cut(c);
        if (c->reply)
            reply_on_gone(c->reply);
    }
}

/* ---- a fault before libh2o has the connection ---- */

static void on_fault_told(h2o_socket_t *sock, const char *err)
{
    struct http_conn *c = sock->data;
    (void)err;
    /* What the peer still sends is read for a moment (on_linger): closing with unread octets resets
     * the connection, and the peer might not see the answer. */
    (void)shutdown(h2o_socket_get_fd(c->sock), SHUT_WR);
}

static void on_linger(h2o_socket_t *sock, const char *err)
{
    struct http_conn *c = sock->data;
    if (err) {
        close_conn(c);
    } else {
        h2o_buffer_consume(&sock->input, sock->input->size);
    }
}

static void tell_fault(struct http_conn *c, unsigned status, const char *why)
{
    struct buf body;
    struct buf answer;
    char peer[NET_ADDRESS_TEXT];
    buf_init(&body, PROBLEM_MAX);
    buf_init(&answer, PROBLEM_MAX + 512);
    problem_format(&body, status, str_from_cstr(why));
    (void)buf_addf(&answer,
                   "HTTP/1.1 %u %s\r\nContent-Type: " PROBLEM_TYPE "\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\nX-Request-Id: %s\r\n\r\n",
                   status, http_status_phrase(status), body.n, c->first);
    (void)buf_add(&answer, buf_str(&body));
    if (http_conn_may_log(c->thread)) {
        obs_log(EV_HTTP_REFUSED, str_from_cstr(c->first), OBS_INT("status", status),
                OBS_STR("peer", net_address_ip(&c->peer, peer)), OBS_CSTR("reason", why));
    }
    obs_count(METRIC_HTTP_REQUESTS, "4xx", 1);
    http_conn_is_closing(c);
    h2o_socket_read_stop(c->sock);
    h2o_iovec_t text = h2o_iovec_init(answer.p, answer.n);
    c->fault = answer.p; /* needed until all is sent */
    h2o_socket_write(c->sock, &text, 1, on_fault_told);
    h2o_buffer_consume(&c->sock->input, c->sock->input->size);
    h2o_socket_read_start(c->sock, on_linger);
    buf_fini(&body);
}

static void on_head_late(h2o_timeout_entry_t *entry)
{
    struct http_conn *c = CONTAINER_OF(entry, struct http_conn, timer);
    c->timer.cb = on_time_out;
    /* A browser opens connections in advance: one that says nothing needs no answer. */
    if (c->sock->input->size == 0) {
        close_conn(c);
    } else {
        tell_fault(c, 408, "The request did not come in time.");
    }
}

static void hand_over(struct http_conn *c)
{
    h2o_timeout_unlink(&c->timer);
    c->timer.cb = on_time_out;
    c->is_handed_over = true;
    h2o_socket_read_stop(c->sock);
    h2o_http1_accept(&c->thread->accept_context, c->sock, c->since);
}

static void on_head(h2o_socket_t *sock, const char *err)
{
    struct http_conn *c = sock->data;
    struct head head;
    if (err) {
        close_conn(c);
        return;
    }
    if (!head_check(str_of(sock->input->bytes, sock->input->size), &head))
        return;
    if (head.fault != 0) {
        tell_fault(c, head.fault, head.why);
    } else {
        hand_over(c);
    }
}

static void read_head(struct http_conn *c)
{
    c->timer.cb = on_head_late;
    h2o_socket_read_start(c->sock, on_head);
    if (c->sock->input->size > 0)
        on_head(c->sock, NULL);
}

/* ---- TLS ---- */

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct http_conn *c = sock->data;
    char peer[NET_ADDRESS_TEXT];
    tls_hold_release(&c->tls);
    if (!err) {
        read_head(c);
        return;
    }
    if (http_conn_may_log(c->thread)) {
        obs_log(EV_TLS_HANDSHAKE_FAILED, str_from_cstr(c->first), OBS_CSTR("protocol", "http"),
                OBS_STR("peer", net_address_ip(&c->peer, peer)), OBS_CSTR("reason", err));
    }
    close_conn(c);
}

static void begin_tls(struct http_conn *c)
{
    if (!c->accept->listener->options.tls) {
        read_head(c);
        return;
    }
    c->tls = c->accept->tls;
    c->tls->refs++;
    h2o_socket_ssl_handshake(c->sock, tls_copy_context(c->tls->copy), NULL, on_handshake);
}

/* ---- PROXY header ---- */

static bool admit(struct http_conn *c)
{
    struct http_thread *t = c->thread;
    const char *why = NULL;
    if (limits_enter(&t->limits, &c->peer, clock_monotonic_ms(), &c->counted, &why))
        return true;
    http_conn_log_refused(t, &c->peer, why);
    return false;
}

static void on_proxy_header(h2o_socket_t *sock, const char *err)
{
    struct http_conn *c = sock->data;
    struct net_proxy proxy;
    size_t used = 0;
    str input = str_of(sock->input->bytes, sock->input->size);
    enum net_proxy_result result = err ? NET_PROXY_BAD : net_proxy_parse(input, &proxy, &used);
    if (result == NET_PROXY_MORE)
        return;
    if (result == NET_PROXY_BAD) {
        if (!err)
            http_conn_log_refused(c->thread, &c->peer, "no PROXY header");
        close_conn(c);
        return;
    }
    h2o_socket_read_stop(sock);
    h2o_buffer_consume(&sock->input, used);
    if (proxy.has_addresses) {
        c->peer = proxy.peer;
        if (!admit(c)) {
            close_conn(c);
            return;
        }
    }
    begin_tls(c);
}

/* ---- the beginning ---- */

static struct http_conn *conn_new(struct http_accept *a, int fd, const struct net_address *peer)
{
    static const int on = 1;
    struct http_thread *t = a->thread;
    struct http_conn *c = HEAP_NEW(struct http_conn);
    c->thread = t;
    c->accept = a;
    c->peer = *peer;
    c->timer.cb = on_time_out;
    obs_session_id(c->first);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->sock = h2o_evloop_socket_create(t->context.loop, fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    c->sock->data = c;
    c->sock->on_close.cb = on_closed;
    c->sock->on_close.data = c;
    c->since = *h2o_get_timestamp(&t->context, NULL, NULL);
    list_add_tail(&t->idle, &c->link);
    t->n_conns++;
    (void)atomic_fetch_add(&t->server->n_connections, 1);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "http", 1);
    return c;
}

/* Room for one more: at the limit the longest idle connection gives way. */
static bool make_room(struct http_thread *t)
{
    if (t->n_conns < t->server->options.max_connections)
        return true;
    if (list_is_empty(&t->idle))
        return false;
    struct http_conn *c = CONTAINER_OF(t->idle.next, struct http_conn, link);
    list_remove(&c->link); /* it may take a moment to go, and is not to be chosen again */
    list_add_tail(&t->idle, &c->link);
    http_conn_cut(c);
    return t->n_conns < t->server->options.max_connections + SLACK;
}

void http_conn_accepted(struct http_accept *a, int fd, const struct net_address *peer)
{
    struct http_thread *t = a->thread;
    const struct http_server_options *o = &t->server->options;
    if (!make_room(t)) {
        http_conn_log_refused(t, peer, "too many connections");
        (void)close(fd);
        return;
    }
    struct http_conn *c = conn_new(a, fd, peer);
    bool is_proxy = net_networks_contain(a->listener->options.proxy_from, peer);
    bool is_trusted = is_proxy || net_networks_contain(o->trusted, peer);
    if (!is_trusted && !admit(c)) {
        close_conn(c);
        return;
    }
    h2o_timeout_link(t->context.loop, &t->head_timeout, &c->timer);
    if (is_proxy) {
        h2o_socket_read_start(c->sock, on_proxy_header);
    } else {
        begin_tls(c);
    }
}
