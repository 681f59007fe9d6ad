/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own mail: rights, completion, and one transaction for mailboxes and queue. */
#include "submit/submit.h"

#include "account/dkim.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "crypto/random.h"
#include "db/db.h"
#include "mailauth/dkim.h"
#include "mime/header.h"
#include "mime/seven_bit.h"
#include "obs/obs.h"
#include "queue/convert.h"
#include "queue/waiting.h"
#include "runtime/runtime.h"
#include "spam/greylist.h"
#include "store/store.h"
#include "submit/allow.h"
#include "submit/decide.h"
#include "submit/filter.h"
#include "wire/smtp_command.h"
#include "wire/smtp_data.h"
#include "wire/smtp_verp.h"

#include <assert.h>

enum {
    RECEIVED_MAX = 8 * 1024,      /* octets of the Received field: bounded by the limits of SMTP */
    ADDED_MAX = 16 * 1024,        /* octets that a completed message may be longer */
    SIGNED_MAX = 128 * 1024,      /* octets of the DKIM-Signature fields */
    SIGNED_FOR_S = 14 * 24 * 3600 /* after that a signature is no use for replays (ATTACKS O11) */
};

/* One submission on its way. */
struct submission {
    const struct submit *s;
    const struct smtp_message *m;
    const struct queue_also *also; /* NULL: none */
    struct arena *a;
    int64_t time_ms;     /* for all but the filters: before them, and once more behind them */
    int64_t deadline_ms; /* of the part that it is in */
    int64_t now_us;
    struct account writer; /* where it is not the author; else without a login */
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
    bool leaves_out;                 /* somebody is full: queued ones are to be told of that */
    int64_t queue_id;                /* of the queued ones */
    const struct queue_body *packed; /* for the queued ones, NULL before it is needed */
};

/* For `copies` of it, each of `size` octets, as the store counts them. Yields. */
static YIELDS bool has_room_for(const struct submit *s, int64_t account_id, uint64_t size,
                                int64_t copies, int64_t deadline_ms, bool *out, struct err *e)
{
    struct store_quota quota;
    if (!store_get_quota(s->store, account_id, deadline_ms, &quota, e))
        return false;
    *out = (quota.limit_bytes == 0 ||
            quota.used_bytes + copies * (int64_t)size <= quota.limit_bytes) &&
           (quota.limit_messages == 0 || quota.used_messages + copies <= quota.limit_messages);
    return true;
}

bool submit_has_room(const struct submit *s, int64_t account_id, uint64_t size, int64_t deadline_ms,
                     bool *out, struct err *e)
{
    return has_room_for(s, account_id, size, 1, deadline_ms, out, e);
}

static str join(struct arena *a, str before, str after)
{
    char *bytes = arena_alloc(a, before.n + after.n);
    memcpy(bytes, before.p, before.n);
    memcpy(bytes + before.n, after.p, after.n);
    return str_of(bytes, before.n + after.n);
}

/* ---- checks ---- */

static enum submit_verdict check_form(const struct smtp_message *m)
{
    size_t at;
    if (smtp_data_check(m->content, &at) != SMTP_DATA_CLEAN)
        return SUBMIT_BARE_LINE_END;
    if (mime_header_end(m->content) > SUBMIT_MAX_HEADER)
        return SUBMIT_HEADER_TOO_LARGE;
    return smtp_trace_hops(m->content) > m->max_hops ? SUBMIT_LOOP : SUBMIT_DONE;
}

/* Yields. */
static YIELDS bool find_right(const struct submission *w, const struct submit_author *author,
                              enum account_send_right *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (account_send_right(w->s->accounts, w->m->account_id, author->local, author->domain, w->a,
                           w->deadline_ms, out, &why) ||
        why.kind == ERR_SYNTAX)
        return true;
    *e = why;
    return false;
}

/* Who may write on behalf of the author only says who he is, or we say it. Yields. */
static YIELDS bool name_writer(struct submission *w, const struct submit_author *authors, size_t n,
                               struct err *e)
{
    for (size_t i = 1; i < n; i++) {
        if (authors[i].is_sender)
            return true;
    }
    return account_get(w->s->accounts, w->m->account_id, w->a, w->deadline_ms, &w->writer, e);
}

