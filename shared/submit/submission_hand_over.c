/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction for mailboxes and queue; or the queue alone, now or at its time. */
#include "base/utf8.h"
#include "db/db.h"
#include "mime/header.h"
#include "queue/waiting.h"
#include "submit/submission.h"

/* A report of success holds no more than the header. */
static str queued_body(const struct submission *w)
{
    bool is_whole = w->n_remotes > 0 || w->leaves_out;
    return is_whole ? w->complete : str_slice(w->complete, 0, mime_header_end(w->complete));
}

/* Whether every server on the way must take SMTPUTF8, whoever the recipient is (RFC 6531 3.6): for
 * the sender's address or the header. An address of a recipient concerns only its own server. */
static bool needs_utf8(const struct submission *w)
{
    str header = str_slice(w->complete, 0, mime_header_end(w->complete));
    return !utf8_is_ascii(w->m->sender) || (w->m->is_utf8 && !utf8_is_ascii(header));
}

static struct queue_new_message queued_message(const struct submission *w)
{
    return (struct queue_new_message){
        .envelope_from = w->m->sender,
        .account_id = w->m->account_id,
        .body = queued_body(w),
        .is_8bit = w->is_8bit,
        .is_utf8 = needs_utf8(w),
        .tls_rule = queue_tls_rule_of(w->complete, w->m->requiretls),
        .is_verp = w->m->is_verp,
        .has_from_id = w->has_from_id,
        .envelope_id = w->m->envid,
        .hold_request = w->m->hold_request,
        .has_ret = w->m->has_ret,
        .return_full = w->m->ret_full,
        .session = queue_session_of(w->m->trace.session, w->m->transaction),
        .recipients = w->queued,
        .n = w->n_queued,
        .packed = w->packed,
        .also = w->also,
        .held_why = w->held_why,
    };
}

/* A store_extra_fn: the queue rows of the same transaction, and what else belongs to it. */
static bool send_rest(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct submission *w = arg;
    const struct queue_new_message message = queued_message(w);
    *statements = w->n_queued > 0 ? QUEUE_ENQUEUE_STATEMENTS : 0;
    *statements += w->also != NULL;
    if (w->also)
        w->also->send(tx, w->also->arg, w->queue_id);
    return w->n_queued == 0 || queue_enqueue_send(w->s->queue, tx, w->queue_id, &message, e);
}

bool submission_to_queue(struct submission *w, struct err *e)
{
    if (w->n_queued == 0) /* it was an answer only */
        return !w->also || queue_do_also(w->s->queue, w->also, w->deadline_ms, e);
    const struct queue_new_message message = queued_message(w);
    return queue_enqueue(w->s->queue, &message, w->deadline_ms, &w->queue_id, e);
}

/* The copies for our own accounts begin with fields of their own, which nothing that leaves may
 * have: they are part of the message when there is one copy, else each copy has its own. */
static str make_local(const struct submission *w)
{
    if (w->n_copies > 1 || w->copies[0].prefix.n == 0)
        return w->complete;
    str whole = submission_join(w->a, w->copies[0].prefix, w->complete);
    w->copies[0].prefix = STR_EMPTY;
    return whole;
}

/* Whether the recipient is this mailbox and no other: who wrote to it can be refused. */
static bool is_only_end(const struct smtp_recipient *r, int64_t account_id)
{
    return r->account_id == account_id ||
           (r->n_targets == 1 && r->targets[0].account_id == account_id);
}

static bool is_named(const struct submission *w, int64_t account_id)
{
    for (size_t i = 0; i < w->m->n; i++) {
        if (is_only_end(&w->m->recipients[i], account_id))
            return true;
    }
    return false;
}

static bool leads_to(const struct smtp_recipient *r, int64_t account_id)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        if (r->targets[i].account_id == account_id)
            return true;
    }
    return false;
}

/* The sender is told of the address that he wrote to, and not that it was a success. */
static void queue_full(struct submission *w, const struct smtp_recipient *r)
{
    size_t i = 0;
    while (i < w->n_queued && !str_ieq(w->queued[i].address, r->address))
        i++;
    if (i == w->n_queued)
        submission_add_queued(w, r, r->address, submission_domain_of(w, r), true);
    w->queued[i].is_delivered = false;
    w->queued[i].is_full = true;
}

/* Takes full mailboxes out to which a group, or any other address, leads among others, for they
 * must not keep its mail from all. *is_fewer: there were some. Yields. */
