/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers in a binary heap behind a single watcher of the loop, so that arming one costs
 * no system call and a parked connection holds only a struct timer. */
#include "runtime/loop.h"

#define NOT_ARMED SIZE_MAX

static void place(struct timer_heap *h, struct timer *t, size_t slot)
{
    h->items[slot] = t;
    t->slot = slot;
}

static void sift_up(struct timer_heap *h, struct timer *t, size_t slot)
{
    while (slot > 0) {
        size_t parent = (slot - 1) / 2;
        if (h->items[parent]->at_ms <= t->at_ms)
            break;
        place(h, h->items[parent], slot);
        slot = parent;
    }
    place(h, t, slot);
}

static void sift_down(struct timer_heap *h, struct timer *t, size_t slot)
{
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->items[child + 1]->at_ms < h->items[child]->at_ms)
            child++;
        if (t->at_ms <= h->items[child]->at_ms)
            break;
        place(h, h->items[child], slot);
        slot = child;
    }
    place(h, t, slot);
}

static void take_out(struct timer_heap *h, struct timer *t)
{
    size_t slot = t->slot;
    struct timer *last = h->items[--h->n];
    t->slot = NOT_ARMED;
    if (last == t)
        return;
    if (slot > 0 && h->items[(slot - 1) / 2]->at_ms > last->at_ms) {
        sift_up(h, last, slot);
    } else {
        sift_down(h, last, slot);
    }
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
    *t = (struct timer){ .slot = NOT_ARMED, .fn = fn, .arg = arg };
}

bool timer_is_armed(const struct timer *t)
{
    return t->slot != NOT_ARMED;
}

void timer_stop(struct runtime *rt, struct timer *t)
{
    if (timer_is_armed(t))
        take_out(&rt->timers, t);
}

void timer_start(struct runtime *rt, struct timer *t, int64_t at_ms)
{
    struct timer_heap *h = &rt->timers;
    timer_stop(rt, t);
    if (at_ms == DEADLINE_NONE)
        return;
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->items = heap_realloc(h->items, h->cap * sizeof(struct timer *));
    }
    t->at_ms = at_ms;
    h->n++;
    sift_up(h, t, h->n - 1);
}

/* Runs those that are due. Timers set by them to the past wait for the next round, so that other
 * events are not starved. */
static void fire(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)revents;
    struct runtime *rt = ev_userdata(loop);
    struct timer_heap *h = &rt->timers;
    ev_timer_stop(loop, watcher);
    h->watched_ms = DEADLINE_NONE;
    int64_t now = clock_monotonic_ms();
    for (size_t left = h->n; left > 0 && h->n > 0 && h->items[0]->at_ms <= now; left--) {
        struct timer *t = h->items[0];
        take_out(h, t);
        t->fn(t->arg);
    }
}

void timer_heap_init(struct runtime *rt)
{
    rt->timers.watched_ms = DEADLINE_NONE;
    ev_init(&rt->timers.watcher, fire);
    /* What happened in time wins over the deadline of the same round. */
    ev_set_priority(&rt->timers.watcher, EV_MINPRI);
}

void timer_heap_fini(struct runtime *rt)
{
    ev_timer_stop(rt->loop, &rt->timers.watcher);
    free(rt->timers.items);
    rt->timers.items = NULL;
}

void timer_heap_arm(struct runtime *rt)
{
    struct timer_heap *h = &rt->timers;
    int64_t first = h->n ? h->items[0]->at_ms : DEADLINE_NONE;
    if (first == h->watched_ms)
        return;
    ev_timer_stop(rt->loop, &h->watcher);
    h->watched_ms = first;
    if (first == DEADLINE_NONE)
        return;
    int64_t left = first - clock_monotonic_ms();
    ev_now_update(rt->loop);
    ev_timer_set(&h->watcher, left > 0 ? (double)left / 1000.0 : 0.0, 0.0);
    ev_timer_start(rt->loop, &h->watcher);
}
