/* SPDX-License-Identifier: Apache-2.0 */
/* The client as a whole, and commands: a first-in first-out line of requests on one link. A request
 * is on the heap, so that a fiber that gives up leaves it behind ("orphan"): its reply still comes
 * and must not be taken for another's. */
#include "base/failpoint.h"
#include "redis/private.h"

enum {
    DEFAULT_MS = 200,
    DEFAULT_TLS_MS = 1000,
    DEFAULT_BREAKER_MS = 5000,
    OVERDUE_MS = 2000,   /* for answers that nobody waits for */
    REQUESTS_MAX = 20000 /* in the line; past it what nobody waits for is dropped */
};

struct redis_request {
    struct list link; /* redis->requests */
    int64_t sent_ms;
    struct arena *arena; /* NULL when nobody wants the value */
    struct redis_value *out;
    bool is_orphan; /* nobody waits */
    bool is_done;
    struct err err; /* kind ERR_NONE: answered */
    struct signal_point point;
};

static void end_request(struct redis *r, struct redis_request *q)
{
    list_remove(&q->link);
    r->n_requests--;
    q->is_done = true;
    if (q->is_orphan) {
        free(q);
    } else {
        signal_point_all(&q->point);
    }
}

/* The server cannot serve us now; perhaps another one can, or this one later. */
static bool ends_link(str text)
{
    return str_has_prefix(text, STR("READONLY")) || str_has_prefix(text, STR("MASTERDOWN")) ||
           str_has_prefix(text, STR("LOADING")) || str_has_prefix(text, STR("NOAUTH"));
}

static void on_reply(void *arg, const struct redis_value *v)
{
    struct redis *r = arg;
    if (list_is_empty(&r->requests)) {
        link_drop(&r->commands, "a reply to no command", LINK_BACKOFF_MAX_MS);
        return;
    }
    struct redis_request *q = CONTAINER_OF(r->requests.next, struct redis_request, link);
    enum err_kind kind = v->type == REDIS_ERROR ? reply_error_kind(v->text) : ERR_NONE;
    if (kind != ERR_NONE) {
        ERR(&q->err, kind, "Redis: %.*s", STR_FMT(v->text));
    } else if (!q->is_orphan && q->arena && q->out) {
        *q->out = reply_copy(q->arena, v);
    }
    end_request(r, q);
    if (kind == ERR_UNAVAILABLE && ends_link(v->text))
        link_drop(&r->commands, "the server refuses commands", LINK_BACKOFF_MAX_MS);
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): end_request takes the request out of the list before it
 * frees it, which the analyzer does not follow. */
