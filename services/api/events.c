/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds and their streams. */
#include "services/api/events.h"

#include "api_routes.h"
#include "compose/submission.h"
#include "obs/obs.h"
#include "services/api/shape_admin.h"
#include "services/api/shape_mail.h"
#include "services/api/shape_submission.h"

#include <stdlib.h>

enum {
    FEEDS_MAX = 100000,
    STEP = 500,   /* messages looked at in one event */
    ARRIVED = 10, /* conversations told in one event */
    LOAD_MS = 10000,
    TICK_MS = 2000,
    EXPIRY_TICKS = 15,  /* sessions that end by themselves are looked for this often */
    FIRST_MAX = 262144, /* octets of what a client missed */
    FIRST_CHECK = 1,    /* its number looks at streams that no check has looked at */
    ROUNDS = 20 /* events that a client gets at its start, before it is told to begin anew */
};

struct event_feed {
    struct api *api;
    int64_t account_id;
    int64_t modseq;       /* told up to here */
    int64_t submitted_us; /* submissions that changed later are to be told */
    struct notify_subscriber subscriber;
    struct list streams;
    bool is_running; /* its fiber reads */
    bool is_woken;   /* once more, when it has read */
};

struct event_stream {
    struct list link;     /* of its feed */
    struct list all_link; /* of all */
    struct event_feed *feed;
    struct http_events *out;
    struct auth_grant grant; /* its login is not kept */
    unsigned types;          /* STREAM_EVENTS_TYPES_* */
    unsigned checked;        /* the last check that asked for its grant; 0: none yet */
};

static const str reset_event =
    STR_INIT("event: reset\ndata: {\"type\":\"reset\",\"state\":\"0\"}\n\n");

/* ---- making events ---- */

static json_t *shape_counts(const struct store_mailboxes *boxes, const struct store_ids *ids,
                            json_t *list)
{
    for (size_t i = 0; i < ids->n; i++) {
        for (size_t k = 0; k < boxes->n; k++) {
            if (boxes->list[k].mailbox_id != ids->list[i])
                continue;
            json_t *o = json_object();
            api_set(o, "id", api_id(ids->list[i]));
            api_set(o, "totalMessages", json_integer(boxes->list[k].state.messages));
            api_set(o, "unreadMessages", json_integer(boxes->list[k].state.unseen));
            api_add(list, o);
        }
    }
    return list;
}

/* Conversations of the newest messages that came; an own draft is no news. */
YIELDS static bool load_arrived(struct api *api, int64_t account_id, const struct store_changes *c,
                                struct arena *a, json_t *list, struct err *e)
{
    struct store_mails mails;
    struct store_threads threads = { 0 };
    int64_t ids[ARRIVED];
    size_t n = 0;
    size_t from = c->mails_created.n > ARRIVED ? c->mails_created.n - ARRIVED : 0;
    const struct shape_view view = { .arena = a };
    const struct store_wanted wanted = { .account_id = account_id,
                                         .ids = c->mails_created.list + from,
                                         .n = c->mails_created.n - from };
    int64_t deadline = clock_deadline_in(LOAD_MS);
    if (wanted.n == 0)
        return true;
    if (!store_mail_get(api->app->store, &wanted, a, deadline, &mails, e))
        return false;
    for (size_t i = 0; i < mails.n; i++) {
        size_t k = 0;
        if (mails.list[i].flags & STORE_DRAFT)
            continue;
        while (k < n && ids[k] != mails.list[i].thread_id)
            k++;
        if (k == n)
            ids[n++] = mails.list[i].thread_id;
    }
    const struct store_wanted rows = { .account_id = account_id, .ids = ids, .n = n };
    if (n > 0 && !store_thread_get(api->app->store, &rows, a, deadline, &threads, e))
        return false;
    for (size_t i = 0; i < threads.n; i++)
        api_add(list, shape_thread_row(&threads.list[i], &view));
    return true;
}

