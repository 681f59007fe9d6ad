/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that somebody watches, and the topics of the process. Hints come in through Redis, from
 * this process, or from the poll (poll.c); they all end in wake_subscribers. */
#include "notify/notify.h"

#include "notify/private.h"

enum {
    ACCOUNTS_MAX = 1000 * 1000
};

static const char *const topic_channels[NOTIFY_TOPIC_COUNT] = {
    [NOTIFY_QUEUE] = "mail:notify:queue",         [NOTIFY_ACCOUNT] = "mail:notify:account",
    [NOTIFY_DIRECTORY] = "mail:notify:directory", [NOTIFY_INDEX] = "mail:notify:index",
    [NOTIFY_CALLOUT] = "mail:notify:callout",
};

static str account_key(const int64_t *account_id)
{
    return str_of((const char *)account_id, sizeof(*account_id));
}

static str format_channel(int64_t account_id, char out[NOTIFY_CHANNEL_MAX])
{
    int n = snprintf(out, NOTIFY_CHANNEL_MAX, "mail:account:%lld", (long long)account_id);
    return str_of(out, (size_t)n);
}

static str format_number(int64_t number, char out[NOTIFY_CHANNEL_MAX])
{
    int n = snprintf(out, NOTIFY_CHANNEL_MAX, "%lld", (long long)number);
    return str_of(out, (size_t)n);
}

static void publish(struct notify *n, str channel, int64_t number)
{
    char text[NOTIFY_CHANNEL_MAX];
    if (!n->redis)
        return;
    const str args[] = { STR("PUBLISH"), channel, format_number(number, text) };
    redis_send(n->redis, args, COUNT_OF(args));
}

/* ---- accounts ---- */

static void free_account(struct notify *n, struct notify_account *acc)
{
    char channel[NOTIFY_CHANNEL_MAX];
    map_remove(&n->accounts, account_key(&acc->account_id));
    list_remove(&acc->pending);
    if (n->redis)
        redis_unsubscribe(n->redis, format_channel(acc->account_id, channel));
    free(acc);
}

static void free_if_unused(struct notify *n, struct notify_account *acc)
{
    if (list_is_empty(&acc->subscribers) && !acc->is_waking)
        free_account(n, acc);
}

static struct notify_subscriber *first_behind(const struct notify_account *acc)
{
    LIST_FOR_EACH (item, &acc->subscribers) {
        struct notify_subscriber *s = CONTAINER_OF(item, struct notify_subscriber, link);
        if (s->seen_modseq < acc->latest)
            return s;
    }
    return NULL;
}

/* A callback may unsubscribe anybody, so the list is looked at anew after each. */
static void wake_subscribers(struct notify *n, struct notify_account *acc)
{
    struct notify_subscriber *s;
    acc->is_waking = true;
    while ((s = first_behind(acc))) {
        s->seen_modseq = acc->latest;
        s->fn(acc->account_id, acc->latest, s->arg);
    }
    acc->is_waking = false;
    free_if_unused(n, acc);
}

/* What is told inside a fiber is delivered from the loop. */
static void on_pending(void *arg)
{
    struct notify *n = arg;
    struct list *item;
    while ((item = list_pop_head(&n->pending)))
        wake_subscribers(n, CONTAINER_OF(item, struct notify_account, pending));
}

static void wake_soon(struct notify *n, struct notify_account *acc)
{
    if (!list_is_empty(&acc->pending))
        return;
    list_add_tail(&n->pending, &acc->pending);
    timer_start(n->rt, &n->pending_timer, clock_monotonic_ms());
}

void notify_account_is_at(struct notify *n, struct notify_account *acc, int64_t modseq)
{
    if (modseq > acc->latest)
        acc->latest = modseq;
    wake_soon(n, acc);
}

/* After a fail-over to a replica that had not seen the last commits the modseq may be smaller than
 * what sessions know: they have to look again. */
void notify_account_went_back(struct notify *n, struct notify_account *acc, int64_t modseq)
{
    acc->latest = modseq;
    LIST_FOR_EACH (item, &acc->subscribers) {
        struct notify_subscriber *s = CONTAINER_OF(item, struct notify_subscriber, link);
        if (s->seen_modseq > modseq)
            s->seen_modseq = modseq - 1;
    }
    wake_soon(n, acc);
}

