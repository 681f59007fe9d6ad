/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of http, server side: HTTP/1.1 and HTTPS for fibers. With http_client.h the only place
 * that knows libh2o and libcurl; it knows no route, no JSON and no mail.
 *
 * libh2o runs in a thread of its own and never meets a fiber: each request is copied to the heap
 * and handed over by message, and so is each answer (RUNTIME.md 4). What is declared here belongs
 * to the loop's thread. HTTP/2 is off; a proxy in front of us may offer it. */
#ifndef HTTP_HTTP_SERVER_H
#define HTTP_HTTP_SERVER_H

#include "net/net.h"

struct http_server;
struct http_events;

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER_METHOD
};

/* A header field. Names are in lower case, in requests and in what we send. */
struct http_field {
    str name;
    str value;
};

/* A request as its handler sees it. All texts live as long as the arena: until the handler
 * returned. Read only, but for what hangs from `arena`. */
struct http_request {
    struct arena *arena; /* of this request */
    enum http_method method;
    str method_name; /* "GET" */
    str path;        /* as sent: begins with '/', percent-encoded, without the query */
    str query;       /* as sent, without '?'; empty when none (http_values.h) */
    str host;        /* of the Host field, lower case, with the port if one was sent; never empty */
    const struct http_field *fields; /* in the order sent; those of framing are left out */
    size_t n_fields;
    str body;                /* octets, framing removed; empty when none */
    struct net_address peer; /* the client: by PROXY protocol or X-Forwarded-For from a trusted
                                proxy, else the socket */
    bool is_secure;          /* TLS, at our end or at a trusted proxy's */
    str id;                  /* 12 characters: request id of log and X-Request-Id, and session id */
    int64_t began_ms;        /* monotonic clock, when the request was complete */
};

/* The first field of that name (lower case), or an empty str. */
str http_request_field(const struct http_request *r, str name);
/* Whether the field is there at all. */
bool http_request_has_field(const struct http_request *r, str name);

/* ---- answering: once a request ----
 *
 * A handler answers with http_reply, or with http_begin, http_send and http_end, or with
 * http_events_begin. When it returns without, the client gets 500; when it returns in the middle of
 * a body, the connection is cut, so that the client sees that something is missing.
 *
 * When the client goes away the handler's fiber is cancelled (fiber_cancel): every wait of it fails
 * with ERR_CANCELLED, and what is answered then goes nowhere. Transactions roll back that way. */

/* Adds a field to the answer that will come: Set-Cookie, ETag, RateLimit... Copies. Control bytes
 * in the value are left out. Content-Length, Connection, Date and X-Request-Id are made by the
 * server. `name` is static and in lower case. */
void http_add_field(struct http_request *r, const char *name, str value);

/* Answers with these octets (copies), with Content-Length. `content_type` may be NULL for an empty
 * body. Does not wait for the client. To HEAD the same is answered without the body. JSON of 1 KiB
 * and more is compressed when the client takes gzip, unless the answer has a content-encoding. */
void http_reply(struct http_request *r, unsigned status, const char *content_type, str body);

/* Begins an answer of `length` octets, or of unknown length when -1 (chunked). Does not wait. */
void http_begin(struct http_request *r, unsigned status, const char *content_type, int64_t length);
/* Sends the next octets (copies): waits while the client still has to take those before, so at most
 * two pieces are in memory. Good pieces have 64 to 256 KiB. ERR_CLOSED and ERR_CANCELLED: the
 * client is gone; ERR_TIMEOUT: it took nothing for a minute. Yields. */
YIELDS bool http_send(struct http_request *r, str bytes, struct err *e);
/* All was sent. */
void http_end(struct http_request *r);

/* True once an answer was begun. */
bool http_was_answered(const struct http_request *r);

/* ---- ready-made answers ---- */

struct http_rate {
    const char *policy; /* static name of the limit: "token", "address" */
    uint64_t limit;     /* requests in a window */
    uint64_t remaining; /* of them, now */
    unsigned window_s;  /* length of the window, seconds */
    unsigned reset_s;   /* seconds until there is room again (never 0 when remaining is 0) */
};

/* Adds RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) to the answer. */
void http_add_rate(struct http_request *r, const struct http_rate *rate);
/* The same with Retry-After, for an answer 429 or 503 that the caller makes. */
void http_add_retry(struct http_request *r, unsigned seconds);
/* An RFC 9457 problem of type about:blank: {"type","title","status","detail"}. Title and status are
 * those of the status code; `detail` is a sentence for the user (JSON is escaped here). 421, 429,
 * 503 and others without a body of their own. */
void http_reply_problem(struct http_request *r, unsigned status, const char *detail);
/* 308 to the same path on https://host:port (443 is left out). 421 when Host is no host name. */
void http_reply_to_https(struct http_request *r, unsigned port);
/* The standard phrase of a status: "Not Found". Static; "Unknown" for what is not in the table. */
const char *http_status_phrase(unsigned status);

/* ---- server-sent events ----
 *
 * A stream needs no fiber: its handler begins it and returns, and everybody in the loop's thread
 * may send. A heartbeat comment goes every 20 s. */

struct http_events_options {
    size_t queue_max; /* octets waiting for a slow client, 0 = 32 KiB */
    /* Sent instead of everything that waits when the queue is full, e.g.
     * "event: reset\ndata: {}\n\n"; keeps. */
    str overflow;
    /* The client is gone or the server stops: called once, in the loop, outside any fiber. The
     * stream is gone when it returns. Not called after http_events_end. */
    void (*closed)(void *arg);
    void *arg;
};