static str format_event(struct arena *a, const char *name, int64_t id, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);
    str event = id > 0 ? arena_printf(a, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)id, name,
                                      text ? text : "{}")
                       : arena_printf(a, "event: %s\ndata: %s\n\n", name, text ? text : "{}");
    free(text);
    return event;
}

static str make_reset(struct arena *a, int64_t state)
{
    json_t *o = json_object();
    api_set(o, "type", json_string("reset"));
    api_set(o, "state", shape_state(state));
    str event = format_event(a, "reset", state, o);
    json_decref(o);
    return event;
}

/* The next event after *modseq, which is raised; empty when there is nothing new. */
YIELDS static bool make_change(struct api *api, int64_t account_id, int64_t *modseq, bool *more,
                               struct arena *a, str *event, struct err *e)
{
    struct store_changes c;
    struct store_mailboxes boxes;
    int64_t deadline = clock_deadline_in(LOAD_MS);
    *event = STR_EMPTY;
    if (!store_changes_load(api->app->store, account_id, *modseq, STEP, a, deadline, &c, e))
        return false;
    *more = c.has_more;
    if (c.is_too_old) {
        *more = false;
        *modseq = c.modseq;
        *event = make_reset(a, c.modseq);
        return true;
    }
    if (c.modseq == *modseq)
        return true;
    if (!store_mailbox_list(api->app->store, account_id, a, deadline, &boxes, e))
        return false;
    json_t *arrived = json_array();
    if (!load_arrived(api, account_id, &c, a, arrived, e)) {
        json_decref(arrived);
        return false;
    }
    json_t *o = json_object();
    json_t *counts = json_array();
    api_set(o, "type", json_string("change"));
    api_set(o, "state", shape_state(c.modseq));
    api_set(o, "mailboxes",
            shape_counts(&boxes, &c.mailboxes_updated,
                         shape_counts(&boxes, &c.mailboxes_created, counts)));
    api_set(o, "arrived", arrived);
    *event = format_event(a, "change", c.modseq, o);
    *modseq = c.modseq;
    json_decref(o);
    return true;
}

/* ---- feeds ---- */

static str feed_key(const struct event_feed *feed)
{
    return str_of((const char *)&feed->account_id, sizeof(feed->account_id));
}

static void free_feed(struct event_feed *feed)
{
    notify_unsubscribe(feed->api->app->notify, &feed->subscriber);
    (void)map_remove(&feed->api->events.feeds, feed_key(feed));
    free(feed);
}

/* A feed goes with its last stream, but not under its fiber. */
static void drop_feed_if_idle(struct event_feed *feed)
{
    if (list_is_empty(&feed->streams) && !feed->is_running)
        free_feed(feed);
}

static void send_all(struct event_feed *feed, unsigned type, str event)
{
    LIST_FOR_EACH (link, &feed->streams) {
        struct event_stream *s = CONTAINER_OF(link, struct event_stream, link);
        if (event.n && s->types & type)
            http_events_send(s->out, STR_EMPTY, event);
    }
}

/* Submissions that changed: a change of mail goes with each of them. What the queue does with it
 * later is for whoever asks. */
YIELDS static void tell_submissions(struct event_feed *feed, struct arena *a)
{
    struct compose_submissions changed;
    struct err ignored = ERR_CLEAR;
    const struct queue_rows none = { NULL, 0 };
    if (!compose_submission_changed(feed->api->app->db, feed->account_id, feed->submitted_us, a,
                                    clock_deadline_in(LOAD_MS), &changed, &ignored))
        return;
    for (size_t i = 0; i < changed.n; i++) {
        json_t *o = json_object();
        api_set(o, "type", json_string("submission"));
        api_set(o, "submission", shape_submission(&changed.list[i], &none, 0));
        send_all(feed, STREAM_EVENTS_TYPES_SUBMISSION, format_event(a, "submission", 0, o));
        json_decref(o);
        feed->submitted_us = changed.list[i].updated_us;
    }
}

