/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events: a queue for each stream, one piece of it at a time on the way to the client.
 * Heartbeats are the thread's business (answer.c), so an idle stream costs the loop nothing. */
#include "http/private.h"

enum {
    QUEUE_MAX = 32 * 1024
};

struct waiting_event {
    struct list link;
    size_t key_n;
    size_t n;     /* octets of the event, after the key */
    char bytes[]; /* key, event */
};

struct http_events {
    struct list link; /* in server->streams */
    struct http_job *job;
    struct http_events_options options;
    struct list queue; /* struct waiting_event */
    size_t queued;     /* octets of all events in it */
};

static void forget(struct http_events *s, struct waiting_event *event)
{
    s->queued -= event->n;
    list_remove(&event->link);
    free(event);
}

static void forget_all(struct http_events *s)
{
    LIST_FOR_EACH (item, &s->queue)
        forget(s, CONTAINER_OF(item, struct waiting_event, link));
}

static void add(struct http_events *s, str key, str text)
{
    struct waiting_event *event = heap_alloc(sizeof(*event) + key.n + text.n);
    *event = (struct waiting_event){ .key_n = key.n, .n = text.n };
    if (key.n > 0)
        memcpy(event->bytes, key.p, key.n);
    memcpy(event->bytes + key.n, text.p, text.n);
    list_add_tail(&s->queue, &event->link);
    s->queued += text.n;
}

/* Sends all that waits as one piece. */
static void send_queue(struct http_events *s)
{
    struct http_job *job = s->job;
    if (list_is_empty(&s->queue))
        return;
    size_t n = 0;
    LIST_FOR_EACH (item, &s->queue)
        n++;
    str *parts = heap_alloc(n * sizeof(*parts));
    n = 0;
    LIST_FOR_EACH (item, &s->queue) {
        const struct waiting_event *event = CONTAINER_OF(item, struct waiting_event, link);
        parts[n++] = str_of(event->bytes + event->key_n, event->n);
    }
    job->in_flight++;
    exchange_ask(job, JOB_PIECE, piece_new(job->server, parts, n));
    free(parts);
    forget_all(s);
}

/* One piece at a time: what comes meanwhile waits, and may be replaced. */
static void flush(struct http_events *s)
{
    if (s->job->in_flight == 0)
        send_queue(s);
}

static void make_room(struct http_events *s, str key, size_t n)
{
    LIST_FOR_EACH (item, &s->queue) {
        struct waiting_event *event = CONTAINER_OF(item, struct waiting_event, link);
        if (key.n > 0 && str_eq(str_of(event->bytes, event->key_n), key))
            forget(s, event);
    }
    if (s->queued + n <= s->options.queue_max)
        return;
    forget_all(s);
    if (s->options.overflow.n > 0)
        add(s, STR_EMPTY, s->options.overflow);
}

void http_events_send(struct http_events *s, str key, str event)
{
    if (event.n == 0)
        return;
    make_room(s, key, event.n);
    /* After an overflow the client reads everything anew, this event's matter too; and one that is
     * larger than the whole queue cannot be sent at all. */
    if (s->queued + event.n <= s->options.queue_max)
        add(s, key, event);
    flush(s);
}

struct http_events *http_events_begin(struct http_request *r, const struct http_events_options *o,
                                      str first)
{
    struct http_job *job = request_job(r);
    struct http_server *server = job->server;
    http_add_field(r, "cache-control", STR("no-store"));
    http_add_field(r, "x-accel-buffering", STR("no"));
    if (!request_begin(job, 200, "text/event-stream", -1))
        return NULL;
    job->answer.is_events = !job->has_no_body;
    exchange_ask(job, JOB_START, NULL);
    if (job->has_no_body) { /* HEAD: what comes next on the connection is another answer */
        http_end(r);
        return NULL;
    }
    struct http_events *s = HEAP_NEW(struct http_events);
    s->job = job;
    s->options = *o;
    if (s->options.queue_max == 0)
        s->options.queue_max = QUEUE_MAX;
    list_init(&s->queue);
    list_add_tail(&server->streams, &s->link);
    (void)atomic_fetch_add(&server->n_streams, 1);
    job->events = s;
    /* Something has to be sent for the head to be sent. */
    add(s, STR_EMPTY, first.n > 0 ? first : STR(":\n\n"));
    flush(s);
    return s;
}

static void end(struct http_events *s)
{
    struct http_job *job = s->job;
    if (!job->is_gone && !job->is_ended)
        exchange_ask(job, JOB_END, NULL);
    job->is_ended = true;
    job->events = NULL;
    list_remove(&s->link);
    (void)atomic_fetch_sub(&job->server->n_streams, 1);
    forget_all(s);
    free(s);
    request_drop_if_done(job);
}

void http_events_end(struct http_events **s)
{
    if (!*s)
        return;
    struct http_events *stream = *s;
    *s = NULL;
    if (!stream->job->is_gone)
        send_queue(stream); /* behind what is on its way */
    end(stream);
}

struct http_events *events_of(struct list *link)
{
    return CONTAINER_OF(link, struct http_events, link);
}

void events_on_taken(struct http_events *s)
{
    flush(s);
}

void events_on_end(struct http_events *s)
{
    if (s->options.closed)
        s->options.closed(s->options.arg);
    end(s);
}
