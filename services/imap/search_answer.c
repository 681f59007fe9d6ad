/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of answers, item by item. */
#include "services/imap/search_answer.h"

#include "services/imap/updates.h"

#include "wire/imap_mailbox_name.h"

#include <stdlib.h>

enum {
    FLUSH_AT = 32 * 1024 /* octets of the answer */
};

static const struct store_row *row_of(const struct imap_answer *a, size_t i)
{
    return imap_view_row(a->search->view, a->found->index[i]);
}

static uint32_t name_of(const struct imap_answer *a, size_t i)
{
    return a->is_uid ? row_of(a, i)->uid : a->found->index[i] + 1;
}

/* The results that PARTIAL names. */
static void window_of(const struct imap_answer *a, size_t *from, size_t *count)
{
    imap_partial_window(&a->args->partial, a->found->n, from, count);
}

/* ---- MODSEQ ---- */

/* The highest modseq of what is told (RFC 7162 sections 3.1.5 and 3.1.10). */
static int64_t told_modseq(const struct imap_answer *a, unsigned returns)
{
    size_t n = a->found->n;
    unsigned few = returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX);
    int64_t highest = 0;
    bool is_few = few && !(returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT | IMAP_RETURN_PARTIAL));
    for (size_t i = 0; i < n; i++) {
        bool is_told = !is_few || (i == 0 && (few & IMAP_RETURN_MIN)) ||
                       (i == n - 1 && (few & IMAP_RETURN_MAX));
        int64_t modseq = row_of(a, i)->modseq;
        if (is_told && modseq > highest)
            highest = modseq;
    }
    return highest;
}

/* ---- the old lines ---- */

YIELDS static bool send_plain(const struct imap_answer *a)
{
    struct buf *out = &a->s->out;
    bool ok = buf_add(out, a->is_sorted ? STR("* SORT") : STR("* SEARCH"));
    for (size_t i = 0; ok && i < a->found->n; i++) {
        ok = buf_add_byte(out, ' ') && buf_add_uint(out, name_of(a, i));
        if (ok && out->n > FLUSH_AT)
            ok = imap_send_out(a->s);
    }
    if (a->args->has_modseq && a->found->n)
        ok = ok && buf_addf(out, " (MODSEQ %lld)", (long long)told_modseq(a, IMAP_RETURN_ALL));
    return ok && buf_add(out, STR("\r\n")) && imap_send_out(a->s);
}

/* ---- ESEARCH ---- */

static bool put_range(struct buf *out, bool is_first, uint32_t first, uint32_t last)
{
    return (is_first || buf_add_byte(out, ',')) && buf_add_uint(out, first) &&
           (last == first || (buf_add_byte(out, ':') && buf_add_uint(out, last)));
}

bool imap_answer_add_set(struct buf *out, const uint32_t *numbers, size_t n)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n;) {
        size_t last = i;
        while (last + 1 < n && numbers[last + 1] == numbers[last] + 1)
            last++;
        ok = put_range(out, i == 0, numbers[i], numbers[last]);
        i = last + 1;
    }
    return ok;
}

/* All of them, however many and scattered: sent as the line grows. */
YIELDS static bool put_all(const struct imap_answer *a)
{
    struct buf *out = &a->s->out;
    bool ok = true;
    for (size_t i = 0; ok && i < a->found->n;) {
        size_t last = i;
        while (last + 1 < a->found->n && name_of(a, last + 1) == name_of(a, last) + 1)
            last++;
        ok = put_range(out, i == 0, name_of(a, i), name_of(a, last));
        if (ok && out->n > FLUSH_AT)
            ok = imap_send_out(a->s);
        i = last + 1;
    }
    return ok;
}

