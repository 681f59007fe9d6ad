/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of UIDs as ranges. Pure. */
#include "store/internal.h"

#include <stdlib.h>

static int compare_uids(const void *one, const void *two)
{
    uint32_t a = *(const uint32_t *)one;
    uint32_t b = *(const uint32_t *)two;
    return (a > b) - (a < b);
}

struct store_ranges store_ranges_of(struct arena *a, const uint32_t *uids, size_t n)
{
    uint32_t *sorted = ARENA_ARRAY(a, uint32_t, n);
    struct store_range *list = ARENA_ARRAY(a, struct store_range, n);
    size_t used = 0;
    if (n == 0)
        return (struct store_ranges){ list, 0 };
    memcpy(sorted, uids, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_uids);
    for (size_t i = 0; i < n; i++) {
        if (used && sorted[i] <= list[used - 1].last)
            continue;
        if (used && sorted[i] - list[used - 1].last == 1) {
            list[used - 1].last = sorted[i];
        } else {
            list[used++] = (struct store_range){ sorted[i], sorted[i] };
        }
    }
    return (struct store_ranges){ list, used };
}

uint64_t store_ranges_count(const struct store_ranges *r)
{
    uint64_t count = 0;
    for (size_t i = 0; i < r->n; i++)
        count += (uint64_t)r->list[i].last - r->list[i].first + 1;
    return count;
}

bool store_ranges_has(const struct store_ranges *r, uint32_t uid)
{
    size_t low = 0;
    size_t high = r->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->list[middle].last < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->n && r->list[low].first <= uid;
}

void store_range_params(struct arena *a, const struct store_ranges *set, struct db_param out[2])
{
    int64_t *first = ARENA_ARRAY(a, int64_t, set->n);
    int64_t *last = ARENA_ARRAY(a, int64_t, set->n);
    for (size_t i = 0; i < set->n; i++) {
        first[i] = set->list[i].first;
        last[i] = set->list[i].last;
    }
    out[0] = DB_INT8S(first, set->n);
    out[1] = DB_INT8S(last, set->n);
}