/* Each address that the header claims to write for must be the user's (ATTACKS U9), that of From
 * one that he may write on behalf of at least. Yields. */
static YIELDS bool check_rights(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct submit_author *authors = ARENA_ARRAY(w->a, struct submit_author, SUBMIT_MAX_AUTHORS);
    enum account_send_right of_author = ACCOUNT_SEND_NOT;
    size_t n;
    *out = submit_read_authors(w->m->content, w->a, authors, &n);
    for (size_t i = 0; i < n && *out == SUBMIT_DONE; i++) {
        enum account_send_right right = ACCOUNT_SEND_NOT;
        if (!find_right(w, &authors[i], &right, e))
            return false;
        if (i == 0)
            of_author = right;
        if (right == ACCOUNT_SEND_NOT || (i > 0 && right != ACCOUNT_SEND_AS))
            *out = SUBMIT_FROM_NOT_OWN;
    }
    if (*out == SUBMIT_DONE && of_author != ACCOUNT_SEND_AS && !name_writer(w, authors, n, e))
        return false;
    if (w->m->was_held && w->writer.login.n > 0) /* it is whole, and would not tell who wrote */
        *out = SUBMIT_FROM_NOT_OWN;
    return true;
}

/* ---- the message ---- */

static str make_received(const struct submission *w)
{
    struct buf b;
    struct smtp_trace trace = w->m->trace;
    trace.at_utc = w->now_us / 1000000;
    trace.recipient = w->m->n == 1 ? w->m->recipients[0].address : STR_EMPTY;
    if (w->s->hide_client) {
        trace.helo = STR_EMPTY;
        trace.peer_ip = STR_EMPTY;
    }
    buf_init(&b, RECEIVED_MAX);
    INVARIANT(smtp_trace_received(&trace, &b));
    str received = arena_str(w->a, buf_str(&b));
    buf_fini(&b);
    return received;
}

static bool complete(struct submission *w, struct err *e)
{
    struct buf out;
    w->received = make_received(w);
    const struct submit_completion completion = {
        .received = w->received,
        .hostname = str_from_cstr(w->s->hostname),
        .writer = w->writer.login,
        .writer_name = w->writer.display_name,
        .now_utc = w->now_us / 1000000,
        .unique1 = (uint64_t)w->now_us,
        .unique2 = crypto_random_u64(),
    };
    buf_init(&out, w->m->content.n + ADDED_MAX);
    bool good = submit_complete(w->m->content, &completion, &out, e);
    if (good)
        w->complete = arena_str(w->a, buf_str(&out));
    buf_fini(&out);
    w->is_8bit = good && !utf8_is_ascii(w->complete);
    return good;
}

/* ---- signing ---- */

/* Puts the signatures on top. A header with more fields than can be signed goes without. */
static YIELDS bool add_signatures(struct submission *w, const struct mailauth_message *message,
                                  const struct account_dkim_signer *signer, struct err *e)
{
    struct mailauth_signer signers[2];
    size_t n = 0;
    const struct mailauth_signer rsa = { signer->domain, signer->rsa_selector, signer->rsa };
    const struct mailauth_signer ed = { signer->domain, signer->ed_selector, signer->ed };
    if (signer->rsa)
        signers[n++] = rsa;
    if (signer->ed)
        signers[n++] = ed;
    const struct mailauth_signing signing = {
        .signers = signers, .n = n, .now_s = w->now_us / 1000000, .lifetime_s = SIGNED_FOR_S
    };
    struct err why = ERR_CLEAR;
    struct buf out;
    buf_init(&out, w->complete.n + SIGNED_MAX);
    bool ok = mailauth_dkim_sign(message, &signing, &out, &why);
    if (ok && buf_add(&out, w->complete)) {
        w->complete = arena_str(w->a, buf_str(&out));
    } else if (why.kind == ERR_LIMIT) {
        obs_log(EV_SUBMIT_UNSIGNED, w->m->trace.session, OBS_STR("domain", signer->domain),
                OBS_ERR(&why));
        ok = true;
    } else {
        *e = why;
    }
    buf_fini(&out);
    return ok;
}

/* A server on the way that takes only seven bits has 8-bit text re-encoded, which no signature of
 * the former text survives; nor does one that a line too long for the wire is broken under. What is
 * signed is of seven bits and of lines already (RFC 6376 section 5.3). Text that is in signed or
 * encrypted parts stays as it is. Yields. */
