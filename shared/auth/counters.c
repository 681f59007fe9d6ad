/* SPDX-License-Identifier: Apache-2.0 */
/* Windowed counters in a bounded map. */
#include "auth/counters.h"

enum {
    MAX_COUNTERS = 20000
};

struct counter {
    struct list link; /* by the time of its first count */
    unsigned count;
    int64_t end_ms;
    size_t key_n;
    char key[];
};

static str key_of(const struct counter *counter)
{
    return str_of(counter->key, counter->key_n);
}

static void drop(struct counters *c, struct counter *counter)
{
    (void)map_remove(&c->by_key, key_of(counter));
    list_remove(&counter->link);
    free(counter);
}

void counters_init(struct counters *c)
{
    map_init(&c->by_key, MAX_COUNTERS);
    list_init(&c->oldest_first);
}

void counters_fini(struct counters *c)
{
    LIST_FOR_EACH (link, &c->oldest_first)
        drop(c, CONTAINER_OF(link, struct counter, link));
    map_fini(&c->by_key);
}

static struct counter *add_counter(struct counters *c, str key)
{
    if (c->by_key.n >= MAX_COUNTERS)
        drop(c, CONTAINER_OF(c->oldest_first.next, struct counter, link));
    struct counter *counter = heap_zalloc(sizeof(*counter) + key.n);
    counter->key_n = key.n;
    memcpy(counter->key, key.p, key.n);
    list_add_tail(&c->oldest_first, &counter->link);
    bool ok = map_put(&c->by_key, key_of(counter), counter, NULL);
    INVARIANT(ok);
    return counter;
}

void counters_add(struct counters *c, str key, int64_t window_ms, int64_t now_ms)
{
    struct counter *counter = map_find(&c->by_key, key);
    if (!counter)
        counter = add_counter(c, key);
    if (counter->end_ms <= now_ms) {
        counter->count = 0;
        counter->end_ms = now_ms + window_ms;
    }
    counter->count++;
}

unsigned counters_get(const struct counters *c, str key, int64_t now_ms)
{
    const struct counter *counter = map_find(&c->by_key, key);
    return counter && counter->end_ms > now_ms ? counter->count : 0;
}
