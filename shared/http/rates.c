/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket for each key as one number (GCRA): the time at which the bucket will be full again. It
 * needs no timer, and a bucket that is full says nothing and can be forgotten. */
#include "http/http_rates.h"

#include "base/list.h"
#include "base/map.h"

enum {
    KEY_MAX = 128, /* octets of a key that count */
    SWEEP = 32     /* old buckets looked at when room is needed */
};

struct bucket {
    struct list link; /* in rates->used, longest unused first */
    int64_t full_us;
    size_t key_n;
    char key[];
};

struct http_rates {
    const char *policy;
    uint64_t limit;
    unsigned window_s;
    int64_t each_us; /* a request's worth of time */
    struct map buckets;
    struct list used;
    struct bucket *others; /* for keys without a bucket of their own */
};

static struct bucket *bucket_new(str key)
{
    struct bucket *b = heap_zalloc(sizeof(*b) + key.n);
    list_init(&b->link);
    b->key_n = key.n;
    if (key.n > 0)
        memcpy(b->key, key.p, key.n);
    return b;
}

struct http_rates *http_rates_new(const char *policy, uint64_t limit, unsigned window_s,
                                  size_t max_keys)
{
    struct http_rates *r = HEAP_NEW(struct http_rates);
    INVARIANT(limit > 0 && window_s > 0);
    r->policy = policy;
    r->limit = limit;
    r->window_s = window_s;
    r->each_us = (int64_t)window_s * 1000000 / (int64_t)limit;
    map_init(&r->buckets, max_keys);
    list_init(&r->used);
    r->others = bucket_new(STR_EMPTY);
    return r;
}

void http_rates_free(struct http_rates **rates)
{
    struct http_rates *r = *rates;
    if (!r)
        return;
    *rates = NULL;
    LIST_FOR_EACH (item, &r->used)
        free(CONTAINER_OF(item, struct bucket, link));
    map_fini(&r->buckets);
    free(r->others);
    free(r);
}

static void forget_full(struct http_rates *r, int64_t now_us)
{
    int looked = 0;
    LIST_FOR_EACH (item, &r->used) {
        struct bucket *b = CONTAINER_OF(item, struct bucket, link);
        if (looked++ == SWEEP)
            return;
        if (b->full_us > now_us)
            continue;
        (void)map_remove(&r->buckets, str_of(b->key, b->key_n));
        list_remove(&b->link);
        free(b);
    }
}

static struct bucket *find(struct http_rates *r, str key, int64_t now_us)
{
    key = str_slice(key, 0, KEY_MAX);
    struct bucket *b = map_find(&r->buckets, key);
    if (!b) {
        if (r->buckets.n >= r->buckets.max)
            forget_full(r, now_us);
        b = bucket_new(key);
        if (!map_put(&r->buckets, str_of(b->key, b->key_n), b, NULL)) {
            free(b);
            return r->others;
        }
    }
    list_remove(&b->link);
    list_add_tail(&r->used, &b->link);
    return b;
}

static unsigned seconds_up(int64_t us)
{
    return us <= 0 ? 0 : (unsigned)((us + 999999) / 1000000);
}

bool http_rates_take(struct http_rates *r, str key, uint64_t cost, int64_t now_ms,
                     struct http_rate *out)
{
    int64_t now_us = now_ms * 1000;
    int64_t window_us = r->each_us * (int64_t)r->limit;
    struct bucket *b = find(r, key, now_us);
    int64_t from_us = b->full_us > now_us ? b->full_us : now_us;
    uint64_t most = cost < r->limit ? cost : r->limit;
    int64_t then_us = from_us + (int64_t)most * r->each_us;
    bool is_taken = then_us - now_us <= window_us;
    if (is_taken)
        b->full_us = then_us;
    int64_t owed_us = b->full_us > now_us ? b->full_us - now_us : 0;
    *out = (struct http_rate){ .policy = r->policy, .limit = r->limit, .window_s = r->window_s };
    out->remaining = (uint64_t)((window_us - owed_us) / r->each_us);
    /* When there is room for what was asked now; otherwise until the bucket is full. */
    out->reset_s = seconds_up(is_taken ? owed_us : then_us - now_us - window_us);
    return is_taken;
}
