/* SPDX-License-Identifier: Apache-2.0 */
/* One IMAP connection: its state, how it writes, and how a command says its result. Commands stand
 * in cmd_*.c; what is known of the selected mailbox stands in view.h. */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "auth/ticket.h"
#include "base/list.h"
#include "notify/notify.h"
#include "runtime/runtime.h"
#include "services/app/app.h"
#include "services/imap/fetch_binary.h"
#include "services/imap/pace.h"
#include "wire/imap_command.h"
#include "wire/imap_framer.h"

struct imap_service;
struct imap_view;
struct imap_watch;

/* States as bits, so that the command table can name several (RFC 9051 section 3). */
enum imap_state {
    IMAP_NOT_AUTHENTICATED = 1,
    IMAP_AUTHENTICATED = 2,
    IMAP_SELECTED = 4
};

/* Limits of PROMISES "IMAP limits" and ATTACKS 3.4. */
enum {
    IMAP_LOGIN_MS = 60 * 1000,     /* to log in */
    IMAP_IDLE_MS = 30 * 60 * 1000, /* without a command, in IDLE too */
    IMAP_READ_MS = 5 * 60 * 1000,  /* for the rest of a command that has begun */
    IMAP_WRITE_MS = 5 * 60 * 1000, /* of a stalled write */
    IMAP_COMMAND_MS = 20 * 1000,   /* of database work for one statement of a command */
    IMAP_BAD_COMMANDS = 20,        /* then BYE */
    IMAP_BAD_COMMANDS_PREAUTH = 3, /* the same before login */
    IMAP_NOOPS_AT_ONCE = 100       /* without another command between; then they are slowed */
};

enum imap_status_kind {
    IMAP_OK,
    IMAP_NO,
    IMAP_BAD
};

/* The tagged answer of a command. */
struct imap_reply {
    enum imap_status_kind status;
    str code; /* without brackets; empty for none; in the command's arena or static */
    str text; /* for people */
};

/* A command that may take long (progress.h). */
struct imap_progress {
    struct timer timer;  /* armed while it runs */
    struct fiber *fiber; /* that runs it; NULL: no command is watched over */
    str tag;
    int64_t due_ms;  /* monotonic: when INPROGRESS may be told next */
    uint32_t done;   /* messages */
    uint32_t goal;   /* messages in all; 0: not known */
    bool is_silent;  /* it stands between two lines, and is not writing */
    bool only_reads; /* nothing is lost when it is ended */
};

enum {
    IMAP_PLACE_PARTS = 8 /* how deep a part may be nested whose place is remembered */
};

/* Where a section is in a message, as FETCH found it last; of BINARY where its part is, and where
 * its next piece may begin. */
struct imap_place {
    int64_t account_id;
    int64_t msg_id; /* 0: nothing is remembered */
    size_t at;      /* octets of the message before it */
    size_t n;
    unsigned kind; /* enum imap_section_kind */
    uint32_t parts[IMAP_PLACE_PARTS];
    size_t n_parts;
    bool is_binary;
    enum mime_encoding encoding;
    bool has_decoded_n;
    size_t decoded_n; /* BINARY.SIZE */
    struct imap_binary_mark mark;
};