static YIELDS bool make_seven_bit(struct submission *w, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct buf message;
    if (!w->is_8bit && !mime_has_long_line(w->complete))
        return true;
    buf_init(&message, w->complete.n);
    (void)buf_add(&message, w->complete);
    if (!queue_convert_message(&message, w->a, w->deadline_ms, &w->complete, &why) &&
        why.kind != ERR_UNSUPPORTED) {
        *e = why;
        return false;
    }
    w->is_8bit = !utf8_is_ascii(w->complete);
    return true;
}

static YIELDS bool sign_by(struct submission *w, const struct account_dkim_signer *signer,
                           struct err *e)
{
    struct mailauth_message message;
    if (!make_seven_bit(w, e))
        return false;
    mailauth_message_init(w->a, w->complete, &message);
    message.turn = fiber_yield;
    return add_signatures(w, &message, signer, e);
}

/* By the key of the author's domain; nothing to do when it has none. Yields. */
static YIELDS bool sign(struct submission *w, struct err *e)
{
    struct account_dkim_signer *signer = NULL;
    struct mailauth_message message;
    if (!w->s->signs)
        return true;
    mailauth_message_init(w->a, w->complete, &message);
    str author = mailauth_message_author(w->a, &message);
    if (!account_dkim_signer(w->s->accounts, author, w->deadline_ms, &signer, e))
        return err_wrap(e, "sign");
    bool ok = !signer || sign_by(w, signer, e);
    account_dkim_release(&signer);
    return ok || err_wrap(e, "sign");
}

/* ---- recipients ---- */

static const struct store_recipient *copy_of(const struct submission *w, int64_t account_id)
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
    if (copy_of(w, account_id))
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

/* What mail for it is grouped by: of "postmaster" alone (RFC 5321 4.5.1) our own name. */
static str domain_of(const struct submission *w, const struct smtp_recipient *r)
{
    ptrdiff_t at = str_rfind_byte(r->address, '@');
    if (r->domain.n > 0)
        return r->domain;
    return at < 0 ? str_from_cstr(w->s->hostname) : str_skip(r->address, (size_t)at + 1);
}

static void add_queued(struct submission *w, const struct smtp_recipient *r, str address,
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

/* Answers to questions about held mail are carried out, and go nowhere. Yields. */
static YIELDS bool take_answers(const struct submission *w, struct err *e)
{
    for (size_t i = 0; i < w->m->n; i++) {
        const struct smtp_recipient *r = &w->m->recipients[i];
        if (decide_is_answer(w->m, r) && !decide_take(w->s, w->m, r, w->a, w->deadline_ms, e))
            return err_wrap(e, "answer");
    }
    return true;
}

/* The ends that a recipient's address leads to. */
static void split_targets(struct submission *w, const struct smtp_recipient *r)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct smtp_target *target = &r->targets[i];
        if (target->account_id) {
            add_copy(w, r, target->account_id);
        } else {
            add_queued(w, r, target->address, target->domain, false);
        }
    }
}

/* Who gets a copy, and what goes to the queue: a delivery to one of ours that is to be reported
 * (RFC 3461 4.1) is there as one that is done. */
static void split_recipients(struct submission *w)
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
            add_queued(w, r, r->address, domain_of(w, r), false);
        } else {
            add_copy(w, r, r->account_id);
        }
        bool is_here = r->account_id != 0 || w->n_copies > copies;
        if (is_here && w->m->sender.n > 0 && (r->notify & SMTP_NOTIFY_SUCCESS))
            add_queued(w, r, r->address, domain_of(w, r), true);
    }
}

/* ---- filters ---- */

/* People of ours find it in their Junk, where they have one. Yields. */
YIELDS static bool quarantine(struct submission *w, struct err *e)
{
    for (size_t i = 0; i < w->n_copies; i++) {
        struct store_mailbox box;
        struct err why = ERR_CLEAR;
        if (store_mailbox_get_role(w->s->store, w->copies[i].account_id, STORE_ROLE_JUNK, w->a,
                                   w->deadline_ms, &box, &why)) {
            w->copies[i].mailbox_id = box.mailbox_id;
        } else if (why.kind != ERR_NOT_FOUND) {
            *e = why;
            return err_wrap(e, "find the mailbox for Junk");
        }
    }
    return true;
}

