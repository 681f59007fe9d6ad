/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: opening, accepting, turning away, stopping. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_A_ROUND = 64, /* then others get their turn */
    PAUSE_MS = 1000,      /* after running out of descriptors or memory */
    MAX_CONNECTIONS = 5000,
    HANDSHAKE_MS = 30000,
    REFUSALS_LOGGED_A_SECOND = 10
};

static bool open_failed(const struct net_address *at, int fd, int sys, struct err *e)
{
    char text[NET_ADDRESS_TEXT];
    enum err_kind kind = ERR_UNAVAILABLE;
    if (sys == EADDRINUSE)
        kind = ERR_EXISTS;
    if (sys == EACCES || sys == EPERM)
        kind = ERR_DENIED;
    if (fd >= 0)
        (void)close(fd);
    return err_set(e, kind, sys, __FILE__, __LINE__, "cannot listen on %.*s: %s",
                   STR_FMT(net_address_text(at, text)), strerrordesc_np(sys));
}

/* A socket left behind by a crash would be "in use" for ever. Any other file is somebody's. */
static void remove_left_socket(const char *path)
{
    struct stat found;
    if (lstat(path, &found) == 0 && S_ISSOCK(found.st_mode))
        (void)unlink(path);
}

bool net_listen_open(const struct net_address *at, int *out, struct err *e)
{
    static const int on = 1;
    static const int off = 0;
    int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return open_failed(at, fd, errno, e);
    if (at->sa.ss_family == AF_UNIX) {
        remove_left_socket(((const struct sockaddr_un *)(const void *)&at->sa)->sun_path);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    if (at->sa.ss_family == AF_INET6) /* "*" means IPv4 too */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)&at->sa, at->len) != 0 || listen(fd, BACKLOG) != 0)
        return open_failed(at, fd, errno, e);
    /* Who may connect is said by the folder that the operator chose. */
    if (at->sa.ss_family == AF_UNIX &&
        chmod(((const struct sockaddr_un *)(const void *)&at->sa)->sun_path, 0666) != 0)
        return open_failed(at, fd, errno, e);
    *out = fd;
    return true;
}

/* An attacker must not fill the disk with our log (ATTACKS B3). */
static bool may_log_refusal(struct net_listener *l)
{
    int64_t now = clock_monotonic_ms();
    if (now - l->refusals_ms >= 1000) {
        l->refusals_ms = now;
        l->refusals = 0;
    }
    return l->refusals++ < REFUSALS_LOGGED_A_SECOND;
}

void listener_refuse(struct net_listener *l, int fd, const struct net_address *peer, str session,
                     const char *why)
{
    char text[NET_ADDRESS_TEXT];
    const char *reply = l->options.protocol->busy_reply;
    if (reply && !l->options.implicit_tls) {
        ssize_t sent = send(fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent; /* a courtesy */
    }
    if (may_log_refusal(l)) {
        obs_log(EV_CONNECTION_REFUSED, session, OBS_CSTR("protocol", l->options.protocol->name),
                OBS_STR("peer", net_address_ip(peer, text)), OBS_CSTR("reason", why));
    }
}

static bool is_proxied(const struct net_listener *l, const struct net_address *peer)
{
    return net_networks_contain(l->options.proxy_from, peer);
}

static void admit(struct net_listener *l, int fd, const struct net_address *peer)
{
    struct limits_held counted = { 0 };
    const char *why = NULL;
    if (l->n_conns >= l->options.max_connections) {
        why = "too many connections";
    } else if (!is_proxied(l, peer)) {
        (void)limits_enter(&l->limits, peer, clock_monotonic_ms(), &counted, &why);
    }
    if (why) {
        listener_refuse(l, fd, peer, STR_EMPTY, why);
        (void)close(fd);
        return;
    }
    struct net_conn *c = conn_new(l->rt, fd);
    c->listener = l;
    c->counted = counted;
    list_add_tail(&l->conns, &c->link);
    l->n_conns++;
    runtime_hold(l->rt);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, l->options.protocol->name, 1);
    serve_begin(c);
}

