/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a mailbox against a plain array: random changes, differences, memory. */
#include "services/imap/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    MODEL_MAX = 4000,
    ROUNDS = 400
};

/* The same mailbox as a plain array. */
struct model {
    struct store_row rows[MODEL_MAX];
    size_t n;
    uint32_t next_uid;
    int64_t modseq;
};

static uint32_t state_of_dice = 12345;

static uint32_t dice(uint32_t below)
{
    state_of_dice = state_of_dice * 1664525 + 1013904223;
    return (state_of_dice >> 8) % below;
}

/* One random change of the model, and the same as a change of a picture. In arena. */
static struct imap_rows_change random_change(struct arena *a, struct model *m)
{
    struct store_row *rows = ARENA_ARRAY(a, struct store_row, MODEL_MAX);
    struct store_overflow *overflows = ARENA_ARRAY(a, struct store_overflow, MODEL_MAX);
    uint32_t *gone = ARENA_ARRAY(a, uint32_t, MODEL_MAX);
    struct imap_rows_change c = { .rows = rows, .overflows = overflows, .takes_new = true };
    static const str names[] = { STR_INIT("one"), STR_INIT("two") };
    size_t n_gone = 0;
    size_t kept = 0;
    uint32_t expunge_in = dice(3) ? 0 : 1 + dice(20);
    uint32_t flag_in = dice(4) ? 1 + dice(300) : 0;
    m->modseq++;
    for (size_t i = 0; i < m->n; i++) {
        struct store_row *row = &m->rows[i];
        if (expunge_in && dice(expunge_in) == 0) {
            gone[n_gone++] = row->uid;
            continue;
        }
        if (flag_in && dice(flag_in) == 0) {
            row->flags = (uint8_t)dice(32);
            row->modseq = m->modseq;
            row->has_more = dice(5) == 0;
            if (row->has_more) {
                overflows[c.n_overflows++] =
                    (struct store_overflow){ row->uid, names, 1 + row->uid % 2 };
            }
            rows[c.n++] = *row;
        }
        m->rows[kept++] = *row;
    }
    m->n = kept;
    for (uint32_t add = dice(3) ? dice(5) : dice(900); add > 0 && m->n < MODEL_MAX; add--) {
        m->next_uid += 1 + dice(3);
        rows[c.n++] = m->rows[m->n++] =
            (struct store_row){ .uid = m->next_uid, .modseq = m->modseq, .msg_id = dice(1000) };
    }
    c.vanished = store_ranges_of(a, gone, n_gone);
    return c;
}

static void assert_same(const struct model *m, const struct imap_rows *r)
{
    assert_int_equal(r->n, m->n);
    for (size_t i = 0; i < m->n; i++) {
        const struct store_row *row = imap_rows_at(r, i);
        assert_memory_equal(row, &m->rows[i], sizeof(*row));
        assert_int_equal(imap_rows_lower_bound(r, row->uid), i);
        const char *names = row->has_more ? imap_rows_overflow(r, row->uid) : NULL;
        if (row->has_more)
            assert_string_equal(names, row->uid % 2 ? "one two" : "one");
    }
    assert_int_equal(imap_rows_last_uid(r), m->n ? m->rows[m->n - 1].uid : 0);
    assert_int_equal(imap_rows_lower_bound(r, UINT32_MAX), m->n);
}

/* Applies what the walk finds to a copy of the old array: it becomes the new one. */
static void assert_difference(const struct model *from, const struct model *to,
                              const struct imap_rows *old, const struct imap_rows *new)
{
    struct imap_rows_diff d;
    enum imap_difference what;
    size_t at = 0; /* in both arrays alike, as what differs is stepped over */
    size_t to_at = 0;
    imap_rows_diff_init(&d, old, new);
    do {
        what = imap_rows_diff_next(&d);
        size_t until = what == IMAP_SAME ? from->n : d.old_index;
        for (; at < until; at++, to_at++)
            assert_memory_equal(&from->rows[at], &to->rows[to_at], sizeof(from->rows[at]));
        if (what == IMAP_SAME)
            break;
        assert_int_equal(to_at, d.new_index);
        if (what == IMAP_CHANGED) {
            assert_int_equal(from->rows[at].uid, to->rows[to_at].uid);
            assert_true(from->rows[at].modseq < to->rows[to_at].modseq);
        }
        at += what != IMAP_ARRIVED;
        to_at += what != IMAP_GONE;
    } while (what != IMAP_SAME);
    assert_int_equal(to_at, to->n);
}

