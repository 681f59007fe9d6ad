/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: a table of channels of our own, subscribed again after each reconnect. */
#include "base/failpoint.h"
#include "redis/private.h"

enum {
    CHANNELS_MAX = 1000 * 1000,
    SUBSCRIBE_BATCH = 128,  /* channels in one SUBSCRIBE */
    PROBE_EVERY_MS = 5000,  /* a PING on the quiet connection */
    PROBE_ANSWER_MS = 2000, /* no answer for so long: it is given up */
};

struct redis_channel {
    redis_message_fn fn;
    redis_confirmed_fn confirmed; /* or NULL */
    void *arg;
    size_t n;
    char name[];
};

static void send_channels(struct redis *r)
{
    str args[SUBSCRIBE_BATCH + 1] = { STR("SUBSCRIBE") };
    size_t n = 1;
    MAP_FOR_EACH (entry, &r->channels) {
        args[n++] = entry->key;
        if (n <= SUBSCRIBE_BATCH)
            continue;
        link_send(&r->subscriber, args, n);
        n = 1;
    }
    if (n > 1)
        link_send(&r->subscriber, args, n);
}

static void tell(struct redis *r, bool up)
{
    if (up == r->is_told_up)
        return;
    r->is_told_up = up;
    for (size_t i = 0; i < REDIS_WATCHERS_MAX; i++) {
        if (r->watchers[i].fn)
            r->watchers[i].fn(up, r->watchers[i].arg);
    }
}

static void on_up(void *arg)
{
    struct redis *r = arg;
    send_channels(r);
    r->is_probed = false;
    timer_start(r->rt, &r->probe, clock_deadline_in(PROBE_EVERY_MS));
    tell(r, true);
    link_retry(&r->commands);
}

static void on_down(void *arg, const char *reason)
{
    (void)reason;
    struct redis *r = arg;
    timer_stop(r->rt, &r->probe);
    tell(r, false);
}

/* Whether it is "kind", a channel, and something of this type. */
static bool is_push(const struct redis_value *v, str kind, enum redis_type type)
{
    return v->type == REDIS_ARRAY && v->n == 3 && v->items[0].type == REDIS_BULK &&
           str_eq(v->items[0].text, kind) && v->items[1].type == REDIS_BULK &&
           v->items[2].type == type;
}

static void on_reply(void *arg, const struct redis_value *v)
{
    struct redis *r = arg;
    if (r->is_probed) { /* whatever came, it answers */
        r->is_probed = false;
        timer_start(r->rt, &r->probe, clock_deadline_in(PROBE_EVERY_MS));
    }
    if (v->type == REDIS_ERROR) {
        link_drop(&r->subscriber, "the server refuses to subscribe", LINK_BACKOFF_MAX_MS);
        return;
    }
    bool is_message = is_push(v, STR("message"), REDIS_BULK);
    if (!is_message && !is_push(v, STR("subscribe"), REDIS_INT))
        return; /* answers to PING, ends of subscriptions */
    const struct redis_channel *c = map_find(&r->channels, v->items[1].text);
    if (c && is_message) {
        c->fn(v->items[1].text, v->items[2].text, c->arg);
    } else if (c && c->confirmed) {
        c->confirmed(v->items[1].text, c->arg);
    }
}

static void on_probe(void *arg)
{
    struct redis *r = arg;
    if (r->is_probed) {
        link_drop(&r->subscriber, "no answer in time", r->breaker_ms);
        return;
    }
    r->is_probed = true;
    link_send(&r->subscriber, (const str[]){ STR("PING") }, 1);
    timer_start(r->rt, &r->probe,
                clock_deadline_in(FAILPOINT_PATIENCE("redis-is-awaited", PROBE_ANSWER_MS)));
}

void subscriber_init(struct redis *r, int64_t connect_ms)
{
    map_init(&r->channels, CHANNELS_MAX);
    timer_init(&r->probe, on_probe, r);
    r->subscriber = (struct redis_link){ .rt = r->rt,
                                         .url = &r->url,
                                         .tls = r->tls,
                                         .name = "subscriber",
                                         .connect_ms = connect_ms,
                                         .on_up = on_up,
                                         .on_down = on_down,
                                         .on_reply = on_reply,
                                         .arg = r };
    link_init(&r->subscriber);
}

void subscriber_fini(struct redis *r)
{
    timer_stop(r->rt, &r->probe);
    link_fini(&r->subscriber);
    MAP_FOR_EACH (entry, &r->channels)
        free(entry->value);
    map_fini(&r->channels);
}

void redis_subscribe(struct redis *r, str channel, redis_message_fn fn, void *arg)
{
    redis_subscribe_confirmed(r, channel, fn, NULL, arg);
}

void redis_subscribe_confirmed(struct redis *r, str channel, redis_message_fn fn,
                               redis_confirmed_fn confirmed, void *arg)
{
    struct redis_channel *c = map_find(&r->channels, channel);
    if (c) {
        c->fn = fn;
        c->confirmed = confirmed;
        c->arg = arg;
        return;
    }
    c = heap_zalloc(sizeof(*c) + channel.n + 1);
    c->fn = fn;
    c->confirmed = confirmed;
    c->arg = arg;
    c->n = channel.n;
    if (channel.n)
        memcpy(c->name, channel.p, channel.n);
    if (!map_put(&r->channels, str_of(c->name, c->n), c, NULL)) {
        free(c); /* a million channels: those who poll still find out */
        return;
    }
    link_want(&r->subscriber);
    link_send(&r->subscriber, (const str[]){ STR("SUBSCRIBE"), channel }, 2);
}

void redis_unsubscribe(struct redis *r, str channel)
{
    struct redis_channel *c = map_remove(&r->channels, channel);
    if (!c)
        return;
    link_send(&r->subscriber, (const str[]){ STR("UNSUBSCRIBE"), channel }, 2);
    free(c);
}

void redis_on_subscriber(struct redis *r, void (*fn)(bool up, void *arg), void *arg)
{
    for (size_t i = 0; i < REDIS_WATCHERS_MAX; i++) {
        if (r->watchers[i].fn)
            continue;
        r->watchers[i] = (struct redis_watcher){ fn, arg };
        return;
    }
    INVARIANT(!"a free place for a watcher of the subscriber");
}

void redis_off_subscriber(struct redis *r, const void *arg)
{
    for (size_t i = 0; i < REDIS_WATCHERS_MAX; i++) {
        if (r->watchers[i].arg == arg)
            r->watchers[i] = (struct redis_watcher){ NULL, NULL };
    }
}

bool redis_subscriber_is_up(const struct redis *r)
{
    return r->subscriber.state == LINK_READY;
}
