/* SPDX-License-Identifier: Apache-2.0 */
/* struct net_listener as the files of net see it. Private to net. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/conn.h"

struct net_listener {
    struct runtime *rt;
    int fd;       /* -1 when stopped */
    int spare_fd; /* given up for a moment to turn a connection away when all are used */
    struct net_listener_options options;
    struct watch *watch;
    struct timer pause;
    struct limits limits;
    struct list conns; /* struct net_conn */
    unsigned n_conns;
    bool is_freed;       /* net_listener_free was called; the last connection frees */
    int64_t refusals_ms; /* the second that `refusals` counts */
    unsigned refusals;
};

/* A connection is turned away: logs it (a few a second), and says busy_reply unless TLS is on. */
void listener_refuse(struct net_listener *l, int fd, const struct net_address *peer, str session,
                     const char *why);
/* The connection is gone. */
void listener_forget(struct net_listener *l, struct net_conn *c);

#endif