struct imap_session {
    struct imap_service *service;
    struct app *app;
    struct net_conn *conn;
    struct list link; /* in the service's list of sessions */
    enum imap_state state;
    bool is_rev2;       /* ENABLE IMAP4rev2 */
    bool is_condstore;  /* a CONDSTORE enabling command was given (RFC 7162 section 3.1) */
    bool is_utf8;       /* ENABLE UTF8=ACCEPT (RFC 6855) */
    bool is_qresync;    /* ENABLE QRESYNC: VANISHED instead of EXPUNGE */
    bool is_uidonly;    /* ENABLE UIDONLY: no message numbers any more (RFC 9586) */
    bool is_idling;     /* inside IDLE */
    bool is_closing;    /* after BYE */
    bool is_broken;     /* a write failed: nothing more can be said */
    bool is_replied;    /* the running command has written its tagged answer itself */
    bool must_recheck;  /* the account changed: is it still allowed? */
    int64_t recheck_ms; /* monotonic: not before, when the database could not say */
    bool is_stale;      /* the selected mailbox may have changed */
    unsigned bad_commands;
    unsigned noops;         /* in a row */
    size_t preauth_octets;  /* of commands before login */
    int64_t login_deadline; /* monotonic ms */
    int64_t idle_until;     /* monotonic ms: then BYE, without a command */
    struct imap_framer framer;
    size_t charged;     /* octets of the framer counted in the service's memory */
    size_t taken;       /* the same of what the running command holds beside it */
    struct list loaded; /* in the service's list of those with much of that */
    struct imap_pace pace;
    struct arena arena; /* of the running command */
    struct buf out;     /* where commands make their lines */
    struct imap_reply reply;
    struct imap_progress progress; /* of the running command */
    struct imap_place place;
    uint32_t limited_at; /* lowest UID that the command saw to (limits.h); 0: it saw to all */
    uint32_t made_first; /* UID of the first message that it put into the selected mailbox, */
    size_t made_n;       /* and how many it did, with the UIDs that follow */
    char idle_tag[IMAP_TAG_MAX + 1];
    int64_t account_id;        /* after login */
    struct auth_ticket ticket; /* what it logged in with */
    char *login;               /* after login; on the heap */
    struct net_count *guest;   /* the count of those that have not logged in; NULL after login */
    struct net_count *slot;    /* the user's count of connections from this address */
    struct imap_view *view;    /* of the selected mailbox, NULL when none is */
    struct notify_subscriber subscriber;
    struct imap_watch *watch; /* what NOTIFY asked for; NULL: it was not given */
    /* For the one log line at the end. */
    int64_t opened_ms;
    unsigned commands;
    uint64_t octets_in;
    uint64_t octets_out;
    const char *end_reason; /* static */
};

/* The protocol table for listeners; its service is a struct imap_service. */
extern const struct net_protocol imap_protocol;

/* Whether the account of the session, and what it logged in with, are still what they were (U13);
 * asks the database only after a change was told. False: nothing more can be said, in the middle of
 * an answer or not. Between two steps of what takes long. Yields. */
YIELDS bool imap_session_stands(struct imap_session *s);

/* ---- writing: false when the connection is broken (the session ends then) ---- */

/* Sends octets as they are. Yields. */
YIELDS bool imap_send(struct imap_session *s, str bytes);
/* Sends a formatted line; the arguments must hold nothing that could break it. Yields. */
YIELDS bool imap_sendf(struct imap_session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sends s->out and empties it. Yields. */
YIELDS bool imap_send_out(struct imap_session *s);
/* The same when it holds enough for a write; else more lines may be added. Yields. */
YIELDS bool imap_send_some(struct imap_session *s);
/* Sends what is buffered, when somebody waits for it. Yields. */
YIELDS void imap_flush(struct imap_session *s);
/* The same, waiting for a slow client no longer than `wait_ms`; whether all is sent. Yields. */
YIELDS bool imap_flush_within(struct imap_session *s, int64_t wait_ms);
/* "* BYE [code] text", and the session ends. `code` may be empty; `reason` is static, for the log.
 * Yields. */
YIELDS void imap_bye(struct imap_session *s, const char *code, const char *text,
                     const char *reason);

/* ---- the tagged answer ---- */

/* Sets it; true for OK, so that a command can end with `return imap_reply(...)`. */
bool imap_reply(struct imap_session *s, enum imap_status_kind status, str code, const char *text);
/* Writes the tagged answer now, for commands that go on afterwards (STARTTLS). Yields. */
YIELDS bool imap_send_reply(struct imap_session *s, str tag);

/* Whether mailbox names are UTF-8, not modified UTF-7 (RFC 9051 section 5.1, RFC 6855). */
bool imap_has_utf8(const struct imap_session *s);

/* cmd_session.c: takes back everything that ENABLE gave (RFC 8437 section 4.1). */
void imap_enabled_reset(struct imap_session *s);

/* The deadline of one statement that begins now. */
int64_t imap_deadline(void);

#endif
