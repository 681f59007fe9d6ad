/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: mail that leaves again, because an address of ours leads elsewhere. */
#ifndef DELIVER_FORWARD_H
#define DELIVER_FORWARD_H

#include "deliver/report.h"
#include "queue/queue.h"

/* The message as it leaves for the targets of one recipient, or for all that are of relay domains.
 */
struct deliver_forward {
    const struct smtp_recipient *by; /* NULL: relayed, under the sender's own name */
    struct queue_new_recipient *to;  /* each address once in the whole delivery */
    size_t n;
    str sender;
    str body;
    const struct queue_body *packed;
    int64_t queue_id;
    const struct deliver_attempt *attempt;
};

/* Whether it, or its header alone, can leave as a message of SMTPUTF8 only, with this sender. */
bool deliver_needs_utf8(const struct smtp_message *m, str sender, str header);

/* Adds what the recipient leads to elsewhere to attempt->forwards, which has room for all
 * recipients. */
void deliver_list_forwards(struct deliver_attempt *attempt, const struct smtp_recipient *r);

/* The same of the recipients in relay domains, all of them at once. */
void deliver_list_relayed(struct deliver_attempt *attempt);

/* Whether it has an end at all: a mailbox, or an address elsewhere. */
bool deliver_has_end(const struct deliver_attempt *attempt);

/* Fills sender and body of all forwards: `content` is the message with our Received field. A loop
 * through them is known by the Delivered-To field on top (RFC 9228), or below the seal. Errors:
 * those of account_forward_sender, account_system_domain, deliver_seal and queue_pack. Yields. */
YIELDS bool deliver_prepare_forwards(struct deliver_attempt *attempt, str content,
                                     int64_t deadline_ms, struct err *e);

/* A store_extra_fn with the attempt: they go into the queue in the transaction of the copies. */
bool deliver_send_forwards(struct db_tx *tx, void *arg, size_t *statements, struct err *e);
/* The same without any copy: all or none, so that who tries again doubles none. Errors: those of
 * queue_enqueue. Yields. */
YIELDS bool deliver_queue_forwards(struct deliver_attempt *attempt, int64_t deadline_ms,
                                   struct err *e);
/* Whether the account has the message already, by a recipient before (d->left). */
bool deliver_has_copy(const struct deliver_attempt *attempt, int64_t account_id);
/* After the commit: remembers in d->left which accounts have it now. */
void deliver_remember_copies(const struct deliver_attempt *attempt);
/* After the commit: wakes the workers of the queue, and remembers the addresses in d->left. */
void deliver_announce_forwards(const struct deliver_attempt *attempt);

#endif
