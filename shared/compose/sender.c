/* SPDX-License-Identifier: Apache-2.0 */
/* Sends submissions that cannot be taken back any more: hands the message over, moves it to Sent,
 * and forgets the draft. The hand-over is noted in its own transaction, so that it happens once;
 * each other step may be done again after a crash in between. */
#include "compose/submission.h"

#include "base/utf8.h"
#include "db/db.h"
#include "mime/header.h"
#include "notify/notify.h"
#include "queue/queue.h"
#include "store/mail.h"
#include "submit/recipient.h"

enum {
    CLAIM_S = 60,     /* a process that was killed loses its claim */
    ATTEMPTS_MAX = 10 /* before the draft goes back to its author */
};

static const struct db_stmt claim = {
    "UPDATE submission s SET claimed_until = now() + $2 * interval '1 second',"
    "       attempts = attempts + 1"
    " WHERE (s.account_id, s.submission_id) IN ("
    "   SELECT account_id, submission_id FROM submission"
    "    WHERE status = 0 AND due_at <= now() AND claimed_until < now()"
    "    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)"
    " RETURNING account_id, submission_id, msg_id, from_addr, recipients, attempts, answers,"
    "   is_forward, handed_at IS NOT NULL, coalesce(limited_at < now() - interval '24 hours', false)"
};
static const struct db_stmt handed = { "SELECT submission_hand_over($1, $2, $3)" };
static const struct db_stmt end = { "SELECT submission_end($1, $2, $3::int4, $4)" };
/* No attempt failed. The limits free room little by little. */
static const struct db_stmt next_turn = {
    "UPDATE submission SET claimed_until = '-infinity', due_at = now() + interval '15 minutes',"
    "       attempts = 0, limited_at = coalesce(limited_at, now()), updated_at = clock_timestamp()"
    " WHERE account_id = $1 AND submission_id = $2 AND status = 0"
};
static const struct db_stmt later = {
    "UPDATE submission SET claimed_until = '-infinity', due_at = now() + $3 * interval '5 seconds'"
    " WHERE account_id = $1 AND submission_id = $2 AND status = 0"
};

/* One claimed submission. */
struct outgoing {
    const struct compose_sender_options *o;
    struct arena *a;
    int64_t deadline_ms;
    int64_t account_id;
    int64_t id;
    int64_t msg_id;
    str from;
    str *recipients;
    size_t n;
    int64_t attempts;
    int64_t answers;
    bool is_forward;
    bool has_waited;     /* a day long for its sender's limits */
    bool is_limited;     /* it has to wait for them */
    bool is_put_off;     /* a filter wants it a little later */
    bool is_handed;      /* queue and mailboxes have it */
    const char *failure; /* for its author; NULL: none */
};

/* ---- handing over ---- */

YIELDS static bool find_recipient(struct outgoing *w, str address, struct smtp_recipient *out,
                                  struct err *e)
{
    static const char *const texts[] = {
        [SUBMIT_TO_NO_ADDRESS] = "one of the recipients is no address",
        [SUBMIT_TO_UNKNOWN] = "one of the recipients does not exist here",
        [SUBMIT_TO_GROUP] = "you may not send to one of the groups",
    };
    enum submit_addressee verdict;
    const struct submit_asking asking = { w->account_id, w->from, address };
    if (!submit_find_recipient(&w->o->submit, &asking, w->a, w->deadline_ms, out, &verdict, e))
        return false;
    if (verdict == SUBMIT_TO_SUPPRESSED) {
        w->failure =
            arena_printf(w->a, "you are not to write to %.*s; an administrator can lift it",
                         STR_FMT(address))
                .p;
    } else if (verdict != SUBMIT_TO_GOOD) {
        w->failure = texts[verdict];
    }
    return true;
}

static const char *verdict_text(enum submit_verdict verdict)
{
    static const char *const texts[] = {
        [SUBMIT_DONE] = NULL,
        [SUBMIT_FROM_MISSING] = "it has no sender",
        [SUBMIT_FROM_NOT_OWN] = "the address it is sent from is not yours any more",
        [SUBMIT_BARE_LINE_END] = "its lines are broken",
        [SUBMIT_HEADER_TORN] = "its header does not begin with a field",
        [SUBMIT_NOT_TEXT] = "its binary parts cannot be encoded",
        [SUBMIT_LOOP] = "it has gone in a circle",
        [SUBMIT_HEADER_TOO_LARGE] = "its header is too large",
        [SUBMIT_LIMITED] = "you have sent as much as you may for a day; send it again later",
        [SUBMIT_NEVER] = "it has more recipients than you may send to",
        [SUBMIT_FILTERED] = "a filter refused it",
        [SUBMIT_FILTERED_NOW] = "a filter does not take it for now; try again later",
        [SUBMIT_STOPPED] = "your account may not send mail for now; ask your administrator",
        [SUBMIT_OVER_QUOTA] = "the mailbox of a recipient here is full",
        [SUBMIT_HELD_ENOUGH] = "too much of your mail waits for its time",
    };
    return texts[verdict];
}