static bool put_results(const struct imap_answer *a, size_t from, size_t count)
{
    uint32_t *names = ARENA_ARRAY(&a->s->arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = name_of(a, from + i);
    return imap_answer_add_set(&a->s->out, names, count);
}

static bool put_partial(const struct imap_answer *a)
{
    struct buf *out = &a->s->out;
    size_t from = 0;
    size_t count = 0;
    window_of(a, &from, &count);
    return buf_add(out, STR(" PARTIAL (")) && imap_partial_format(out, &a->args->partial) &&
           buf_add_byte(out, ' ') &&
           (count ? put_results(a, from, count) : buf_add(out, STR("NIL"))) &&
           buf_add_byte(out, ')');
}

/* Scores of the results that ALL or PARTIAL names, in their order (RFC 6203 section 4). */
YIELDS static bool put_relevancy(const struct imap_answer *a, unsigned returns)
{
    struct buf *out = &a->s->out;
    size_t from = 0;
    size_t count = a->found->n;
    if (returns & IMAP_RETURN_PARTIAL)
        window_of(a, &from, &count);
    bool ok = buf_add(out, STR(" RELEVANCY ("));
    for (size_t i = 0; ok && i < count; i++) {
        ok = buf_addf(out, i ? " %u" : "%u", imap_search_score(a->search, row_of(a, from + i)));
        if (ok && out->n > FLUSH_AT)
            ok = imap_send_out(a->s);
    }
    return ok && buf_add_byte(out, ')');
}

static bool put_mailbox(const struct imap_answer *a)
{
    const struct imap_view *view = a->search->view;
    struct buf *out = &a->s->out;
    str name = str_from_cstr(view->name);
    return buf_add(out, STR(" MAILBOX ")) && imap_mailbox_format(out, name, imap_has_utf8(a->s)) &&
           buf_addf(out, " UIDVALIDITY %u", (unsigned)view->uidvalidity);
}

static bool put_correlator(const struct imap_answer *a)
{
    struct buf *out = &a->s->out;
    return buf_addf(out, "* ESEARCH (TAG \"%.*s\"", STR_FMT(a->tag)) &&
           (!a->names_mailbox || put_mailbox(a)) &&
           buf_add(out, a->is_uid ? STR(") UID") : STR(")"));
}

YIELDS static bool send_extended(const struct imap_answer *a, unsigned returns)
{
    struct buf *out = &a->s->out;
    size_t n = a->found->n;
    bool ok = put_correlator(a);
    if (n && (returns & IMAP_RETURN_MIN))
        ok = ok && buf_addf(out, " MIN %u", (unsigned)name_of(a, 0));
    if (n && (returns & IMAP_RETURN_MAX))
        ok = ok && buf_addf(out, " MAX %u", (unsigned)name_of(a, n - 1));
    if (returns & IMAP_RETURN_COUNT)
        ok = ok && buf_addf(out, " COUNT %zu", n);
    if (n && (returns & IMAP_RETURN_ALL))
        ok = ok && buf_add(out, STR(" ALL ")) && put_all(a);
    if (returns & IMAP_RETURN_PARTIAL)
        ok = ok && put_partial(a);
    if (returns & IMAP_RETURN_RELEVANCY)
        ok = ok && put_relevancy(a, returns);
    if (n && a->args->has_modseq)
        ok = ok && buf_addf(out, " MODSEQ %lld", (long long)told_modseq(a, returns));
    return ok && buf_add(out, STR("\r\n")) && imap_send_out(a->s);
}

/* ---- "$" ---- */

void imap_answer_forget_saved(struct imap_view *view)
{
    free(view->saved);
    view->saved = NULL;
    view->n_saved = 0;
}

static int by_number(const void *left, const void *right)
{
    const uint32_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

/* All that was found, or only what MIN, MAX and PARTIAL tell when nothing else was asked for (RFC
 * 5182 section 2.4, RFC 9394 section 3.2). */
static bool is_saved(const struct imap_answer *a, unsigned returns, size_t i)
{
    const unsigned few = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL;
    size_t from = 0;
    size_t count = 0;
    if (!(returns & few) || (returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)))
        return true;
    if (returns & IMAP_RETURN_PARTIAL)
        window_of(a, &from, &count);
    return (i >= from && i < from + count) || (i == 0 && (returns & IMAP_RETURN_MIN)) ||
           (i == a->found->n - 1 && (returns & IMAP_RETURN_MAX));
}

static void save(const struct imap_answer *a, unsigned returns)
{
    struct imap_view *view = a->s->view;
    size_t n = a->found->n;
    imap_answer_forget_saved(view);
    if (n == 0)
        return;
    view->saved = heap_zalloc(n * sizeof(*view->saved));
    for (size_t i = 0; i < n; i++) {
        if (is_saved(a, returns, i))
            view->saved[view->n_saved++] = row_of(a, i)->uid;
    }
    if (a->is_sorted)
        qsort(view->saved, view->n_saved, sizeof(*view->saved), by_number);
}

void imap_answer_send(const struct imap_answer *a)
{
    const unsigned told = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_ALL | IMAP_RETURN_COUNT |
                          IMAP_RETURN_PARTIAL | IMAP_RETURN_RELEVANCY;
    /* SORT without RETURN is answered as ever, also under IMAP4rev2. */
    bool is_extended = a->args->has_return || a->names_mailbox || (a->s->is_rev2 && !a->is_sorted);
    unsigned returns = a->args->has_return ? a->args->returns : IMAP_RETURN_ALL;
    if (a->args->has_modseq)
        imap_begin_condstore(a->s);
    if (returns & IMAP_RETURN_SAVE)
        save(a, returns);
    /* CONTEXT and UPDATE alone ask for nothing to be told; so does SAVE. */
    if (a->args->has_return && !(returns & told) && (returns & IMAP_RETURN_SAVE))
        return;
    (void)(is_extended ? send_extended(a, returns) : send_plain(a));
}
