/* SPDX-License-Identifier: Apache-2.0 */
/* One SMTP connection: its state, reading commands, answering, and what all sessions of the process
 * share. Single commands are in cmd_*.c. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "auth/ticket.h"
#include "base/list.h"
#include "base/vec.h"
#include "deliver/deliver.h"
#include "net/net.h"
#include "notify/notify.h"
#include "services/app/app.h"
#include "services/app/filters.h"
#include "services/smtp/replies.h"
#include "submit/submit.h"
#include "wire/smtp_command.h"

enum {
    SMTP_COMMAND_MS = 300 * 1000,        /* for the next command, RFC 5321 4.5.3.2.7 */
    SMTP_STRESS_COMMAND_MS = 10 * 1000,  /* the same when there is too much to do */
    SMTP_STRESS_ERRORS = 1,              /* that are answered then; the next one closes */
    SMTP_HANDSHAKE_MS = 30 * 1000,       /* of STARTTLS */
    SMTP_SCREEN_MS = 10 * 1000,          /* for what speaks against a client, with the DNS */
    SMTP_LOOKUP_MS = 1500,               /* for a look at the directory (R6: an answer in 2 s) */
    SMTP_DELIVER_MS = 30 * 1000,         /* until a delivery is known to be committed */
    SMTP_TARPIT_MS = 1000,               /* before an answer after too many errors, at first */
    SMTP_TARPIT_PLACES = 100,            /* sessions that wait so in one process */
    SMTP_RECHECK_MS = 20 * 1000,         /* between looks at the account, hint or not */
    SMTP_JUNK_MAX = 100,                 /* commands between two messages that are not for mail */
    SMTP_READ_BLOCK = 64 * 1024,         /* octets of a message taken at a time */
    SMTP_CHUNKS_MAX = 10 * 1000,         /* of a message (ATTACKS S4) */
    SMTP_CHUNKS_FREE = 1000,             /* of any size; more of them must have ... */
    SMTP_CHUNK_MIN = 64,                 /* ... so many octets on average */
    SMTP_MEMORY_MIN = 128 * 1024 * 1024, /* see smtp_memory_limit */
    SMTP_UNSUPPRESSED_MS = 5 * 1000,     /* between looks at lists that were empty */
    SMTP_FULL_MAX = 64,                  /* accounts remembered as full */
    SMTP_FULL_MS = 60 * 1000,            /* and for how long */
    SMTP_REPLY_MAX = 16 * 1024           /* octets of one reply */
};

enum smtp_policy {
    SMTP_INBOUND,    /* from anybody to our accounts */
    SMTP_SUBMISSION, /* from our users to anybody */
    SMTP_LMTP,       /* from a mail server in front of us to our accounts (RFC 2033) */
    SMTP_POLICIES
};

/* An account that was full a moment ago: its recipients are refused before DATA. */
struct smtp_full_account {
    int64_t account_id;
    int64_t until_ms;
};

/* One listener. */
struct smtp_front {
    struct smtp_state *state;
    enum smtp_policy policy;
    const char *name;   /* of its kind; static */
    bool requires_tls;  /* nothing but EHLO, STARTTLS ... in plain text */
    size_t connections; /* open */
    bool is_crowd;      /* they are nearly all there may be (stress.h) */
};

/* What all sessions of the process share. */
struct smtp_state {
    struct app *app;
    struct deliver deliver;
    struct app_filters inbound;  /* filters of mail from outside */
    struct app_filters outgoing; /* of submissions */
    struct arena arena;          /* lives as long as the service */
    struct submit submit;
    size_t message_bytes; /* held by messages in transfer */
    size_t n_crowds;      /* listeners that have one */
    size_t tarpitted;     /* sessions that wait for an error's answer */
    struct list sessions; /* struct smtp_session of all of them */
    struct notify_listener account_listener;
    struct smtp_full_account full[SMTP_FULL_MAX];
    size_t next_full; /* place to write to next */
};

struct auth_exchange;
struct deliver_visit;
struct smtp_proof;
struct smtp_transfer;

struct smtp_session {
    struct net_conn *conn;
    struct list link; /* in state->sessions */
    struct smtp_state *state;
    struct smtp_front *front;
    struct arena arena;   /* of the session: name and login */
    struct arena mail;    /* of the mail transaction */
    struct arena command; /* reset after each command */

    bool may_xclient;                 /* who opened the connection may speak for others */
    const struct net_address *opener; /* who did; NULL: still the peer */
    bool is_client_unknown;           /* it speaks for one whose address it does not know */

    str helo; /* empty: EHLO must come */
    bool is_esmtp;
    int64_t account_id; /* 0: not logged in */
    str login;
    str mechanism;                  /* that it logged in by; static */
    struct auth_ticket ticket;      /* what it logged in with */
    bool must_recheck;              /* the account may have changed */
    int64_t recheck_ms;             /* when to look at it although nobody told of a change */
    struct auth_exchange *dialogue; /* NULL: no AUTH is under way */

