/* SPDX-License-Identifier: Apache-2.0 */
/* The line of each holder, and who is next. */
#include "runtime/turns.h"

#include <stdlib.h>

struct holder {
    struct list link;
    int64_t id;
    unsigned held;
    uint64_t since; /* the turn it was served in last, or came in */
    struct list waiters;
};

/* On the stack of the fiber that waits. */
struct waiter {
    struct list link;
    struct signal_point point;
    bool has_place;
};

void turns_init(struct turns *t, unsigned limit)
{
    *t = (struct turns){ .limit = limit, .free = limit };
    list_init(&t->holders);
}

void turns_fini(struct turns *t)
{
    LIST_FOR_EACH (item, &t->holders) {
        struct holder *h = CONTAINER_OF(item, struct holder, link);
        list_remove(&h->link);
        free(h);
    }
}

static struct holder *find_holder(const struct turns *t, int64_t id)
{
    LIST_FOR_EACH (item, &t->holders) {
        struct holder *h = CONTAINER_OF(item, struct holder, link);
        if (h->id == id)
            return h;
    }
    return NULL;
}

static struct holder *get_holder(struct turns *t, int64_t id)
{
    struct holder *h = find_holder(t, id);
    if (h)
        return h;
    h = HEAP_NEW(struct holder);
    *h = (struct holder){ .id = id, .since = ++t->clock };
    list_init(&h->waiters);
    list_add_tail(&t->holders, &h->link);
    return h;
}

static void drop_if_unused(struct holder *h)
{
    if (h->held > 0 || !list_is_empty(&h->waiters))
        return;
    list_remove(&h->link);
    free(h);
}

static bool may_have_one(const struct turns *t, const struct holder *h)
{
    return t->free > 0 && (t->free > 1 || h->held == 0 || h->id == TURNS_NOBODY);
}

static void take(struct turns *t, struct holder *h)
{
    t->free--;
    h->held++;
    h->since = ++t->clock;
}

static struct holder *next_in_turn(const struct turns *t)
{
    struct holder *best = NULL;
    LIST_FOR_EACH (item, &t->holders) {
        struct holder *h = CONTAINER_OF(item, struct holder, link);
        if (list_is_empty(&h->waiters) || !may_have_one(t, h))
            continue;
        if (!best || h->held < best->held || (h->held == best->held && h->since < best->since))
            best = h;
    }
    return best;
}

static void serve(struct turns *t)
{
    struct holder *h;
    while ((h = next_in_turn(t))) {
        struct waiter *w = CONTAINER_OF(list_pop_head(&h->waiters), struct waiter, link);
        take(t, h);
        w->has_place = true;
        signal_point_one(&w->point);
    }
}

bool turns_acquire(struct turns *t, int64_t holder, int64_t deadline_ms, struct err *e)
{
    struct holder *h = get_holder(t, holder);
    struct waiter w = { .has_place = false };
    /* Whoever waits may not have what is free, or it would have been served. */
    if (may_have_one(t, h)) {
        take(t, h);
        return true;
    }
    signal_point_init(&w.point);
    list_add_tail(&h->waiters, &w.link);
    if (signal_point_wait(&w.point, deadline_ms, e))
        return true;
    if (w.has_place) {
        turns_release(t, holder);
    } else {
        list_remove(&w.link);
        drop_if_unused(h);
    }
    return false;
}

void turns_release(struct turns *t, int64_t holder)
{
    struct holder *h = find_holder(t, holder);
    INVARIANT(h && h->held > 0);
    h->held--;
    h->since = ++t->clock;
    t->free++;
    serve(t);
    drop_if_unused(h);
}