static void note_handed(struct db_tx *tx, void *arg, int64_t queue_id)
{
    const struct outgoing *w = arg;
    const struct db_param params[] = { DB_INT8(w->account_id), DB_INT8(w->id), DB_INT8(queue_id) };
    db_tx_send(tx, &handed, params, COUNT_OF(params));
}

/* The header that we make is ASCII but for addresses (RFC 6532). */
static bool needs_utf8(const struct smtp_message *m)
{
    bool needs = !utf8_is_ascii(str_slice(m->content, 0, mime_header_end(m->content)));
    for (size_t i = 0; i < m->n && !needs; i++)
        needs = !utf8_is_ascii(m->recipients[i].address);
    return needs;
}

YIELDS static bool hand_over(struct outgoing *w, struct err *e)
{
    struct submit_result result;
    const struct queue_also also = { note_handed, w };
    struct smtp_recipient *recipients = ARENA_ARRAY(w->a, struct smtp_recipient, w->n + 1);
    struct smtp_message m = {
        .trace = { .hostname = str_from_cstr(w->o->submit.hostname),
                   .session = arena_printf(w->a, "s%lld", (long long)w->id),
                   .is_esmtp = true,
                   .is_auth = true },
        .account_id = w->account_id,
        .sender = w->from,
        .transaction =
            arena_printf(w->a, "submission %lld/%lld", (long long)w->account_id, (long long)w->id),
        .recipients = recipients,
        .n = w->n,
        .max_hops = w->o->max_hops,
    };
    for (size_t i = 0; i < w->n; i++) {
        if (!find_recipient(w, w->recipients[i], &recipients[i], e))
            return false;
    }
    if (w->failure)
        return true;
    if (!store_fetch_body(w->o->submit.store, w->account_id, w->msg_id, 0, SIZE_MAX, w->a,
                          w->deadline_ms, &m.content, e))
        return false;
    m.is_utf8 = needs_utf8(&m);
    m.trace.is_utf8 = m.is_utf8;
    if (!submit_message_also(&w->o->submit, &m, &also, w->a, w->deadline_ms, &result, e))
        return false;
    w->is_limited = result.verdict == SUBMIT_LIMITED && !w->has_waited;
    w->is_put_off = result.verdict == SUBMIT_FILTERED_NOW && w->attempts < ATTEMPTS_MAX;
    w->failure = w->is_limited || w->is_put_off ? NULL : verdict_text(result.verdict);
    if (w->failure && result.reason.n > 0)
        w->failure = arena_printf(w->a, "%s: %.*s", w->failure, STR_FMT(result.reason)).p;
    w->is_handed = result.verdict == SUBMIT_DONE;
    return true;
}

/* ---- filing ---- */

/* It is no draft any more, and what it answers is answered. */
YIELDS static bool mark(struct outgoing *w, struct err *e)
{
    struct store_mail_changed changed;
    const str forwarded = STR("$Forwarded");
    struct store *s = w->o->submit.store;
    struct store_mail_change flags = { .account_id = w->account_id,
                                       .act = STORE_MAIL_FLAGS,
                                       .msg_ids = &w->msg_id,
                                       .n = 1,
                                       .clear_flags = STORE_DRAFT };
    struct store_mail_change answered = { .account_id = w->account_id,
                                          .act = STORE_MAIL_FLAGS,
                                          .msg_ids = &w->answers,
                                          .n = 1,
                                          .set_flags = w->is_forward ? 0 : STORE_ANSWERED,
                                          .set_keywords = &forwarded,
                                          .n_set_keywords = w->is_forward };
    return (!w->answers || store_mail_apply(s, &answered, w->a, w->deadline_ms, &changed, e)) &&
           store_mail_apply(s, &flags, w->a, w->deadline_ms, &changed, e);
}