static void on_down(void *arg, const char *reason)
{
    struct redis *r = arg;
    r->attempts++;
    while (!list_is_empty(&r->requests)) {
        struct redis_request *q = CONTAINER_OF(r->requests.next, struct redis_request, link);
        ERR(&q->err, ERR_UNAVAILABLE, "Redis: %s", reason);
        end_request(r, q);
    }
    signal_point_all(&r->changed);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static void on_up(void *arg)
{
    struct redis *r = arg;
    r->attempts++;
    signal_point_all(&r->changed);
    link_retry(&r->subscriber);
}

static int64_t patience(int64_t ms)
{
    return FAILPOINT_PATIENCE("redis-is-awaited", ms);
}

static int64_t overdue_at(const struct redis_request *q)
{
    return q->sent_ms + patience(OVERDUE_MS);
}

/* A process that only tells and never asks has nobody who waits: a server that hangs, or a network
 * that swallows everything, is found out here. */
static void on_overdue(void *arg)
{
    struct redis *r = arg;
    if (list_is_empty(&r->requests))
        return;
    const struct redis_request *first = CONTAINER_OF(r->requests.next, struct redis_request, link);
    int64_t at_ms = overdue_at(first);
    if (clock_monotonic_ms() >= at_ms) {
        link_drop(&r->commands, "no answer in time", r->breaker_ms);
    } else {
        timer_start(r->rt, &r->overdue, at_ms);
    }
}

struct redis *redis_new(struct runtime *rt, const struct redis_options *options, struct err *e)
{
    struct redis_url url;
    struct redis_tls *tls = NULL;
    if (!redis_url_parse(str_from_cstr(options->url), &url, e))
        return NULL;
    if (url.is_tls && !(tls = redis_tls_new(options->ca_file, e)))
        return NULL;
    struct redis *r = HEAP_NEW(struct redis);
    int64_t connect_ms =
        options->connect_ms ? options->connect_ms : (url.is_tls ? DEFAULT_TLS_MS : DEFAULT_MS);
    *r = (struct redis){ .rt = rt, .url = url, .tls = tls };
    r->command_ms = options->command_ms ? options->command_ms : DEFAULT_MS;
    r->breaker_ms = options->breaker_ms ? options->breaker_ms : DEFAULT_BREAKER_MS;
    list_init(&r->requests);
    map_init(&r->scripts, REDIS_SCRIPTS_MAX);
    signal_point_init(&r->changed);
    timer_init(&r->overdue, on_overdue, r);
    r->commands = (struct redis_link){ .rt = rt,
                                       .url = &r->url,
                                       .tls = tls,
                                       .name = "commands",
                                       .connect_ms = connect_ms,
                                       .on_up = on_up,
                                       .on_down = on_down,
                                       .on_reply = on_reply,
                                       .arg = r };
    link_init(&r->commands);
    subscriber_init(r, connect_ms);
    return r;
}

void redis_free(struct redis **rp)
{
    struct redis *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    timer_stop(r->rt, &r->overdue);
    link_fini(&r->commands);
    on_down(r, "the client is closed");
    subscriber_fini(r);
    MAP_FOR_EACH (entry, &r->scripts)
        free(entry->value);
    map_fini(&r->scripts);
    redis_tls_release(r->tls);
    explicit_bzero(r->url.pass, sizeof(r->url.pass));
    free(r);
}

/* ---- commands ---- */

/* Waits for the attempt to connect that is under way. */
YIELDS static bool wait_until_up(struct redis *r, int64_t deadline_ms, struct err *e)
{
    struct redis_link *l = &r->commands;
    if (l->state == LINK_READY)
        return true;
    link_want(l);
    uint64_t attempts = r->attempts;
    while (l->state != LINK_READY) {
        if (l->state == LINK_DOWN || r->attempts != attempts)
            return ERR(e, ERR_UNAVAILABLE, "no connection to Redis");
        if (!signal_point_wait(&r->changed, deadline_ms, e))
            return false;
    }
    return true;
}

static struct redis_request *new_request(struct redis *r, struct arena *a, struct redis_value *out,
                                         bool is_orphan)
{
    struct redis_request *q = HEAP_NEW(struct redis_request);
    q->arena = a;
    q->out = out;
    q->is_orphan = is_orphan;
    q->sent_ms = clock_monotonic_ms();
    signal_point_init(&q->point);
    list_add_tail(&r->requests, &q->link);
    r->n_requests++;
    if (!timer_is_armed(&r->overdue))
        timer_start(r->rt, &r->overdue, overdue_at(q));
    return q;
}

/* One command that gets no answer in time costs its caller the wait, and nobody after it: the
 * connection is given up and not tried again while the circuit is open. */
static bool gave_up(struct redis *r, struct redis_request *q, const struct err *why, bool is_slow,
                    struct err *e)
{
    q->is_orphan = true;
    if (is_slow)
        link_drop(&r->commands, "no answer in time", r->breaker_ms);
    return ERR(e, why->kind, "Redis: %s", why->msg);
}

static bool take_answer(struct redis_request *q, struct err *e)
{
    bool ok = q->err.kind == ERR_NONE;
    if (!ok)
        ERR(e, q->err.kind, "%s", q->err.msg);
    free(q);
    return ok;
}

bool redis_command(struct redis *r, const str *args, size_t n, struct arena *a,
                   struct redis_value *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    int64_t soon_ms = clock_deadline_in(patience(r->commands.connect_ms + DEFAULT_MS));
    if (!wait_until_up(r, soon_ms, e))
        return false;
    if (!link_send(&r->commands, args, n))
        return ERR(e, ERR_UNAVAILABLE, "too much waits for Redis");
    struct redis_request *q = new_request(r, a, out, false);
    int64_t deadline = clock_deadline_in(patience(r->command_ms));
    while (!q->is_done) {
        if (!signal_point_wait(&q->point, deadline, &why) && !q->is_done)
            return gave_up(r, q, &why, clock_monotonic_ms() >= deadline, e);
    }
    return take_answer(q, e);
}

void redis_send(struct redis *r, const str *args, size_t n)
{
    if (r->n_requests < REQUESTS_MAX && link_send_early(&r->commands, args, n))
        new_request(r, NULL, NULL, true);
}
