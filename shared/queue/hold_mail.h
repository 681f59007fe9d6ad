/* SPDX-License-Identifier: Apache-2.0 */
/* The mails that ask a sender what to do with a message that is held (hold.h), and that say so when
 * an answer was not understood, or came too late: pure composition. */
#ifndef QUEUE_HOLD_MAIL_H
#define QUEUE_HOLD_MAIL_H

#include "base/language.h"
#include "queue/hold.h"

struct hold_mail {
    const struct queue_hold *hold;
    str host;           /* ours, for the Message-ID and the text */
    str from;           /* address of the From field */
    str to;             /* the sender's address */
    str reply_to;       /* where answers go; empty: there is no such address, others decide */
    uint64_t unique[2]; /* for Message-ID and boundary: time and random */
    int64_t now_us;
    bool is_unclear; /* an answer was not understood */
    enum language language;
};

enum {
    HOLD_MAIL_MAX = 512 * 1024 /* octets of such a mail */
};

/* Appends the whole mail with CRLF lines: header with "Auto-Submitted: auto-generated" (RFC 3834),
 * a text for people, and the header of the held message where it is known. All text of others is
 * made harmless. Send it with a null envelope sender, or put it into a mailbox. ERR_LIMIT: `out` is
 * full. */
bool hold_mail_compose(const struct hold_mail *m, struct buf *out, struct err *e);
/* Likewise the mail to who wrote `answer`, a message of which the header is enough, when nothing
 * waits for it. m->hold and m->reply_to are not looked at. */
bool hold_mail_compose_late(const struct hold_mail *m, str answer, struct buf *out, struct err *e);

#endif