static YIELDS bool leave_out_full(struct submission *w, bool *is_fewer, struct err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n_copies; i++) {
        const struct store_recipient *copy = &w->copies[i];
        bool fits = true;
        if (!submission_is_own(w, copy) && !is_named(w, copy->account_id) &&
            !submit_has_room(w->s, copy->account_id, w->complete.n + copy->prefix.n, w->deadline_ms,
                             &fits, e))
            return err_wrap(e, "look who is full");
        for (size_t k = 0; k < w->m->n && !fits; k++) {
            if (leads_to(&w->m->recipients[k], copy->account_id))
                queue_full(w, &w->m->recipients[k]);
        }
        if (fits)
            w->copies[kept++] = *copy;
    }
    *is_fewer = kept < w->n_copies;
    w->leaves_out |= *is_fewer;
    w->n_copies = kept;
    return true;
}

/* One transaction; *is_full: it was none, because a mailbox is. Yields. */
static bool store_once(struct submission *w, bool *is_full, struct err *e)
{
    struct store_message message;
    struct err reason = ERR_CLEAR;
    struct store_delivery delivery = {
        .message = &message,
        .recipients = w->copies,
        .n = w->n_copies,
        .received_us = w->now_us,
        .all_or_nothing = true,
        .extra = w->n_queued > 0 || w->also ? send_rest : NULL,
        .extra_arg = w,
    };
    w->queue_id = w->n_queued > 0 ? queue_make_id(w->s->queue) : 0;
    /* Before the transaction, whose statements are appended without a yield. */
    if (w->n_queued > 0 && !queue_pack(w->a, queued_body(w), w->deadline_ms, &w->packed, e))
        return false;
    if (!store_prepare_message(w->s->store, w->a, make_local(w), w->deadline_ms, &message, e))
        return false;
    if (store_deliver(w->s->store, &delivery, w->deadline_ms, &reason))
        return true;
    *is_full = reason.kind == ERR_LIMIT && !db_is_timeout(&reason);
    if (*is_full)
        return true;
    *e = reason;
    return err_wrap(e, "submit to %zu mailboxes", w->n_copies);
}

/* For another round with fewer, after one that found a mailbox full: the sender's own copy must not
 * keep the mail from anybody, so it goes where nobody else is left out. Yields. */
static YIELDS bool leave_out(struct submission *w, bool *is_fewer, struct err *e)
{
    bool fits = true;
    if (w->sent_id != 0 && !submission_own_fits(w, &fits, e))
        return err_wrap(e, "look whether Sent is full");
    if (fits && !leave_out_full(w, is_fewer, e))
        return false;
    if (w->sent_id != 0 && (!fits || !*is_fewer)) {
        submission_drop_own(w);
        *is_fewer = true;
    }
    return true;
}

bool submission_to_store(struct submission *w, enum submit_verdict *out, struct err *e)
{
    bool is_full = false;
    bool is_fewer = false;
    bool has_own = w->sent_id != 0;
    do {
        is_full = false;
        if (!store_once(w, &is_full, e) || (is_full && !leave_out(w, &is_fewer, e)))
            return false;
    } while (is_full && is_fewer && w->n_copies > 0 && submission_has_others(w));
    if (is_full && (w->n_copies > 0 || (w->leaves_out && w->n_remotes == 0))) {
        *out = SUBMIT_OVER_QUOTA;
        return true;
    }
    if (has_own && w->sent_id == 0)
        submission_log_full(w);
    if (is_full) {
        w->packed = NULL; /* it was of what all would have had */
        return submission_to_queue(w, e);
    }
    if (w->n_queued > 0)
        queue_announce_new(w->s->queue, w->queue_id, w->held_why);
    return true;
}

/* ---- waiting for a time (RFC 4865) ---- */

/* All recipients as they were named: where they are is looked up when it goes. */
static struct queue_new_recipient *name_recipients(const struct submission *w)
{
    struct queue_new_recipient *list = ARENA_ARRAY(w->a, struct queue_new_recipient, w->m->n);
    for (size_t i = 0; i < w->m->n; i++) {
        const struct smtp_recipient *r = &w->m->recipients[i];
        list[i] = (struct queue_new_recipient){
            .address = r->address,
            .domain = submission_domain_of(w, r),
            .orcpt = r->orcpt,
            .notify = r->has_notify ? r->notify | QUEUE_NOTIFY_GIVEN : QUEUE_NOTIFY_DEFAULT,
        };
    }
    return list;
}

bool submission_keep_waiting(struct submission *w, enum submit_verdict *out, struct err *e)
{
    bool has_room = false;
    if (w->is_discarded)
        return true;
    if (!queue_waiting_has_room(w->s->queue, w->m->account_id, w->complete.n, w->deadline_ms,
                                &has_room, e))
        return false;
    if (!has_room) {
        *out = SUBMIT_HELD_ENOUGH;
        return true;
    }
    struct queue_new_message message = queued_message(w);
    message.body = w->complete;
    message.is_utf8 = w->m->is_utf8;
    message.release_us = w->m->release_us;
    message.recipients = name_recipients(w);
    message.n = w->m->n;
    return queue_enqueue(w->s->queue, &message, w->deadline_ms, &w->queue_id, e);
}