static void random_changes_give_what_an_array_gives(void **state)
{
    (void)state;
    struct model *m = HEAP_NEW(struct model);
    struct model *former = HEAP_NEW(struct model);
    size_t counted = 0;
    struct arena a;
    struct imap_rows *r = imap_rows_new(&counted);
    struct imap_rows *long_ago = imap_rows_hold(r);
    struct model *then = HEAP_NEW(struct model);
    arena_init(&a);
    for (int round = 0; round < ROUNDS; round++) {
        *former = *m;
        const struct imap_rows_change change = random_change(&a, m);
        struct imap_rows *new = imap_rows_apply(r, &change);
        assert_same(m, new);
        assert_same(former, r);
        assert_difference(former, m, r, new);
        assert_difference(then, m, long_ago, new);
        imap_rows_drop(&r);
        r = new;
        if (round % 17 == 0) {
            imap_rows_drop(&long_ago);
            long_ago = imap_rows_hold(r);
            *then = *m;
        }
        arena_reset(&a);
    }
    imap_rows_drop(&r);
    imap_rows_drop(&long_ago);
    assert_int_equal(counted, 0);
    arena_fini(&a);
    free(m);
    free(former);
    free(then);
}

static struct imap_rows *make(size_t *counted, struct arena *a, uint32_t n)
{
    struct store_row *rows = ARENA_ARRAY(a, struct store_row, n);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct store_row){ .uid = i + 1, .modseq = 1 };
    const struct imap_rows_change all = { .rows = rows, .n = n, .takes_new = true };
    struct imap_rows *empty = imap_rows_new(counted);
    struct imap_rows *r = imap_rows_apply(empty, &all);
    imap_rows_drop(&empty);
    return r;
}

/* What many sessions of one big mailbox cost: a flag of one message copies one piece. */
static void pictures_share_what_did_not_change(void **state)
{
    (void)state;
    struct arena a;
    size_t counted = 0;
    arena_init(&a);
    struct imap_rows *r = make(&counted, &a, 100000);
    size_t one = counted;
    assert_true(one < (size_t)100000 * (sizeof(struct store_row) + 4));
    const struct store_row row = { .uid = 50000, .modseq = 2, .flags = 1 };
    const struct imap_rows_change change = { .rows = &row, .n = 1 };
    struct imap_rows *new = imap_rows_apply(r, &change);
    assert_true(counted - one < (size_t)20 * 1024);
    assert_int_equal(imap_rows_at(new, 49999)->flags, 1);
    assert_int_equal(imap_rows_at(r, 49999)->flags, 0);
    /* The same once more is no change. */
    struct imap_rows *same = imap_rows_apply(new, &change);
    assert_ptr_equal(same, new);
    imap_rows_drop(&same);
    imap_rows_drop(&new);
    assert_int_equal(counted, one);
    imap_rows_drop(&r);
    assert_int_equal(counted, 0);
    arena_fini(&a);
}

static void new_messages_may_be_left_out(void **state)
{
    (void)state;
    struct arena a;
    size_t counted = 0;
    arena_init(&a);
    struct imap_rows *r = make(&counted, &a, 300);
    const struct store_row rows[] = { { .uid = 300, .modseq = 2, .flags = 8 },
                                      { .uid = 301, .modseq = 2 } };
    struct imap_rows_change change = { .rows = rows, .n = 2 };
    struct imap_rows *flags = imap_rows_apply(r, &change);
    assert_int_equal(flags->n, 300);
    assert_int_equal(imap_rows_at(flags, 299)->flags, 8);
    change.takes_new = true;
    struct imap_rows *all = imap_rows_apply(r, &change);
    assert_int_equal(all->n, 301);
    imap_rows_drop(&flags);
    imap_rows_drop(&all);
    imap_rows_drop(&r);
    assert_int_equal(counted, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_give_what_an_array_gives),
        cmocka_unit_test(pictures_share_what_did_not_change),
        cmocka_unit_test(new_messages_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
