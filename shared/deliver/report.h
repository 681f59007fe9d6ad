/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: telling a sender that some of its recipients could not be served. */
#ifndef DELIVER_REPORT_H
#define DELIVER_REPORT_H

#include "deliver/deliver.h"
#include "mailauth/authres.h"
#include "store/store.h"

struct deliver_forward;
struct deliver_organization; /* private to forward.c */
struct queue_new_message;

/* A delivery with the outcome of each copy. */
struct deliver_attempt {
    const struct deliver *d;
    const struct smtp_message *m;
    struct store_recipient *copies;   /* one an account, those of n_looping last */
    size_t n;                         /* to be stored */
    size_t n_looping;                 /* not to be stored: the message was there before */
    struct deliver_forward *forwards; /* what leaves again */
    size_t n_forwards;
    size_t n_left;  /* accounts and addresses that have it already, by a recipient before */
    bool is_stored; /* the copies say what became of them */
    struct queue_new_message *success; /* what is told of success; NULL: nothing */
    int64_t success_id;                /* its queue id */
    struct arena *a;
    size_t header_n;         /* octets of the header */
    bool is_clean;           /* what others forged is out of the content already */
    str content_hash;        /* what copies are named by; empty: by the transaction */
    str came_from;           /* the sender before the filters, by which copies are named, too */
    bool is_sender_unproven; /* SPF was to prove the envelope sender, and did not */
    bool is_sender_proven;   /* SPF proves the domain of came_from, or its client is believed */
    str doubted;             /* domain of an author whom DMARC does not prove; empty: of none */
    struct deliver_organization *organizations; /* that were asked for to forward it */
    int64_t organizations_until_ms;             /* for all of them; 0: none was */
    bool is_sender_denied; /* it would be refused and is heard all the same, and SPF does not prove
                              its sender: nobody is told */
    bool is_unproven;      /* its author's domain wants it in quarantine, or it is heard although it
                              would be refused, so its sender may be forged */
    bool is_junk;          /* it is in quarantine: what is stored comes into Junk */
    str held_why;          /* what leaves of it waits for an administrator; else empty */
    struct mailauth_iprev iprev; /* of the client; NONE: it was not looked for */
    str results; /* of the proofs, as a seal has them (mailauth_sealing); empty: none was made */
    enum mailauth_result chain; /* of ARC; with results */
};

/* Finds out anew who gets a copy and what leaves, after the recipients of attempt->m changed. */
void deliver_list_again(struct deliver_attempt *attempt);

/* Whether the copy is in its mailbox. Pure. */
bool deliver_is_stored(const struct store_recipient *copy);

/* Makes attempt->success: what is to be told of the copies that are stored (before they are: of all
 * of them), where NOTIFY=SUCCESS asked for that (RFC 3461 4.1). Errors: those of queue_pack.
 * Yields.
 */
YIELDS bool deliver_plan_success(struct deliver_attempt *attempt, int64_t deadline_ms,
                                 struct err *e);

/* Whether the sender may have the reports of success that are asked for; where not, out->verdict
 * says so. A sender who is proven, or need not be, may; who is told of nothing needs not. Errors:
 * those of queue_may_tell. Yields. */
YIELDS bool deliver_may_tell(const struct deliver_attempt *attempt, int64_t deadline_ms,
                             struct deliver_result *out, struct err *e);

/* Puts that into the queue in a transaction of its own, after the copies. A failure is only logged:
 * who has delivered must not be told to come again because of it. Yields. */
YIELDS void deliver_report_stored(struct deliver_attempt *attempt, int64_t deadline_ms);

/* Makes a report (RFC 3464) about the copies that were not stored, and puts it into the queue and
 * into the mailboxes, wherever the sender leads. A null sender, one that nothing can be sent to,
 * one of our domains that does not exist, and who did not want reports of failures, is told
 * nothing. Errors: those of account_route_back, store_deliver and queue_enqueue. Yields. */
YIELDS bool deliver_report_failed(const struct deliver_attempt *attempt, int64_t deadline_ms,
                                  struct err *e);

#endif
