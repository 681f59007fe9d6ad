/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of libh2o as its files see it: connections, requests, static files. The one header
 * that sees h2o.h. Everything here belongs to the thread. Private to http. */
#ifndef HTTP_THREAD_H
#define HTTP_THREAD_H

#include "http/head.h"
#include "http/private.h"
#include "net/limits.h"

#define H2O_USE_LIBUV 0 /* the variant of the library with a loop of its own */
#include <h2o.h>
#include <h2o/http1.h>

enum {
    WATCH_MS = 50,            /* a request of this age is watched for its client's going away */
    CLOSE_MS = 5 * 1000,      /* for the last octets of a closing connection */
    SWEEP_MS = 1000,          /* between two looks at all connections */
    PAUSE_MS = 1000,          /* of accepting, after running out of descriptors */
    ONE_SEND_MAX = 256 * 1024 /* octets handed to libh2o in one go, so that progress shows */
};

/* Certificates as long as a handshake uses them. */
struct tls_hold {
    struct tls_copy *copy;
    unsigned refs;
};

struct http_accept {
    struct list link; /* in thread->accepts */
    struct http_thread *thread;
    struct http_listener *listener;
    h2o_socket_t *sock; /* listening; NULL when stopped */
    struct tls_hold *tls;
    h2o_timeout_entry_t pause;
};

struct reply;

struct http_conn {
    struct list link; /* in thread->busy or thread->idle */
    struct http_thread *thread;
    struct http_accept *accept;
    h2o_socket_t *sock;
    struct net_address peer;
    struct limits_held counted;
    struct tls_hold *tls; /* during the handshake */
    struct timeval since;
    h2o_timeout_entry_t timer;       /* until libh2o has the connection, and while it closes */
    char *fault;                     /* an answer of ours before libh2o had it */
    bool is_handed_over;             /* to libh2o */
    bool is_watched;                 /* by thread->gone */
    bool is_busy;                    /* between request and answer */
    struct reply *reply;             /* of the request under way, or NULL */
    char id[OBS_SESSION_ID_SIZE];    /* of the request */
    char first[OBS_SESSION_ID_SIZE]; /* of the connection, before its first request */
    struct net_address client;       /* of the request, behind proxies that we trust */
    bool is_secure;                  /* the request came by TLS, to us or to such a proxy */
    int64_t began_ms;
};

/* A job and what the thread needs for it. */
struct reply {
    struct http_job job;
    struct http_thread *thread;
    h2o_generator_t generator;
    h2o_req_t *req; /* NULL: disposed of */
    struct http_conn *conn;
    unsigned refs;
    size_t body_octets; /* of the request */
    bool is_started;
    bool is_sending; /* h2o_send was called, and neither proceed nor dispose since */
    bool is_beating; /* what is being sent is a heartbeat */
    bool has_end;    /* no more pieces come */
    bool is_over;    /* the end was sent */
    bool is_lost;    /* the client is gone, or was cut off */
    struct list pieces;
    h2o_timeout_entry_t watch;
    h2o_timeout_entry_t stall;
    h2o_timeout_entry_t beat;
};

struct http_thread {
    struct http_server *server;
    pthread_t id;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept_context;
    h2o_multithread_receiver_t receiver;
    h2o_multithread_message_t wake;
    h2o_timeout_t head_timeout;
    h2o_timeout_t stall_timeout;
    h2o_timeout_t beat_timeout;
    h2o_timeout_t watch_timeout;
    h2o_timeout_t close_timeout;
    h2o_timeout_t pause_timeout;
    h2o_timeout_t sweep_timeout;
    h2o_timeout_entry_t sweep;
    struct limits limits;
    struct list accepts; /* struct http_accept */
    struct list busy;    /* struct http_conn with a request under way */
    struct list idle;    /* the others, longest idle first */
    size_t n_conns;
    h2o_socket_t *gone; /* an epoll that tells which busy connections were closed */
    int gone_fd;
    size_t bodies; /* octets of all requests that the loop has */
    bool is_stopping;
    int64_t refusals_ms; /* the second that `refusals` counts */
    unsigned refusals;
};

/* ---- connections (conn.c) ---- */

/* Takes a new socket and sees it through PROXY header, TLS and the first head to libh2o. */
void http_conn_accepted(struct http_accept *a, int fd, const struct net_address *peer);
/* The connection of a request. */
struct http_conn *http_conn_of(h2o_req_t *req);
/* Ends it at once, whoever has it: the socket's reader and writer see its end. */
void http_conn_cut(struct http_conn *c);
/* Cuts those without a request under way; those too of which a part has come, when asked to. */
void http_conn_cut_idle(struct http_thread *t, bool with_parts);
/* A request begins or ends. */
void http_conn_set_busy(struct http_conn *c, bool is_busy);
/* Cuts those whose unfinished requests take too much memory; of the sweep's timer. */
void http_conn_sweep(h2o_timeout_entry_t *entry);
/* Watches a busy connection for its client's going away, and no longer. */
void http_conn_watch(struct http_conn *c);
void http_conn_unwatch(struct http_conn *c);
/* The epoll of watched connections has something. */
void http_conn_on_gone(h2o_socket_t *sock, const char *err);
/* A little time to flush, then the connection is cut. */
void http_conn_is_closing(struct http_conn *c);
/* Whether somebody's fault may be logged: some a second, so that nobody fills the disk (ATTACKS
 * B3). */
bool http_conn_may_log(struct http_thread *t);
/* A line in the log that somebody was turned away, if it may be. */
void http_conn_log_refused(struct http_thread *t, const struct net_address *peer, const char *why);
void tls_hold_release(struct tls_hold **hold);

/* ---- requests (gate.c, reply.c, mount.c) ---- */

/* Registers what answers requests with the one host of the configuration. ERR_INTERNAL. */
bool gate_register(struct http_thread *t, struct err *e);
/* Answers a problem from within the thread. */
void gate_answer_problem(h2o_req_t *req, unsigned status, const char *why);
/* The same, and closes the connection. */
void gate_refuse(h2o_req_t *req, unsigned status, const char *why);
/* A handler that gives every request to the loop, for this path. */
void reply_register(h2o_pathconf_t *path, struct http_thread *t);
/* The client of this reply is gone: tells the loop. */
void reply_on_gone(struct reply *r);
/* What the loop asked for. */
void reply_on_asked(struct reply *r, unsigned asked, struct list *pieces);
/* Handlers for the files of a mount: headers, files, fallback. */
bool mount_register(h2o_pathconf_t *path, struct http_thread *t, const struct http_mount *mount,
                    struct err *e);
/* Adds a field to an answer from static texts or the request's pool. */
void gate_add_field(h2o_req_t *req, const char *name, const char *value, size_t n);

#endif
