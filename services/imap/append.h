/* SPDX-License-Identifier: Apache-2.0 */
/* Making the messages that APPEND and REPLACE send ready to be stored: putting them together from
 * texts and URLs, and re-encoding what no client could be given. */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "services/imap/session.h"
#include "store/share.h"
#include "wire/imap_append.h"

struct imap_appending {
    struct imap_session *s;
    struct store_place place;        /* where the messages go */
    struct store_append_item *items; /* what was made ready; in the command's arena */
    size_t n;
    size_t octets;   /* of all messages */
    size_t n_read;   /* octets of messages that URLs named */
    size_t taken;    /* octets counted in the service's memory */
    bool is_refused; /* with this answer */
    struct imap_reply refusal;
};

/* Resolves the mailbox (as sent) and makes the messages ready. False with a->is_refused: the answer
 * is a->refusal; else *e is. imap_append_fini follows in any case. Yields. */
YIELDS bool imap_append_prepare(struct imap_appending *a, str mailbox,
                                const struct imap_append_message *messages, size_t n,
                                struct err *e);
/* Answers what imap_append_prepare or the store refused; the result of the command. Yields. */
YIELDS bool imap_append_refused(struct imap_appending *a, struct err *e);
/* Gives back what was counted. */
void imap_append_fini(struct imap_appending *a);

/* What was appended to the selected mailbox is shown without a question to the database, where that
 * can be known to be right. */
void imap_append_take(struct imap_appending *a, const struct store_appended *appended);

/* "APPENDUID 38505 3955:3957" (RFC 4315 section 3), in the command's arena. */
str imap_append_code(struct imap_session *s, const struct store_appended *appended, size_t n);

/* The deadline for storing what was made ready. */
int64_t imap_append_deadline(void);

#endif