YIELDS static void read_feed(struct event_feed *feed, struct arena *a)
{
    bool more = true;
    struct err e = ERR_CLEAR;
    while (more || feed->is_woken) {
        str event;
        feed->is_woken = false;
        if (!make_change(feed->api, feed->account_id, &feed->modseq, &more, a, &event, &e)) {
            if (e.kind != ERR_CANCELLED)
                obs_log(EV_API_REFUSED, STR_EMPTY, OBS_CSTR("operation", "events"), OBS_ERR(&e));
            return; /* the next hint or poll tries again */
        }
        send_all(feed, STREAM_EVENTS_TYPES_MAIL, event);
        tell_submissions(feed, a);
        arena_reset(a);
    }
}

YIELDS static void run_feed(void *arg)
{
    struct event_feed *feed = arg;
    struct arena a;
    arena_init(&a);
    read_feed(feed, &a);
    arena_fini(&a);
    feed->is_running = false;
    drop_feed_if_idle(feed);
}

static void wake_feed(int64_t account_id, int64_t modseq, void *arg)
{
    struct event_feed *feed = arg;
    struct err e = ERR_CLEAR;
    (void)account_id;
    if (modseq <= feed->modseq)
        return;
    if (feed->is_running) {
        feed->is_woken = true;
        return;
    }
    feed->is_running = fiber_spawn(feed->api->app->runtime, "events", run_feed, feed, NULL, &e);
}

static struct event_feed *find_feed(struct api *api, int64_t account_id)
{
    return map_find(&api->events.feeds, str_of((const char *)&account_id, sizeof(account_id)));
}

static struct event_feed *make_feed(struct api *api, int64_t account_id, int64_t modseq)
{
    struct event_feed *feed = HEAP_NEW(struct event_feed);
    feed->api = api;
    feed->account_id = account_id;
    feed->modseq = modseq;
    feed->submitted_us = clock_utc_us();
    list_init(&feed->streams);
    if (!map_put(&api->events.feeds, feed_key(feed), feed, NULL)) {
        free(feed);
        return NULL;
    }
    feed->subscriber.fn = wake_feed;
    feed->subscriber.arg = feed;
    notify_subscribe(api->app->notify, account_id, modseq, &feed->subscriber);
    return feed;
}

/* ---- streams ---- */

static void free_stream(struct event_stream *s)
{
    struct event_feed *feed = s->feed;
    list_remove(&s->link);
    list_remove(&s->all_link);
    free(s);
    drop_feed_if_idle(feed);
}

static void stream_closed(void *arg)
{
    free_stream(arg);
}

static void end_stream(struct event_stream *s, const char *reason)
{
    struct arena a;
    arena_init(&a);
    json_t *o = json_object();
    api_set(o, "type", json_string("session"));
    api_set(o, "reason", json_string(reason));
    http_events_send(s->out, STR_EMPTY, format_event(&a, "session", 0, o));
    json_decref(o);
    arena_fini(&a);
    http_events_end(&s->out);
    free_stream(s);
}

/* Of the kinds of events only the queue needs more than every stream does. */
static bool may_stream(unsigned types, unsigned scopes)
{
    return !(types & STREAM_EVENTS_TYPES_QUEUE) || scopes & AUTH_SCOPE_ADMIN_READ;
}

/* What the client missed since `modseq`, as events in `out`; a client that missed too much begins
 * anew. */
YIELDS static bool catch_up(struct api_call *call, int64_t *modseq, struct buf *out)
{
    struct err e = ERR_CLEAR;
    for (int round = 0;; round++) {
        str event;
        bool more = false;
        if (!make_change(call->api, call->who.account_id, modseq, &more, call->arena, &event, &e))
            return call_fail(call, &e);
        if (round == ROUNDS || !buf_add(out, event)) {
            buf_clear(out);
            if (!store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, modseq,
                                  &e))
                return call_fail(call, &e);
            (void)buf_add(out, make_reset(call->arena, *modseq));
            return true;
        }
        const struct event_feed *feed = find_feed(call->api, call->who.account_id);
        if (!more && (!feed || feed->modseq <= *modseq))
            return true;
    }
}

