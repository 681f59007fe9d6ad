/* SPDX-License-Identifier: Apache-2.0 */
/* The recipients of what a user submits: copies for mailboxes, and what goes to the queue. */
#include "base/address.h"
#include "submit/decide.h"
#include "submit/submission.h"
#include "wire/smtp_command.h"
#include "wire/smtp_verp.h"

#include <assert.h>

const struct store_recipient *submission_copy_of(const struct submission *w, int64_t account_id)
{
    for (size_t i = 0; i < w->n_copies; i++) {
        if (w->copies[i].account_id == account_id)
            return &w->copies[i];
    }
    return NULL;
}

static void add_copy(struct submission *w, const struct smtp_recipient *r, int64_t account_id)
{
    struct buf own;
    char account[24];
    if (submission_copy_of(w, account_id))
        return;
    struct store_recipient *copy = &w->copies[w->n_copies++];
    buf_init(&own, STORE_MAX_PREFIX);
    str sender = w->m->is_verp ? smtp_verp_sender(w->m->sender, r->address, w->a) : w->m->sender;
    INVARIANT(smtp_trace_delivery(sender, r->address, &own));
    copy->account_id = account_id;
    copy->mailbox_id = STORE_INBOX;
    copy->prefix = arena_str(w->a, buf_str(&own));
    buf_fini(&own);
    (void)snprintf(account, sizeof(account), "%lld", (long long)account_id);
    store_delivery_id(w->m->transaction, str_from_cstr(account), copy->delivery_id);
}

static_assert((int)SMTP_NOTIFY_FAILURE == (int)QUEUE_NOTIFY_FAILURE &&
                  (int)SMTP_NOTIFY_DELAY == (int)QUEUE_NOTIFY_DELAY &&
                  (int)SMTP_NOTIFY_SUCCESS == (int)QUEUE_NOTIFY_SUCCESS,
              "the bits of NOTIFY= are the same on the wire and in the queue");

str submission_domain_of(const struct submission *w, const struct smtp_recipient *r)
{
    str local;
    str domain = r->domain;
    if (domain.n == 0 && !address_split(r->address, &local, &domain))
        domain = str_from_cstr(w->s->hostname);
    return domain;
}

void submission_add_queued(struct submission *w, const struct smtp_recipient *r, str address,
                           str domain, bool is_delivered)
{
    unsigned led = r->targets ? QUEUE_NOTIFY_LED : 0;
    for (size_t i = 0; i < w->n_queued; i++) {
        if (str_ieq(w->queued[i].address, address))
            return; /* several addresses lead to it */
    }
    w->n_remotes += !is_delivered;
    w->queued[w->n_queued++] = (struct queue_new_recipient){
        .address = address,
        .domain = domain,
        .orcpt = r->orcpt,
        .notify = led | (r->has_notify ? r->notify | QUEUE_NOTIFY_GIVEN : QUEUE_NOTIFY_DEFAULT),
        .is_delivered = is_delivered,
    };
}

/* The ends that a recipient's address leads to. */
static void split_targets(struct submission *w, const struct smtp_recipient *r)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct smtp_target *target = &r->targets[i];
        if (target->account_id) {
            add_copy(w, r, target->account_id);
        } else {
            submission_add_queued(w, r, target->address, target->domain, false);
        }
    }
}

void submission_split(struct submission *w)
{
    size_t most = w->m->n + 1; /* and the sender's own */
    for (size_t i = 0; i < w->m->n; i++)
        most += w->m->recipients[i].n_targets;
    w->copies = ARENA_ARRAY(w->a, struct store_recipient, most);
    w->queued = ARENA_ARRAY(w->a, struct queue_new_recipient, most);
    for (size_t i = 0; i < w->m->n; i++) {
        const struct smtp_recipient *r = &w->m->recipients[i];
        if (decide_is_answer(w->m, r))
            continue;
        size_t copies = w->n_copies;
        if (r->targets) {
            split_targets(w, r);
        } else if (r->account_id == 0) {
            submission_add_queued(w, r, r->address, submission_domain_of(w, r), false);
        } else {
            add_copy(w, r, r->account_id);
        }
        bool is_here = r->account_id != 0 || w->n_copies > copies;
        if (is_here && w->m->sender.n > 0 && (r->notify & SMTP_NOTIFY_SUCCESS))
            submission_add_queued(w, r, r->address, submission_domain_of(w, r), true);
    }
}