YIELDS static bool file(struct outgoing *w, struct err *e)
{
    struct store_mail_changed changed;
    struct store_mail_change move = {
        .account_id = w->account_id, .act = STORE_MAIL_MOVE, .msg_ids = &w->msg_id, .n = 1
    };
    return store_mailbox_for_role(w->o->submit.store, w->account_id, &STORE_SENT_BOX, w->a,
                                  w->deadline_ms, &move.to_mailbox_id, e) &&
           store_mail_apply(w->o->submit.store, &move, w->a, w->deadline_ms, &changed, e);
}

/* ---- the end ---- */

YIELDS static bool finish(struct outgoing *w, enum compose_status status, struct err *e)
{
    struct db_rows *rows = NULL;
    str failure = w->failure ? str_from_cstr(w->failure) : STR_EMPTY;
    const struct db_param params[] = { DB_INT8(w->account_id), DB_INT8(w->id), DB_INT8(status),
                                       DB_TEXT(failure) };
    if (!db_query(w->o->db, DB_DELIVER, &end, params, COUNT_OF(params), w->a, w->deadline_ms, &rows,
                  e))
        return false;
    if (w->o->notify && db_int(rows, 0, 0) > 0)
        notify_publish(w->o->notify, w->account_id, db_int(rows, 0, 0));
    return true;
}

YIELDS static void put_off(struct outgoing *w)
{
    struct err ignored = ERR_CLEAR; /* the claim ends by itself */
    const struct db_param params[] = { DB_INT8(w->account_id), DB_INT8(w->id),
                                       DB_INT8(w->attempts) };
    (void)db_query(w->o->db, DB_DELIVER, &later, params, COUNT_OF(params), w->a, w->deadline_ms,
                   NULL, &ignored);
}

/* It keeps its place among those that wait, and can be taken back. */
YIELDS static void wait_turn(struct outgoing *w)
{
    struct err ignored = ERR_CLEAR; /* the claim ends by itself */
    const struct db_param params[] = { DB_INT8(w->account_id), DB_INT8(w->id) };
    (void)db_query(w->o->db, DB_DELIVER, &next_turn, params, COUNT_OF(params), w->a, w->deadline_ms,
                   NULL, &ignored);
}

/* What was handed over has gone, whether or not it could be filed. */
YIELDS static bool try_all(struct outgoing *w, struct err *e)
{
    return (w->is_handed || hand_over(w, e)) &&
           (w->failure || w->is_limited || w->is_put_off || (mark(w, e) && file(w, e)));
}

/* A failure of ours is tried again, later and later; at last the author hears of it. */
YIELDS static bool send_one(struct outgoing *w, struct err *e)
{
    struct err reason = ERR_CLEAR;
    bool ok = try_all(w, &reason);
    if (ok && w->is_limited) {
        wait_turn(w);
        return true;
    }
    if (ok && w->is_put_off) {
        put_off(w);
        return true;
    }
    bool is_last = reason.kind == ERR_NOT_FOUND || w->attempts >= ATTEMPTS_MAX;
    if (!ok && !is_last) {
        put_off(w);
        *e = reason;
        return false;
    }
    if (!ok && !w->is_handed) {
        w->failure = reason.kind == ERR_NOT_FOUND ? "the draft was deleted"
                                                  : "it could not be handed over; try again later";
    }
    return finish(w, w->failure ? COMPOSE_CANCELED : COMPOSE_SENT, e);
}

bool compose_send_due(const struct compose_sender_options *o, unsigned max, int64_t deadline_ms,
                      size_t *n, struct err *e)
{
    struct arena a;
    struct arena each;
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(max), DB_INT8(CLAIM_S) };
    *n = 0;
    arena_init(&a);
    arena_init(&each);
    bool ok =
        db_query(o->db, DB_DELIVER, &claim, params, COUNT_OF(params), &a, deadline_ms, &rows, e);
    for (size_t i = 0; ok && i < db_row_count(rows); i++) {
        struct outgoing w = { .o = o,
                              .a = &each,
                              .deadline_ms = deadline_ms,
                              .account_id = db_int(rows, i, 0),
                              .id = db_int(rows, i, 1),
                              .msg_id = db_int(rows, i, 2),
                              .from = db_str(rows, i, 3),
                              .attempts = db_int(rows, i, 5),
                              .answers = db_int(rows, i, 6),
                              .is_forward = db_int(rows, i, 7) != 0,
                              .is_handed = db_int(rows, i, 8) != 0,
                              .has_waited = db_int(rows, i, 9) != 0 };
        w.n = db_strs(rows, i, 4, &each, &w.recipients);
        ok = send_one(&w, e);
        arena_reset(&each);
        ++*n;
    }
    arena_fini(&each);
    arena_fini(&a);
    return ok;
}
