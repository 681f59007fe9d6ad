/* SPDX-License-Identifier: Apache-2.0 */
/* A user's own mail: completion, filters, and the order of its steps (submission.h). */
#include "submit/submit.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "crypto/random.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "queue/convert.h"
#include "spam/greylist.h"
#include "store/store.h"
#include "submit/allow.h"
#include "submit/decide.h"
#include "submit/filter.h"
#include "submit/submission.h"
#include "wire/smtp_data.h"

enum {
    RECEIVED_MAX = 8 * 1024, /* octets of the Received field: bounded by the limits of SMTP */
    ADDED_MAX = 16 * 1024    /* octets that a completed message may be longer */
};

bool submission_has_room(const struct submit *s, int64_t account_id, uint64_t size, int64_t copies,
                         int64_t deadline_ms, bool *out, struct err *e)
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
    return submission_has_room(s, account_id, size, 1, deadline_ms, out, e);
}

str submission_join(struct arena *a, str before, str after)
{
    char *bytes = arena_alloc(a, before.n + after.n);
    memcpy(bytes, before.p, before.n);
    memcpy(bytes + before.n, after.p, after.n);
    return str_of(bytes, before.n + after.n);
}

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
        submission_split(w);
    }
    w->is_discarded = answer.is_discarded;
    if (w->is_discarded)
        w->n_copies = w->n_queued = w->n_remotes = 0;
    if (*out != SUBMIT_DONE || w->is_discarded)
        return true;
    w->complete = submission_join(w->a, w->received, answer.content);
    w->is_8bit = !utf8_is_ascii(w->complete);
    if (!answer.is_held)
        return true;
    w->held_why = answer.reason;
    return quarantine(w, e);
}

/* ---- the way of one ---- */

/* Answers to questions about held mail are carried out, and go nowhere. Nobody answers dozens by
 * one mail. Yields. */
static YIELDS bool take_answers(const struct submission *w, enum submit_verdict *out, struct err *e)
{
    const struct smtp_message *m = w->m;
    size_t n_answers = 0;
    bool is_late = false;
    bool ok = true;
    for (size_t i = 0; i < m->n; i++)
        n_answers += decide_is_answer(m, &m->recipients[i]);
    if (n_answers > DECIDE_MAX)
        *out = SUBMIT_NEVER;
    if (n_answers == 0 || n_answers > DECIDE_MAX || decide_is_automatic(m, w->a))
        return true;
    for (size_t i = 0; ok && i < m->n; i++) {
        const struct smtp_recipient *r = &m->recipients[i];
        ok = !decide_is_answer(m, r) || decide_take(w->s, m, r, w->a, w->deadline_ms, &is_late, e);
    }
    if (ok && is_late)
        ok = decide_say_late(w->s, m, w->a, w->deadline_ms, e);
    return ok || err_wrap(e, "answer");
}

/* What waited is whole already. */
static bool take_up(struct submission *w)
{
    w->complete = w->m->content;
    w->is_8bit = !utf8_is_ascii(w->complete);
    return true;
}

/* What leaves has a sender that names it where the account wants that, and reports to the sender
 * come here at all. Who asks for senders of each recipient (XVERP) has those. Yields. */
static YIELDS bool choose_sender(struct submission *w, struct err *e)
{
    struct account_route route;
    const struct smtp_message *m = w->m;
    str domain;
    bool is_wanted = false;
    if (m->account_id == 0 || m->is_verp || m->sender.n == 0 || w->n_remotes == 0)
        return true;
    if (!account_uses_from_id(w->s->accounts, m->account_id, w->a, w->deadline_ms, &is_wanted, e))
        return false;
    if (!is_wanted)
        return true;
    if (!account_route_back(w->s->accounts, m->sender, w->a, w->deadline_ms, &domain, &route, e))
        return false;
    w->has_from_id = route.kind == ACCOUNT_ROUTE_LOCAL || route.kind == ACCOUNT_ROUTE_LEADS;
    return true;
}

/* Whether a signature would cover all of the header: of one that is cut nobody can say what a
 * reader shows. Mail of our own that has such a header goes unsigned. */
static bool is_signable(const struct submission *w)
{
    struct mime_header header;
    mime_header_parse(w->a, w->complete, &header);
    return !header.cut || w->m->account_id == 0;
}

/* Yields. */
static bool hand_on(struct submission *w, enum submit_verdict *out, struct err *e)
{
    if (!is_signable(w)) {
        w->reason = arena_printf(w->a, "The header has more than %d fields, or is too large",
                                 MIME_MAX_FIELDS);
        *out = SUBMIT_HEADER_TOO_LARGE;
        return true;
    }
    if (w->m->release_us != 0)
        return submission_keep_waiting(w, out, e);
    return submission_sign(w, e) && submission_save_own(w, e) && choose_sender(w, e) &&
           (w->n_copies == 0 ? submission_to_queue(w, e) : submission_to_store(w, out, e));
}

/* What is in order is completed, signed and handed over. Yields. */
static bool hand_over(struct submission *w, enum submit_verdict *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct allow_answer allowed;
    submission_split(w);
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
        *out = submission_check_form(w->m);
    if (*out != SUBMIT_DONE)
        return true;
    if (!submission_check_rights(w, out, e))
        return false;
    if (*out != SUBMIT_DONE)
        return true;
    bool waits = w->m->release_us != 0;
    if (!waits && !take_answers(w, out, e))
        return false;
    if (*out != SUBMIT_DONE)
        return true;
    if (!hand_over(w, out, e))
        return false;
    if (*out == SUBMIT_DONE && !waits)
        note_written(w);
    return true;
}

static struct submission begin(const struct submit *s, const struct smtp_message *m,
                               const struct queue_also *also, struct arena *a, int64_t deadline_ms)
{
    return (struct submission){
        .s = s,
        .m = m,
        .also = also,
        .a = a,
        .time_ms = deadline_ms - clock_monotonic_ms(),
        .deadline_ms = deadline_ms,
        .now_us = clock_utc_us(),
    };
}

bool submit_message_also(const struct submit *s, const struct smtp_message *m,
                         const struct queue_also *also, struct arena *a, int64_t deadline_ms,
                         struct submit_result *out, struct err *e)
{
    struct submission w = begin(s, m, also, a, deadline_ms);
    *out = (struct submit_result){ .verdict = SUBMIT_DONE };
    bool ok = submit_checked(&w, &out->verdict, e);
    if (ok && out->verdict == SUBMIT_DONE)
        out->queue_id = w.queue_id;
    if (ok && out->verdict != SUBMIT_DONE)
        out->reason = w.reason;
    return ok;
}

bool submit_system_message(const struct submit *s, const struct smtp_message *m,
                           const struct queue_also *also, struct arena *a, int64_t deadline_ms,
                           enum submit_verdict *out, struct err *e)
{
    struct submission w = begin(s, m, also, a, deadline_ms);
    INVARIANT(m->account_id == 0 && m->sender.n == 0);
    *out = submission_check_form(m);
    return *out != SUBMIT_DONE || hand_over(&w, out, e);
}

bool submit_message(const struct submit *s, const struct smtp_message *m, struct arena *a,
                    int64_t deadline_ms, struct submit_result *out, struct err *e)
{
    return submit_message_also(s, m, NULL, a, deadline_ms, out, e);
}