    bool has_sender;
    struct smtp_mail sender;
    struct deliver_visit *visit;   /* what was found of the sender, in `mail`; NULL: nothing yet */
    struct smtp_proof *proof;      /* of the sender before (screen.c); NULL: none */
    struct vec recipients;         /* of struct smtp_recipient */
    struct smtp_transfer *chunked; /* a message that comes by BDAT; NULL: none has begun */
    size_t n_targets;              /* that they lead to */
    size_t most_recipients;        /* that the user may name; 0: nobody asked yet */

    int64_t unsuppressed_until_ms; /* no address was on the lists of the account a moment ago */

    bool seen_command;  /* a line came already that was no other protocol's */
    unsigned errors;    /* since the last message */
    unsigned junk;      /* since the last message */
    unsigned mails;     /* transactions begun */
    unsigned transfers; /* messages begun: part of transaction names */

    int64_t opened_ms;
    int64_t command_until_ms; /* while parked: for the next line */
    unsigned messages;        /* accepted */
    unsigned accepted;        /* recipients */
    unsigned refused;         /* recipients and messages */
    uint64_t bytes;           /* of messages accepted */
    const char *end;          /* static: why it ended */
};

extern const struct net_protocol smtp_protocol;

/* ---- answering; each gives what the command gives to the session: go on (NET_PARK) or close.
 * Errors are counted, waited for and end the session by the limits of PROMISES. ---- */

YIELDS enum net_next smtp_say(struct smtp_session *s, enum smtp_answer answer);
/* The same with another text than the table's. */
YIELDS enum net_next smtp_say_text(struct smtp_session *s, enum smtp_answer answer, str text);
/* What is said of the whole message: once, in LMTP once for each recipient (RFC 2033 section 4.2).
 */
YIELDS enum net_next smtp_say_of_message(struct smtp_session *s, enum smtp_answer answer);
/* For failures of ours: logs the error and says a temporary answer. */
YIELDS enum net_next smtp_say_failure(struct smtp_session *s, const struct err *e);
/* The banner, unless the client spoke before it or is not welcome. */
YIELDS enum net_next smtp_greet(struct smtp_session *s);
/* A reply that is not in the table: banner, EHLO, challenges. Lines are separated by LF. */
YIELDS enum net_next smtp_say_raw(struct smtp_session *s, unsigned code, str text);

/* ---- state ---- */

bool smtp_is_lmtp(const struct smtp_session *s);
bool smtp_has_tls(const struct smtp_session *s);
/* Who brings the mail, to be judged by its address; NULL: one whose address nobody knows, who is
 * trusted for no address, and whom SPF cannot allow anything. Limits count the peer of the
 * connection, which is the proxy then. */
const struct net_address *smtp_client(const struct smtp_session *s);
/* The IP of who brings the mail, in `out`; empty: unknown, or at a unix socket. */
str smtp_client_ip(const struct smtp_session *s, char out[NET_ADDRESS_TEXT]);
bool smtp_is_stressed(const struct smtp_session *s);
/* When the wait for the next command ends: sooner between the chunks of a message, which hold
 * memory. */
int64_t smtp_command_deadline(const struct smtp_session *s);
/* The account may be disabled, removed, or have another password: the session looks at it before it
 * goes on, and soon. Does not wait. */
void smtp_note_account_change(struct smtp_session *s);
/* Octets of a message that are taken now. */
uint64_t smtp_max_size(const struct smtp_session *s);
/* How far ahead a message may be given a time at which it goes (RFC 4865): for who can log in; 0
 * for others. */
int64_t smtp_hold_max_us(const struct smtp_session *s);
/* Mail transactions that one connection may begin. */
size_t smtp_max_mails(const struct smtp_session *s);
/* Octets that all messages in transfer of this process may hold together: past it new ones are told
 * to come later. Always room for two of the largest. */
size_t smtp_memory_limit(const struct smtp_session *s);
/* Looks at the account when it may have changed (U13); NET_CLOSE when that was answered with 421. A
 * database that is away changes nothing: it is asked again when it can be. */
YIELDS enum net_next smtp_recheck_account(struct smtp_session *s);
/* Forgets sender and recipients (RSET, EHLO, after DATA). */
void smtp_reset_transaction(struct smtp_session *s);
/* False when the database is known to be away: nothing can be promised then. */
bool smtp_is_database_up(const struct smtp_session *s);

/* ---- accounts that were full ---- */

void smtp_remember_full(struct smtp_state *state, int64_t account_id);
bool smtp_was_full(const struct smtp_state *state, int64_t account_id);

#endif
