/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the view, its rows and keywords. */
#include "services/imap/view.h"

#include "services/imap/contexts.h"
#include "services/imap/resolve.h"
#include "services/imap/service.h"
#include "services/imap/watch.h"

#include <stdlib.h>

/* ---- opening and closing ---- */

/* Called by notify, outside any fiber. Only who asked for it is told at once; others with the
 * answer of their next command. */
static void changed(int64_t account_id, int64_t modseq, void *arg)
{
    struct imap_session *s = arg;
    (void)account_id;
    if (!s->view || (modseq && modseq <= s->view->modseq))
        return;
    s->is_stale = true;
    int64_t heard = modseq ? modseq : INT64_MAX;
    s->view->heard = heard > s->view->heard ? heard : s->view->heard;
    if (imap_watch_is_prompt(s))
        net_conn_wake(s->conn);
}

struct store_viewed imap_view_viewed(const struct imap_session *s)
{
    return (struct store_viewed){ s->account_id, s->view->account_id, s->view->mailbox_id };
}

void imap_view_set_name(struct imap_view *v, str name)
{
    free(v->name);
    v->name = heap_alloc(name.n + 1);
    memcpy(v->name, name.p, name.n);
    v->name[name.n] = '\0';
}

bool imap_view_is_at(const struct imap_session *s, const struct store_place *place)
{
    return s->view && s->view->account_id == place->account_id &&
           s->view->mailbox_id == place->mailbox.mailbox_id;
}

bool imap_view_open(struct imap_session *s, const struct store_place *place, bool is_read_only,
                    struct err *e)
{
    const struct store_mailbox *mailbox = &place->mailbox;
    int64_t account_id = place->account_id;
    struct imap_box *box =
        imap_box_enter(&s->service->boxes, s->account_id, account_id, mailbox->mailbox_id);
    bool ok = imap_box_refresh_to(box, &mailbox->state, &s->arena, imap_deadline(), e);
    if (ok && box->end != IMAP_BOX_LIVES)
        ok = ERR(e, ERR_NOT_FOUND, "the mailbox is gone");
    if (!ok) {
        imap_box_leave(&box);
        return false;
    }
    struct imap_view *v = HEAP_NEW(struct imap_view);
    v->account_id = account_id;
    v->rights = place->rights;
    v->mailbox_id = mailbox->mailbox_id;
    imap_view_set_name(v, mailbox->name);
    v->is_read_only = is_read_only;
    v->box = box;
    v->uidvalidity = box->uidvalidity;
    v->uidnext = box->uidnext;
    v->modseq = box->modseq;
    imap_view_show(v, box->rows);
    s->view = v;
    s->state = IMAP_SELECTED;
    /* What came between the look at the rights and the picture may have been a change of rights. */
    s->is_stale = account_id != s->account_id && box->modseq != mailbox->state.modseq;
    s->subscriber = (struct notify_subscriber){ .fn = changed, .arg = s };
    notify_subscribe(s->app->notify, account_id, v->modseq, &s->subscriber);
    return true;
}

void imap_view_close(struct imap_session *s)
{
    struct imap_view *v = s->view;
    if (!v)
        return;
    notify_unsubscribe(s->app->notify, &s->subscriber);
    imap_contexts_free(v);
    imap_rows_drop(&v->rows);
    imap_box_leave(&v->box);
    free(v->saved);
    free(v->name);
    free(v);
    s->view = NULL;
    s->state = IMAP_AUTHENTICATED;
}

/* ---- rows ---- */

void imap_view_show(struct imap_view *v, struct imap_rows *rows)
{
    struct imap_rows *former = v->rows;
    v->rows = imap_rows_hold(rows);
    v->n = rows->n;
    imap_rows_drop(&former);
}

