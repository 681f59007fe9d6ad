/* SPDX-License-Identifier: Apache-2.0 */
/* Each different id gets a number, so that threading looks nothing up. Numbers are places among all
 * ids in their order: those of an old column move up by the new ids before them. */
#include "services/imap/column_ids.h"

#include <stdlib.h>

/* A join in work. */
struct joining {
    const struct imap_column *old;
    const struct imap_column_item *const *items;
    uint32_t n_items;
    size_t n_refs;  /* of all messages in the new column */
    int64_t *fresh; /* ids of the items, ascending, each once */
    uint32_t n_fresh;
    uint32_t *numbers; /* in the new column, by number in the old one */
};

static int by_id(const void *left, const void *right)
{
    const int64_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

static void gather_ids(struct joining *j, struct arena *a)
{
    size_t n = 0;
    for (uint32_t i = 0; i < j->n_items; i++)
        n += 1 + j->items[i]->keys->n_refs;
    int64_t *ids = ARENA_ARRAY(a, int64_t, n + 1);
    n = 0;
    for (uint32_t i = 0; i < j->n_items; i++) {
        const struct search_keys *keys = j->items[i]->keys;
        if (keys->has_id)
            ids[n++] = keys->id;
        for (size_t k = 0; k < keys->n_refs; k++)
            ids[n++] = keys->refs[k];
        j->n_refs += keys->n_refs;
    }
    if (n)
        qsort(ids, n, sizeof(*ids), by_id);
    j->fresh = ids;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || ids[i] != ids[i - 1])
            ids[j->n_fresh++] = ids[i];
    }
}

/* Writes all ids in their order; gives their number. */
static uint32_t merge_ids(const struct joining *j, int64_t *out)
{
    const struct imap_column *old = j->old;
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < j->n_fresh; i++) {
        for (; at < old->n_ids && old->ids[at] < j->fresh[i]; at++) {
            j->numbers[at] = n;
            out[n++] = old->ids[at];
        }
        if (at == old->n_ids || old->ids[at] != j->fresh[i])
            out[n++] = j->fresh[i];
    }
    for (; at < old->n_ids; at++) {
        j->numbers[at] = n;
        out[n++] = old->ids[at];
    }
    return n;
}

/* A column with room for all. */
static struct imap_column *new_column(const struct joining *j)
{
    size_t n = (size_t)j->old->n + j->n_items;
    size_t most_ids = (size_t)j->old->n_ids + j->n_fresh;
    size_t numbers = n + n + n + 1 + j->n_refs; /* uids, own, refs_at, refs */
    size_t bytes = sizeof(struct imap_column) + most_ids * sizeof(int64_t) +
                   numbers * sizeof(uint32_t) + n * sizeof(bool);
    struct imap_column *c = heap_alloc(bytes);
    *c = (struct imap_column){ .holders = 1, .kind = IMAP_COLUMN_IDS, .bytes = bytes };
    c->ids = (int64_t *)(c + 1);
    c->uids = (uint32_t *)(c->ids + most_ids);
    c->own = c->uids + n;
    c->refs_at = c->own + n;
    c->refs = c->refs_at + n + 1;
    c->is_reply = (bool *)(c->refs + j->n_refs);
    c->refs_at[0] = 0;
    return c;
}

static void put_old(const struct joining *j, struct imap_column *c, uint32_t place)
{
    const struct imap_column *old = j->old;
    uint32_t at = c->refs_at[c->n];
    uint32_t own = old->own[place];
    c->uids[c->n] = old->uids[place];
    c->own[c->n] = own == IMAP_COLUMN_NO_ID ? own : j->numbers[own];
    c->is_reply[c->n] = old->is_reply[place];
    for (uint32_t i = old->refs_at[place]; i < old->refs_at[place + 1]; i++)
        c->refs[at++] = j->numbers[old->refs[i]];
    c->refs_at[++c->n] = at;
}

static uint32_t number_of(const struct imap_column *c, int64_t id)
{
    const int64_t *found = bsearch(&id, c->ids, c->n_ids, sizeof(id), by_id);
    INVARIANT(found);
    return (uint32_t)(found - c->ids);
}

static void put_new(struct imap_column *c, const struct imap_column_item *item)
{
    const struct search_keys *keys = item->keys;
    uint32_t at = c->refs_at[c->n];
    c->uids[c->n] = item->uid;
    c->own[c->n] = keys->has_id ? number_of(c, keys->id) : IMAP_COLUMN_NO_ID;
    c->is_reply[c->n] = keys->is_reply;
    for (size_t i = 0; i < keys->n_refs; i++)
        c->refs[at++] = number_of(c, keys->refs[i]);
    c->refs_at[++c->n] = at;
}

struct imap_column *imap_column_join_ids(struct arena *a, const struct imap_column *old,
                                         const struct imap_column_item *const *items, uint32_t n)
{
    struct joining j = { .old = old, .items = items, .n_items = n };
    uint32_t place = 0;
    j.n_refs = old->n ? old->refs_at[old->n] : 0;
    j.numbers = ARENA_ARRAY(a, uint32_t, old->n_ids + 1U);
    gather_ids(&j, a);
    struct imap_column *c = new_column(&j);
    c->n_ids = merge_ids(&j, c->ids);
    for (uint32_t i = 0; i < n; i++) {
        while (place < old->n && old->uids[place] < items[i]->uid)
            put_old(&j, c, place++);
        put_new(c, items[i]);
    }
    while (place < old->n)
        put_old(&j, c, place++);
    return c;
}
