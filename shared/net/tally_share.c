/* SPDX-License-Identifier: Apache-2.0 */
/* Telling and hearing. A row with news is marked by a bit of its set, so that a round looks at one
 * word for 64 names. What was told as open is remembered with its name, for nothing marks the end
 * of a connection, and the row may belong to another name by then. */
#include "net/tally_private.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    LEADER_MS = 3000 /* one that was not seen for so long has ended, or hangs */
};

/* A name of which others think that it has open ones. */
struct told {
    size_t set;
    size_t i;
    uint64_t name;
    unsigned open;
    char text[NET_TALLY_NAME_SIZE];
};

struct news {
    char text[NET_TALLY_NAME_SIZE];
    struct net_tally_told told;
};

struct net_tally_teller {
    struct net_tally *t;
    struct news news[ROWS_A_SET]; /* of the set at hand */
    struct told *list;
    size_t n;
    size_t max;
};

/* ---- leading ---- */

uint64_t net_tally_machine(const struct net_tally *t)
{
    return t->leading->machine;
}

uint64_t net_tally_next_picture(struct net_tally *t)
{
    return atomic_fetch_add(&t->leading->pictures, 1) + 1;
}

/* The former leader may have died in the middle; the new one hears it all again. All rows with
 * news are told. */
static void begin_anew(struct net_tally *t)
{
    for (size_t set = 0; set < t->n_sets; set++) {
        if (!atomic_load(&t->sets[set].is_used) || !tally_lock(&t->sets[set]))
            continue;
        uint64_t news = 0;
        for (size_t i = 0; i < ROWS_A_SET; i++) {
            struct row *row = tally_row(t, set, i);
            row->elsewhere = row->told = 0;
            if (row->text[0] && tally_own(t, row) > 0)
                news |= UINT64_C(1) << i;
        }
        atomic_fetch_or(&t->sets[set].news, news);
        (void)pthread_mutex_unlock(&t->sets[set].lock);
    }
}

/* Looked at with a set locked this settles it: who leads now locks each set after that, and forgets
 * what was noted before. */
static bool another_leads(const struct net_tally *t)
{
    uint32_t leader = atomic_load(&t->leading->leader);
    return leader != 0 && leader != (uint32_t)t->column + 1;
}

bool net_tally_lead(struct net_tally *t, int64_t now_ms, bool *is_new)
{
    struct leading *l = t->leading;
    uint32_t own = (uint32_t)t->column + 1;
    uint32_t leader = atomic_load(&l->leader);
    *is_new = false;
    if (leader != own) {
        if (leader != 0 && now_ms - atomic_load(&l->seen_ms) < LEADER_MS)
            return false;
        if (!atomic_compare_exchange_strong(&l->leader, &leader, own))
            return false;
        *is_new = true;
    }
    atomic_store(&l->seen_ms, now_ms);
    if (*is_new)
        begin_anew(t);
    return true;
}

/* ---- telling ---- */

struct net_tally_teller *net_tally_teller_new(struct net_tally *t, size_t max)
{
    struct net_tally_teller *teller = HEAP_NEW(struct net_tally_teller);
    teller->t = t;
    teller->max = max;
    teller->list = heap_alloc(max * sizeof(*teller->list));
    return teller;
}

void net_tally_teller_free(struct net_tally_teller **teller)
{
    if (!*teller)
        return;
    free((*teller)->list);
    free(*teller);
    *teller = NULL;
}

/* The row as others are to hear of it; what it had for them is theirs then. Its set is locked. */
static void take_news(struct net_tally_teller *teller, size_t set, size_t i, struct news *out)
{
    struct row *row = tally_row(teller->t, set, i);
    memcpy(out->text, row->text, sizeof(out->text));
    out->told = (struct net_tally_told){ .name = str_from_cstr(out->text),
                                         .open = tally_own(teller->t, row),
                                         .fresh = row->fresh,
                                         .cost_us = row->cost_us };
    row->fresh = 0;
    row->cost_us = 0;
    if (row->told == 0 && out->told.open > 0 && teller->n < teller->max) {
        struct told *one = &teller->list[teller->n];
        *one = (struct told){ .set = set, .i = i, .name = row->name };
        memcpy(one->text, row->text, sizeof(one->text));
        row->told = (uint32_t)++teller->n;
    }
    if (row->told == 0) {
        out->told.open = 0; /* it could not be taken back */
        return;
    }
    teller->list[row->told - 1].open = out->told.open;
}

