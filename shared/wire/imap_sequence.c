/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing, merging and writing of sequence sets. */
#include "wire/imap_sequence.h"

#include <stdlib.h>

static void append(struct imap_sequence_builder *b, struct imap_range range)
{
    if (!b->set.ranges || b->set.n == b->room) {
        size_t room = b->room ? b->room * 2 : 8;
        struct imap_range *ranges = ARENA_ARRAY(b->a, struct imap_range, room);
        if (b->set.ranges)
            memcpy(ranges, b->set.ranges, b->set.n * sizeof(*ranges));
        b->set.ranges = ranges;
        b->room = room;
    }
    b->set.ranges[b->set.n++] = range;
}

/* A number, or 0 for "*". */
static bool read_end(struct imap_lexer *l, uint32_t *out, struct err *e)
{
    uint64_t value = 0;
    if (imap_lexer_try_byte(l, '*')) {
        *out = 0;
        return true;
    }
    if (!imap_lexer_number(l, UINT32_MAX, &value, e))
        return false;
    if (value == 0)
        return ERR(e, ERR_SYNTAX, "0 is no message number");
    *out = (uint32_t)value;
    return true;
}

bool imap_sequence_parse(struct imap_lexer *l, struct imap_sequence *out, struct err *e)
{
    struct imap_sequence_builder b;
    imap_sequence_build(&b, l->a);
    if (imap_lexer_try_byte(l, '$')) {
        *out = (struct imap_sequence){ .is_saved_result = true };
        return true;
    }
    do {
        struct imap_range range = { 0, 0 };
        if (b.set.n == IMAP_SEQUENCE_RANGES_MAX)
            return ERR(e, ERR_LIMIT, "more than %d ranges", IMAP_SEQUENCE_RANGES_MAX);
        if (!read_end(l, &range.first, e))
            return false;
        range.last = range.first;
        if (imap_lexer_try_byte(l, ':') && !read_end(l, &range.last, e))
            return false;
        b.set.has_star |= range.first == 0 || range.last == 0;
        append(&b, range);
    } while (imap_lexer_try_byte(l, ','));
    *out = b.set;
    return true;
}

static int by_first(const void *a, const void *b)
{
    const struct imap_range *x = a;
    const struct imap_range *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Resolves the stars; drops ranges that have none to stand for. Gives how many are left. */
static size_t resolve_stars(struct imap_range *ranges, size_t n, uint32_t max)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct imap_range r = ranges[i];
        if (max == 0 && (r.first == 0 || r.last == 0))
            continue;
        uint32_t a = r.first ? r.first : max;
        uint32_t b = r.last ? r.last : max;
        ranges[kept++] = (struct imap_range){ a < b ? a : b, a < b ? b : a };
    }
    return kept;
}

void imap_sequence_resolve(struct imap_sequence *s, uint32_t max)
{
    s->n = resolve_stars(s->ranges, s->n, max);
    s->has_star = false;
    if (s->n == 0)
        return;
    qsort(s->ranges, s->n, sizeof(*s->ranges), by_first);
    size_t kept = 0;
    for (size_t i = 1; i < s->n; i++) {
        struct imap_range *last = &s->ranges[kept];
        const struct imap_range *next = &s->ranges[i];
        if (last->last == UINT32_MAX || next->first <= last->last + 1) {
            last->last = next->last > last->last ? next->last : last->last;
            continue;
        }
        s->ranges[++kept] = *next;
    }
    s->n = kept + 1;
}

bool imap_sequence_has(const struct imap_sequence *s, uint32_t number)
{
    size_t low = 0;
    size_t high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->ranges[middle].last < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < s->n && s->ranges[low].first <= number;
}

uint32_t imap_sequence_last(const struct imap_sequence *s)
{
    return s->n ? s->ranges[s->n - 1].last : 0;
}

bool imap_sequence_format(struct buf *out, const struct imap_sequence *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct imap_range r = s->ranges[i];
        bool ok = (i == 0 || buf_add_byte(out, ',')) && buf_add_uint(out, r.first);
        if (ok && r.last != r.first)
            ok = buf_add_byte(out, ':') && buf_add_uint(out, r.last);
        if (!ok)
            return false;
    }
    return true;
}

void imap_sequence_build(struct imap_sequence_builder *b, struct arena *a)
{
    *b = (struct imap_sequence_builder){ .a = a };
}

void imap_sequence_add(struct imap_sequence_builder *b, uint32_t number)
{
    struct imap_range *last = b->set.n ? &b->set.ranges[b->set.n - 1] : NULL;
    if (last && last->last == number)
        return;
    if (last && last->last + 1 == number) {
        last->last = number;
    } else {
        append(b, (struct imap_range){ number, number });
    }
}
