/* SPDX-License-Identifier: Apache-2.0 */
/* Columns in one block of memory each: the numbers, then the texts. */
#include "services/imap/column.h"

#include "base/map.h"
#include "services/imap/column_ids.h"

#include <stdlib.h>

/* ---- texts ---- */

/* A text that some new messages have. */
struct text {
    str text;
    uint32_t rank; /* in the new column */
};

/* A join in work. */
struct joining {
    struct arena a;
    enum imap_column_kind kind;
    const struct imap_column *old;         /* may be empty */
    const struct imap_column_item **items; /* those that are new */
    uint32_t n_items;
    struct text **of;    /* of each item */
    struct text **texts; /* different ones, ascending */
    uint32_t n_texts;
    uint32_t *ranks;  /* in the new column, by the rank in the old one */
    uint32_t n_fresh; /* texts that the old column has not */
    size_t octets;    /* of those */
};

static str text_of(enum imap_column_kind kind, const struct search_keys *keys)
{
    switch (kind) {
    case IMAP_COLUMN_SUBJECT:
        return keys->subject;
    case IMAP_COLUMN_FROM:
        return keys->from;
    case IMAP_COLUMN_TO:
        return keys->to;
    case IMAP_COLUMN_CC:
        return keys->cc;
    case IMAP_COLUMN_DISPLAYFROM:
        return keys->display_from;
    case IMAP_COLUMN_DISPLAYTO:
        return keys->display_to;
    case IMAP_COLUMN_DATE:
    case IMAP_COLUMN_IDS:
    case IMAP_COLUMN_COUNT:
        break;
    }
    return STR_EMPTY;
}

static int compare_texts(const void *left, const void *right)
{
    const struct text *const *l = left, *const *r = right;
    return str_cmp((*l)->text, (*r)->text);
}

/* Mail is full of texts that are the same: each is compared once. */
static void gather_texts(struct joining *j)
{
    struct map known;
    j->of = ARENA_ARRAY(&j->a, struct text *, j->n_items + 1U);
    j->texts = ARENA_ARRAY(&j->a, struct text *, j->n_items + 1U);
    map_init(&known, j->n_items + 1U);
    for (uint32_t i = 0; i < j->n_items; i++) {
        str text = text_of(j->kind, j->items[i]->keys);
        j->of[i] = map_find(&known, text);
        if (j->of[i])
            continue;
        j->of[i] = j->texts[j->n_texts++] = ARENA_NEW(&j->a, struct text);
        j->of[i]->text = text;
        (void)map_put(&known, text, j->of[i], NULL);
    }
    map_fini(&known);
    if (j->n_texts)
        qsort(j->texts, j->n_texts, sizeof(struct text *), compare_texts);
}