static size_t tell_set(struct net_tally_teller *teller, size_t set,
                       void (*fn)(const struct net_tally_told *told, void *arg), void *arg)
{
    struct net_tally *t = teller->t;
    size_t n = 0;
    if (!tally_lock(&t->sets[set]))
        return 0;
    uint64_t bits = atomic_exchange(&t->sets[set].news, 0);
    for (size_t i = 0; i < ROWS_A_SET; i++) {
        if (bits >> i & 1 && tally_row(t, set, i)->text[0])
            take_news(teller, set, i, &teller->news[n++]);
    }
    (void)pthread_mutex_unlock(&t->sets[set].lock);
    for (size_t i = 0; i < n; i++)
        fn(&teller->news[i].told, arg);
    return n;
}

/* The last one takes its place. */
static void drop_told(struct net_tally_teller *teller, size_t at)
{
    const struct told *gone = &teller->list[at];
    struct row *row = tally_row(teller->t, gone->set, gone->i);
    if (row->name == gone->name)
        row->told = 0;
    const struct told *last = &teller->list[--teller->n];
    if (at == teller->n)
        return;
    row = tally_row(teller->t, last->set, last->i);
    if (row->name == last->name)
        row->told = (uint32_t)at + 1;
    teller->list[at] = *last;
}

static size_t tell_again(struct net_tally_teller *teller, bool all,
                         void (*fn)(const struct net_tally_told *told, void *arg), void *arg)
{
    size_t n = 0;
    for (size_t k = teller->n; k-- > 0;) {
        struct told *one = &teller->list[k];
        const struct row *row = tally_row(teller->t, one->set, one->i);
        unsigned open = row->name == one->name ? tally_own(teller->t, row) : 0;
        if (open != one->open || all) {
            const struct net_tally_told told = { .name = str_from_cstr(one->text), .open = open };
            one->open = open;
            fn(&told, arg);
            n++;
        }
        if (open == 0)
            drop_told(teller, k);
    }
    return n;
}

size_t net_tally_tell(struct net_tally_teller *teller, bool all,
                      void (*fn)(const struct net_tally_told *told, void *arg), void *arg)
{
    size_t n = 0;
    for (size_t set = 0; set < teller->t->n_sets; set++) {
        if (atomic_load(&teller->t->sets[set].news) != 0)
            n += tell_set(teller, set, fn, arg);
    }
    return n + tell_again(teller, all, fn, arg);
}

/* ---- hearing ---- */

static void hear(struct row *row, const struct net_tally_told *told, int64_t change, int64_t now_us)
{
    int64_t elsewhere = (int64_t)row->elsewhere + change;
    row->elsewhere = elsewhere > 0 ? (uint32_t)elsewhere : 0;
    if (told->cost_us > 0) {
        row->moment_us = (row->moment_us > now_us ? row->moment_us : now_us) + told->cost_us;
    } else if (told->fresh > 0) {
        tally_turn_minute(row, now_us);
        row->in_minute += told->fresh;
    }
}

bool net_tally_hear(struct net_tally *t, const struct net_tally_told *told, int64_t change,
                    int64_t now_us)
{
    uint64_t id = tally_name(t, told->name);
    size_t set = id & (t->n_sets - 1);
    if (!tally_lock(&t->sets[set]))
        return false;
    struct row *row = another_leads(t) ? NULL : tally_find_or_add(t, set, id, now_us);
    if (row)
        hear(row, told, change, now_us);
    (void)pthread_mutex_unlock(&t->sets[set].lock);
    return row != NULL;
}
