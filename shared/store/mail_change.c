/* SPDX-License-Identifier: Apache-2.0 */
/* Changes messages by id: finds their places, and does the work mailbox by mailbox through the
 * calls of store.h, which keep the invariants of IMAP. */
#include "store/mail.h"

#include "store/internal.h"

static const struct db_stmt find_places = {
    "SELECT mailbox_id, uid, msg_id FROM mbox_msg"
    " WHERE account_id = $1 AND msg_id = ANY ($2) ORDER BY mailbox_id, uid"
};

/* The places of the messages, by mailbox and UID. */
struct places {
    struct place {
        int mailbox_id;
        uint32_t uid;
        int64_t msg_id;
    } * list;
    size_t n;
};

struct task {
    struct store *store;
    const struct store_mail_change *change;
    struct arena *a;
    int64_t deadline_ms;
    struct store_mail_changed *out;
};

YIELDS static bool find(const struct task *w, struct places *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(w->change->account_id),
                                       DB_INT8S(w->change->msg_ids, w->change->n) };
    if (!db_query(w->store->options.db, DB_READ, &find_places, params, COUNT_OF(params), w->a,
                  w->deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(w->a, struct place, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct place){ .mailbox_id = (int)db_int(rows, i, 0),
                                       .uid = (uint32_t)db_int(rows, i, 1),
                                       .msg_id = db_int(rows, i, 2) };
    }
    return true;
}

static bool has_message(const struct places *p, int64_t msg_id, int mailbox_id)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->list[i].msg_id == msg_id && (!mailbox_id || p->list[i].mailbox_id == mailbox_id))
            return true;
    }
    return false;
}

/* Ids that are nowhere, or not where they were to be taken from. */
static void note_missed(const struct task *w, const struct places *p)
{
    const struct store_mail_change *c = w->change;
    int64_t *missed = ARENA_ARRAY(w->a, int64_t, c->n + 1);
    int from = c->act == STORE_MAIL_MOVE || c->act == STORE_MAIL_EXPUNGE ? c->from_mailbox_id : 0;
    for (size_t i = 0; i < c->n; i++) {
        if (!has_message(p, c->msg_ids[i], from))
            missed[w->out->n_missed++] = c->msg_ids[i];
    }
    store_sort_ids(missed, w->out->n_missed);
    w->out->missed = missed;
}

static void note_modseq(const struct task *w, int64_t modseq)
{
    if (modseq > w->out->modseq)
        w->out->modseq = modseq;
}

YIELDS static bool change_flags(const struct task *w, int mailbox_id,
                                const struct store_ranges *set, enum store_flag_mode mode,
                                struct err *e)
{
    const struct store_mail_change *c = w->change;
    bool adds = mode == STORE_FLAGS_ADD;
    struct store_flag_result result;
    const struct store_flag_change change = {
        .mode = mode,
        .flags = adds ? c->set_flags : c->clear_flags,
        .keywords = adds ? c->set_keywords : c->clear_keywords,
        .n_keywords = adds ? c->n_set_keywords : c->n_clear_keywords,
    };
    if (!change.flags && !change.n_keywords)
        return true;
    if (!store_change_flags(w->store, c->account_id, mailbox_id, set, &change, w->a, w->deadline_ms,
                            &result, e))
        return false;
    note_modseq(w, result.modseq);
    return true;
}

YIELDS static bool transfer(const struct task *w, int mailbox_id, const struct store_ranges *set,
                            struct err *e)
{
    struct store_copied copied;
    struct err reason = ERR_CLEAR;
    bool no_target = false;
    const struct store_transfer t = { .account_id = w->change->account_id,
                                      .from_mailbox_id = mailbox_id,
                                      .to_mailbox_id = w->change->to_mailbox_id,
                                      .set = set,
                                      .is_move = w->change->act == STORE_MAIL_MOVE };
    if (store_transfer(w->store, &t, w->a, w->deadline_ms, &copied, &no_target, &reason)) {
        note_modseq(w, copied.modseq);
        return true;
    }
    /* The mailbox it was in is gone, and the message with it. */
    if (reason.kind == ERR_NOT_FOUND && !no_target)
        return true;
    *e = reason;
    return false;
}

