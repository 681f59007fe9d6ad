/* SPDX-License-Identifier: Apache-2.0 */
/* One SMTP connection to another server: greeting, EHLO, STARTTLS, commands and replies; or one of
 * LMTP (RFC 2033), where the operator says so. What a message makes of it is in transaction.h. */
#ifndef DELIVERY_SESSION_H
#define DELIVERY_SESSION_H

#include "services/delivery/place.h"
#include "services/delivery/security.h"
#include "wire/smtp_reply.h"

enum {
    DELIVERY_MESSAGES_A_CONNECTION = 100
};

/* How long things may take as a whole: single answers have limits of their own, but a server that
 * drips them could hold us for days. */
struct delivery_patience {
    int64_t open_ms;     /* all servers of a destination until one is ready for MAIL */
    int64_t envelope_ms; /* MAIL, RCPT and DATA together */
    int64_t body_ms;     /* the message, and a second more for each ... */
    size_t body_rate;    /* ... of so many octets */
    int64_t silence_ms;  /* nothing of the machine behind a connection that is used again */
};

struct delivery_session {
    struct list link; /* in d->sessions */
    struct delivery *d;
    struct arena *a;        /* for texts; lives as long as the lease */
    struct net_conn *conn;  /* NULL: not connected */
    struct net_conn *asked; /* one that was kept, while it is asked whether it is there (share.h) */
    struct smtp_reply reply;
    struct smtp_extensions offers;
    str remote; /* "mx.example.net [192.0.2.1]" */
    const struct delivery_route *route;
    const struct delivery_host *host;     /* of them */
    const struct net_address *source;     /* address of ours that it goes from; NULL: any */
    struct delivery_terms terms;          /* of the message that it was opened for */
    struct delivery_demand demand;        /* on the connection to this server */
    enum tls_presented presented;         /* what the server had */
    struct queue_certificate certificate; /* which certificate, where it did not verify */
    str tls;                              /* what came of it, as in queue_result */
    str secured;                          /* likewise */
    str weak_tls;                         /* likewise */
    const char *stage;                    /* likewise: what is being done */
    bool is_barred;                       /* it is one of route->barred */
    unsigned passed; /* bits of servers that were tried; barred ones behind the others */
    const struct queue_result *failures; /* of those that could not be opened, the last first */
    bool is_refused;     /* by our own rules, of a server that was tried for the last message */
    bool said_421;       /* the server, since that was set to false */
    bool needs_reset;    /* the last transaction was not finished: RSET first */
    bool is_doubted;     /* the connection is used again, and nothing was heard over it since */
    bool is_uncounted;   /* in reports on TLS: it is for such reports only */
    bool is_lost;        /* the lease was lost: nothing may be sent any more */
    unsigned n_messages; /* begun on this connection */
    unsigned n_former;   /* of them for other destinations (share.h) */
    bool is_onward;      /* another server failed: only a new connection says what this one does */
    str said_name;       /* what we called ourselves there */
    bool is_busy;        /* a server is being waited for */
    bool is_ended;       /* what is waited for is the answer to a whole message */
    bool is_hurried;     /* it waited for too long while very many do */
    bool is_put_off;     /* no server was asked: their networks let others wait, or have enough */
    int64_t again_ms;    /* put off by a full server, until it is asked again; 0: as any */
    int64_t heard_ms;    /* the last sign of the server, or the begin of the wait; monotonic */
    int64_t opening_ms;  /* since then it is being opened, waits in lines apart; 0: it is not */
    unsigned n_awaited;  /* replies to commands that were written */
    struct delivery_patience patience;
    struct delivery_place place; /* at the server; its mode is the caller's to set */
};

/* Not connected yet; end with delivery_session_fini. */
void delivery_session_init(struct delivery_session *s, struct delivery *d, struct arena *a);
/* Drops the connection, if any, without QUIT. */
void delivery_session_fini(struct delivery_session *s);

/* How we are called there. Borrowed. */
str delivery_session_ehlo_name(const struct delivery_session *s);
/* Whether LMTP is spoken to the servers of its route. */
bool delivery_session_is_lmtp(const struct delivery_session *s);

/* The server has given a sign, or begins to be waited for. */
void delivery_session_hear(struct delivery_session *s);
/* Connects to the first server that takes us up to EHLO, with as much TLS as a message of these
 * terms needs, in a quarter of an hour at most. False: none did, and *failure says why. With
 * s->is_refused a server's TLS was not good enough for such a message, others may go; with
 * s->is_put_off none was asked (crowd.h, place.h). Yields. */
YIELDS bool delivery_session_open(struct delivery_session *s, const struct delivery_route *route,
                                  const struct delivery_terms *terms, struct queue_result *failure);
/* Leaves the server that it is, or was, connected to: delivery_session_open_another goes past it.
 * Says good-bye where there is still somebody to hear it. Yields. */
YIELDS void delivery_session_pass(struct delivery_session *s);
/* As delivery_session_open, on the same way and terms, to a server that was not tried since then.
 * Yields. */
YIELDS bool delivery_session_open_another(struct delivery_session *s, struct queue_result *failure);
/* Forgets which servers were tried: the next message may go to each of them. */
void delivery_session_forget(struct delivery_session *s);
/* What a message of the terms that it was opened for may do over a connection that is as secure as
 * the last one was found to be (s->tls says so): exceptions for the destination count. */
enum tls_verdict delivery_session_verdict(const struct delivery_session *s);
/* Whether the open connection is good enough for a message of other terms, too. */
bool delivery_session_suits(const struct delivery_session *s, const struct delivery_terms *terms);
/* The open connection is used again: its server may have vanished meanwhile without a word. A
 * machine that is there confirms at once what is sent to it, however busy the server is; until it
 * has answered, one that does not is gone after a few seconds instead of minutes. */
void delivery_session_doubt(struct delivery_session *s);
/* Whether it has carried as many messages as a connection may. */
bool delivery_session_is_used_up(const struct delivery_session *s);
/* Says good-bye and disconnects. Yields. */
YIELDS void delivery_session_quit(struct delivery_session *s);
/* Ends every wait of this fiber in `ms` at the latest; gives the limit that was, to be set again by
 * fiber_set_deadline. */
int64_t delivery_limit(int64_t ms);
/* Disconnects at once. */
void delivery_session_drop(struct delivery_session *s);
/* From another fiber, when the lease was lost: ends what its own one waits for, and nothing more is
 * sent. */
void delivery_session_abort(struct delivery_session *s);

/* Reads the next reply into s->reply. False: the connection is useless and was dropped. Yields. */
YIELDS bool delivery_read_reply(struct delivery_session *s, int64_t timeout_ms, struct err *e);
/* Whether the server has said something that nobody asked for: whatever it is, what comes next is
 * no answer to what we say next. The connection was dropped then. */
bool delivery_is_out_of_turn(struct delivery_session *s, struct err *e);
/* Buffers one command line; `line` is without CRLF. Yields. */
YIELDS bool delivery_write(struct delivery_session *s, str line, struct err *e);

/* The result for what s->reply says (its class decides), with texts in s->a. */
struct queue_result delivery_result_of_reply(const struct delivery_session *s);
/* A temporary failure of our own finding. */
struct queue_result delivery_deferred(const struct delivery_session *s, const char *status,
                                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
