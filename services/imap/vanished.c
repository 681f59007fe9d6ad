/* SPDX-License-Identifier: Apache-2.0 */
/* Writing VANISHED lines, and finding out what vanished. */
#include "services/imap/vanished.h"

enum {
    LINE_MAX_OCTETS = 8000 /* then another line begins */
};

/* ---- writing ---- */

void imap_vanished_begin(struct imap_vanished *w, struct imap_session *s, bool is_earlier)
{
    *w = (struct imap_vanished){ .s = s, .is_earlier = is_earlier, .line = s->out.n };
}

/* Puts the range that does not grow any more. */
YIELDS static void put_range(struct imap_vanished *w)
{
    struct buf *out = &w->s->out;
    if (w->first == 0)
        return;
    bool is_new = out->n == w->line;
    bool ok = is_new
                  ? buf_add(out, w->is_earlier ? STR("* VANISHED (EARLIER) ") : STR("* VANISHED "))
                  : buf_add_byte(out, ',');
    ok = ok && buf_add_uint(out, w->first);
    if (w->last > w->first)
        ok = ok && buf_add_byte(out, ':') && buf_add_uint(out, w->last);
    w->first = 0;
    if (out->n - w->line < LINE_MAX_OCTETS)
        return;
    (void)(ok && buf_add(out, STR("\r\n")));
    (void)imap_send_out(w->s);
    w->line = 0;
}

void imap_vanished_add(struct imap_vanished *w, uint32_t first, uint32_t last)
{
    if (w->first && first - w->last == 1) {
        w->last = last;
        return;
    }
    put_range(w);
    w->first = first;
    w->last = last;
}

void imap_vanished_end(struct imap_vanished *w)
{
    put_range(w);
    if (w->s->out.n > w->line)
        (void)buf_add(&w->s->out, STR("\r\n"));
    (void)imap_send_out(w->s);
}

/* ---- what vanished ---- */

/* The UIDs from first to last that are no message of the view. */
YIELDS static void add_missing(struct imap_vanished *w, uint32_t first, uint32_t last)
{
    const struct imap_view *v = w->s->view;
    uint64_t at = first;
    for (size_t i = imap_view_lower_bound(v, first); i < v->n; i++) {
        uint32_t uid = imap_view_row(v, i)->uid;
        if (uid > last)
            break;
        if (uid > at)
            imap_vanished_add(w, (uint32_t)at, uid - 1);
        at = (uint64_t)uid + 1;
    }
    if (at <= last)
        imap_vanished_add(w, (uint32_t)at, last);
}

bool imap_send_vanished_earlier(struct imap_session *s, const struct imap_sequence *known,
                                int64_t since, uint32_t above, struct err *e)
{
    const struct imap_view *v = s->view;
    const struct store_vanished_query query = { v->account_id, v->mailbox_id, since };
    struct store_ranges gone;
    struct imap_vanished w;
    bool is_too_old = false;
    const struct store_range all_gone = { 1, v->uidnext - 1 };
    struct imap_range all_known = { 1, UINT32_MAX };
    const struct imap_sequence everything = { .ranges = &all_known, .n = 1 };
    if (v->uidnext <= 1)
        return true;
    if (!store_vanished_load(s->app->store, &query, &s->arena, imap_deadline(), &gone, &is_too_old,
                             e))
        return false;
    if (is_too_old)
        gone = (struct store_ranges){ &all_gone, 1 };
    known = known ? known : &everything;
    imap_vanished_begin(&w, s, true);
    for (size_t i = 0, k = 0; i < gone.n && k < known->n;) {
        const struct store_range *g = &gone.list[i];
        const struct imap_range *r = &known->ranges[k];
        uint32_t first = g->first > r->first ? g->first : r->first;
        uint32_t last = g->last < r->last ? g->last : r->last;
        first = first > above ? first : above + 1;
        if (first <= last && above < UINT32_MAX)
            add_missing(&w, first, last);
        if (g->last < r->last) {
            i++;
        } else {
            k++;
        }
    }
    imap_vanished_end(&w);
    return true;
}
