/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to others, without blocking the loop. */
#include "net/conn.h"

#include <errno.h>
#include <unistd.h>

static bool connect_failed(int fd, const struct net_address *to, int sys, struct err *e)
{
    char text[NET_ADDRESS_TEXT];
    if (fd >= 0)
        (void)close(fd);
    return err_set(e, ERR_UNAVAILABLE, sys, __FILE__, __LINE__, "cannot connect to %.*s: %s",
                   STR_FMT(net_address_text(to, text)), strerrordesc_np(sys));
}

/* Connecting a datagram socket only looks the way up. */
bool net_has_route(const struct net_address *to)
{
    int fd = socket(to->sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int sys = fd < 0 ? errno : 0;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to->sa, to->len) != 0)
        sys = errno;
    if (fd >= 0)
        (void)close(fd);
    return sys != ENETUNREACH && sys != EHOSTUNREACH && sys != EADDRNOTAVAIL && sys != EINVAL &&
           sys != EAFNOSUPPORT;
}

/* Waits for the outcome of a connect that is under way; gives its errno in *sys. Yields. */
static bool wait_connected(int fd, int64_t deadline_ms, int *sys, struct err *e)
{
    socklen_t size = sizeof(*sys);
    if (!fiber_wait_fd(fd, FIBER_WRITE, deadline_ms, NULL, e)) {
        (void)close(fd);
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, sys, &size) != 0)
        *sys = errno;
    return true;
}

bool net_connect(struct runtime *rt, const struct net_address *to, const struct net_address *from,
                 int64_t deadline_ms, struct net_conn **out, struct err *e)
{
    int sys = 0;
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return connect_failed(fd, to, errno, e);
    if (from && bind(fd, (const struct sockaddr *)&from->sa, from->len) != 0)
        return connect_failed(fd, to, errno, e);
    if (connect(fd, (const struct sockaddr *)&to->sa, to->len) != 0)
        sys = errno;
    if (sys == EINPROGRESS && !wait_connected(fd, deadline_ms, &sys, e))
        return false;
    if (sys != 0)
        return connect_failed(fd, to, sys, e);
    *out = conn_new(rt, fd);
    return true;
}
