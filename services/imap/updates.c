/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about changes, in the order EXPUNGE, FLAGS, EXISTS, FETCH. */
#include "services/imap/updates.h"

bool imap_send_flags(struct imap_session *s)
{
    bool ok = buf_add(&s->out, STR("* FLAGS (")) && imap_view_all_flags_format(&s->out, s->view) &&
              buf_add(&s->out, STR(")\r\n"));
    return ok && imap_send_out(s);
}

bool imap_send_row(struct imap_session *s, size_t index, bool with_uid)
{
    const struct store_row *row = imap_view_row(s->view, index);
    bool ok = buf_addf(&s->out, "* %zu FETCH (", index + 1);
    if (with_uid)
        ok = ok && buf_addf(&s->out, "UID %u ", (unsigned)row->uid);
    ok = ok && buf_add(&s->out, STR("FLAGS (")) &&
         imap_view_flags_format(&s->out, s->view, index) && buf_add_byte(&s->out, ')');
    if (s->is_condstore)
        ok = ok && buf_addf(&s->out, " MODSEQ (%lld)", (long long)row->modseq);
    return ok && buf_add(&s->out, STR(")\r\n")) && imap_send_out(s);
}

/* ---- reading ---- */

/* When the log does not reach back: everything that is there, and what is not there any more. */
static bool load_all(struct imap_session *s, struct store_delta *delta, struct err *e)
{
    struct imap_view *v = s->view;
    struct store_snapshot all = { 0 };
    if (!store_snapshot_load(s->app->store, v->account_id, v->mailbox_id, &s->arena,
                             imap_deadline(), &all, e))
        return false;
    uint32_t *gone = ARENA_ARRAY(&s->arena, uint32_t, v->n + 1);
    size_t n_gone = 0;
    size_t at = 0;
    for (size_t i = 0; i < v->n; i++) {
        while (at < all.n && all.rows[at].uid < v->rows[i].uid)
            at++;
        if (at == all.n || all.rows[at].uid != v->rows[i].uid)
            gone[n_gone++] = v->rows[i].uid;
    }
    *delta = (struct store_delta){ .state = all.state,
                                   .rows = all.rows,
                                   .n = all.n,
                                   .vanished = store_ranges_of(&s->arena, gone, n_gone),
                                   .keywords = all.keywords,
                                   .overflows = all.overflows,
                                   .n_overflows = all.n_overflows };
    return true;
}

static bool load(struct imap_session *s, struct store_delta *delta, struct err *e)
{
    const struct imap_view *v = s->view;
    return store_delta_load(s->app->store, v->account_id, v->mailbox_id, v->modseq, &s->arena,
                            imap_deadline(), delta, e) &&
           (!delta->is_too_old || load_all(s, delta, e));
}

/* ---- telling and taking over ---- */

/* Takes the vanished messages out of the view; each line renumbers what follows. */
static void send_expunges(struct imap_session *s, const struct store_delta *delta)
{
    struct imap_view *v = s->view;
    size_t kept = 0;
    size_t range = 0;
    for (size_t i = 0; i < v->n; i++) {
        uint32_t uid = v->rows[i].uid;
        while (range < delta->vanished.n && delta->vanished.list[range].last < uid)
            range++;
        bool is_gone = range < delta->vanished.n && delta->vanished.list[range].first <= uid;
        if (!is_gone) {
            v->rows[kept++] = v->rows[i];
            continue;
        }
        imap_view_drop_overflow(v, uid);
        (void)imap_sendf(s, "* %zu EXPUNGE\r\n", kept + 1);
    }
    v->n = kept;
}

/* Whether any of the vanished messages is in the view. */
static bool has_vanished(const struct imap_view *v, const struct store_delta *delta)
{
    for (size_t i = 0; i < delta->vanished.n; i++) {
        size_t at = imap_view_lower_bound(v, delta->vanished.list[i].first);
        if (at < v->n && v->rows[at].uid <= delta->vanished.list[i].last)
            return true;
    }
    return false;
}

/* New rows at the end, with EXISTS. */
static void send_arrivals(struct imap_session *s, const struct store_delta *delta)
{
    struct imap_view *v = s->view;
    uint32_t last = v->n ? v->rows[v->n - 1].uid : 0;
    size_t before = v->n;
    imap_view_reserve(v, delta->n);
    for (size_t i = 0; i < delta->n; i++) {
        if (delta->rows[i].uid <= last)
            continue;
        v->rows[v->n++] = delta->rows[i];
        imap_view_take_row(v, v->n - 1, &delta->rows[i], delta->overflows, delta->n_overflows);
    }
    if (v->n > before) {
        (void)imap_sendf(s, s->is_rev2 ? "* %zu EXISTS\r\n" : "* %zu EXISTS\r\n* 0 RECENT\r\n",
                         v->n);
    }
}

/* Flags of messages that are in the view, where the client does not know them. */
static void send_changes(struct imap_session *s, const struct store_delta *delta, size_t n_old)
{
    struct imap_view *v = s->view;
    for (size_t i = 0; i < delta->n; i++) {
        const struct store_row *new = &delta->rows[i];
        ptrdiff_t at = imap_view_find(v, new->uid);
        if (at < 0 || (size_t)at >= n_old)
            continue;
        struct store_row old = v->rows[at];
        if (old.modseq == new->modseq)
            continue;
        imap_view_take_row(v, (size_t)at, new, delta->overflows, delta->n_overflows);
        bool differs =
            old.flags != new->flags || old.kw != new->kw || old.has_more || new->has_more;
        if (differs || s->is_condstore)
            (void)imap_send_row(s, (size_t)at, true);
    }
}

static bool is_gone(const struct imap_session *s, bool loaded, const struct store_delta *delta,
                    const struct err *e)
{
    return loaded ? delta->state.uidvalidity != s->view->uidvalidity : e->kind == ERR_NOT_FOUND;
}

bool imap_updates_send(struct imap_session *s, bool may_renumber, struct err *e)
{
    struct imap_view *v = s->view;
    struct store_delta delta = { 0 };
    struct err why = ERR_CLEAR;
    s->is_stale = false;
    bool loaded = load(s, &delta, &why);
    if (is_gone(s, loaded, &delta, &why)) {
        imap_bye(s, "NONEXISTENT", "The mailbox was deleted", "mailbox_gone");
        return true;
    }
    if (!loaded) {
        s->is_stale = true;
        *e = why;
        return false;
    }
    if (may_renumber)
        send_expunges(s, &delta);
    if (imap_view_take_keywords(v, &delta.keywords))
        (void)imap_send_flags(s);
    size_t n_old = v->n;
    if (may_renumber)
        send_arrivals(s, &delta);
    send_changes(s, &delta, n_old);
    bool has_new = delta.n && (v->n == 0 || delta.rows[delta.n - 1].uid > v->rows[v->n - 1].uid);
    if (!may_renumber && (has_new || has_vanished(v, &delta))) {
        s->is_stale = true; /* the same delta again, when it may be told */
        return true;
    }
    v->modseq = delta.state.modseq;
    v->uidnext = delta.state.uidnext;
    notify_seen(&s->subscriber, v->modseq);
    return true;
}
