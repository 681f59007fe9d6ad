/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as time: each is worth a part of the window, and the tally keeps the buckets. */
#include "http/http_rates.h"

enum {
    KEY_MAX = 128,    /* octets of a key that count */
    OWN_NAMES = 10000 /* of a tally that nobody else counts in */
};

struct http_rates {
    const char *policy;
    uint64_t limit;
    unsigned window_s;
    int64_t each_us; /* a request's worth of time */
    struct net_tally *tally;
    bool is_own;
};

struct http_rates *http_rates_new(const char *policy, uint64_t limit, unsigned window_s,
                                  struct net_tally *tally)
{
    struct http_rates *r = HEAP_NEW(struct http_rates);
    struct err e = ERR_CLEAR;
    INVARIANT(limit > 0 && window_s > 0);
    r->policy = policy;
    r->limit = limit;
    r->window_s = window_s;
    r->each_us = (int64_t)window_s * 1000000 / (int64_t)limit;
    r->is_own = !tally;
    r->tally = tally ? tally : net_tally_new(1, OWN_NAMES, &e);
    INVARIANT(r->tally);
    return r;
}

void http_rates_free(struct http_rates **rates)
{
    struct http_rates *r = *rates;
    if (!r)
        return;
    *rates = NULL;
    if (r->is_own)
        net_tally_free(&r->tally);
    free(r);
}

static unsigned seconds_up(int64_t us)
{
    return us <= 0 ? 0 : (unsigned)((us + 999999) / 1000000);
}

bool http_rates_take(struct http_rates *r, str key, uint64_t cost, int64_t now_ms,
                     struct http_rate *out)
{
    char name[KEY_MAX + 64];
    uint64_t most = cost < r->limit ? cost : r->limit;
    const struct net_tally_want want = { .cost_us = (int64_t)most * r->each_us,
                                         .window_us = (int64_t)r->limit * r->each_us,
                                         .now_us = now_ms * 1000 };
    int64_t full_us = want.now_us;
    str id = str_slice(key, 0, KEY_MAX);
    int n = snprintf(name, sizeof(name), "requests %s %.*s", r->policy, STR_FMT(id));
    INVARIANT(n > 0 && (size_t)n < sizeof(name));
    /* Without a place there is more to fear from refusing everybody than from letting them in. */
    bool is_taken =
        net_tally_take(r->tally, str_of(name, (size_t)n), &want, &full_us) != NET_TALLY_TOO_LITTLE;
    int64_t owed_us = full_us > want.now_us ? full_us - want.now_us : 0;
    *out = (struct http_rate){ .policy = r->policy, .limit = r->limit, .window_s = r->window_s };
    out->remaining = (uint64_t)((want.window_us - owed_us) / r->each_us);
    /* When there is room for what was asked now; otherwise until the bucket is full. */
    out->reset_s = seconds_up(is_taken ? owed_us : owed_us + want.cost_us - want.window_us);
    return is_taken;
}
