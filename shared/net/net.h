/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of net: connections as byte streams for fibers, listeners, TLS, PROXY protocol. The
 * only module that sees SSL_*; it knows no command of any protocol.
 *
 * A connection that waits for its peer's next command is parked: it has no fiber, only its socket,
 * TLS state and the protocol's own struct. When something happens a fiber runs the protocol's
 * `run`, which reads and answers as straight-line code and parks again by returning NET_PARK. */
#ifndef NET_NET_H
#define NET_NET_H

#include "net/address.h"
#include "net/tally.h"
#include "net/tls.h"
#include "runtime/runtime.h"

struct net_conn;

/* Why a protocol's run is called. */
enum net_why {
    NET_OPENED, /* the connection is new (TLS and PROXY header are done) */
    NET_INPUT,  /* bytes, or the end of the stream, can be read */
    NET_WOKEN,  /* net_conn_wake was called */
    NET_IDLE,   /* the deadline given to net_conn_set_idle passed while parked */
    NET_DRAIN,  /* the process is to end: say good-bye and close */
};

enum net_next {
    NET_PARK, /* wait without a fiber; unread input runs the protocol again at once */
    NET_CLOSE /* flush and close; `closed` is called */
};

/* What a protocol gives to a listener. */
struct net_protocol {
    const char *name; /* static; of the fiber, metric label and log */
    /* A session for the new connection, or NULL to close it. May not yield. */
    void *(*opened)(struct net_conn *c, void *service);
    /* Handles what happened. Runs in a fiber, one at a time a connection. Yields. */
    enum net_next (*run)(struct net_conn *c, void *session, enum net_why why);
    /* The connection is gone: free the session. May not yield. */
    void (*closed)(struct net_conn *c, void *session);
    /* What to say, as raw bytes, to a connection refused by a limit (e.g. "421 4.7.0 ...\r\n"); may
     * be NULL. Sent only before TLS. */
    const char *busy_reply;
    /* What cannot wait as long as a slow peer may, such as a lock that must be held; may be NULL.
     * Called about once a second in the fiber of the connection while a write waits, also the last
     * one after `run` returned. May not write. False: the connection ends at once. Yields. */
    bool (*waiting)(struct net_conn *c, void *session);
};

/* ---- reading: all wait at most until `deadline_ms`; ERR_CLOSED at the end of the stream,
 * ERR_TIMEOUT, ERR_CANCELLED, ERR_UNAVAILABLE for a broken connection. A client that can send
 * nothing any more still reads what had come before, and waits for nothing then ---- */

/* The next line without its line end, borrowed until the next read. *crlf_ok is false when it ended
 * in a bare LF or holds a bare CR or a NUL (may be NULL). A line of more than `max` octets fails
 * with ERR_LIMIT; what came of it is dropped up to and including its LF. After 64 KiB without one
 * nothing more is read from this peer: the next read fails with ERR_CLOSED, a server's session is
 * run at once for that, and what was written is sent before the connection ends. Yields. */
YIELDS bool net_read_line(struct net_conn *c, size_t max, int64_t deadline_ms, str *line,
                          bool *crlf_ok, struct err *e);
/* Whatever is there, at least 1 and at most `max` octets, borrowed until the next read. Yields. */
YIELDS bool net_read_some(struct net_conn *c, size_t max, int64_t deadline_ms, str *out,
                          struct err *e);
/* Exactly n octets into `to`. Yields. */
YIELDS bool net_read_exactly(struct net_conn *c, void *to, size_t n, int64_t deadline_ms,
                             struct err *e);
/* Gives the last `n` octets of what the last net_read_some returned back to the stream. */
void net_unread(struct net_conn *c, size_t n);
/* Octets that can be read without waiting: has the peer sent more already? */
size_t net_buffered(const struct net_conn *c);

/* ---- writing: into a buffer of at most 64 KiB; waits for the peer only when that is full ---- */

