/* SPDX-License-Identifier: Apache-2.0 */
/* What the mails of the queue to people say, in each language: reports (dsn.h) and questions about
 * held mail (hold_mail.h). What programs read stands in no table here. Pure. */
#ifndef QUEUE_WORDING_H
#define QUEUE_WORDING_H

#include "base/language.h"
#include "queue/dsn.h"

/* UTF-8 with CRLF, lines of at most 90 characters; "{}" is the place of what is filled in. */

struct dsn_wording {
    const char *greeting; /* {}: our host */
    struct {
        const char *subject;
        const char *intro;
    } actions[DSN_DELIVERED + 1];
    const char *given_up; /* {}: when */
    const char *said;     /* {}: who; its reply follows */
    const char *tried;    /* {}: who was tried last; our own finding follows, in English */
    const char *no_reason;
    const char *expired;  /* {}: when it came; given up for its age */
    const char *more;     /* {}: how many more recipients */
    const char *cut;      /* the message, or its header, is longer than what goes back */
    const char *queue_id; /* {}: it */
};

struct hold_wording {
    const char *subject; /* {}: domain */
    const char *subject_unclear;
    const char *unclear;
    const char *subject_late;
    const char *your_answer; /* its subject follows, then what became of it */
    const char *late;
    const char *greeting; /* {}: our host */
    const char *your_message;
    const char *about; /* {}: subject */
    const char *to;    /* {}: recipient */
    const char *more;  /* {}: how many more */
    const char *sent;  /* {}: when */
    const char *not_sent;
    const char *unproven;  /* why, in plain words: the server showed a certificate; may be empty */
    const char *unsecured; /* likewise: it showed none */
    const char *reason;    /* {}: as the delivery has it, which is English */
    const char *server;    /* {}: name and address */
    const char *certificate; /* {}: it */
    const char *doubt;
    const char *answer;
    const char *choices;       /* cancel, retry, send */
    const char *whitelist;     /* {}: domain */
    const char *whitelist_any; /* {}: domain */
    const char *ask_somebody;  /* {}: queue id */
    const char *until;         /* {}: when */
    const char *queue_id;      /* {}: it */
};

/* Static. */
const struct dsn_wording *wording_of_dsn(enum language language);
const struct hold_wording *wording_of_hold(enum language language);

/* Appends the text with `value` in each of its places. False: `out` is full. */
bool wording_add(struct buf *out, const char *text, str value);
/* A time of day in UTC, as people of that language write it; in the arena. */
str wording_date(struct arena *a, enum language language, int64_t us);

#endif