/* What filters make of the message is what is signed and goes. One that was an answer only goes
 * nowhere, and needs none. Yields. */
YIELDS static bool filter(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct filter_answer answer;
    if (!filter_is_needed(w->s) || w->m->account_id == 0 || w->n_copies + w->n_queued == 0)
        return true;
    if (!filter_message(w->s, w->m, str_skip(w->complete, w->received.n), w->a, w->time_ms, &answer,
                        e))
        return false;
    w->deadline_ms = clock_deadline_in(w->time_ms);
    *out = answer.verdict;
    w->reason = answer.reason;
    if (answer.changed) {
        w->m = answer.changed;
        w->n_copies = w->n_queued = w->n_remotes = 0;
        split_recipients(w);
    }
    w->is_discarded = answer.is_discarded;
    if (w->is_discarded)
        w->n_copies = w->n_queued = w->n_remotes = 0;
    if (*out != SUBMIT_DONE || w->is_discarded)
        return true;
    w->complete = join(w->a, w->received, answer.content);
    w->is_8bit = !utf8_is_ascii(w->complete);
    if (!answer.is_held)
        return true;
    w->held_why = answer.reason;
    return quarantine(w, e);
}

/* ---- the sender's own copy ---- */

/* In Sent and read, as it leaves. Who writes to himself has one message in two mailboxes, with what
 * stands on top of the other. */
static void add_own(struct submission *w, int mailbox_id)
{
    char key[40];
    const struct store_recipient *other = copy_of(w, w->m->account_id);
    struct store_recipient own = { .account_id = w->m->account_id,
                                   .mailbox_id = mailbox_id,
                                   .flags = STORE_SEEN,
                                   .prefix = other ? other->prefix : STR_EMPTY };
    (void)snprintf(key, sizeof(key), "%lld/sent", (long long)w->m->account_id);
    store_delivery_id(w->m->transaction, str_from_cstr(key), own.delivery_id);
    w->copies[w->n_copies++] = own;
    w->sent_id = mailbox_id;
}

static bool is_own(const struct submission *w, const struct store_recipient *copy)
{
    return w->sent_id != 0 && copy->account_id == w->m->account_id &&
           copy->mailbox_id == w->sent_id;
}

/* Whether anybody but the sender's own Sent has it. */
static bool has_others(const struct submission *w)
{
    for (size_t i = 0; i < w->n_copies; i++) {
        if (!is_own(w, &w->copies[i]))
            return true;
    }
    return w->n_remotes > 0;
}

static void log_not_saved(const struct submission *w, const struct err *why)
{
    obs_log(EV_SUBMIT_NOT_SAVED, w->m->trace.session, OBS_STR("sender", w->m->sender),
            OBS_INT("size", w->complete.n), OBS_ERR(why));
}

static void log_full(const struct submission *w)
{
    struct err why = ERR_CLEAR;
    (void)ERR(&why, ERR_LIMIT, "there is no room");
    log_not_saved(w, &why);
}

/* Whether the sender's account takes one copy more beside that for INBOX, when there is one.
 * Yields. */
static YIELDS bool own_fits(const struct submission *w, bool *out, struct err *e)
{
    const struct store_recipient *other = copy_of(w, w->m->account_id);
    bool has_other = other && !is_own(w, other);
    size_t size = w->complete.n + (has_other ? other->prefix.n : 0);
    return has_room_for(w->s, w->m->account_id, size, has_other ? 2 : 1, w->deadline_ms, out, e);
}

/* *mailbox_id stays 0 where there can be none, for a reason that no later attempt changes. Yields.
 */
static YIELDS bool find_own(const struct submission *w, int *mailbox_id, struct err *e)
{
    struct err why = ERR_CLEAR;
    bool fits = false;
    if (!own_fits(w, &fits, e))
        return false;
    if (!fits) {
        log_full(w);
        return true;
    }
    if (store_mailbox_for_role(w->s->store, w->m->account_id, &STORE_SENT_BOX, w->a, w->deadline_ms,
                               mailbox_id, &why))
        return true;
    *mailbox_id = 0;
    if (db_is_timeout(&why) || (why.kind != ERR_LIMIT && why.kind != ERR_EXISTS)) {
        *e = why;
        return err_wrap(e, "find the mailbox for Sent");
    }
    log_not_saved(w, &why);
    return true;
}