/* A write stalled for longer than net_conn_set_write_timeout fails with ERR_TIMEOUT. Yields. */
YIELDS bool net_write(struct net_conn *c, str bytes, struct err *e);
YIELDS bool net_writef(struct net_conn *c, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for whom may not wait, in the loop too: takes all of it and sends what the peer takes at
 * once. False: there is no room, or the connection is broken; nothing was taken. Only while no
 * fiber is in the middle of what it writes. */
bool net_write_now(struct net_conn *c, str bytes);
/* Sends what is buffered. run's return flushes too. Yields. */
YIELDS bool net_flush(struct net_conn *c, struct err *e);
/* The same, but waits for a slow peer no longer than `wait_ms`: then *is_done is false, and the
 * rest stays in the buffer. Yields. */
YIELDS bool net_flush_within(struct net_conn *c, int64_t wait_ms, bool *is_done, struct err *e);

/* ---- TLS on an open connection ---- */

/* Server side of STARTTLS: flushes, drops unread plain text (R19), handshakes. `had_input` tells
 * whether plain text was dropped (may be NULL). Yields. */
YIELDS bool net_starttls(struct net_conn *c, struct tls_server *tls, int64_t deadline_ms,
                         bool *had_input, struct err *e);
/* Client side, after the peer agreed. Unread plain text is a failure: ERR_DENIED (O1). The result
 * of verification is in net_conn_tls. Yields. */
YIELDS bool net_starttls_client(struct net_conn *c, struct tls_client *tls, const char *host,
                                int64_t deadline_ms, struct err *e);
/* The same, but the certificate is verified by TLSA records: then facts->by_dane is set. When none
 * of them can be used it is like net_starttls_client with dane->base for a host. Yields. */
YIELDS bool net_starttls_dane(struct net_conn *c, struct tls_client *tls,
                              const struct tls_dane *dane, int64_t deadline_ms, struct err *e);
/* What was agreed; NULL when the connection is in plain text. Valid as long as the connection. */
const struct tls_facts *net_conn_tls(const struct net_conn *c);
/* The peer's certificate; its texts are in the arena, each cut at 200 octets. False: there is none.
 */
bool net_conn_certificate(const struct net_conn *c, struct arena *a, struct tls_certificate *out);

/* ---- compression (RFC 4978), above TLS where there is any ---- */

/* Sends what is buffered; from then on both directions are compressed by deflate. What the peer
 * sends is unpacked under limits: input that grows more than 200 times, or that is no deflate
 * stream, makes reads fail with ERR_SYNTAX, and nothing more is read from this peer (ATTACKS I11).
 * ERR_EXISTS: it is compressed already; and the errors of net_flush. Yields. */
YIELDS bool net_conn_compress(struct net_conn *c, struct err *e);
/* Sends what is buffered and ends the compression of both directions (RFC 8437 section 4.1): what
 * the peer sent behind its last flush is taken as it is. Harmless without compression. Yields. */
YIELDS bool net_conn_decompress(struct net_conn *c, struct err *e);
bool net_conn_is_compressed(const struct net_conn *c);
/* Octets that the connection holds in its buffers and for compression, without those of TLS. */
size_t net_conn_memory(const struct net_conn *c);

/* The channel binding of the connection, for whom is its server, as octets in `out`: how many, 0
 * when there is none (plain text; another TLS version; a certificate without a hash of its own). */
size_t net_conn_binding(const struct net_conn *c, enum tls_binding kind,
                        uint8_t out[TLS_BINDING_MAX]);

/* ---- the connection ---- */

/* The client as told by the PROXY protocol or the socket; and our side of it. Valid until the
 * connection parks or ends. */
const struct net_address *net_conn_peer(const struct net_conn *c);
const struct net_address *net_conn_local(const struct net_conn *c);
/* From now on the peer is this one: somebody who is trusted said for whom it speaks. What the
 * connection counts for stays with the one who opened it. */
void net_conn_set_peer(struct net_conn *c, const struct net_address *peer);
/* The session id of the log, made at accept. Static for the connection's life. */
str net_conn_id(const struct net_conn *c);
struct runtime *net_conn_runtime(const struct net_conn *c);
/* Runs the protocol with NET_WOKEN soon, when parked; while its fiber runs the wake is remembered
 * and comes after it parks. Any number of calls before that count once. Loop's thread only. */
void net_conn_wake(struct net_conn *c);
/* For use inside run by a long wait (IDLE inside a command is parked instead, so rarely needed). */
bool net_conn_was_woken(struct net_conn *c);
/* When to call run with NET_IDLE while parked; DEADLINE_NONE for never. */
void net_conn_set_idle(struct net_conn *c, int64_t deadline_ms);
void net_conn_set_write_timeout(struct net_conn *c, int64_t ms);
/* How long the peer's machine may leave unconfirmed what was sent to it, however long its program
 * thinks (RFC 5482): after that the connection is broken. 0: as the system has it, which is a
 * quarter of an hour. TCP only; another socket has no such machine. */
void net_conn_set_silence(struct net_conn *c, int64_t ms);
/* The peer has shown who it is: the connection counts no more against max_per_ip. Its arrival still
 * counts against max_new_per_minute. Harmless when done again. */
void net_conn_release_count(struct net_conn *c);
/* It counts against it again, though not as one that arrived now. False: its address or network has
 * as many as it may have. */
bool net_conn_take_count(struct net_conn *c);
/* Whether the peer can read nothing any more, as far as the kernel knows. One that ended only its
 * own direction in plain text still waits for answers; under TLS nobody does that. */
bool net_conn_is_gone(const struct net_conn *c);
/* Ends the connection at once, without TLS good-bye: its fiber sees ERR_CLOSED. */
void net_conn_abort(struct net_conn *c);

/* ---- servers ---- */

/* Opens a listening socket with SO_REUSEPORT, for handing to a worker. ERR_EXISTS: in use;
 * ERR_DENIED: a port below 1024 without the right. Gives the descriptor; close it. */
bool net_listen_open(const struct net_address *at, int *fd, struct err *e);

struct net_listener_options {
    const struct net_protocol *protocol;   /* keeps */
    void *service;                         /* given to `opened`; keeps */
    struct tls_server *implicit_tls;       /* handshake first, or NULL; keeps */
    const struct net_networks *proxy_from; /* who must send a PROXY header, or NULL; keeps */
    unsigned max_connections;              /* of this listener, 0 = 5000 */
    unsigned max_per_ip;         /* of a /32 or /64, three times of a /24 or /48; 0 = no limit */
    unsigned max_new_per_minute; /* likewise */
    struct net_tally *tally;     /* where these are counted, NULL = by this listener alone; keeps */
    bool shares_counts;          /* over the machines that tell each other (tally_share.h) */
    const char *limit_scope;     /* static; listeners of one scope count together, NULL = those of
                                    the protocol */
    int64_t handshake_ms;        /* TLS and PROXY header together, 0 = 30 s */
};

struct net_listener;

/* Accepts on the descriptor (takes it) until the drain or net_listener_free. At EMFILE it pauses
 * and goes on. Gives. */
struct net_listener *net_listener_new(struct runtime *rt, int fd,
                                      const struct net_listener_options *options);
/* Stops accepting; open connections live on. */
void net_listener_stop(struct net_listener *l);
void net_listener_free(struct net_listener **l);

/* ---- clients ---- */

/* Whether this machine knows a way to the address (IPv6 often has none): asked of the kernel,
 * nothing is sent. When that cannot be asked, true. Does not block. */
bool net_has_route(const struct net_address *to);

/* Connects; `from` may be NULL or a local address to use. Gives; end with net_close.
 * ERR_TIMEOUT, ERR_CANCELLED, ERR_UNAVAILABLE (refused, unreachable). Yields. */
YIELDS bool net_connect(struct runtime *rt, const struct net_address *to,
                        const struct net_address *from, int64_t deadline_ms, struct net_conn **out,
                        struct err *e);
/* Wraps a connected socket (takes it) as a client connection: for socket pairs in tests. */
struct net_conn *net_conn_wrap(struct runtime *rt, int fd);
/* Closes a client connection (best-effort TLS good-bye, does not wait). */
void net_close(struct net_conn **c);

#endif
