/* SPDX-License-Identifier: Apache-2.0 */
/* One POP3 connection: its state, reading commands, answering. Commands stand in cmd_*.c; the
 * messages of the account stand in maildrop.h. */
#ifndef POP3_SESSION_H
#define POP3_SESSION_H

#include "auth/exchange.h"
#include "auth/ticket.h"
#include "base/list.h"
#include "net/net.h"
#include "services/app/app.h"
#include "wire/pop3_command.h"

struct pop3_service;
struct pop3_maildrop;

/* States as bits, so that the command table can name several (RFC 1939 section 3). */
enum pop3_state {
    POP3_AUTHORIZATION = 1,
    POP3_TRANSACTION = 2
};

/* Limits of PROMISES. */
enum {
    POP3_LOGIN_MS = 60 * 1000,     /* to log in */
    POP3_IDLE_MS = 10 * 60 * 1000, /* between commands (RFC 1939 section 3: at least 10 minutes) */
    POP3_READ_MS = 30 * 1000, /* for the rest of a line that has begun: the lock lasts longer */
    POP3_WRITE_MS = 5 * 60 * 1000, /* of a stalled write */
    POP3_WORK_MS = 20 * 1000,      /* of database work for one command */
    POP3_HANDSHAKE_MS = 30 * 1000,
    POP3_RETRY_MS = 2000,   /* between looks at the account when the database could not answer */
    POP3_BAD_COMMANDS = 20, /* then the connection ends */
    POP3_BAD_COMMANDS_PREAUTH = 3
};

struct pop3_session {
    struct pop3_service *service;
    struct app *app;
    struct net_conn *conn;
    struct list link; /* in the service's list of sessions */
    enum pop3_state state;
    bool is_utf8;    /* UTF8 was given (RFC 6856) */
    bool is_closing; /* nothing is read any more */
    unsigned bad_commands;
    int64_t login_deadline;         /* monotonic ms */
    int64_t idle_until;             /* monotonic ms: then the connection ends, without a command */
    struct arena arena;             /* of the running command */
    char *user;                     /* of USER, waiting for PASS; on the heap */
    struct auth_exchange *exchange; /* of AUTH; NULL: none is under way */
    int64_t account_id;             /* after login */
    struct auth_ticket ticket;      /* what it logged in with */
    char *login;                    /* after login; on the heap */
    int64_t recheck_ms;             /* monotonic: when to look after account and lock; 0: now */
    struct net_count *guest;        /* of those that have not logged in; NULL after login */
    struct net_count *slot;         /* of the user's connections from this address */
    struct pop3_maildrop *maildrop; /* after login */
    /* For the one log line at the end. */
    int64_t opened_ms;
    unsigned commands;
    unsigned retrieved;
    unsigned deleted;
    uint64_t octets_out;
    const char *end_reason; /* static */
};

extern const struct net_protocol pop3_protocol;

/* ---- answering: what is said is sent when nothing more can be read (RFC 2449 section 6.6).
 * A write that fails ends the session. ---- */

/* "+OK text". Yields. */
YIELDS void pop3_ok(struct pop3_session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "-ERR [code] text"; `code` may be empty. Yields. */
YIELDS void pop3_err(struct pop3_session *s, const char *code, const char *text);
/* The same for a wrong command; counts it. Yields. */
YIELDS void pop3_bad(struct pop3_session *s, const char *text);
/* The same for a failure, by replies.h; what is our fault is logged. Yields. */
YIELDS void pop3_fail(struct pop3_session *s, const struct err *e);
/* Octets as they are. False when the connection is broken. Yields. */
YIELDS bool pop3_send(struct pop3_session *s, str octets);
/* Says nothing more and ends; `reason` is static, for the log. */
void pop3_end(struct pop3_session *s, const char *reason);

/* When it is time: looks whether the user may still be logged in (U13), and extends the lock. If
 * not, the session ends. A database that is away changes nothing: it is asked again soon. Yields.
 */
YIELDS void pop3_recheck(struct pop3_session *s);

/* The deadline of database work that begins now. */
int64_t pop3_deadline(void);

#endif