/* Of what a program submits, where its account wants that. That there is no room for it, or no
 * mailbox, keeps no mail from leaving, as it would not when the program stored it. Yields. */
static YIELDS bool save_own(struct submission *w, struct err *e)
{
    bool is_wanted = false;
    int mailbox_id = 0;
    int64_t account_id = w->m->account_id;
    if (!w->m->may_save || account_id == 0 || w->is_discarded)
        return true;
    if (!account_saves_sent(w->s->accounts, account_id, w->a, w->deadline_ms, &is_wanted, e))
        return false;
    if (!is_wanted)
        return true;
    if (!find_own(w, &mailbox_id, e))
        return false;
    if (mailbox_id != 0)
        add_own(w, mailbox_id);
    return true;
}

/* It is the last of them. */
static void drop_own(struct submission *w)
{
    w->n_copies--;
    w->sent_id = 0;
}

/* ---- one transaction ---- */

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
        .envelope_id = w->m->envid,
        .hold_request = w->m->hold_request,
        .has_ret = w->m->has_ret,
        .return_full = w->m->ret_full,
        .session = w->m->trace.session,
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

/* Only remote recipients: no mailbox is touched. Yields. */
static bool hand_to_queue(struct submission *w, struct err *e)
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
    str whole = join(w->a, w->copies[0].prefix, w->complete);
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
        add_queued(w, r, r->address, domain_of(w, r), true);
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
        if (!is_own(w, copy) && !is_named(w, copy->account_id) &&
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
    if (w->sent_id != 0 && !own_fits(w, &fits, e))
        return err_wrap(e, "look whether Sent is full");
    if (fits && !leave_out_full(w, is_fewer, e))
        return false;
    if (w->sent_id != 0 && (!fits || !*is_fewer)) {
        drop_own(w);
        *is_fewer = true;
    }
    return true;
}

/* Local mailboxes, and the queue when there is something for it too. Each round is one for fewer
 * mailboxes. Yields. */
static bool hand_to_store(struct submission *w, enum submit_verdict *out, struct err *e)
{
    bool is_full = false;
    bool is_fewer = false;
    bool has_own = w->sent_id != 0;
    do {
        is_full = false;
        if (!store_once(w, &is_full, e) || (is_full && !leave_out(w, &is_fewer, e)))
            return false;
    } while (is_full && is_fewer && w->n_copies > 0 && has_others(w));
    if (is_full && (w->n_copies > 0 || (w->leaves_out && w->n_remotes == 0))) {
        *out = SUBMIT_OVER_QUOTA;
        return true;
    }
    if (has_own && w->sent_id == 0)
        log_full(w);
    if (is_full) {
        w->packed = NULL; /* it was of what all would have had */
        return hand_to_queue(w, e);
    }
    if (w->n_queued > 0)
        queue_announce(w->s->queue, w->queue_id);
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
            .domain = domain_of(w, r),
            .orcpt = r->orcpt,
            .notify = r->has_notify ? r->notify | QUEUE_NOTIFY_GIVEN : QUEUE_NOTIFY_DEFAULT,
        };
    }
    return list;
}

/* Yields. */
static bool keep_waiting(struct submission *w, enum submit_verdict *out, struct err *e)
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

/* What waited is whole already. */
static bool take_up(struct submission *w)
{
    w->complete = w->m->content;
    w->is_8bit = !utf8_is_ascii(w->complete);
    return true;
}

/* Yields. */
static bool hand_on(struct submission *w, enum submit_verdict *out, struct err *e)
{
    if (w->m->release_us != 0)
        return keep_waiting(w, out, e);
    return sign(w, e) && save_own(w, e) &&
           (w->n_copies == 0 ? hand_to_queue(w, e) : hand_to_store(w, out, e));
}

