/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: joined in any order they say the same as made at once; kept ones stay within bounds. */
#include "services/imap/columns.h"
#include "services/imap/ranks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    MANY = 500
};

/* Keys of a message that follow from its UID: few different subjects, some empty; ids of which some
 * are only referred to. */
static struct search_keys keys_of(struct arena *a, uint32_t uid)
{
    unsigned subject = uid * 7919U % 37;
    size_t n_refs = uid % 5;
    int64_t *refs = ARENA_ARRAY(a, int64_t, n_refs + 1);
    for (size_t i = 0; i < n_refs; i++)
        refs[i] = (int64_t)((size_t)uid * 31 + i) % 700 - 350;
    return (struct search_keys){ .is_known = true,
                                 .has_sent = uid % 3 != 0,
                                 .sent_s = (int64_t)(uid * 104729U % 1000) - 500,
                                 .is_reply = uid % 2,
                                 .has_id = uid % 7 != 0,
                                 .id = (int64_t)uid - 250,
                                 .refs = refs,
                                 .n_refs = n_refs,
                                 .subject = subject ? arena_printf(a, "S%u", subject) : STR_EMPTY };
}

/* Joins the UIDs from `first` on in steps to what there is. Takes the column. */
static struct imap_column *join(enum imap_column_kind kind, struct imap_column *old, uint32_t first,
                                uint32_t step)
{
    struct arena a;
    uint32_t n = 0;
    arena_init(&a);
    struct imap_column_item *items = ARENA_ARRAY(&a, struct imap_column_item, MANY);
    struct search_keys *keys = ARENA_ARRAY(&a, struct search_keys, MANY);
    for (uint32_t uid = first; uid <= MANY; uid += step) {
        keys[n] = keys_of(&a, uid);
        items[n] = (struct imap_column_item){ uid, -(int64_t)uid, &keys[n] };
        n++;
    }
    struct imap_column *c = imap_column_join(kind, old, items, n);
    imap_column_drop(&old);
    arena_fini(&a); /* nothing of it is borrowed */
    return c;
}

static void check_ids(const struct imap_column *c, uint32_t i, const struct search_keys *keys)
{
    assert_int_equal(c->own[i] == IMAP_COLUMN_NO_ID, !keys->has_id);
    if (keys->has_id)
        assert_int_equal(c->ids[c->own[i]], keys->id);
    assert_int_equal(c->refs_at[i + 1] - c->refs_at[i], keys->n_refs);
    for (size_t k = 0; k < keys->n_refs; k++)
        assert_int_equal(c->ids[c->refs[c->refs_at[i] + k]], keys->refs[k]);
    assert_int_equal(c->is_reply[i], keys->is_reply);
}

static void check(const struct imap_column *c)
{
    struct arena a;
    arena_init(&a);
    for (uint32_t i = 1; i < c->n_ids; i++)
        assert_true(c->ids[i - 1] < c->ids[i]);
    for (uint32_t i = 1; i < c->n_texts; i++)
        assert_true(str_cmp(c->texts[i - 1], c->texts[i]) < 0);
    for (uint32_t i = 0; i < c->n; i++) {
        struct search_keys keys = keys_of(&a, c->uids[i]);
        assert_true(i == 0 || c->uids[i - 1] < c->uids[i]);
        if (c->kind == IMAP_COLUMN_DATE) {
            int64_t want = keys.has_sent ? keys.sent_s : -(int64_t)c->uids[i];
            assert_int_equal(c->sent_s[i], want);
        } else if (c->kind == IMAP_COLUMN_IDS) {
            check_ids(c, i, &keys);
        } else {
            assert_true(str_eq(c->texts[c->ranks[i]], keys.subject));
        }
    }
    arena_fini(&a);
}

static void a_column_says_what_was_joined(void **state)
{
    static const uint32_t steps[][3] = { { 1, 1, 1 }, { 3, 2, 1 }, { 1, 5, 100 }, { 499, 7, 1 } };
    static const enum imap_column_kind kinds[] = { IMAP_COLUMN_DATE, IMAP_COLUMN_SUBJECT,
                                                   IMAP_COLUMN_IDS };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps) * COUNT_OF(kinds); i++) {
        enum imap_column_kind kind = kinds[i % COUNT_OF(kinds)];
        struct imap_column *c = NULL;
        for (size_t k = 0; k < 3; k++) {
            c = join(kind, c, 1, steps[i / COUNT_OF(kinds)][k]);
            check(c);
        }
        c = join(kind, c, 1, 1);
        check(c);
        assert_int_equal(c->n, MANY);
        assert_int_equal(c->n_texts, kind == IMAP_COLUMN_SUBJECT ? 37 : 0);
        imap_column_drop(&c);
        assert_null(c);
    }
}

static void nothing_is_a_column(void **state)
{
    (void)state;
    struct imap_column *c = imap_column_join(IMAP_COLUMN_FROM, NULL, NULL, 0);
    assert_int_equal(c->n, 0);
    assert_int_equal(imap_column_find(c, 5, 0), 0);
    c = join(IMAP_COLUMN_FROM, c, MANY + 1, 1);
    assert_int_equal(c->n, 0);
    imap_column_drop(&c);
}