static void on_hint(str channel, str message, void *arg)
{
    (void)channel;
    struct notify_account *acc = arg;
    int64_t modseq = 0;
    if (!str_to_int(message, 1, INT64_MAX, &modseq) || modseq <= acc->latest)
        return;
    acc->latest = modseq;
    wake_subscribers(acc->notify, acc);
}

/* What was published before Redis had read the subscription did not come here, and the poll of the
 * new account may have been before that. Where it is still to come it does for both. */
static void on_confirmed(str channel, void *arg)
{
    (void)channel;
    struct notify_account *acc = arg;
    if (!acc->is_fresh)
        notify_poll_fresh(acc->notify, acc);
}

static struct notify_account *get_account(struct notify *n, int64_t account_id)
{
    struct notify_account *acc = map_find(&n->accounts, account_key(&account_id));
    if (acc)
        return acc;
    acc = HEAP_NEW(struct notify_account);
    acc->notify = n;
    acc->account_id = account_id;
    list_init(&acc->subscribers);
    list_init(&acc->pending);
    INVARIANT(map_put(&n->accounts, account_key(&acc->account_id), acc, NULL));
    char channel[NOTIFY_CHANNEL_MAX];
    if (n->redis) {
        redis_subscribe_confirmed(n->redis, format_channel(account_id, channel), on_hint,
                                  on_confirmed, acc);
    }
    return acc;
}

void notify_subscribe(struct notify *n, int64_t account_id, int64_t seen_modseq,
                      struct notify_subscriber *s)
{
    struct notify_account *acc = get_account(n, account_id);
    s->seen_modseq = seen_modseq;
    s->account = acc;
    list_add_tail(&acc->subscribers, &s->link);
    if (acc->latest > seen_modseq) {
        wake_soon(n, acc);
    } else if (acc->latest == 0) {
        notify_poll_fresh(n, acc);
    }
}

void notify_unsubscribe(struct notify *n, struct notify_subscriber *s)
{
    struct notify_account *acc = s->account;
    if (!acc)
        return;
    s->account = NULL;
    list_remove(&s->link);
    free_if_unused(n, acc);
}

void notify_seen(struct notify_subscriber *s, int64_t modseq)
{
    if (modseq > s->seen_modseq)
        s->seen_modseq = modseq;
}

void notify_publish(struct notify *n, int64_t account_id, int64_t modseq)
{
    char channel[NOTIFY_CHANNEL_MAX];
    publish(n, format_channel(account_id, channel), modseq);
    struct notify_account *acc = map_find(&n->accounts, account_key(&account_id));
    if (!acc || modseq <= acc->latest)
        return;
    acc->latest = modseq;
    wake_soon(n, acc);
}

/* ---- topics ---- */

static void tell_listeners(struct notify *n, enum notify_topic topic, int64_t id)
{
    struct list heard;
    list_init(&heard);
    /* Moved over one by one: a callback may take any listener out. */
    struct list *item;
    while ((item = list_pop_head(&n->listeners[topic]))) {
        struct notify_listener *l = CONTAINER_OF(item, struct notify_listener, link);
        list_add_tail(&heard, item);
        l->fn(topic, id, l->arg);
    }
    while ((item = list_pop_head(&heard)))
        list_add_tail(&n->listeners[topic], item);
}

/* A message is "id" or "id node": the node's own messages come back to it and are dropped, because
 * its listeners were told already. */
static void on_topic(str channel, str message, void *arg)
{
    struct notify *n = arg;
    str number;
    str node;
    int64_t id = 0;
    str_cut(message, ' ', &number, &node);
    if (!str_to_int(number, 0, INT64_MAX, &id) || str_eq(node, str_from_cstr(n->node)))
        return;
    for (unsigned i = 0; i < NOTIFY_TOPIC_COUNT; i++) {
        if (str_eq(channel, str_from_cstr(topic_channels[i])))
            tell_listeners(n, (enum notify_topic)i, id);
    }
}

static void on_told(void *arg)
{
    struct notify *n = arg;
    for (size_t i = 0; i < n->told.n; i++) {
        struct notify_told t = *VEC_AT(&n->told, struct notify_told, i);
        tell_listeners(n, t.topic, t.id);
    }
    vec_truncate(&n->told, 0);
}

