/* SPDX-License-Identifier: Apache-2.0 */
/* What fibers wait for: descriptors, points in time, each other. Built on fiber_suspend alone. */
#include "runtime/loop.h"

#include <assert.h>

static void on_io(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void)loop;
    struct fiber *f = watcher->data;
    if (revents & EV_ERROR) /* libev gave the descriptor up: let the next call on it fail */
        revents = EV_READ | EV_WRITE;
    f->io_ready = (unsigned)revents & (FIBER_READ | FIBER_WRITE);
    fiber_wake_up(f, WAKE_EVENT);
}

bool fiber_wait_fd(int fd, unsigned events, int64_t deadline_ms, unsigned *ready, struct err *e)
{
    static_assert((int)FIBER_READ == (int)EV_READ && (int)FIBER_WRITE == (int)EV_WRITE, "libev's");
    struct fiber *f = fiber_current();
    INVARIANT(f && fd >= 0 && events != 0);
    ev_io_init(&f->io, on_io, fd, (int)events);
    f->io.data = f;
    f->io_ready = 0;
    ev_io_start(f->rt->loop, &f->io);
    enum fiber_wake why = fiber_suspend(deadline_ms);
    ev_io_stop(f->rt->loop, &f->io);
    if (ready)
        *ready = f->io_ready;
    return why == WAKE_EVENT || fiber_wait_failed(why, e);
}

bool fiber_sleep_until(int64_t at_ms, struct err *e)
{
    struct fiber *f = fiber_current();
    INVARIANT(f);
    bool command_ends_first = f->deadline_ms < at_ms;
    enum fiber_wake why = fiber_suspend(at_ms);
    if (why == WAKE_TIMEOUT && !command_ends_first)
        return true;
    return fiber_wait_failed(why, e);
}

void signal_point_init(struct signal_point *s)
{
    list_init(&s->waiters);
}

bool signal_point_wait(struct signal_point *s, int64_t deadline_ms, struct err *e)
{
    struct fiber *f = fiber_current();
    INVARIANT(f);
    list_add_tail(&s->waiters, &f->link);
    enum fiber_wake why = fiber_suspend(deadline_ms);
    return why == WAKE_EVENT || fiber_wait_failed(why, e);
}

void signal_point_one(struct signal_point *s)
{
    if (!list_is_empty(&s->waiters))
        fiber_wake_up(CONTAINER_OF(s->waiters.next, struct fiber, link), WAKE_EVENT);
}

void signal_point_all(struct signal_point *s)
{
    while (!list_is_empty(&s->waiters))
        signal_point_one(s);
}

void semaphore_init(struct semaphore *s, unsigned limit)
{
    s->free = limit;
    s->waiting = 0;
    signal_point_init(&s->point);
}

/* A release hands its place to the first in the line, so nobody can overtake a woken waiter. */
bool semaphore_acquire(struct semaphore *s, int64_t deadline_ms, struct err *e)
{
    if (s->free > 0) {
        s->free--;
        return true;
    }
    s->waiting++;
    bool ok = signal_point_wait(&s->point, deadline_ms, e);
    s->waiting--;
    return ok;
}

void semaphore_release(struct semaphore *s)
{
    if (list_is_empty(&s->point.waiters)) {
        s->free++;
    } else {
        signal_point_one(&s->point);
    }
}
