/* SPDX-License-Identifier: Apache-2.0 */
/* One submission on its way, and the steps that it takes: checks, recipients, filters, signature,
 * the sender's own copy, and one transaction. Private to submit. */
#ifndef SUBMIT_SUBMISSION_H
#define SUBMIT_SUBMISSION_H

#include "queue/queue.h"
#include "store/store.h"
#include "submit/submit.h"

struct submission {
    const struct submit *s;
    const struct smtp_message *m;
    const struct queue_also *also; /* NULL: none */
    struct arena *a;
    int64_t time_ms;     /* for all but the filters: before them, and once more behind them */
    int64_t deadline_ms; /* of the part that it is in */
    int64_t now_us;
    struct account writer; /* for Sender; without a login where none is needed */
    str received;          /* the field on top */
    str complete;          /* the message with it */
    bool is_8bit;
    str reason;        /* of a filter, for the reply */
    str held_why;      /* a filter put it into quarantine; else empty */
    bool is_discarded; /* a filter wants it to go to nobody */

    struct store_recipient *copies; /* one a local account */
    size_t n_copies;
    int sent_id; /* the mailbox of the sender's own copy among them; 0: there is none */
    struct queue_new_recipient *queued; /* remote ones, and those to report success of */
    size_t n_queued;
    size_t n_remotes;
    bool has_from_id;                /* they leave with a sender that names the message */
    bool leaves_out;                 /* somebody is full: queued ones are to be told of that */
    int64_t queue_id;                /* of the queued ones */
    const struct queue_body *packed; /* for the queued ones, NULL before it is needed */
};

/* ---- submission_check.c ---- */

/* What no right and no database is needed for: bare line ends, the header's size, loops. Pure. */
enum submit_verdict submission_check_form(const struct smtp_message *m);

/* Each address that the header claims to write for must be the user's (ATTACKS U9), those of From
 * ones that he may write on behalf of at least; w->writer is set where the header should say who
 * did and does not. Errors of account_send_right and account_get. Yields. */
YIELDS bool submission_check_rights(struct submission *w, enum submit_verdict *out, struct err *e);

/* ---- submission_split.c ---- */

/* Who gets a copy, and what goes to the queue: w->copies and w->queued, from w->m. A delivery to
 * one of ours that is to be reported (RFC 3461 4.1) is there as one that is done. */
void submission_split(struct submission *w);

/* The copy of this account; NULL: it has none. */
const struct store_recipient *submission_copy_of(const struct submission *w, int64_t account_id);

/* One recipient more in the queue, unless the address is there. is_delivered: only for its report.
 */
void submission_add_queued(struct submission *w, const struct smtp_recipient *r, str address,
                           str domain, bool is_delivered);

/* What mail for it is grouped by: of "postmaster" alone (RFC 5321 4.5.1) our own name. */
str submission_domain_of(const struct submission *w, const struct smtp_recipient *r);

/* ---- submission_sign.c ---- */

/* Signs w->complete by the key of the author's domain, in seven bits and lines where that can be;
 * nothing to do when the domain has none, or nothing is to be signed. Errors of the account module
 * and of the conversion. Yields. */
YIELDS bool submission_sign(struct submission *w, struct err *e);

/* ---- submission_own.c ---- */

/* The sender's own copy, of what a program submits and where its account wants that: the last of
 * w->copies. That there is no room for it, or no mailbox, keeps no mail from leaving, as it would
 * not when the program stored it. Yields. */
YIELDS bool submission_save_own(struct submission *w, struct err *e);

/* Whether the sender's account takes one copy more beside that for INBOX, when there is one.
 * Yields. */
YIELDS bool submission_own_fits(const struct submission *w, bool *out, struct err *e);

/* Takes the sender's own copy away again; there has to be one. */
void submission_drop_own(struct submission *w);

/* Whether it is the one that submission_save_own made. */
bool submission_is_own(const struct submission *w, const struct store_recipient *copy);

/* Whether anybody but the sender's own Sent has it. */
bool submission_has_others(const struct submission *w);

/* Tells that the sender's own copy was left out, for want of room. */
void submission_log_full(const struct submission *w);

/* ---- submission_hand_over.c ---- */

/* For the queue alone: no mailbox is touched. Errors of queue_enqueue. Yields. */
YIELDS bool submission_to_queue(struct submission *w, struct err *e);

/* Local mailboxes, and the queue when there is something for it too, in one transaction. Each round
 * is one for fewer mailboxes, where some are full that are not named. SUBMIT_OVER_QUOTA: nothing
 * happened. Yields. */
YIELDS bool submission_to_store(struct submission *w, enum submit_verdict *out, struct err *e);

/* Keeps it, whole and with its recipients as they were named, until its time (RFC 4865).
 * SUBMIT_HELD_ENOUGH: nothing happened. Yields. */
YIELDS bool submission_keep_waiting(struct submission *w, enum submit_verdict *out, struct err *e);

/* ---- submit.c ---- */

/* Whether there is room for `copies` of a message, each of `size` octets, as the store counts them.
 * Errors of store_get_quota. Yields. */
YIELDS bool submission_has_room(const struct submit *s, int64_t account_id, uint64_t size,
                                int64_t copies, int64_t deadline_ms, bool *out, struct err *e);

/* Both behind one another, in the arena. */
str submission_join(struct arena *a, str before, str after);

#endif
