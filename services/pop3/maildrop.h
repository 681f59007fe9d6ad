/* SPDX-License-Identifier: Apache-2.0 */
/* The maildrop of a session: INBOX as it was at the login, locked against other POP3 sessions of
 * all frontends, with the messages that are marked as deleted, and bodies read ahead. Nothing is
 * changed before pop3_maildrop_update. */
#ifndef POP3_MAILDROP_H
#define POP3_MAILDROP_H

#include "services/pop3/session.h"

enum {
    POP3_AHEAD_MESSAGES = 64,                 /* read ahead at a time */
    POP3_AHEAD_OCTETS = 512 * 1024,           /* of them, by one session */
    POP3_AHEAD_OCTETS_ALL = 64 * 1024 * 1024, /* by all of the process: above it nothing is */
    POP3_PIECE_OCTETS = 1024 * 1024           /* longer messages are read and sent in pieces */
};

struct pop3_message {
    int64_t msg_id;
    uint32_t uid;
    uint32_t size;   /* octets as stored */
    uint32_t octets; /* as the client gets it (RFC 1939 section 11), without doubled dots */
    bool is_seen;    /* before, or retrieved now */
    bool is_retrieved;
    bool is_deleted;       /* by DELE */
    bool is_behind_hidden; /* messages with UIDs before it are not in the maildrop */
};

struct pop3_maildrop {
    bool keeps_deleted; /* what is deleted is only hidden from POP3, by a keyword */
    char lock[32];      /* name of the lease, the same in all frontends */
    char owner[96];     /* of this session alone */
    uint32_t uidvalidity;
    struct pop3_message *messages; /* messages[i] has the number i + 1; by uid; on the heap */
    size_t n;
    size_t left;          /* without the deleted */
    uint64_t left_octets; /* as the client gets them */
    /* What was read ahead: bodies of the messages from index `ahead_from` on. */
    struct arena ahead;
    size_t ahead_from;
    size_t ahead_n;
    size_t ahead_octets; /* counted in the service */
    size_t last;         /* index that was retrieved last; SIZE_MAX: none */
    str bodies[POP3_AHEAD_MESSAGES];
    bool damaged[POP3_AHEAD_MESSAGES]; /* of those that did not come: they are there all the same */
};

/* Locks and reads the maildrop of the account that has logged in. ERR_CONFLICT: another session has
 * it. Errors of store. Yields. */
YIELDS bool pop3_maildrop_open(struct pop3_session *s, struct err *e);
/* Extends the lock. ERR_CONFLICT: it was lost. Yields. */
YIELDS bool pop3_maildrop_extend(struct pop3_session *s, struct err *e);
/* When to extend it next, monotonic ms: after a third of its time. */
int64_t pop3_maildrop_next_extend(void);
/* Deletes (or hides) what is marked, in one transaction, and marks what was retrieved as seen. A
 * failure has deleted nothing, except for ERR_UNKNOWN_OUTCOME. Yields. */
YIELDS bool pop3_maildrop_update(struct pop3_session *s, struct err *e);
/* Unlocks and forgets it; harmless without one. Yields. */
YIELDS void pop3_maildrop_close(struct pop3_session *s);
/* The same where nothing may wait: the lock is given back a moment later. */
void pop3_maildrop_abandon(struct pop3_session *s);

/* The message of a number, NULL when there is none or it is deleted. */
struct pop3_message *pop3_maildrop_find(const struct pop3_maildrop *d, uint32_t number);

/* A whole message of at most POP3_PIECE_OCTETS, and in the same read those behind it when messages
 * are retrieved in order. Borrowed until the next call. ERR_NOT_FOUND: it is gone; ERR_DAMAGED.
 * Yields. */
YIELDS bool pop3_maildrop_body(struct pop3_session *s, const struct pop3_message *m, str *out,
                               struct err *e);
/* Gives back what was read ahead. */
void pop3_maildrop_forget_bodies(struct pop3_session *s);

#endif
