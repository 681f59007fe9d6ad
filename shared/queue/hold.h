/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is held because it cannot go securely enough: whom to ask about it, and what was
 * decided. A message is held by destination: all its recipients of one domain share a row, a
 * question and an answer. */
#ifndef QUEUE_HOLD_H
#define QUEUE_HOLD_H

#include "queue/queue.h"
#include "transport_policy/tls_exception.h"

enum {
    QUEUE_TOKEN_SIZE = 16, /* octets of the secret in the address that answers go to */
    QUEUE_UNCLEAR_MAX = 5  /* answers to one question of which it is said that they are not clear */
};

struct queue_hold {
    int64_t queue_id;
    str domain;
    int64_t account_id; /* who sent it */
    str envelope_from;
    str reason;
    str remote;
    str certificate; /* for people; empty: the server showed none */
    str pin;         /* its key, 32 octets; empty likewise */
    int64_t created_us;
    int64_t expires_us;
    str *recipients; /* those that are held */
    size_t n;
    str original; /* the beginning of the message; only of queue_hold_next */
};

/* The next message above `after_id` (0: the first) whose sender is to be asked; *found is false
 * when there is none. The caller composes the question and delivers it together with
 * queue_hold_send in one transaction. Two processes may work on the same; one of them commits.
 * Lives in `a`. Yields. */
YIELDS bool queue_hold_next(struct queue *q, int64_t after_id, struct arena *a, int64_t deadline_ms,
                            bool *found, struct queue_hold *out, struct err *e);
/* Appends one statement to an open transaction: the sender was asked, and answers by an address
 * that holds `secret`, of which only a hash is kept. It fails with ERR_CONFLICT when somebody else
 * was faster: no question then. */
void queue_hold_send(struct db_tx *tx, const struct queue_hold *hold,
                     const uint8_t secret[QUEUE_TOKEN_SIZE]);
/* The sender cannot be asked now: again in `ms`. Yields. */
YIELDS bool queue_hold_postpone(struct queue *q, const struct queue_hold *hold, int64_t ms,
                                int64_t deadline_ms, struct err *e);

/* What was asked about under this secret; *found false when nothing is held any more, or the secret
 * is none of ours. Lives in `a`. Yields. */
YIELDS bool queue_hold_find(struct queue *q, const uint8_t secret[QUEUE_TOKEN_SIZE],
                            struct arena *a, int64_t deadline_ms, bool *found,
                            struct queue_hold *out, struct err *e);
/* An answer was not understood. *is_said tells whether its author is to know: not after
 * QUEUE_UNCLEAR_MAX of them, which no person writes. Yields. */
YIELDS bool queue_hold_unclear(struct queue *q, const struct queue_hold *hold, int64_t deadline_ms,
                               bool *is_said, struct err *e);

enum queue_choice {
    QUEUE_CHOICE_CANCEL,   /* it goes to nobody, and no report is made */
    QUEUE_CHOICE_RETRY,    /* tried again by the same rules */
    QUEUE_CHOICE_SEND,     /* sent, however insecure; this message only */
    QUEUE_CHOICE_WHITELIST /* the destination gets this and further mail of the sender so */
};

struct queue_decision {
    int64_t queue_id;
    int64_t account_id; /* only of a message that this account sent; 0: of anybody's */
    str domain; /* only what is held for this domain; empty: for all domains of the message */
    enum queue_choice choice;
    bool any; /* WHITELIST: any server, also without TLS; else only the one with the key that it
                 showed */
    int64_t expires_us; /* WHITELIST: UTC; 0: never */
};

/* "cancel", "retry", "send", "whitelist"; static. */
const char *queue_choice_name(enum queue_choice choice);

/* Carries out the decision; WHITELIST releases what else is held of the same sender for them.
 * *count recipients were decided about. One audit row in the same transaction. ERR_NOT_FOUND:
 * nothing of it is held. ERR_DENIED: it is, but by hand, a rule or a filter, with its account, or
 * for its time. ERR_CONFLICT: a server that showed no certificate cannot be whitelisted without
 * `any`. Yields. */
YIELDS bool queue_decide(struct queue *q, const struct queue_actor *actor,
                         const struct queue_decision *decision, int64_t deadline_ms, int64_t *count,
                         struct err *e);

/* ---- "whitelist tls": for everybody's mail ---- */

struct queue_whitelisting {
    str domain; /* of recipients; lower-case A-labels */
    bool any;   /* any server, also without TLS */
    str pin;    /* a server with this key, 32 octets; empty without `any`: each that held mail for
                   the domain has met */
    int64_t expires_us; /* UTC; 0: never */
};

/* Lets mail to the domain go with less TLS, and releases what is held for it: *count recipients.
 * One audit row. ERR_CONFLICT: neither a key is known nor is any server allowed. Yields. */
YIELDS bool queue_whitelist(struct queue *q, const struct queue_actor *actor,
                            const struct queue_whitelisting *w, int64_t deadline_ms, int64_t *count,
                            struct err *e);
/* Takes exceptions for a domain back: all of them, those of single senders too, or those of one
 * account alone. *out is what was there, in `a`. One audit row. ERR_NOT_FOUND. Yields. */
YIELDS bool queue_unwhitelist(struct queue *q, const struct queue_actor *actor,
                              const struct tls_exception_choice *choice, struct arena *a,
                              int64_t deadline_ms, struct tls_exceptions *out, struct err *e);
/* The exceptions of the choice: TLS_EXCEPTIONS_LISTED at most. Lives in `a`. Yields. */
YIELDS bool queue_list_whitelist(struct queue *q, const struct tls_exception_choice *choice,
                                 struct arena *a, int64_t deadline_ms, struct tls_exceptions *out,
                                 struct err *e);

#endif