/* Answers 200 text/event-stream, uncompressed and not to be stored, and gives the stream; `first`
 * (e.g. "retry: 3000\n\n") is sent at once, may be empty. The request ends when its handler
 * returns; copy what is needed of it. Do not yield between this and keeping the stream where
 * `closed` finds it. NULL when the client is gone already, or asked with HEAD and gets the head and
 * no stream (`closed` is not called). Gives. */
struct http_events *http_events_begin(struct http_request *r, const struct http_events_options *o,
                                      str first);
/* Queues the octets of a whole event ("id: 7\nevent: counts\ndata: {}\n\n"; copies). Never waits.
 * While an earlier event of the same non-empty `key` still waits, this one takes its place at the
 * end: for states of which only the last matters. */
void http_events_send(struct http_events *s, str key, str event);
/* Sends what waits and ends the stream. */
void http_events_end(struct http_events **s);

/* ---- the server ---- */

/* Files of a folder, sent by the server's own thread: with ETag, Last-Modified, Range, and from
 * "name.br" and "name.gz" beside them when the client takes those. Names that begin with a dot are
 * never sent. GET and HEAD only (405). */
struct http_mount {
    const char *prefix;              /* "/" or "/admin/"; the longest that fits counts; "/admin" is
                                        sent there (308) */
    const char *folder;              /* absolute */
    const char *fallback;            /* file for paths without a dot in the last segment: an app's
                                        "index.html"; NULL: 404 */
    const struct http_field *fields; /* added to each answer: CSP and others */
    size_t n_fields;
    /* Below it files never change: "Cache-Control: public, max-age=31536000, immutable". Others get
     * "no-cache". "/assets/" or NULL. With the prefix of the mount. */
    const char *immutable;
};

struct http_server_options {
    /* Runs in a fiber of its own for each request that no mount takes. */
    void (*handle)(struct http_request *r, void *arg);
    void *arg;
    const struct http_mount *mounts; /* keeps, with all in it */
    size_t n_mounts;
    const char *const *handled; /* prefixes ("/api/", "/health") that go to `handle` although a
                                   mount covers them; keeps */
    size_t n_handled;
    const struct http_field *fields; /* added to every answer, mounts' too; keeps */
    size_t n_fields;
    /* Names that a request may be for, beside addresses, localhost and those of the certificates;
     * others get 421, so that nobody makes us speak under a foreign name. "*": any. None: any;
     * keeps. */
    const char *const *hosts;
    size_t n_hosts;
    /* Whose X-Forwarded-For (rightmost address that is not theirs) and X-Forwarded-Proto are
     * believed, or NULL; keeps. */
    const struct net_networks *trusted;
    size_t body_max;             /* octets of a request's body, 0 = 4 MiB + 64 KiB; then 413 */
    size_t input_max;            /* octets of requests that are not complete, and of bodies that
                                    handlers have, each: 0 = 256 MiB. Past it the longest waiting are
                                    cut off, and new bodies get 503 */
    unsigned max_connections;    /* 0 = 12000; past it idle ones give way to new ones */
    unsigned max_per_ip;         /* connections of a /32 or /64, three times of a /24 or /48;
                                    0 = no limit */
    unsigned max_new_per_minute; /* likewise */
    struct net_tally *tally;     /* where these are counted, as "http"; NULL = by this server alone;
                                    keeps */
    int64_t request_ms;          /* of a handler until it begins to answer, 0 = 30 s */
    int64_t head_ms;  /* PROXY header, TLS handshake and first head together, 0 = 10 s; then 408 */
    int64_t read_ms;  /* head and body of a request; also how long a connection idles, 0 = 60 s */
    int64_t stall_ms; /* for a client to take some of an answer, 0 = 60 s */
    int64_t beat_ms;  /* a comment into event streams that are silent for so long, 0 = 20 s */
};

struct http_listener_options {
    struct tls_server *tls;                /* HTTPS, or NULL; its reloads are followed; keeps */
    const struct net_networks *proxy_from; /* who must send a PROXY header, or NULL; keeps */
    unsigned to_https; /* plain HTTP: mounts answer 308 to https on this port; 0 = they serve */
};

/* A server without a listener; starts its thread. Requests are counted by runtime_hold: at the
 * drain no connection is taken any more, event streams end, and running requests are waited for.
 * ERR_INTERNAL: no thread, or a mount's folder is not there. Gives. */
struct http_server *http_server_new(struct runtime *rt, const struct http_server_options *options,
                                    struct err *e);
/* Accepts on the descriptor (takes it, also on failure). ERR_INTERNAL. */
bool http_server_listen(struct http_server *s, int fd, const struct http_listener_options *options,
                        struct err *e);
/* Cuts what is open and ends the thread. No fiber of the server may run any more: call it after
 * runtime_run returned. */
void http_server_free(struct http_server **s);

struct http_server_counts {
    size_t connections; /* open */
    size_t requests;    /* between their arrival and the last octet of their answer */
    size_t streams;     /* of server-sent events, counted in requests too */
    size_t octets;      /* of answers that wait for their clients */
};

/* What the server holds now: for the health report, and for tests that nothing is left. May be
 * called from any thread. */
void http_server_count(struct http_server *s, struct http_server_counts *out);

#endif
