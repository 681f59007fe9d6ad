/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a descriptor for code that has no fiber: parked connections, clients' sockets. */
#include "runtime/loop.h"

struct watch {
    ev_io io;
    struct runtime *rt;
    void (*fn)(unsigned ready, void *arg);
    void *arg;
    bool uncounted; /* active without keeping the loop going */
};

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct watch *w = CONTAINER_OF(io, struct watch, io);
    if (revents & EV_ERROR) /* libev gave the descriptor up: let the next call on it fail */
        revents = EV_READ | EV_WRITE;
    w->fn((unsigned)revents & (FIBER_READ | FIBER_WRITE), w->arg);
}

struct watch *watch_new(struct runtime *rt, void (*fn)(unsigned ready, void *arg), void *arg)
{
    struct watch *w = HEAP_NEW(struct watch);
    ev_init(&w->io, on_io);
    ev_io_set(&w->io, -1, 0);
    w->rt = rt;
    w->fn = fn;
    w->arg = arg;
    return w;
}

static void stop(struct watch *w)
{
    if (ev_is_active(&w->io) && w->uncounted)
        ev_ref(w->rt->loop);
    ev_io_stop(w->rt->loop, &w->io);
}

void watch_set_counted(struct watch *w, bool counted)
{
    if (w->uncounted == !counted)
        return;
    w->uncounted = !counted;
    if (!ev_is_active(&w->io))
        return;
    if (counted) {
        ev_ref(w->rt->loop);
    } else {
        ev_unref(w->rt->loop);
    }
}

void watch_set(struct watch *w, int fd, unsigned events)
{
    stop(w);
    if (events == 0)
        return;
    /* Setting it anew makes libev ask the kernel even when the number is the same: libpq may have
     * closed one socket and opened another under it. */
    ev_io_set(&w->io, fd, (int)events);
    ev_io_start(w->rt->loop, &w->io);
    if (w->uncounted)
        ev_unref(w->rt->loop);
}

void watch_free(struct watch **w)
{
    if (!*w)
        return;
    stop(*w);
    free(*w);
    *w = NULL;
}