/* The first text from `low` on that is not below. */
static uint32_t text_not_below(const struct imap_column *c, uint32_t low, str text)
{
    uint32_t high = c->n_texts;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_cmp(c->texts[middle], text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Gives the old texts and the new ones their ranks among all. */
static void rank_texts(struct joining *j)
{
    const struct imap_column *old = j->old;
    uint32_t at = 0; /* in the old texts */
    j->ranks = ARENA_ARRAY(&j->a, uint32_t, old->n_texts + 1U);
    for (uint32_t i = 0; i < j->n_texts; i++) {
        uint32_t to = text_not_below(old, at, j->texts[i]->text);
        for (; at < to; at++)
            j->ranks[at] = at + j->n_fresh;
        j->texts[i]->rank = at + j->n_fresh;
        if (at < old->n_texts && str_eq(old->texts[at], j->texts[i]->text))
            continue;
        j->n_fresh++;
        j->octets += j->texts[i]->text.n;
    }
    for (; at < old->n_texts; at++)
        j->ranks[at] = at + j->n_fresh;
}

/* ---- the block ---- */

static size_t octets_of(const struct imap_column *c)
{
    size_t octets = 0;
    for (uint32_t i = 0; i < c->n_texts; i++)
        octets += c->texts[i].n;
    return octets;
}

/* A column with room for all. */
static struct imap_column *new_column(const struct joining *j)
{
    bool is_date = j->kind == IMAP_COLUMN_DATE;
    size_t n = (size_t)j->old->n + j->n_items;
    size_t n_texts = (size_t)j->old->n_texts + j->n_fresh;
    size_t numbers = n * (is_date ? sizeof(int64_t) : sizeof(uint32_t));
    size_t head = sizeof(struct imap_column) + n_texts * sizeof(str);
    size_t bytes = head + numbers + n * sizeof(uint32_t) + octets_of(j->old) + j->octets;
    struct imap_column *c = heap_alloc(bytes);
    *c = (struct imap_column){ .holders = 1, .kind = j->kind, .bytes = bytes };
    c->texts = (str *)(c + 1);
    void *after_texts = c->texts + n_texts;
    c->sent_s = is_date ? after_texts : NULL;
    c->ranks = is_date ? NULL : after_texts;
    c->uids = is_date ? (void *)(c->sent_s + n) : (void *)(c->ranks + n);
    c->n_texts = (uint32_t)n_texts;
    return c;
}

static char *put_text(struct imap_column *c, uint32_t rank, str text, char *at)
{
    if (text.n)
        memcpy(at, text.p, text.n);
    c->texts[rank] = str_of(at, text.n);
    return at + text.n;
}

static void copy_texts(const struct joining *j, struct imap_column *c, char *at)
{
    uint32_t done = 0; /* ranks */
    for (uint32_t i = 0; i < j->n_texts; i++)
        c->texts[j->texts[i]->rank] = j->texts[i]->text;
    for (uint32_t i = 0; i < j->old->n_texts; i++)
        c->texts[j->ranks[i]] = j->old->texts[i];
    for (; done < c->n_texts; done++)
        at = put_text(c, done, c->texts[done], at);
}

static void put_old(const struct joining *j, struct imap_column *c, uint32_t place)
{
    c->uids[c->n] = j->old->uids[place];
    if (j->kind == IMAP_COLUMN_DATE) {
        c->sent_s[c->n] = j->old->sent_s[place];
    } else {
        c->ranks[c->n] = j->ranks[j->old->ranks[place]];
    }
    c->n++;
}

static void put_new(const struct joining *j, struct imap_column *c, uint32_t i)
{
    const struct imap_column_item *item = j->items[i];
    c->uids[c->n] = item->uid;
    if (j->kind == IMAP_COLUMN_DATE) {
        c->sent_s[c->n] = item->keys->has_sent ? item->keys->sent_s : item->arrived_s;
    } else {
        c->ranks[c->n] = j->of[i]->rank;
    }
    c->n++;
}

static void put_messages(const struct joining *j, struct imap_column *c)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < j->n_items; i++) {
        while (place < j->old->n && j->old->uids[place] < j->items[i]->uid)
            put_old(j, c, place++);
        put_new(j, c, i);
    }
    while (place < j->old->n)
        put_old(j, c, place++);
}

/* ---- the whole ---- */

static void choose_items(struct joining *j, const struct imap_column_item *items, uint32_t n)
{
    uint32_t place = 0;
    j->items = ARENA_ARRAY(&j->a, const struct imap_column_item *, n + 1U);
    for (uint32_t i = 0; i < n; i++) {
        place = imap_column_find(j->old, items[i].uid, place);
        if (place == j->old->n || j->old->uids[place] != items[i].uid)
            j->items[j->n_items++] = &items[i];
    }
}

static struct imap_column *join(struct joining *j)
{
    if (j->kind == IMAP_COLUMN_IDS)
        return imap_column_join_ids(&j->a, j->old, j->items, j->n_items);
    if (j->kind != IMAP_COLUMN_DATE) {
        gather_texts(j);
        rank_texts(j);
    }
    struct imap_column *c = new_column(j);
    put_messages(j, c);
    copy_texts(j, c, (char *)(c->uids + c->n));
    return c;
}

struct imap_column *imap_column_join(enum imap_column_kind kind, const struct imap_column *old,
                                     const struct imap_column_item *items, uint32_t n)
{
    static const struct imap_column nothing = { .n = 0 };
    struct joining j = { .kind = kind, .old = old ? old : &nothing };
    arena_init(&j.a);
    choose_items(&j, items, n);
    struct imap_column *c = join(&j);
    arena_fini(&j.a);
    return c;
}

struct imap_column *imap_column_hold(struct imap_column *c)
{
    c->holders++;
    return c;
}

void imap_column_drop(struct imap_column **column)
{
    struct imap_column *c = *column;
    *column = NULL;
    if (c && --c->holders == 0)
        free(c);
}

uint32_t imap_column_find(const struct imap_column *c, uint32_t uid, uint32_t from)
{
    if (from < c->n && c->uids[from] < uid)
        from++; /* mostly it is the next one */
    if (from < c->n && c->uids[from] == uid)
        return from;
    uint32_t low = from, high = c->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->uids[middle] < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t imap_column_value(const struct imap_column *c, uint32_t place)
{
    return c->sent_s ? (uint64_t)c->sent_s[place] ^ (uint64_t)1 << 63 : c->ranks[place];
}
