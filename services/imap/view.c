/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the view, its rows and keywords. */
#include "services/imap/view.h"

#include "services/imap/resolve.h"

#include <stdlib.h>

enum {
    NAMES_MAX = (STORE_MAX_KEYWORD + 1) * STORE_MAX_KEYWORDS /* octets of a list of keywords */
};

static char *copy(str s)
{
    char *p = heap_zalloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

/* ---- opening and closing ---- */

/* Called by notify, outside any fiber. Only IDLE is told at once; others are told with the answer
 * of their next command. */
static void changed(int64_t account_id, int64_t modseq, void *arg)
{
    struct imap_session *s = arg;
    (void)account_id;
    if (!s->view || (modseq && modseq <= s->view->modseq))
        return;
    s->is_stale = true;
    if (s->is_idling)
        net_conn_wake(s->conn);
}

static void fill(struct imap_view *v, const struct store_snapshot *snapshot)
{
    v->uidvalidity = snapshot->state.uidvalidity;
    v->uidnext = snapshot->state.uidnext;
    v->modseq = snapshot->state.modseq;
    (void)imap_view_take_keywords(v, &snapshot->keywords);
    imap_view_reserve(v, snapshot->n);
    if (snapshot->n)
        memcpy(v->rows, snapshot->rows, snapshot->n * sizeof(*v->rows));
    v->n = snapshot->n;
    for (size_t i = 0; i < v->n; i++) {
        if (v->rows[i].has_more) {
            imap_view_take_row(v, i, &snapshot->rows[i], snapshot->overflows,
                               snapshot->n_overflows);
        }
    }
}

bool imap_view_open(struct imap_session *s, const struct store_place *place, bool is_read_only,
                    struct err *e)
{
    struct store_snapshot snapshot = { 0 };
    const struct store_mailbox *mailbox = &place->mailbox;
    int64_t account_id = place->account_id;
    if (!store_snapshot_load(s->app->store, account_id, mailbox->mailbox_id, &s->arena,
                             imap_deadline(), &snapshot, e))
        return false;
    struct imap_view *v = HEAP_NEW(struct imap_view);
    v->account_id = account_id;
    v->rights = place->rights;
    v->mailbox_id = mailbox->mailbox_id;
    v->name = copy(mailbox->name);
    v->is_read_only = is_read_only;
    fill(v, &snapshot);
    s->view = v;
    s->state = IMAP_SELECTED;
    s->is_stale = false;
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
    for (size_t i = 0; i < COUNT_OF(v->keywords); i++)
        free(v->keywords[i]);
    for (size_t i = 0; i < v->n_overflows; i++)
        free(v->overflows[i].names);
    free(v->overflows);
    free(v->more_keywords);
    free(v->rows);
    free(v->saved);
    free(v->name);
    free(v);
    s->view = NULL;
    s->state = IMAP_AUTHENTICATED;
}

void imap_view_advance(struct imap_session *s, int64_t modseq)
{
    if (modseq == 0)
        return;
    if (modseq != s->view->modseq + 1) {
        s->is_stale = true;
        return;
    }
    s->view->modseq = modseq;
    notify_seen(&s->subscriber, modseq);
}

/* ---- rows ---- */

const struct store_row *imap_view_row(const struct imap_view *v, size_t index)
{
    return &v->rows[index];
}

uint32_t imap_view_last_uid(const struct imap_view *v)
{
    return v->n ? v->rows[v->n - 1].uid : 0;
}

size_t imap_view_lower_bound(const struct imap_view *v, uint32_t uid)
{
    size_t low = 0;
    size_t high = v->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->rows[middle].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

ptrdiff_t imap_view_find(const struct imap_view *v, uint32_t uid)
{
    size_t at = imap_view_lower_bound(v, uid);
    return at < v->n && v->rows[at].uid == uid ? (ptrdiff_t)at : -1;
}

void imap_view_reserve(struct imap_view *v, size_t n)
{
    if (n == 0)
        return; /* idle sessions of empty mailboxes need no room */
    size_t room = v->room ? v->room : 16;
    while (room < v->n + n)
        room += room / 4 + 16;
    if (room == v->room)
        return;
    v->rows = heap_realloc(v->rows, room * sizeof(*v->rows));
    v->room = room;
}

/* ---- keywords ---- */

void imap_view_drop_overflow(struct imap_view *v, uint32_t uid)
{
    for (size_t i = 0; i < v->n_overflows; i++) {
        if (v->overflows[i].uid != uid)
            continue;
        free(v->overflows[i].names);
        v->n_overflows--;
        memmove(&v->overflows[i], &v->overflows[i + 1],
                (v->n_overflows - i) * sizeof(*v->overflows));
        return;
    }
}

static void add_overflow(struct imap_view *v, const struct store_overflow *overflow)
{
    struct buf names;
    buf_init(&names, NAMES_MAX);
    for (size_t i = 0; i < overflow->n; i++)
        (void)buf_addf(&names, "%s%.*s", i ? " " : "", STR_FMT(overflow->names[i]));
    v->overflows = heap_realloc(v->overflows, (v->n_overflows + 1) * sizeof(*v->overflows));
    v->overflows[v->n_overflows++] = (struct imap_overflow){ overflow->uid, copy(buf_str(&names)) };
    buf_fini(&names);
}

void imap_view_take_row(struct imap_view *v, size_t index, const struct store_row *row,
                        const struct store_overflow *overflows, size_t n_overflows)
{
    struct store_row *to = &v->rows[index];
    imap_view_drop_overflow(v, to->uid);
    to->flags = row->flags;
    to->kw = row->kw;
    to->modseq = row->modseq;
    to->has_more = row->has_more;
    for (size_t i = 0; row->has_more && i < n_overflows; i++) {
        if (overflows[i].uid == row->uid)
            add_overflow(v, &overflows[i]);
    }
}

/* The names that have no bit, as one text; whether there are more than before. */
static bool take_more(struct imap_view *v, const struct store_keywords *keywords)
{
    struct buf names;
    buf_init(&names, NAMES_MAX);
    for (size_t i = 0; i < keywords->n_more; i++)
        (void)buf_addf(&names, " %.*s", STR_FMT(keywords->more[i]));
    bool is_new = names.n > (v->more_keywords ? strlen(v->more_keywords) : 0);
    if (is_new) {
        free(v->more_keywords);
        v->more_keywords = copy(buf_str(&names));
    }
    buf_fini(&names);
    return is_new;
}

bool imap_view_take_keywords(struct imap_view *v, const struct store_keywords *keywords)
{
    for (size_t bit = 0; bit < keywords->n && bit < COUNT_OF(v->keywords); bit++) {
        if (!v->keywords[bit] && keywords->names[bit].n)
            v->keywords[bit] = copy(keywords->names[bit]);
    }
    bool is_new = (keywords->used & ~v->used_keywords) != 0;
    v->used_keywords |= keywords->used;
    return take_more(v, keywords) || is_new;
}

/* System flags and the keywords of the bits. */
static bool format_bits(struct buf *out, const struct imap_view *v, unsigned flags, uint64_t kw)
{
    str names[STORE_KEYWORD_BITS];
    struct imap_flags list = { .bits = flags, .keywords = names };
    for (size_t bit = 0; bit < COUNT_OF(names); bit++) {
        if ((kw >> bit & 1) && v->keywords[bit])
            names[list.n++] = str_from_cstr(v->keywords[bit]);
    }
    return imap_flags_format(out, &list);
}

static const char *overflow_of(const struct imap_view *v, uint32_t uid)
{
    for (size_t i = 0; i < v->n_overflows; i++) {
        if (v->overflows[i].uid == uid)
            return v->overflows[i].names;
    }
    return NULL;
}

bool imap_view_flags_format(struct buf *out, const struct imap_view *v, size_t index)
{
    const struct store_row *row = &v->rows[index];
    const char *more = row->has_more ? overflow_of(v, row->uid) : NULL;
    bool is_empty = row->flags == 0 && row->kw == 0;
    return format_bits(out, v, row->flags, row->kw) &&
           (!more || buf_addf(out, "%s%s", is_empty ? "" : " ", more));
}

bool imap_view_all_flags_format(struct buf *out, const struct imap_view *v)
{
    return format_bits(out, v, IMAP_FLAGS_ALL, v->used_keywords) &&
           (!v->more_keywords || buf_add(out, str_from_cstr(v->more_keywords)));
}

bool imap_view_permanent_flags_format(struct buf *out, const struct imap_view *v)
{
    if (imap_rights_keywords(v->rights)) {
        bool has_all = imap_rights_flags(v->rights, IMAP_FLAGS_ALL) == IMAP_FLAGS_ALL;
        return (has_all ? imap_view_all_flags_format(out, v)
                        : format_bits(out, v, imap_rights_flags(v->rights, IMAP_FLAGS_ALL),
                                      v->used_keywords)) &&
               buf_add(out, STR(" \\*"));
    }
    return format_bits(out, v, imap_rights_flags(v->rights, IMAP_FLAGS_ALL), 0);
}

bool imap_view_has_keyword(const struct imap_view *v, size_t index, str name)
{
    const struct store_row *row = &v->rows[index];
    for (size_t bit = 0; bit < COUNT_OF(v->keywords); bit++) {
        if ((row->kw >> bit & 1) && str_ieq(str_from_cstr(v->keywords[bit]), name))
            return true;
    }
    str word;
    str rest = str_from_cstr(row->has_more ? overflow_of(v, row->uid) : NULL);
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
    for (size_t i = imap_view_lower_bound(v, first); i < v->n && v->rows[i].uid <= last; i++)
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
        uids[i] = s->view->rows[selection->index[i]].uid;
    return store_ranges_of(&s->arena, uids, selection->n);
}
