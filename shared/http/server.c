/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server in the loop: made, listening, draining, counted, ended. */
#include "http/http_server.h"

#include "http/private.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    BODY_MAX = 4 * 1024 * 1024 + 64 * 1024,
    INPUT_MAX = 256 * 1024 * 1024,
    MAX_CONNECTIONS = 12000,
    REQUEST_MS = 30 * 1000,
    HEAD_MS = 10 * 1000,
    READ_MS = 60 * 1000,
    STALL_MS = 60 * 1000,
    BEAT_MS = 20 * 1000, /* less than the half minute after which proxies give a silent peer up */
    TICKETS_MS = 12 * 3600 * 1000 /* then TLS gets new ticket keys */
};

#define ALPN "http/1.1"

static void send_certificates(struct http_listener *l)
{
    struct tls_swap *swap = HEAP_NEW(struct tls_swap);
    swap->listener = l;
    swap->copy = tls_server_copy(l->options.tls, ALPN);
    exchange_note(l->server, thread_note_swap, swap);
}

static void on_certificates_changed(void *arg)
{
    send_certificates(arg);
}

static void on_tickets_old(void *arg)
{
    struct http_server *s = arg;
    LIST_FOR_EACH (item, &s->listeners) {
        struct http_listener *l = CONTAINER_OF(item, struct http_listener, link);
        if (l->options.tls)
            send_certificates(l);
    }
    timer_start(s->rt, &s->tickets, clock_deadline_in(TICKETS_MS));
}

static void end_streams(struct http_server *s)
{
    struct list *first;
    while ((first = s->streams.next) != &s->streams)
        events_on_end(events_of(first));
}

static void on_drain(void *arg)
{
    struct http_server *s = arg;
    s->is_draining = true;
    timer_stop(s->rt, &s->tickets);
    exchange_note(s, thread_note_drain, NULL);
    end_streams(s);
}

static int64_t or_else(int64_t ms, int64_t otherwise)
{
    return ms ? ms : otherwise;
}

static void set_options(struct http_server_options *o)
{
    o->body_max = o->body_max ? o->body_max : BODY_MAX;
    o->input_max = o->input_max ? o->input_max : INPUT_MAX;
    o->max_connections = o->max_connections ? o->max_connections : MAX_CONNECTIONS;
    o->request_ms = or_else(o->request_ms, REQUEST_MS);
    o->head_ms = or_else(o->head_ms, HEAD_MS);
    o->read_ms = or_else(o->read_ms, READ_MS);
    o->stall_ms = or_else(o->stall_ms, STALL_MS);
    o->beat_ms = or_else(o->beat_ms, BEAT_MS);
}

struct http_server *http_server_new(struct runtime *rt, const struct http_server_options *options,
                                    struct err *e)
{
    struct http_server *s = HEAP_NEW(struct http_server);
    s->rt = rt;
    s->options = *options;
    set_options(&s->options);
    list_init(&s->jobs);
    list_init(&s->streams);
    list_init(&s->listeners);
    list_init(&s->to_thread);
    list_init(&s->notes);
    list_init(&s->to_loop);
    timer_init(&s->tickets, on_tickets_old, s);
    INVARIANT(pthread_mutex_init(&s->mutex, NULL) == 0);
    if (!thread_start(s, e)) {
        pthread_mutex_destroy(&s->mutex);
        free(s);
        return NULL;
    }
    runtime_on_drain(rt, on_drain, s);
    return s;
}

bool http_server_listen(struct http_server *s, int fd, const struct http_listener_options *options,
                        struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        (void)ERR_SYS(e, ERR_INTERNAL, "cannot listen for HTTP");
        (void)close(fd);
        return false;
    }
    struct http_listener *l = HEAP_NEW(struct http_listener);
    l->server = s;
    l->options = *options;
    l->fd = fd;
    list_add_tail(&s->listeners, &l->link);
    if (options->tls) {
        tls_server_on_change(options->tls, on_certificates_changed, l);
        if (!timer_is_armed(&s->tickets))
            timer_start(s->rt, &s->tickets, clock_deadline_in(TICKETS_MS));
    }
    exchange_note(s, thread_note_listen, l);
    if (options->tls)
        send_certificates(l);
    return true;
}

static void free_listeners(struct http_server *s)
{
    LIST_FOR_EACH (item, &s->listeners) {
        struct http_listener *l = CONTAINER_OF(item, struct http_listener, link);
        if (l->options.tls)
            tls_server_off_change(l->options.tls, on_certificates_changed, l);
        free(l);
    }
}

/* After the thread's end nobody else has the jobs. */
static void free_jobs(struct http_server *s)
{
    struct http_job *job;
    struct list pieces;
    unsigned told;
    unsigned n_taken;
    list_init(&pieces);
    while ((job = exchange_next_told(s, &told, &n_taken))) {
        job->is_gone = true;
        request_on_told(job, told | JOB_GONE, n_taken);
    }
    while ((job = exchange_next_asked(s, &told, &pieces))) {
        struct list *item;
        while ((item = list_pop_head(&pieces)))
            piece_free(s, CONTAINER_OF(item, struct http_piece, link));
        if (told & JOB_DROP)
            thread_free_job(job);
    }
}

void http_server_free(struct http_server **server)
{
    struct http_server *s = *server;
    if (!s)
        return;
    *server = NULL;
    runtime_off_drain(s->rt, on_drain, s);
    timer_stop(s->rt, &s->tickets);
    end_streams(s);
    thread_stop(s);
    free_jobs(s);
    INVARIANT(list_is_empty(&s->jobs) && atomic_load(&s->n_jobs) == 0);
    free_listeners(s);
    pthread_mutex_lock(&s->mutex);
    s->is_freed = true;
    bool is_posted = s->is_posted;
    pthread_mutex_unlock(&s->mutex);
    if (is_posted)
        return; /* the post that is under way frees it */
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

void http_server_count(struct http_server *s, struct http_server_counts *out)
{
    *out = (struct http_server_counts){
        .connections = atomic_load(&s->n_connections),
        .requests = atomic_load(&s->n_jobs),
        .streams = atomic_load(&s->n_streams),
        .octets = atomic_load(&s->n_octets),
    };
}
