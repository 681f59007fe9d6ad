/* SPDX-License-Identifier: Apache-2.0 */
/* struct net_conn as the files of net see it: buffers, waiting, parking. Private to net. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/deflate.h"
#include "net/limits.h"
#include "net/net.h"
#include "obs/obs.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

enum {
    CONN_READ_CHUNK = 16384,         /* a TLS record */
    CONN_IN_MAX = 128 * 1024,        /* the longest line and a chunk */
    CONN_OUT_MAX = 64 * 1024,        /* the promise of net.h */
    CONN_OUT_MAX_PACKED = 32 * 1024, /* the same, where memory is needed for packing, too */
    CONN_LINE_DROP_MAX = 64 * 1024,  /* of an over-long line; then the connection ends */
    CONN_WRITE_TIMEOUT_MS = 300 * 1000,
    CONN_WAITING_MS = 1000,            /* between calls of a protocol's `waiting` */
    CONN_CLOSE_TIMEOUT_MS = 10 * 1000, /* for the last flush */
    CONN_LINGER_MS = 2000,             /* for a peer that still sends when we close */
    CONN_LINGER_MAX = 8 * 1024 * 1024  /* octets of it that are dropped; then it gets a reset */
};

/* What a parked connection's fiber is started for; bits of net_conn.due. */
enum {
    DUE_OPEN = 1,
    DUE_DRAIN = 2,
    DUE_WAKE = 4,
    DUE_IDLE = 8,
    DUE_INPUT = 16
};

/* An end of a connection in a fifth of the room that a struct net_address takes: thousands of
 * connections are idle. */
struct conn_end {
    uint8_t ip[16];
    uint16_t port;
    uint8_t n; /* octets of ip: 4, 16, or 0 for a unix socket */
};

struct net_conn {
    struct runtime *rt;
    int fd;
    SSL *ssl;                /* NULL in plain text */
    struct tls_facts facts;  /* version is NULL before TLS */
    struct deflate *deflate; /* NULL: nothing is compressed */
    struct watch *watch;
    unsigned watched; /* what the watch is set for */
    unsigned fills;   /* reads in a row that did not have to wait */
    struct signal_point readable;
    struct signal_point writable;

    struct buf in;
    size_t in_at; /* octets of `in` already given out */
    struct buf out;
    size_t out_at; /* octets of `out` already sent */
    int64_t write_timeout_ms;
    int64_t waiting_ms;      /* monotonic: when the protocol's `waiting` is called next */
    bool eof;                /* the peer ended its direction */
    bool deaf;               /* the peer sent what nobody can read: nothing is read any more */
    const char *deaf_reason; /* static; NULL: a line without end */
    bool broken;             /* nothing can be sent or received any more */
    bool mute;               /* nothing can be sent; what had come can still be read (clients) */
    int mute_sys;            /* the errno that said so */
    bool aborted;            /* by net_conn_abort */

    struct conn_end peer;
    struct conn_end local;
    struct net_address *shown; /* peer and local as asked for; NULL while parked */
    char id[OBS_SESSION_ID_SIZE];

    /* Of servers only; listener is NULL for clients. */
    struct net_listener *listener;
    struct list link; /* in listener->conns */
    struct limits_held counted;
    void *session;
    bool is_open;        /* `opened` gave the session */
    struct fiber *fiber; /* NULL while parked */
    unsigned due;
    struct timer timer; /* idle time while parked, or when to try again for a fiber */
    int64_t idle_ms;    /* DEADLINE_NONE: never */
};

/* A connection over the socket (takes it), without a listener. Gives; end with conn_free. */
struct net_conn *conn_new(struct runtime *rt, int fd);
/* Closes the socket and frees; tells neither the peer nor the protocol. */
void conn_free(struct net_conn *c);

/* An address as an end, and back. */
struct conn_end conn_end_of(const struct net_address *a);
void conn_end_show(const struct conn_end *end, struct net_address *out);

enum io_result {
    IO_DONE,
    IO_WANTS_READ,
    IO_WANTS_WRITE,
    IO_EOF,
    IO_BROKEN
};

/* One attempt to receive or send up to n octets, through TLS if there is any; never waits. The
 * errno of IO_BROKEN is in *sys (0 when it was a TLS fault). */
enum io_result conn_receive(struct net_conn *c, char *p, size_t n, size_t *got, int *sys);
enum io_result conn_send(struct net_conn *c, const char *p, size_t n, size_t *sent, int *sys);

/* Waits until the socket is ready for FIBER_READ or FIBER_WRITE. ERR_TIMEOUT, ERR_CANCELLED,
 * ERR_CLOSED after an abort. Yields. */
YIELDS bool conn_wait(struct net_conn *c, unsigned event, int64_t deadline_ms, struct err *e);
/* Sets what the loop tells us of. */
void conn_watch(struct net_conn *c, unsigned events);
/* For the watch of a connection that has no fiber waiting (net/serve.c). */
void conn_on_input_while_parked(struct net_conn *c);

/* One attempt to get more input into c->in; never waits. */
enum io_result conn_fill_now(struct net_conn *c, int *sys);
/* Octets in c->in that were not given out yet. */
size_t conn_unread(const struct net_conn *c);
/* The err of a connection on which nothing works any more. False, for `return`. */
bool conn_failed(struct net_conn *c, int sys, struct err *e);
/* Whether nothing can be sent any more. */
bool conn_is_mute(const struct net_conn *c);
/* Nothing can be sent any more, as an attempt with this errno has shown. Whether something can be
 * read is another question: the kernel keeps what came before a reset. Only clients ask it, for
 * the last words of a server; for a server a client that cannot hear any more has gone. */
void conn_mute(struct net_conn *c, int sys);
/* The err of the same. False, for `return`. */
bool conn_send_failed(struct net_conn *c, int sys, struct err *e);

/* Handshakes with this SSL (takes it). On failure the connection is broken for good. ERR_DENIED:
 * the peer's certificate did not verify. Yields. */
YIELDS bool conn_handshake(struct net_conn *c, SSL *ssl, int64_t deadline_ms, struct err *e);

/* Serves an accepted connection from its first moment: starts its first fiber. */
void serve_begin(struct net_conn *c);
/* Something is due (a DUE_ bit): starts a fiber unless one runs. */
void serve_due(struct net_conn *c, unsigned why);
/* Ends a parked connection now. */
void serve_end_parked(struct net_conn *c);
/* Whether the connection's protocol wants to be called while a write waits. */
bool serve_looks_after_writes(const struct net_conn *c);
/* Calls it. False: the connection was aborted. Yields. */
YIELDS bool serve_waiting(struct net_conn *c);

#endif
