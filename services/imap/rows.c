/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a mailbox made of shared pieces. */
#include "services/imap/rows.h"

#include <stdlib.h>

enum {
    OVERFLOW_NAMES_MAX = 64 * 1024 * 1024 /* octets of all of a picture */
};

/* ---- pieces ---- */

static size_t piece_bytes(size_t n)
{
    return sizeof(struct imap_piece) + n * sizeof(struct store_row);
}

static void drop_piece(struct imap_piece *p, size_t *counted)
{
    if (--p->holders > 0)
        return;
    *counted -= piece_bytes(p->n);
    free(p);
}

static void drop_overflows(struct imap_overflows *o, size_t *counted)
{
    if (!o || --o->holders > 0)
        return;
    *counted -= o->bytes;
    free(o);
}

/* ---- lookups ---- */

/* The piece that holds the index: mostly all of them are full. */
static size_t piece_of(const struct imap_rows *r, size_t index)
{
    size_t guess = index / IMAP_PIECE_ROWS;
    if (guess < r->n_pieces && r->starts[guess] <= index &&
        index - r->starts[guess] < r->pieces[guess]->n)
        return guess;
    size_t low = 0;
    size_t high = r->n_pieces;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (r->starts[middle] <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct store_row *imap_rows_at(const struct imap_rows *r, size_t index)
{
    INVARIANT(index < r->n && r->pieces);
    size_t piece = piece_of(r, index);
    return &r->pieces[piece]->rows[index - r->starts[piece]];
}

size_t imap_rows_lower_bound(const struct imap_rows *r, uint32_t uid)
{
    size_t low = 0;
    size_t high = r->n_pieces;
    while (low < high) { /* the first piece whose last message is not below */
        size_t middle = low + (high - low) / 2;
        const struct imap_piece *p = r->pieces[middle];
        if (p->rows[p->n - 1].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == r->n_pieces)
        return r->n;
    const struct imap_piece *p = r->pieces[low];
    size_t from = 0;
    size_t to = p->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (p->rows[middle].uid < uid) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return r->starts[low] + from;
}

uint32_t imap_rows_last_uid(const struct imap_rows *r)
{
    if (r->n == 0)
        return 0;
    const struct imap_piece *last = r->pieces[r->n_pieces - 1];
    return last->rows[last->n - 1].uid;
}

const char *imap_rows_overflow(const struct imap_rows *r, uint32_t uid)
{
    size_t low = 0;
    size_t high = r->overflows ? r->overflows->n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->overflows->list[middle].uid == uid)
            return r->overflows->list[middle].names;
        if (r->overflows->list[middle].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* ---- making a picture ---- */

/* A picture in the making: its pieces, of which the last may still grow. */
struct building {
    struct imap_piece **pieces;
    size_t n;
    size_t room;
    struct imap_piece *open; /* not in `pieces` yet; has room for IMAP_PIECE_ROWS */
    size_t *counted;
};

static void add_piece(struct building *b, struct imap_piece *p)
{
    if (b->n == b->room) {
        b->room = b->room ? b->room * 2 : 1;
        b->pieces = heap_realloc(b->pieces, b->room * sizeof(struct imap_piece *));
    }
    b->pieces[b->n++] = p;
}

/* The open piece is complete: it takes no more room than it needs. */
static void close_piece(struct building *b)
{
    struct imap_piece *p = b->open;
    b->open = NULL;
    if (!p)
        return;
    if (p->n == 0) {
        free(p);
        return;
    }
    if (p->n < IMAP_PIECE_ROWS)
        p = heap_realloc(p, piece_bytes(p->n));
    *b->counted += piece_bytes(p->n);
    add_piece(b, p);
}

static void add_row(struct building *b, const struct store_row *row)
{
    if (b->open && b->open->n == IMAP_PIECE_ROWS)
        close_piece(b);
    if (!b->open) {
        b->open = heap_alloc(piece_bytes(IMAP_PIECE_ROWS));
        b->open->holders = 1;
        b->open->n = 0;
    }
    b->open->rows[b->open->n++] = *row;
}

static void share_piece(struct building *b, struct imap_piece *p)
{
    close_piece(b);
    p->holders++;
    add_piece(b, p);
}

static struct imap_rows *finish(struct building *b)
{
    close_piece(b);
    struct imap_rows *r = HEAP_NEW(struct imap_rows);
    r->holders = 1;
    r->counted = b->counted;
    r->n_pieces = (uint32_t)b->n;
    r->pieces = b->n ? heap_realloc(b->pieces, b->n * sizeof(struct imap_piece *)) : NULL;
    r->starts = b->n ? heap_alloc(b->n * sizeof(*r->starts)) : NULL;
    for (size_t i = 0; i < b->n; i++) {
        r->starts[i] = r->n;
        r->n += r->pieces[i]->n;
    }
    *r->counted += sizeof(*r) + b->n * (sizeof(*r->starts) + sizeof(struct imap_piece *));
    return r;
}

struct imap_rows *imap_rows_new(size_t *counted)
{
    struct building b = { .n = 0 };
    b.counted = counted;
    return finish(&b);
}

struct imap_rows *imap_rows_hold(struct imap_rows *r)
{
    r->holders++;
    return r;
}

void imap_rows_drop(struct imap_rows **rows)
{
    struct imap_rows *r = *rows;
    *rows = NULL;
    if (!r || --r->holders > 0)
        return;
    for (size_t i = 0; i < r->n_pieces; i++)
        drop_piece(r->pieces[i], r->counted);
    drop_overflows(r->overflows, r->counted);
    *r->counted -= sizeof(*r) + r->n_pieces * (sizeof(*r->starts) + sizeof(struct imap_piece *));
    free(r->pieces);
    free(r->starts);
    free(r);
}

/* ---- changing ---- */

/* A change while it is applied: how far it was used. */
struct applying {
    const struct imap_rows_change *change;
    size_t row;   /* the first of change->rows that is not below the present UID */
    size_t range; /* the same of change->vanished */
    struct building b;
};

static void skip_below(struct applying *a, uint32_t uid)
{
    const struct imap_rows_change *c = a->change;
    while (a->row < c->n && c->rows[a->row].uid < uid)
        a->row++;
    while (a->range < c->vanished.n && c->vanished.list[a->range].last < uid)
        a->range++;
}

static bool is_vanished(const struct applying *a, uint32_t uid)
{
    const struct store_ranges *r = &a->change->vanished;
    return a->range < r->n && r->list[a->range].first <= uid;
}

/* The new state of a message, NULL when it stays as it is. */
static const struct store_row *new_state(const struct applying *a, const struct store_row *row)
{
    const struct imap_rows_change *c = a->change;
    bool is_named = a->row < c->n && c->rows[a->row].uid == row->uid;
    return is_named && c->rows[a->row].modseq != row->modseq ? &c->rows[a->row] : NULL;
}

/* Whether the change does anything to the piece; works with a copy of how far it was used. */
static bool touches(struct applying a, const struct imap_piece *p)
{
    const struct imap_rows_change *c = a.change;
    uint32_t last = p->rows[p->n - 1].uid;
    skip_below(&a, p->rows[0].uid);
    bool may_be = (a.row < c->n && c->rows[a.row].uid <= last) || is_vanished(&a, last);
    for (size_t i = 0; may_be && i < p->n; i++) {
        skip_below(&a, p->rows[i].uid);
        if (is_vanished(&a, p->rows[i].uid) || new_state(&a, &p->rows[i]))
            return true;
    }
    return false;
}

static void rebuild_piece(struct applying *a, const struct imap_piece *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct store_row row = p->rows[i];
        skip_below(a, row.uid);
        if (is_vanished(a, row.uid))
            continue;
        const struct store_row *new = new_state(a, &row);
        if (new) {
            row.flags = new->flags;
            row.kw = new->kw;
            row.modseq = new->modseq;
            row.has_more = new->has_more;
        }
        add_row(&a->b, &row);
    }
}

/* True when there was something to add. */
static bool add_new(struct applying *a, const struct imap_rows *old)
{
    const struct imap_rows_change *c = a->change;
    uint32_t last = imap_rows_last_uid(old);
    size_t at = c->n;
    while (at > 0 && c->rows[at - 1].uid > last)
        at--;
    if (at == c->n)
        return false;
    /* The last piece is filled up before another one begins. */
    if (!a->b.open && a->b.n && a->b.pieces[a->b.n - 1]->n < IMAP_PIECE_ROWS) {
        struct imap_piece *p = a->b.pieces[--a->b.n];
        for (size_t i = 0; i < p->n; i++)
            add_row(&a->b, &p->rows[i]);
        drop_piece(p, a->b.counted);
    }
    for (; at < c->n; at++)
        add_row(&a->b, &c->rows[at]);
    return true;
}

/* ---- keywords without a bit ---- */

static bool is_named(const struct store_overflow *list, size_t n, uint32_t uid, size_t *at)
{
    while (*at < n && list[*at].uid < uid)
        ++*at;
    return *at < n && list[*at].uid == uid;
}

static void add_names(struct buf *text, const struct store_overflow *o)
{
    for (size_t i = 0; i < o->n; i++)
        (void)buf_addf(text, "%s%.*s", i ? " " : "", STR_FMT(o->names[i]));
    (void)buf_add_byte(text, '\0');
}

/* The overflows of the new picture: of each message that has some, what the change says, else what
 * was known. */
static struct imap_overflows *join_overflows(const struct imap_rows *old,
                                             const struct imap_rows_change *change,
                                             const struct imap_rows *new)
{
    struct buf text;
    size_t n = 0;
    size_t at = 0;
    size_t room = (old->overflows ? old->overflows->n : 0) + change->n_overflows;
    uint32_t *uids = heap_alloc((room + 1) * sizeof(*uids));
    size_t *offsets = heap_alloc((room + 1) * sizeof(*offsets));
    buf_init(&text, OVERFLOW_NAMES_MAX);
    for (size_t i = 0; i < new->n &&n < room; i++) {
        const struct store_row *row = imap_rows_at(new, i);
        if (!row->has_more)
            continue;
        const char *known = imap_rows_overflow(old, row->uid);
        uids[n] = row->uid;
        offsets[n] = text.n;
        if (is_named(change->overflows, change->n_overflows, row->uid, &at)) {
            add_names(&text, &change->overflows[at]);
            n++;
        } else if (known) {
            (void)buf_add(&text, str_of(known, strlen(known) + 1));
            n++;
        }
    }
    size_t head = sizeof(struct imap_overflows) + n * sizeof(struct imap_overflow);
    struct imap_overflows *o = heap_alloc(head + text.n + 1);
    *o = (struct imap_overflows){ .holders = 1, .bytes = head + text.n + 1, .n = n };
    char *names = (char *)o + head;
    if (text.n)
        memcpy(names, text.p, text.n);
    for (size_t i = 0; i < n; i++)
        o->list[i] = (struct imap_overflow){ uids[i], names + offsets[i] };
    *new->counted += o->bytes;
    buf_fini(&text);
    free(uids);
    free(offsets);
    return o;
}

struct imap_rows *imap_rows_apply(struct imap_rows *old, const struct imap_rows_change *change)
{
    struct applying a = { .change = change, .b = { .counted = old->counted } };
    bool is_different = false;
    for (size_t i = 0; i < old->n_pieces; i++) {
        if (touches(a, old->pieces[i])) {
            is_different = true;
            rebuild_piece(&a, old->pieces[i]);
        } else {
            share_piece(&a.b, old->pieces[i]);
        }
    }
    if (change->takes_new)
        is_different |= add_new(&a, old);
    struct imap_rows *new = finish(&a.b);
    if (!is_different) {
        imap_rows_drop(&new);
        return imap_rows_hold(old);
    }
    if (change->n_overflows) {
        new->overflows = join_overflows(old, change, new);
    } else if (old->overflows) {
        /* What it says of messages that lost theirs is not asked for: has_more is false there. */
        new->overflows = old->overflows;
        new->overflows->holders++;
    }
    return new;
}

/* ---- differences ---- */

void imap_rows_diff_init(struct imap_rows_diff *d, const struct imap_rows *old,
                         const struct imap_rows *new)
{
    *d = (struct imap_rows_diff){ .old = old, .new = new };
}

/* Steps over pieces that both have, as long as both walks stand at the beginning of one. */
static void skip_shared(struct imap_rows_diff *d)
{
    while (d->old_at < d->old->n && d->new_at < d->new->n) {
        size_t i = piece_of(d->old, d->old_at);
        size_t k = piece_of(d->new, d->new_at);
        if (d->old->pieces[i] != d->new->pieces[k] || d->old->starts[i] != d->old_at ||
            d->new->starts[k] != d->new_at)
            return;
        d->old_at += d->old->pieces[i]->n;
        d->new_at += d->new->pieces[k]->n;
    }
}

enum imap_difference imap_rows_diff_next(struct imap_rows_diff *d)
{
    for (;;) {
        skip_shared(d);
        const struct store_row *old =
            d->old_at < d->old->n ? imap_rows_at(d->old, d->old_at) : NULL;
        const struct store_row *new =
            d->new_at < d->new->n ? imap_rows_at(d->new, d->new_at) : NULL;
        if (!old && !new)
            return IMAP_SAME;
        d->old_index = d->old_at;
        d->new_index = d->new_at;
        if (!new || (old && old->uid < new->uid)) {
            d->old_at++;
            return IMAP_GONE;
        }
        if (!old || new->uid < old->uid) {
            d->new_at++;
            return IMAP_ARRIVED;
        }
        d->old_at++;
        d->new_at++;
        if (old->modseq != new->modseq)
            return IMAP_CHANGED;
    }
}