YIELDS static bool expunge(const struct task *w, int mailbox_id, const struct store_ranges *set,
                           struct err *e)
{
    struct store_expunged gone;
    struct err reason = ERR_CLEAR;
    if (store_expunge(w->store, w->change->account_id, mailbox_id, set, false, w->a, w->deadline_ms,
                      &gone, &reason)) {
        note_modseq(w, gone.modseq);
        return true;
    }
    if (reason.kind == ERR_NOT_FOUND)
        return true;
    *e = reason;
    return false;
}

YIELDS static bool apply_in(const struct task *w, int mailbox_id, const struct store_ranges *set,
                            struct err *e)
{
    switch (w->change->act) {
    case STORE_MAIL_FLAGS:
        return change_flags(w, mailbox_id, set, STORE_FLAGS_ADD, e) &&
               change_flags(w, mailbox_id, set, STORE_FLAGS_REMOVE, e);
    case STORE_MAIL_MOVE:
    case STORE_MAIL_COPY:
        return transfer(w, mailbox_id, set, e);
    case STORE_MAIL_EXPUNGE:
        return expunge(w, mailbox_id, set, e);
    }
    return ERR(e, ERR_INTERNAL, "no such act");
}

/* Whether this place is worked on. A message that is in several mailboxes moves from all of them,
 * and one that is at the destination already needs no copy. */
static bool is_wanted(const struct task *w, const struct places *p, const struct place *place)
{
    const struct store_mail_change *c = w->change;
    if (c->act == STORE_MAIL_COPY) {
        size_t i = 0;
        while (p->list[i].msg_id != place->msg_id)
            i++;
        return &p->list[i] == place && !has_message(p, place->msg_id, c->to_mailbox_id);
    }
    if (c->act == STORE_MAIL_MOVE && place->mailbox_id == c->to_mailbox_id)
        return false;
    return c->act == STORE_MAIL_FLAGS || !c->from_mailbox_id ||
           place->mailbox_id == c->from_mailbox_id;
}

/* A message that would come to the destination a second time is only taken out of where it is. */
static bool is_second(const struct task *w, const struct places *p, const struct place *place)
{
    if (w->change->act != STORE_MAIL_MOVE)
        return false;
    if (has_message(p, place->msg_id, w->change->to_mailbox_id))
        return true;
    for (const struct place *at = p->list; at < place; at++) {
        if (at->msg_id == place->msg_id && is_wanted(w, p, at))
            return true;
    }
    return false;
}

/* One mailbox: the places from `from` to `to`. */
YIELDS static bool apply_group(const struct task *w, const struct places *p, size_t from, size_t to,
                               struct err *e)
{
    uint32_t *uids = ARENA_ARRAY(w->a, uint32_t, to - from);
    uint32_t *seconds = ARENA_ARRAY(w->a, uint32_t, to - from);
    size_t n = 0;
    size_t n_seconds = 0;
    int mailbox_id = p->list[from].mailbox_id;
    for (size_t i = from; i < to; i++) {
        if (!is_wanted(w, p, &p->list[i]))
            continue;
        if (is_second(w, p, &p->list[i])) {
            seconds[n_seconds++] = p->list[i].uid;
        } else {
            uids[n++] = p->list[i].uid;
        }
    }
    const struct store_ranges set = store_ranges_of(w->a, uids, n);
    const struct store_ranges rest = store_ranges_of(w->a, seconds, n_seconds);
    return (n == 0 || apply_in(w, mailbox_id, &set, e)) &&
           (n_seconds == 0 || expunge(w, mailbox_id, &rest, e));
}

bool store_mail_apply(struct store *s, const struct store_mail_change *change, struct arena *a,
                      int64_t deadline_ms, struct store_mail_changed *out, struct err *e)
{
    struct places p = { 0 };
    const struct task w = {
        .store = s, .change = change, .a = a, .deadline_ms = deadline_ms, .out = out
    };
    INVARIANT(change->n <= STORE_MAX_BATCH);
    *out = (struct store_mail_changed){ 0 };
    if (!find(&w, &p, e))
        return false;
    note_missed(&w, &p);
    for (size_t from = 0, to; from < p.n; from = to) {
        to = from + 1;
        while (to < p.n && p.list[to].mailbox_id == p.list[from].mailbox_id)
            to++;
        if (!apply_group(&w, &p, from, to, e))
            return false;
    }
    return true;
}
