/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about changes, in the order EXPUNGE, FLAGS, EXISTS, FETCH. */
#include "services/imap/updates.h"

#include "obs/obs.h"
#include "services/imap/contexts.h"
#include "services/imap/resolve.h"
#include "services/imap/vanished.h"
#include "services/imap/watch.h"

void imap_begin_condstore(struct imap_session *s)
{
    bool was_on = s->is_condstore;
    s->is_condstore = true;
    if (s->view && !was_on)
        (void)imap_sendf(s, "* OK [HIGHESTMODSEQ %lld] Highest\r\n", (long long)s->view->modseq);
}

bool imap_send_flags(struct imap_session *s)
{
    (void)imap_view_has_new_keywords(s->view);
    bool ok = buf_add(&s->out, STR("* FLAGS (")) && imap_view_all_flags_format(&s->out, s->view) &&
              buf_add(&s->out, STR(")\r\n"));
    return ok && imap_send_out(s);
}

bool imap_send_new_flags(struct imap_session *s)
{
    return !imap_view_has_new_keywords(s->view) || imap_send_flags(s);
}

bool imap_put_fetch(struct imap_session *s, size_t index)
{
    struct buf *out = &s->out;
    if (s->is_uidonly) {
        return buf_add(out, STR("* ")) && buf_add_uint(out, imap_view_row(s->view, index)->uid) &&
               buf_add(out, STR(" UIDFETCH ("));
    }
    return buf_add(out, STR("* ")) && buf_add_uint(out, index + 1) && buf_add(out, STR(" FETCH ("));
}

bool imap_put_row(struct imap_session *s, size_t index, bool with_uid)
{
    struct buf *out = &s->out;
    const struct store_row *row = imap_view_row(s->view, index);
    bool ok = imap_put_fetch(s, index);
    if (with_uid && !s->is_uidonly) {
        ok = ok && buf_add(out, STR("UID ")) && buf_add_uint(out, row->uid) &&
             buf_add_byte(out, ' ');
    }
    ok = ok && buf_add(out, STR("FLAGS (")) && imap_view_flags_format(out, s->view, index) &&
         buf_add_byte(out, ')');
    if (s->is_condstore) {
        ok = ok && buf_add(out, STR(" MODSEQ (")) && buf_add_uint(out, (uint64_t)row->modseq) &&
             buf_add_byte(out, ')');
    }
    return ok && buf_add(out, STR(")\r\n"));
}

/* ---- telling ---- */

/* One update in work: from what the client knows to what is there. Both pictures are held, as
 * other sessions go on while this one writes. */
struct update {
    struct imap_session *s;
    struct imap_rows *old;
    struct imap_rows *new;
    int64_t modseq;   /* of `new` */
    uint32_t uidnext; /* of `new` */
    size_t gone;
    size_t arrived;
    size_t changed;
};