/* Out of descriptors: with the spare one, the longest waiting client at least gets an answer. */
static void shed_one(struct net_listener *l)
{
    struct net_address peer = { .len = sizeof(peer.sa) };
    if (l->spare_fd < 0)
        return;
    (void)close(l->spare_fd);
    int fd = accept4(l->fd, (struct sockaddr *)&peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener_refuse(l, fd, &peer, STR_EMPTY, "no file descriptors left");
        (void)close(fd);
    }
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_failed(struct net_listener *l, int sys)
{
    if (sys == EMFILE || sys == ENFILE)
        shed_one(l);
    watch_set(l->watch, l->fd, 0);
    timer_start(l->rt, &l->pause, clock_deadline_in(PAUSE_MS));
}

static void on_ready(unsigned ready, void *arg)
{
    (void)ready;
    struct net_listener *l = arg;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        struct net_address peer = { .len = sizeof(peer.sa) };
        int fd =
            accept4(l->fd, (struct sockaddr *)&peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int sys = errno;
        if (fd >= 0) {
            admit(l, fd, &peer);
            continue;
        }
        bool is_shortage = sys == EMFILE || sys == ENFILE || sys == ENOBUFS || sys == ENOMEM;
        if (is_shortage)
            accept_failed(l, sys);
        if (sys == EAGAIN || is_shortage)
            return;
    }
}

static void on_pause_end(void *arg)
{
    struct net_listener *l = arg;
    watch_set(l->watch, l->fd, FIBER_READ);
}

static void on_drain(void *arg)
{
    struct net_listener *l = arg;
    net_listener_stop(l);
    LIST_FOR_EACH (item, &l->conns)
        serve_due(CONTAINER_OF(item, struct net_conn, link), DUE_DRAIN);
}

struct net_listener *net_listener_new(struct runtime *rt, int fd,
                                      const struct net_listener_options *options)
{
    struct net_listener *l = HEAP_NEW(struct net_listener);
    l->rt = rt;
    l->fd = fd;
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    l->options = *options;
    if (l->options.max_connections == 0)
        l->options.max_connections = MAX_CONNECTIONS;
    if (l->options.handshake_ms == 0)
        l->options.handshake_ms = HANDSHAKE_MS;
    list_init(&l->conns);
    const char *scope = options->limit_scope ? options->limit_scope : options->protocol->name;
    limits_init(&l->limits, options->tally, scope, options->max_per_ip,
                options->max_new_per_minute);
    l->limits.is_shared = options->shares_counts;
    timer_init(&l->pause, on_pause_end, l);
    l->watch = watch_new(rt, on_ready, l);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    watch_set(l->watch, fd, FIBER_READ);
    runtime_on_drain(rt, on_drain, l);
    return l;
}

void net_listener_stop(struct net_listener *l)
{
    if (l->fd < 0)
        return;
    timer_stop(l->rt, &l->pause);
    watch_free(&l->watch);
    (void)close(l->fd);
    l->fd = -1;
}

static void free_when_unused(struct net_listener *l)
{
    if (!l->is_freed || l->n_conns > 0)
        return;
    limits_fini(&l->limits);
    free(l);
}

void listener_forget(struct net_listener *l, struct net_conn *c)
{
    list_remove(&c->link);
    limits_leave(&c->counted);
    l->n_conns--;
    runtime_release(l->rt);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, l->options.protocol->name, -1);
    free_when_unused(l);
}

void net_listener_free(struct net_listener **l_ptr)
{
    struct net_listener *l = *l_ptr;
    if (!l)
        return;
    *l_ptr = NULL;
    net_listener_stop(l);
    runtime_off_drain(l->rt, on_drain, l);
    if (l->spare_fd >= 0)
        (void)close(l->spare_fd);
    LIST_FOR_EACH (item, &l->conns)
        net_conn_abort(CONTAINER_OF(item, struct net_conn, link));
    l->is_freed = true;
    free_when_unused(l);
}