/* Nothing here may yield: the feed is at most where the client is. */
static void open_stream(struct api_call *call, unsigned types, int64_t modseq, str first)
{
    struct event_feed *feed = find_feed(call->api, call->who.account_id);
    if (!feed)
        feed = make_feed(call->api, call->who.account_id, modseq);
    if (!feed) {
        (void)call_problem(call, "unavailable", "There are too many streams.");
        return;
    }
    struct event_stream *s = HEAP_NEW(struct event_stream);
    s->feed = feed;
    s->types = types;
    s->grant = call->who;
    s->grant.login = STR_EMPTY;
    const struct http_events_options options = { .overflow = reset_event,
                                                 .closed = stream_closed,
                                                 .arg = s };
    call->is_answered = true;
    s->out = http_events_begin(call->http, &options, first);
    if (!s->out) {
        free(s);
        drop_feed_if_idle(feed);
        return;
    }
    list_add_tail(&feed->streams, &s->link);
    list_add_tail(&call->api->events.streams, &s->all_link);
}

/* ---- sessions that end ---- */

struct check {
    struct api *api;
    int64_t account_id; /* -1: all */
    unsigned number;    /* streams whose `checked` is lower are to be looked at */
};

/* A stream that this check has not looked at. Those it has are at the end of the list. */
static struct event_stream *find_unchecked(const struct check *c)
{
    LIST_FOR_EACH (link, &c->api->events.streams) {
        struct event_stream *s = CONTAINER_OF(link, struct event_stream, all_link);
        if (s->checked < c->number && (c->account_id == -1 || c->account_id == s->grant.account_id))
            return s;
    }
    return NULL;
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): free_stream takes a stream out of the lists before it
 * frees it, through links the analyzer does not follow. */

/* Ends the streams of that session or token which need more than it allows now (0: nothing). */
static void end_unallowed(struct api *api, const struct auth_grant *grant, unsigned scopes)
{
    LIST_FOR_EACH (link, &api->events.streams) {
        struct event_stream *s = CONTAINER_OF(link, struct event_stream, all_link);
        bool is_of_grant = s->grant.id == grant->id && s->grant.is_session == grant->is_session;
        if (is_of_grant && (scopes == 0 || !may_stream(s->types, scopes)))
            end_stream(s, "revoked");
    }
}

/* The list may change while the database is asked, so each look begins anew; a stream that is
 * opened meanwhile counts as not looked at. */
YIELDS static bool check_one(const struct check *c, struct arena *a)
{
    struct event_stream *s = find_unchecked(c);
    struct err e = ERR_CLEAR;
    unsigned scopes = 0;
    if (!s)
        return false;
    const struct auth_grant grant = s->grant;
    s->checked = c->number;
    list_remove(&s->all_link);
    list_add_tail(&c->api->events.streams, &s->all_link);
    if (auth_grant_scopes(c->api->grants, &grant, a, clock_deadline_in(LOAD_MS), &scopes, &e))
        end_unallowed(c->api, &grant, scopes);
    return true;
}

