/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop's side and the thread's side of the HTTP server share: a job for each request, and
 * the two mail boxes between them. Private to http; sees nothing of libh2o (thread.h does).
 *
 * A job is on the heap and has two holders: libh2o's request, until it is disposed of, and the
 * loop, until it asks JOB_DROP. Only the thread frees it. Neither side touches the other's fields;
 * what passes between them is guarded by the server's mutex, and both are woken only when their
 * mail box was empty. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include "base/list.h"
#include "http/http_server.h"
#include "obs/obs.h"

#include <pthread.h>
#include <stdatomic.h>

struct http_thread;

/* What the loop asks of the thread; bits. */
enum {
    JOB_START = 1, /* send the head of the answer */
    JOB_PIECE = 2, /* pieces were added */
    JOB_END = 4,   /* no more pieces come */
    JOB_CUT = 8,   /* the answer stays incomplete: cut the connection */
    JOB_DROP = 16  /* the loop's side is done with the job */
};

/* What the thread tells the loop; bits. */
enum {
    JOB_ARRIVED = 1, /* a new request */
    JOB_TAKEN = 2,   /* the client took n_taken pieces */
    JOB_GONE = 4     /* the client is gone; nothing can be answered any more */
};

struct http_piece {
    struct list link;
    size_t n;
    size_t at; /* octets that were handed to the socket */
    char bytes[];
};

struct answer_field {
    struct answer_field *next;
    struct http_field field;
};

/* The head of an answer. Written by the loop's side until JOB_START is asked, then the thread's. */
struct http_answer {
    struct arena arena;
    unsigned status;
    str content_type; /* empty for none */
    int64_t length;   /* -1: unknown */
    struct answer_field *fields;
    struct answer_field **last;
    bool may_compress;
    bool is_events; /* heartbeats are wanted */
};

struct http_job {
    struct http_server *server;
    struct http_answer answer;

    /* The loop's, from JOB_ARRIVED on. */
    struct list link; /* in server->jobs */
    struct http_request request;
    struct arena arena; /* of the request's texts; filled by the thread before JOB_ARRIVED */
    struct fiber *fiber;
    struct http_events *events;
    bool is_gone;
    bool is_begun;
    bool is_ended;
    bool has_no_body;   /* HEAD, 204, 304: what is sent is dropped */
    unsigned in_flight; /* pieces that were not taken yet */
    struct signal_point taken;

    /* Guarded by server->mutex. */
    bool is_dropped;       /* JOB_DROP was asked: the loop is told nothing any more */
    struct list to_thread; /* in server->to_thread */
    unsigned asked;
    struct list pieces;  /* struct http_piece that come with JOB_PIECE */
    struct list to_loop; /* in server->to_loop */
    unsigned told;
    unsigned n_taken;
};

/* Something else that the thread has to do, in order with the others. */
struct http_note {
    struct list link;
    void (*fn)(struct http_thread *t, void *arg);
    void *arg;
};

struct http_listener {
    struct list link; /* in server->listeners */
    struct http_server *server;
    struct http_listener_options options;
    int fd;
};

struct http_server {
    struct runtime *rt;
    struct http_server_options options;
    struct http_thread *thread;

    /* The loop's. */
    struct list jobs;      /* struct http_job */
    struct list streams;   /* struct http_events */
    struct list listeners; /* struct http_listener */
    struct timer tickets;  /* gives TLS new ticket keys now and then */
    bool is_draining;

    pthread_mutex_t mutex;
    struct list to_thread; /* struct http_job */
    struct list notes;     /* struct http_note to the thread */
    struct list to_loop;   /* struct http_job */
    bool is_woken;         /* the thread was told to look into notes and to_thread; guarded */
    unsigned n_untold;     /* messages since the loop was last told; guarded */
    bool is_posted;        /* the loop was told to look into to_loop; guarded */
    bool is_freed;         /* by http_server_free, before that look; guarded */

    atomic_size_t n_connections;
    atomic_size_t n_jobs;
    atomic_size_t n_octets;
    atomic_size_t n_streams;
};

/* ---- the mail boxes (exchange.c) ---- */

/* Loop's side: asks the thread for something; takes the piece, which may be NULL. */
void exchange_ask(struct http_job *job, unsigned asked, struct http_piece *piece);
/* Loop's side: has fn(thread, arg) called in the thread. */
void exchange_note(struct http_server *s, void (*fn)(struct http_thread *t, void *arg), void *arg);
/* Thread's side: tells the loop something; `n_taken` pieces with JOB_TAKEN. */
void exchange_tell(struct http_job *job, unsigned told, unsigned n_taken);

/* Thread's side: a round of its loop ends, and the loop of the fibers is told. Some messages at
 * once are cheaper than each by itself; more than that would let the fibers wait for the thread. */
void exchange_flush_told(struct http_server *s);
/* Thread's side: was woken; what is put in from now on wakes it again. */
void exchange_begin_reading(struct http_server *s);
/* Thread's side: the next job that was asked something, or NULL. Its pieces move to `pieces`. */
struct http_job *exchange_next_asked(struct http_server *s, unsigned *asked, struct list *pieces);
/* Thread's side: the next note (free it), or NULL. */
struct http_note *exchange_next_note(struct http_server *s);
/* Loop's side: the next job that was told something, or NULL. */
struct http_job *exchange_next_told(struct http_server *s, unsigned *told, unsigned *n_taken);

/* A piece with a copy of the octets of all parts. Counted until piece_free. */
struct http_piece *piece_new(struct http_server *s, const str *parts, size_t n_parts);
void piece_free(struct http_server *s, struct http_piece *piece);

/* ---- the loop's side ---- */

/* What the thread told, in the loop (request.c). */
void request_on_told(struct http_job *job, unsigned told, unsigned n_taken);
/* The request is done when neither a fiber nor a stream needs it: gives it back to the thread. */
void request_drop_if_done(struct http_job *job);
/* Pieces of an event stream were taken; its client is gone, or the server ends (events.c). */
void events_on_taken(struct http_events *s);
void events_on_end(struct http_events *s);
/* The stream of an element of server->streams. */
struct http_events *events_of(struct list *link);

/* The job of a request that a handler holds. */
struct http_job *request_job(struct http_request *r);
/* Begins the answer, unless that was done or nobody waits for it; then false. */
bool request_begin(struct http_job *job, unsigned status, const char *content_type, int64_t length);

/* ---- the thread (thread.c) ---- */

/* Starts the thread. ERR_INTERNAL. */
bool thread_start(struct http_server *s, struct err *e);
/* Makes the thread look into its mail box; from any thread. */
void thread_wake(struct http_thread *t);
/* Ends the thread: cuts all connections, frees all but the jobs that the loop still holds. */
void thread_stop(struct http_server *s);
/* Frees a job that both sides are done with, when the thread has ended already. */
void thread_free_job(struct http_job *job);

struct tls_swap {
    struct http_listener *listener;
    struct tls_copy *copy;
};

/* Notes (exchange_note): accept on a listener; take new certificates (a struct tls_swap on the
 * heap, which it takes); accept no more and cut the connections that are idle. */
void thread_note_listen(struct http_thread *t, void *listener);
void thread_note_swap(struct http_thread *t, void *swap);
void thread_note_drain(struct http_thread *t, void *nothing);

#endif