static void count_differences(struct update *u)
{
    struct imap_rows_diff d;
    enum imap_difference what;
    imap_rows_diff_init(&d, u->old, u->new);
    while (u->old != u->new && (what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        u->gone += what == IMAP_GONE;
        u->arrived += what == IMAP_ARRIVED;
        u->changed += what == IMAP_CHANGED;
    }
}

/* Each line renumbers what follows. */
static void send_expunges(const struct update *u)
{
    struct imap_session *s = u->s;
    struct imap_rows_diff d;
    enum imap_difference what;
    size_t sent = 0;
    imap_rows_diff_init(&d, u->old, u->new);
    while (sent < u->gone && (what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        if (what != IMAP_GONE)
            continue;
        (void)(buf_add(&s->out, STR("* ")) && buf_add_uint(&s->out, d.old_index - sent + 1) &&
               buf_add(&s->out, STR(" EXPUNGE\r\n")));
        (void)imap_send_some(s);
        sent++;
    }
    (void)imap_send_out(s);
}

static void send_vanished(const struct update *u)
{
    struct imap_rows_diff d;
    struct imap_vanished w;
    enum imap_difference what;
    size_t seen = 0;
    imap_vanished_begin(&w, u->s, false);
    imap_rows_diff_init(&d, u->old, u->new);
    while (seen < u->gone && (what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        if (what != IMAP_GONE)
            continue;
        uint32_t uid = imap_rows_at(u->old, d.old_index)->uid;
        imap_vanished_add(&w, uid, uid);
        seen++;
    }
    imap_vanished_end(&w);
}

static bool is_news(const struct imap_session *s, const struct store_row *old,
                    const struct store_row *new)
{
    if (!(imap_watch_selected_events(s) & IMAP_EVENT_FLAG_CHANGE))
        return false;
    return s->is_condstore || old->flags != new->flags || old->kw != new->kw || old->has_more ||
           new->has_more;
}

/* Flags of messages that the client knows, where it does not know them. With `own_numbers` the
 * view is still the old one, else the new one. */
static void send_changes(const struct update *u, bool own_numbers)
{
    struct imap_session *s = u->s;
    struct imap_rows_diff d;
    enum imap_difference what;
    size_t seen = 0;
    imap_rows_diff_init(&d, u->old, u->new);
    while (seen < u->changed && (what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        if (what != IMAP_CHANGED)
            continue;
        seen++;
        if (is_news(s, imap_rows_at(u->old, d.old_index), imap_rows_at(u->new, d.new_index)))
            (void)imap_put_row(s, own_numbers ? d.old_index : d.new_index, true);
        (void)imap_send_some(s);
    }
    (void)imap_send_out(s);
}

static void tell_all(const struct update *u)
{
    struct imap_session *s = u->s;
    imap_contexts_before(s, u->old, u->new);
    if (s->is_qresync || s->is_uidonly) {
        send_vanished(u);
    } else {
        send_expunges(u);
    }
    imap_view_show(s->view, u->new);
    s->view->modseq = u->modseq;
    s->view->uidnext = u->uidnext;
    (void)imap_send_new_flags(s);
    if (u->arrived) {
        (void)imap_sendf(s, s->is_rev2 ? "* %zu EXISTS\r\n" : "* %zu EXISTS\r\n* 0 RECENT\r\n",
                         s->view->n);
    }
    send_changes(u, false);
}

/* The old picture with the new flags, for as long as the client may not be told the rest. */
static struct imap_rows *with_new_flags(const struct update *u)
{
    struct arena *a = &u->s->arena;
    struct imap_rows_diff d;
    enum imap_difference what;
    struct store_row *rows = ARENA_ARRAY(a, struct store_row, u->changed);
    struct store_overflow *overflows = ARENA_ARRAY(a, struct store_overflow, u->changed);
    struct imap_rows_change change = { .rows = rows, .overflows = overflows };
    imap_rows_diff_init(&d, u->old, u->new);
    while ((what = imap_rows_diff_next(&d)) != IMAP_SAME) {
        if (what != IMAP_CHANGED)
            continue;
        const struct store_row *row = imap_rows_at(u->new, d.new_index);
        rows[change.n++] = *row;
        if (!row->has_more)
            continue;
        /* All of its names as if they were one: they are only written. */
        str *names = ARENA_NEW(a, str);
        *names = str_from_cstr(imap_rows_overflow(u->new, row->uid));
        overflows[change.n_overflows++] = (struct store_overflow){ row->uid, names, 1 };
    }
    return imap_rows_apply(u->old, &change);
}

static void tell_flags(const struct update *u)
{
    struct imap_session *s = u->s;
    struct imap_rows *shown = with_new_flags(u);
    imap_view_show(s->view, shown);
    imap_rows_drop(&shown);
    (void)imap_send_new_flags(s);
    send_changes(u, true);
    s->is_stale = true; /* the rest, when it may be told */
}

/* A mailbox that is not there any more ends the session (RFC 9051 section 6.3.4). */
static bool is_over(struct imap_session *s)
{
    switch (s->view->box->end) {
    case IMAP_BOX_LIVES:
        return false;
    case IMAP_BOX_DELETED:
        imap_bye(s, "NONEXISTENT", "The mailbox was deleted", "mailbox_gone");
        break;
    case IMAP_BOX_WENT_BACK:
        imap_bye(s, "UNAVAILABLE", "The mailbox was set back to an earlier state, connect again",
                 "mailbox_went_back");
        break;
    }
    return true;
}

bool imap_updates_send(struct imap_session *s, bool may_renumber, struct err *e)
{
    struct imap_view *v = s->view;
    bool is_up = v->is_box_up && v->heard <= v->box->modseq;
    v->is_box_up = false;
    s->is_stale = false;
    v->heard = 0;
    if (!is_up && !imap_box_refresh(v->box, &s->arena, imap_deadline(), e)) {
        s->is_stale = true;
        return false;
    }
    if (is_over(s))
        return true;
    /* After the picture: what it holds may be told to whom may read it now. */
    if (!imap_view_recheck(s, e)) {
        s->is_stale = true;
        return false;
    }
    if (s->is_closing)
        return true;
    struct update u = { .s = s, .modseq = v->box->modseq, .uidnext = v->box->uidnext };
    u.old = imap_rows_hold(v->rows);
    u.new = imap_rows_hold(v->box->rows);
    count_differences(&u);
    if (may_renumber || u.gone + u.arrived == 0) {
        tell_all(&u);
    } else {
        tell_flags(&u);
    }
    imap_rows_drop(&u.old);
    imap_rows_drop(&u.new);
    if (v->modseq == u.modseq && v->heard <= v->modseq)
        s->is_stale = false; /* it was told of what we know by now */
    notify_seen(&s->subscriber, v->modseq);
    imap_contexts_tell(s);
    return true;
}

bool imap_updates_after_expunge(struct imap_session *s, int64_t modseq, const char *text)
{
    struct err e = ERR_CLEAR;
    str code = STR_EMPTY;
    bool ok = imap_watch_tell_selected(s, true, true, &e);
    if (!ok) {
        obs_log(EV_IMAP_COMMAND_FAILED, net_conn_id(s->conn), OBS_CSTR("command", "EXPUNGE"),
                OBS_ERR(&e));
    }
    /* Only what the client has been told all of (RFC 7162 section 3.2.7). */
    if (ok && s->view && modseq && s->is_condstore)
        code = arena_printf(&s->arena, "HIGHESTMODSEQ %lld", (long long)s->view->modseq);
    return imap_reply(s, IMAP_OK, code, text);
}