static void places_are_found_forwards(void **state)
{
    (void)state;
    struct imap_column *c = join(IMAP_COLUMN_DATE, NULL, 10, 10); /* 10, 20 ... 500 */
    uint32_t place = 0;
    for (uint32_t uid = 1; uid <= MANY + 20; uid++) {
        uint32_t want = (uid + 9) / 10 - 1;
        place = imap_column_find(c, uid, place);
        assert_int_equal(place, want < c->n ? want : c->n);
        assert_int_equal(imap_column_find(c, uid, 0), place);
    }
    imap_column_drop(&c);
}

/* ---- ranks ---- */

static void ranks_are_sorted_and_ties_stay(void **state)
{
    static const uint64_t spans[] = { 1, 2, 400, 100000, UINT32_MAX, UINT64_MAX };
    struct imap_rank ranks[MANY / 10], spare[MANY / 10];
    uint64_t seed = 5256;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spans) * COUNT_OF(ranks); i++) {
        size_t n = i % (COUNT_OF(ranks) + 1);
        for (size_t k = 0; k < n; k++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            uint64_t from = UINT64_MAX - spans[i % COUNT_OF(spans)];
            ranks[k] = (struct imap_rank){ from + (seed ^ seed >> 33) % spans[i % COUNT_OF(spans)],
                                           (uint32_t)k };
        }
        imap_ranks_sort(ranks, spare, n);
        for (size_t k = 1; k < n; k++) {
            assert_true(ranks[k - 1].value < ranks[k].value ||
                        (ranks[k - 1].value == ranks[k].value && ranks[k - 1].at < ranks[k].at));
        }
    }
}

/* ---- kept ones ---- */

static struct imap_column *big_column(enum imap_column_kind kind, uint32_t n)
{
    struct imap_column_item *items = heap_zalloc(n * sizeof(*items));
    const struct search_keys keys = { .is_known = true };
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct imap_column_item){ i + 1, 0, &keys };
    struct imap_column *c = imap_column_join(kind, NULL, items, n);
    free(items);
    return c;
}

/* Keeps a new column of `n` messages. */
static void keep(struct imap_columns *columns, enum imap_column_kind kind, uint32_t n)
{
    struct imap_column *c = big_column(kind, n);
    imap_columns_put(columns, c);
    imap_column_drop(&c);
}

static bool has(struct imap_columns *columns, enum imap_column_kind kind)
{
    struct imap_column *c = imap_columns_get(columns, kind, SIZE_MAX);
    bool is_kept = c != NULL;
    imap_column_drop(&c);
    return is_kept;
}

static void the_one_used_longest_ago_goes_first(void **state)
{
    enum {
        THIRD = IMAP_COLUMNS_BYTES / 3 / 12 /* messages of a column of dates */
    };
    struct imap_columns_all all;
    struct imap_columns boxes[4];
    (void)state;
    imap_columns_all_init(&all);
    for (size_t i = 0; i < COUNT_OF(boxes); i++)
        imap_columns_init(&boxes[i], &all);
    for (size_t i = 0; i < 3; i++)
        keep(&boxes[i], IMAP_COLUMN_DATE, THIRD - 100);
    struct imap_column *held = imap_columns_get(&boxes[1], IMAP_COLUMN_DATE, SIZE_MAX);
    assert_true(has(&boxes[0], IMAP_COLUMN_DATE));
    assert_true(has(&boxes[1], IMAP_COLUMN_DATE));
    keep(&boxes[3], IMAP_COLUMN_SUBJECT, 1000);
    assert_true(all.bytes <= IMAP_COLUMNS_BYTES);
    assert_false(has(&boxes[2], IMAP_COLUMN_DATE));
    assert_true(has(&boxes[3], IMAP_COLUMN_SUBJECT));
    keep(&boxes[3], IMAP_COLUMN_DATE, THIRD * 2);
    assert_false(has(&boxes[1], IMAP_COLUMN_DATE));
    assert_int_equal(held->uids[THIRD - 101], THIRD - 100); /* who holds it still has it */
    imap_column_drop(&held);
    keep(&boxes[2], IMAP_COLUMN_DATE, THIRD * 4); /* too big alone */
    assert_int_equal(all.bytes, 0);
    assert_true(list_is_empty(&all.used));
    for (size_t i = 0; i < COUNT_OF(boxes); i++)
        imap_columns_clear(&boxes[i]);
}

static void a_column_of_what_is_gone_is_given_up(void **state)
{
    struct imap_columns_all all;
    struct imap_columns box;
    (void)state;
    imap_columns_all_init(&all);
    imap_columns_init(&box, &all);
    keep(&box, IMAP_COLUMN_DATE, 100);
    keep(&box, IMAP_COLUMN_DATE, 50); /* an older one does not take its place */
    struct imap_column *c = imap_columns_get(&box, IMAP_COLUMN_DATE, 100);
    assert_int_equal(c->n, 100);
    imap_column_drop(&c);
    assert_null(imap_columns_get(&box, IMAP_COLUMN_DATE, 99));
    assert_null(imap_columns_get(&box, IMAP_COLUMN_DATE, SIZE_MAX));
    assert_int_equal(all.bytes, 0);
    imap_columns_clear(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_says_what_was_joined),
        cmocka_unit_test(nothing_is_a_column),
        cmocka_unit_test(places_are_found_forwards),
        cmocka_unit_test(ranks_are_sorted_and_ties_stay),
        cmocka_unit_test(the_one_used_longest_ago_goes_first),
        cmocka_unit_test(a_column_of_what_is_gone_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
