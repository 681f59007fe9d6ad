/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of submit: the way of a user's own mail. Who may say what in From, what a client left
 * out, what must not leave; then local mailboxes and the outbound queue get it in one transaction.
 * It writes no SMTP reply and knows no REST. */
#ifndef SUBMIT_SUBMIT_H
#define SUBMIT_SUBMIT_H

#include "account/sending.h"
#include "base/base.h"
#include "wire/smtp_envelope.h"

struct hook_chain;
struct milter_chain;
struct queue;
struct queue_also;
struct spam;
struct store;

enum {
    SUBMIT_MAX_HEADER = 10 * 1024 * 1024 /* octets; a larger header is refused (ATTACKS X1) */
};

/* What submissions need; in the caller's storage, all kept. */
struct submit {
    struct store *store;
    struct queue *queue;
    struct account_directory *accounts;
    struct spam *spam;                  /* is told who was written to; NULL: nobody is */
    const char *hostname;               /* ours: of Received and of Message-IDs we make */
    bool hide_client;                   /* leave name and address of the client out of Received */
    bool signs;                         /* DKIM, where the author's domain has a key */
    struct account_sending_rules rules; /* how much accounts may send */
    bool waits;                         /* what is LIMITED is tried again here, and no refusal */
    const struct milter_chain *milters; /* filters that see what users send; NULL: none */
    const struct hook_chain *hooks;     /* likewise */
};

enum submit_verdict {
    SUBMIT_DONE,             /* committed: all local mailboxes and the queue have it */
    SUBMIT_FROM_MISSING,     /* no From, several, or not of authors of one domain: 550 5.7.1 */
    SUBMIT_FROM_NOT_OWN,     /* From or Sender is somebody else: 550 5.7.1 */
    SUBMIT_BARE_LINE_END,    /* a bare CR, LF or NUL: 550 5.5.2 (ATTACKS O10) */
    SUBMIT_HEADER_TORN,      /* its first line begins with a blank: 550 5.6.0 */
    SUBMIT_NOT_TEXT,         /* BINARYMIME that cannot be re-encoded: 554 5.6.3 */
    SUBMIT_LOOP,             /* 554 5.4.6 */
    SUBMIT_HEADER_TOO_LARGE, /* or of more fields than can be signed: 552 5.3.4 */
    SUBMIT_LIMITED,          /* the account has sent as much as it may for now: 450 4.7.1 */
    SUBMIT_NEVER,            /* more recipients than it may ever have at once: 550 5.5.3 */
    SUBMIT_STOPPED,          /* the account may not send: 550 5.7.1 */
    SUBMIT_FILTERED,         /* a filter refuses it: 550 5.7.1 */
    SUBMIT_FILTERED_NOW,     /* a filter wants it later, or does not answer: 451 4.7.1 */
    SUBMIT_OVER_QUOTA,       /* a mailbox that was named, or all of a group, is full; nothing was
                                done: 452 4.2.2 or 552 5.2.2 */
    SUBMIT_HELD_ENOUGH       /* too much waits for its time already: 452 4.5.3 */
};

struct submit_result {
    enum submit_verdict verdict;
    str reason;       /* of a filter: for the reply; in the arena */
    int64_t queue_id; /* SUBMIT_DONE: of what leaves, or waits for its time; 0: nothing does */
};

/* Whether one message more, of `size` octets, fits into the mailbox of a local recipient: asked
 * when it is named, so that it can be refused alone. Yields. */
YIELDS bool submit_has_room(const struct submit *s, int64_t account_id, uint64_t size,
                            int64_t deadline_ms, bool *out, struct err *e);

/* Checks, completes, signs and hands over a message of m->account_id (CRLF lines, never a bare CR
 * or LF) to all recipients or to none; but full mailboxes to which an address leads among others
 * keep it from nobody: the sender gets a report of that address instead. Filters see it completed
 * and not yet signed; what one puts into quarantine is held in the queue, and in the Junk of people
 * here. With m->may_save the sender has a copy in Sent by the same transaction, when the account
 * wants that and there is room. One with a time at which it is to go waits in the queue as a whole
 * (queue/waiting.h): checked, completed and counted, and not yet signed or routed (release.h). What
 * filters take is not in the deadline: behind them there is as much time as at first. Failures are
 * temporary: those of account_may_send_as, of account_dkim_signer and of the commit;
 * ERR_UNKNOWN_OUTCOME only when looking for the outcome failed too (R3). Yields. */
YIELDS bool submit_message(const struct submit *s, const struct smtp_message *m, struct arena *a,
                           int64_t deadline_ms, struct submit_result *out, struct err *e);
/* submit_message together with a statement of the caller, which gets the queue id 0 when all
 * recipients are ours: both are done or neither. Errors: its too. Yields. */
YIELDS bool submit_message_also(const struct submit *s, const struct smtp_message *m,
                                const struct queue_also *also, struct arena *a, int64_t deadline_ms,
                                struct submit_result *out, struct err *e);

/* The same for a message that the server itself writes: m->account_id is 0 and the sender null, so
 * nobody's rights are asked, and no filter sees it. It is signed by the domain of From. Yields. */
YIELDS bool submit_system_message(const struct submit *s, const struct smtp_message *m,
                                  const struct queue_also *also, struct arena *a,
                                  int64_t deadline_ms, enum submit_verdict *out, struct err *e);

/* Tells an account that was stopped from sending, and the administrators, by mail: `what` it did,
 * as "sent mail to ...". That nobody could be told is logged. Yields. */
YIELDS void submit_tell_stopped(const struct submit *s, int64_t account_id, str what, str session,
                                struct arena *a, int64_t deadline_ms);

/* ---- the pure parts ---- */

enum {
    SUBMIT_MAX_AUTHORS = 32 /* addresses in From, Sender, Resent-From and Resent-Sender together */
};

enum submit_author_role {
    SUBMIT_AUTHOR_FROM,
    SUBMIT_AUTHOR_SENDER,
    SUBMIT_AUTHOR_RESENT /* of Resent-From or Resent-Sender */
};

/* An address that the header claims to write for. */
struct submit_author {
    str local; /* in arena */
    str domain;
    enum submit_author_role role;
};

/* Finds all claimed authors. SUBMIT_DONE with at least one, those of From first;
 * SUBMIT_FROM_MISSING unless there is exactly one From, of addresses of one domain, and when any of
 * the other fields cannot be read or names too many. */
enum submit_verdict submit_read_authors(str content, struct arena *a,
                                        struct submit_author out[SUBMIT_MAX_AUTHORS], size_t *n);

/* What a message is completed with. */
struct submit_completion {
    str received;     /* the whole field; may be empty */
    str hostname;     /* right side of a Message-ID, and our authserv-id */
    str writer;       /* who wrote on behalf of the author, for Sender; empty: the author did */
    str writer_name;  /* may be empty */
    int64_t now_utc;  /* seconds */
    uint64_t unique1; /* left side of a Message-ID */
    uint64_t unique2;
};

/* Appends the message as it leaves: `received` on top; without Bcc, and without fields that only a
 * receiving server writes; with Date and Message-ID when they were missing (RFC 6409 8), and Sender
 * where there is a writer. ERR_LIMIT: `out` is full. */
bool submit_complete(str content, const struct submit_completion *c, struct buf *out,
                     struct err *e);

#endif
