/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting and taking away. */
#include "search/id_set.h"

#include <stdlib.h>

struct search_id_set search_id_set_new(struct arena *a, size_t most)
{
    return (struct search_id_set){ .ids = ARENA_ARRAY(a, int64_t, most ? most : 1) };
}

void search_id_set_add(struct search_id_set *set, int64_t id)
{
    set->ids[set->n++] = id;
}

static int by_number(const void *left, const void *right)
{
    const int64_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

/* The database often gives ids in order. */
static bool is_sorted(const struct search_id_set *set)
{
    for (size_t i = 1; i < set->n; i++) {
        if (set->ids[i - 1] >= set->ids[i])
            return false;
    }
    return true;
}

void search_id_set_sort(struct search_id_set *set)
{
    size_t kept = 0;
    if (is_sorted(set))
        return;
    qsort(set->ids, set->n, sizeof(*set->ids), by_number);
    for (size_t i = 0; i < set->n; i++) {
        if (i == 0 || set->ids[i] != set->ids[kept - 1])
            set->ids[kept++] = set->ids[i];
    }
    set->n = kept;
}

/* Takes out of `set` what is in `other`; both sorted. */
static void subtract(struct search_id_set *set, const struct search_id_set *other)
{
    size_t kept = 0, k = 0;
    for (size_t i = 0; i < set->n; i++) {
        while (k < other->n && other->ids[k] < set->ids[i])
            k++;
        if (k == other->n || other->ids[k] != set->ids[i])
            set->ids[kept++] = set->ids[i];
    }
    set->n = kept;
}

void search_id_sets_answer(struct search_id_set *sure, struct search_id_set *maybe,
                           struct search_candidates *out)
{
    search_id_set_sort(sure);
    search_id_set_sort(maybe);
    subtract(sure, maybe);
    *out = (struct search_candidates){
        .sure = sure->ids, .n_sure = sure->n, .maybe = maybe->ids, .n_maybe = maybe->n
    };
}