/* What is in order is completed, signed and handed over. Yields. */
static bool hand_over(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct allow_answer allowed;
    split_recipients(w);
    size_t counted = w->m->was_held ? 0 : w->n_remotes;
    if (!allow_take(w->s, w->m, counted, w->a, w->deadline_ms, &allowed, e))
        return false;
    *out = allowed.verdict;
    if (*out != SUBMIT_DONE)
        return true;
    bool ok = w->m->was_held ? take_up(w) : complete(w, &why) && filter(w, out, &why);
    ok = ok && (*out != SUBMIT_DONE || hand_on(w, out, &why));
    bool is_gone = ok ? *out == SUBMIT_DONE : why.kind == ERR_UNKNOWN_OUTCOME;
    if (!is_gone && allowed.taken_us != 0) {
        const struct account_sending_given given = { w->m->account_id, counted, allowed.taken_us };
        account_sending_give_back(w->s->accounts, &given, w->a, clock_deadline_in(w->time_ms));
    }
    if (!ok)
        *e = why;
    return ok;
}

/* Binary parts (RFC 3030) become base64: before they are signed, and because few servers take them
 * otherwise. Yields. */
static bool make_text(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct smtp_message *m = ARENA_NEW(w->a, struct smtp_message);
    *out = SUBMIT_DONE;
    if (!w->m->is_binary)
        return true;
    *m = *w->m;
    if (queue_convert_binary(m->content, w->a, w->deadline_ms, &m->content, &why)) {
        w->m = m;
        return true;
    }
    if (why.kind != ERR_UNSUPPORTED && why.kind != ERR_SYNTAX) {
        *e = why;
        return err_wrap(e, "re-encode binary parts");
    }
    *out = SUBMIT_NOT_TEXT;
    return true;
}

/* Whoever gets this may answer without waiting. A hint: without it the answer comes later. */
static YIELDS void note_written(const struct submission *w)
{
    struct err e = ERR_CLEAR;
    size_t n = 0;
    str *addresses = ARENA_ARRAY(w->a, str, w->n_queued);
    for (size_t i = 0; i < w->n_queued; i++) {
        if (!w->queued[i].is_delivered && !w->queued[i].is_full)
            addresses[n++] = w->queued[i].address;
    }
    if (w->s->spam)
        (void)spam_note_written(w->s->spam, addresses, n, w->a, w->deadline_ms, &e);
}

/* The verdict; the reason of a filter is in w. Yields. */
static bool submit_checked(struct submission *w, enum submit_verdict *out, struct err *e)
{
    if (!make_text(w, out, e))
        return false;
    if (*out == SUBMIT_DONE)
        *out = check_form(w->m);
    if (*out != SUBMIT_DONE)
        return true;
    if (!check_rights(w, out, e))
        return false;
    if (*out != SUBMIT_DONE)
        return true;
    bool waits = w->m->release_us != 0;
    if ((!waits && !take_answers(w, e)) || !hand_over(w, out, e))
        return false;
    if (*out == SUBMIT_DONE && !waits)
        note_written(w);
    return true;
}

bool submit_message_also(const struct submit *s, const struct smtp_message *m,
                         const struct queue_also *also, struct arena *a, int64_t deadline_ms,
                         struct submit_result *out, struct err *e)
{
    struct submission w = {
        .s = s,
        .m = m,
        .also = also,
        .a = a,
        .time_ms = deadline_ms - clock_monotonic_ms(),
        .deadline_ms = deadline_ms,
        .now_us = clock_utc_us(),
    };
    *out = (struct submit_result){ .verdict = SUBMIT_DONE };
    bool ok = submit_checked(&w, &out->verdict, e);
    if (ok && out->verdict != SUBMIT_DONE)
        out->reason = w.reason;
    return ok;
}

bool submit_system_message(const struct submit *s, const struct smtp_message *m,
                           const struct queue_also *also, struct arena *a, int64_t deadline_ms,
                           enum submit_verdict *out, struct err *e)
{
    struct submission w = {
        .s = s,
        .m = m,
        .also = also,
        .a = a,
        .time_ms = deadline_ms - clock_monotonic_ms(),
        .deadline_ms = deadline_ms,
        .now_us = clock_utc_us(),
    };
    INVARIANT(m->account_id == 0 && m->sender.n == 0);
    *out = check_form(m);
    return *out != SUBMIT_DONE || hand_over(&w, out, e);
}

bool submit_message(const struct submit *s, const struct smtp_message *m, struct arena *a,
                    int64_t deadline_ms, struct submit_result *out, struct err *e)
{
    return submit_message_also(s, m, NULL, a, deadline_ms, out, e);
}