void imap_view_take_flags(struct imap_session *s, const struct store_flag_result *result)
{
    struct imap_view *v = s->view;
    const struct imap_rows_change change = { .rows = result->rows,
                                             .n = result->n,
                                             .overflows = result->overflows,
                                             .n_overflows = result->n_overflows };
    bool is_next = result->modseq && v->modseq == result->former;
    bool is_shared = v->rows == v->box->rows;
    imap_box_take_keywords(v->box, &result->keywords);
    if (result->modseq)
        imap_box_take_change(v->box, &change, result->former, result->modseq);
    if (is_next && is_shared && v->box->modseq == result->modseq) {
        imap_view_show(v, v->box->rows);
    } else {
        struct imap_rows *own = imap_rows_apply(v->rows, &change);
        imap_view_show(v, own);
        imap_rows_drop(&own);
    }
    if (is_next) {
        v->modseq = result->modseq;
        notify_seen(&s->subscriber, v->modseq);
    } else if (result->modseq) {
        s->is_stale = true;
    }
}

/* Every change in an account raises its modseq by one: when the first message has the modseq behind
 * the one of the box, there is nothing between. */
void imap_view_take_new(struct imap_session *s, const struct store_row *rows, size_t n,
                        uint32_t uidvalidity, int64_t modseq)
{
    struct imap_box *box = s->view->box;
    const struct imap_rows_change change = { .rows = rows, .n = n, .takes_new = true };
    bool is_next = box->modseq + (int64_t)n == modseq && box->uidvalidity == uidvalidity &&
                   box->uidnext == rows[0].uid;
    if (!is_next || s->view->account_id != s->account_id)
        return;
    imap_box_take_change(box, &change, box->modseq, modseq);
    s->view->is_box_up = box->modseq == modseq;
}

void imap_view_note_made(struct imap_session *s, const struct store_place *place, uint32_t first,
                         size_t n)
{
    if (!imap_view_is_at(s, place))
        return;
    s->made_first = first;
    s->made_n = n;
}

const struct store_row *imap_view_row(const struct imap_view *v, size_t index)
{
    return imap_rows_at(v->rows, index);
}

uint32_t imap_view_last_uid(const struct imap_view *v)
{
    return imap_rows_last_uid(v->rows);
}

size_t imap_view_lower_bound(const struct imap_view *v, uint32_t uid)
{
    return imap_rows_lower_bound(v->rows, uid);
}

ptrdiff_t imap_view_find(const struct imap_view *v, uint32_t uid)
{
    size_t at = imap_view_lower_bound(v, uid);
    return at < v->n && imap_view_row(v, at)->uid == uid ? (ptrdiff_t)at : -1;
}

/* ---- keywords ---- */

bool imap_view_has_new_keywords(struct imap_view *v)
{
    const struct imap_box *box = v->box;
    size_t more = box->more_keywords ? strlen(box->more_keywords) : 0;
    bool is_new = (box->used_keywords & ~v->told_keywords) != 0 || more > v->told_more;
    v->told_keywords |= box->used_keywords;
    v->told_more = more;
    return is_new;
}

/* System flags and the keywords of the bits. */
static bool format_bits(struct buf *out, const struct imap_view *v, unsigned flags, uint64_t kw)
{
    str names[STORE_KEYWORD_BITS];
    struct imap_flags list = { .bits = flags, .keywords = names };
    for (size_t bit = 0; kw && bit < v->box->n_keywords; bit++) {
        if ((kw >> bit & 1) && v->box->keywords[bit])
            names[list.n++] = str_from_cstr(v->box->keywords[bit]);
    }
    return imap_flags_format(out, &list);
}

bool imap_view_flags_format(struct buf *out, const struct imap_view *v, size_t index)
{
    const struct store_row *row = imap_view_row(v, index);
    const char *more = row->has_more ? imap_rows_overflow(v->rows, row->uid) : NULL;
    bool is_empty = row->flags == 0 && row->kw == 0;
    return format_bits(out, v, row->flags, row->kw) &&
           (!more || buf_addf(out, "%s%s", is_empty ? "" : " ", more));
}