/* Hints were lost before: while Redis was away, or until it had read the subscription. */
static void on_topic_confirmed(str channel, void *arg)
{
    struct notify *n = arg;
    for (unsigned i = 0; i < NOTIFY_TOPIC_COUNT; i++) {
        if (str_eq(channel, str_from_cstr(topic_channels[i])))
            tell_listeners(n, (enum notify_topic)i, -1);
    }
}

void notify_listen(struct notify *n, enum notify_topic topic, struct notify_listener *l)
{
    list_add_tail(&n->listeners[topic], &l->link);
    if (n->redis) {
        redis_subscribe_confirmed(n->redis, str_from_cstr(topic_channels[topic]), on_topic,
                                  on_topic_confirmed, n);
    }
}

void notify_unlisten(struct notify_listener *l)
{
    if (l->link.next)
        list_remove(&l->link);
}

static bool is_told_already(const struct notify *n, enum notify_topic topic, int64_t id)
{
    for (size_t i = 0; i < n->told.n; i++) {
        const struct notify_told *t = VEC_AT(&n->told, struct notify_told, i);
        if (t->topic == topic && t->id == id)
            return true;
    }
    return false;
}

void notify_tell(struct notify *n, enum notify_topic topic, int64_t id)
{
    char text[2 * NOTIFY_CHANNEL_MAX];
    int len = snprintf(text, sizeof(text), "%lld %s", (long long)id, n->node);
    const str args[] = { STR("PUBLISH"), str_from_cstr(topic_channels[topic]),
                         str_of(text, (size_t)len) };
    if (n->redis)
        redis_send(n->redis, args, COUNT_OF(args));
    if (is_told_already(n, topic, id))
        return;
    struct notify_told *t = VEC_PUSH(&n->told, struct notify_told);
    if (t)
        *t = (struct notify_told){ topic, id };
    timer_start(n->rt, &n->told_timer, clock_monotonic_ms());
}

/* ---- Redis comes and goes ---- */

static void on_subscriber(bool up, void *arg)
{
    notify_poll_redis_changed(arg, up);
}

bool notify_is_live(const struct notify *n)
{
    return n->redis && redis_subscriber_is_up(n->redis);
}

struct notify *notify_new(struct runtime *rt, struct db *db, struct redis *redis,
                          const struct notify_options *options)
{
    static const struct notify_options defaults = { 0 };
    struct notify *n = HEAP_NEW(struct notify);
    const struct notify_options *o = options ? options : &defaults;
    *n = (struct notify){ .rt = rt, .db = db, .redis = redis };
    n->poll_ms = o->poll_ms ? o->poll_ms : NOTIFY_POLL_MS;
    n->poll_away_ms = o->poll_away_ms ? o->poll_away_ms : NOTIFY_POLL_AWAY_MS;
    map_init(&n->accounts, ACCOUNTS_MAX);
    list_init(&n->pending);
    VEC_INIT(&n->told, struct notify_told, 256);
    for (unsigned i = 0; i < NOTIFY_TOPIC_COUNT; i++)
        list_init(&n->listeners[i]);
    (void)snprintf(n->node, sizeof(n->node), "%08x%08x", arc4random(), arc4random());
    timer_init(&n->pending_timer, on_pending, n);
    timer_init(&n->told_timer, on_told, n);
    if (redis)
        redis_on_subscriber(redis, on_subscriber, n);
    notify_poll_init(n);
    return n;
}

void notify_free(struct notify **np)
{
    struct notify *n = *np;
    *np = NULL;
    if (!n)
        return;
    INVARIANT(n->accounts.n == 0);
    if (n->redis)
        redis_off_subscriber(n->redis, n);
    for (unsigned i = 0; i < NOTIFY_TOPIC_COUNT; i++) {
        if (n->redis)
            redis_unsubscribe(n->redis, str_from_cstr(topic_channels[i]));
    }
    timer_stop(n->rt, &n->pending_timer);
    timer_stop(n->rt, &n->told_timer);
    vec_fini(&n->told);
    map_fini(&n->accounts);
    notify_poll_fini(n);
}