YIELDS static void run_check(void *arg)
{
    struct check *c = arg;
    struct arena a;
    arena_init(&a);
    while (check_one(c, &a) && !fiber_is_cancelled())
        arena_reset(&a);
    arena_fini(&a);
    free(c);
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

static void start_check(struct api *api, int64_t account_id, unsigned number)
{
    struct err e = ERR_CLEAR;
    struct check *c = HEAP_NEW(struct check);
    *c = (struct check){ api, account_id, number };
    if (!fiber_spawn(api->app->runtime, "events-check", run_check, c, NULL, &e))
        free(c);
}

void events_account_changed(struct api *api, int64_t account_id)
{
    if (!list_is_empty(&api->events.streams))
        start_check(api, account_id, ++api->events.checks);
}

void rest_stream_events(struct api_call *call, const struct stream_events_params *p,
                        const json_t *body)
{
    struct buf first;
    struct err e = ERR_CLEAR;
    int64_t modseq = p->has_last_event_id ? p->last_event_id : p->since;
    (void)body;
    if (!may_stream(p->types, call->who.scopes)) {
        (void)call_problem(call, "not-an-administrator", NULL);
        return;
    }
    if (!p->has_last_event_id && !p->has_since &&
        !store_get_modseq(call->app->store, call->who.account_id, call->deadline_ms, &modseq, &e)) {
        (void)call_fail(call, &e);
        return;
    }
    buf_init(&first, FIRST_MAX);
    (void)buf_addf(&first, "retry: %u\n\n", 1000 + (unsigned)(clock_utc_us() % 4000));
    if (catch_up(call, &modseq, &first)) {
        open_stream(call, p->types, modseq, buf_str(&first));
        /* What ended before the stream was in the list was told to nobody. */
        start_check(call->api, call->who.account_id, FIRST_CHECK);
    }
    buf_fini(&first);
}

static void end_expired(struct api *api)
{
    int64_t now = clock_utc_us();
    LIST_FOR_EACH (link, &api->events.streams) {
        struct event_stream *s = CONTAINER_OF(link, struct event_stream, all_link);
        if (s->grant.expires_us < now)
            end_stream(s, "expired");
    }
}

/* ---- the queue ---- */

static bool wants_queue(struct api *api)
{
    LIST_FOR_EACH (link, &api->events.streams) {
        if (CONTAINER_OF(link, struct event_stream, all_link)->types & STREAM_EVENTS_TYPES_QUEUE)
            return true;
    }
    return false;
}

YIELDS static void look_at_queue(void *arg)
{
    struct api *api = arg;
    struct queue_stats stats;
    struct err e = ERR_CLEAR;
    if (queue_get_stats(api->app->queue, clock_deadline_in(LOAD_MS), &stats, &e)) {
        struct arena a;
        arena_init(&a);
        uint64_t seen = str_hash(str_of((const char *)&stats, sizeof(stats)), 0);
        json_t *o = json_object();
        api_set(o, "type", json_string("queue"));
        api_set(o, "stats", shape_queue_stats(&stats));
        str event = format_event(&a, "queue", 0, o);
        LIST_FOR_EACH (link, &api->events.streams) {
            struct event_stream *s = CONTAINER_OF(link, struct event_stream, all_link);
            if (seen != api->events.queue_seen && s->types & STREAM_EVENTS_TYPES_QUEUE)
                http_events_send(s->out, STR("queue"), event);
        }
        api->events.queue_seen = seen;
        json_decref(o);
        arena_fini(&a);
    }
    api->events.is_looking = false;
}

static void tick(void *arg)
{
    struct api *api = arg;
    struct event_streams *es = &api->events;
    struct err e = ERR_CLEAR;
    if (!es->is_looking && wants_queue(api)) {
        es->is_looking =
            fiber_spawn(api->app->runtime, "events-queue", look_at_queue, api, NULL, &e);
    }
    if (++es->ticks % EXPIRY_TICKS == 0)
        end_expired(api);
    timer_start(api->app->runtime, &es->timer, clock_deadline_in(TICK_MS));
}

/* ---- life ---- */

void events_init(struct api *api)
{
    map_init(&api->events.feeds, FEEDS_MAX);
    list_init(&api->events.streams);
    api->events.checks = FIRST_CHECK;
    timer_init(&api->events.timer, tick, api);
}

void events_start(struct api *api)
{
    timer_start(api->app->runtime, &api->events.timer, clock_deadline_in(TICK_MS));
}

void events_fini(struct api *api)
{
    timer_stop(api->app->runtime, &api->events.timer);
    LIST_FOR_EACH (link, &api->events.streams) {
        struct event_stream *s = CONTAINER_OF(link, struct event_stream, all_link);
        http_events_end(&s->out);
        free_stream(s);
    }
    map_fini(&api->events.feeds);
}