bool imap_view_all_flags_format(struct buf *out, const struct imap_view *v)
{
    return format_bits(out, v, IMAP_FLAGS_ALL, v->box->used_keywords) &&
           (!v->box->more_keywords || buf_add(out, str_from_cstr(v->box->more_keywords)));
}

bool imap_view_permanent_flags_format(struct buf *out, const struct imap_view *v)
{
    if (imap_rights_keywords(v->rights)) {
        bool has_all = imap_rights_flags(v->rights, IMAP_FLAGS_ALL) == IMAP_FLAGS_ALL;
        return (has_all ? imap_view_all_flags_format(out, v)
                        : format_bits(out, v, imap_rights_flags(v->rights, IMAP_FLAGS_ALL),
                                      v->box->used_keywords)) &&
               buf_add(out, STR(" \\*"));
    }
    return format_bits(out, v, imap_rights_flags(v->rights, IMAP_FLAGS_ALL), 0);
}

bool imap_view_has_keyword(const struct imap_view *v, size_t index, str name)
{
    const struct store_row *row = imap_view_row(v, index);
    for (size_t bit = 0; row->kw && bit < v->box->n_keywords; bit++) {
        if ((row->kw >> bit & 1) && str_ieq(str_from_cstr(v->box->keywords[bit]), name))
            return true;
    }
    str word;
    str rest = str_from_cstr(row->has_more ? imap_rows_overflow(v->rows, row->uid) : NULL);
    while (rest.n) {
        (void)str_cut(rest, ' ', &word, &rest);
        if (str_ieq(word, name))
            return true;
    }
    return false;
}

/* ---- selections ---- */

static void add_uid_range(const struct imap_view *v, uint32_t first, uint32_t last,
                          struct imap_selection *out)
{
    for (size_t i = imap_view_lower_bound(v, first); i < v->n && imap_view_row(v, i)->uid <= last;
         i++)
        out->index[out->n++] = (uint32_t)i;
}

static bool add_numbers(const struct imap_view *v, struct imap_sequence *set,
                        struct imap_selection *out, struct err *e)
{
    bool may_be_empty = set->has_star && v->n == 0;
    imap_sequence_resolve(set, (uint32_t)v->n);
    if (may_be_empty)
        return true;
    if (imap_sequence_last(set) > v->n)
        return ERR(e, ERR_SYNTAX, "message %u of %zu", imap_sequence_last(set), v->n);
    for (size_t i = 0; i < set->n; i++) {
        for (uint32_t number = set->ranges[i].first; number <= set->ranges[i].last; number++)
            out->index[out->n++] = number - 1;
    }
    return true;
}

bool imap_select_messages(struct imap_session *s, struct imap_sequence *set, bool is_uid,
                          struct imap_selection *out, struct err *e)
{
    const struct imap_view *v = s->view;
    out->index = ARENA_ARRAY(&s->arena, uint32_t, v->n + 1);
    out->n = 0;
    if (set->is_saved_result) {
        for (size_t i = 0; i < v->n_saved; i++)
            add_uid_range(v, v->saved[i], v->saved[i], out);
        return true;
    }
    if (!is_uid)
        return add_numbers(v, set, out, e);
    imap_sequence_resolve(set, imap_view_last_uid(v));
    for (size_t i = 0; i < set->n; i++)
        add_uid_range(v, set->ranges[i].first, set->ranges[i].last, out);
    return true;
}

struct store_ranges imap_selection_ranges(struct imap_session *s,
                                          const struct imap_selection *selection)
{
    uint32_t *uids = ARENA_ARRAY(&s->arena, uint32_t, selection->n + 1);
    for (size_t i = 0; i < selection->n; i++)
        uids[i] = imap_view_row(s->view, selection->index[i])->uid;
    return store_ranges_of(&s->arena, uids, selection->n);
}
