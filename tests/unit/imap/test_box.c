/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes: shared between sessions, kept for a while, forgotten in the end. Without a database. */
#include "services/imap/box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void take(struct imap_box *box, uint32_t n, int64_t modseq)
{
    struct store_row *rows = heap_zalloc((n + 1) * sizeof(*rows));
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct store_row){ .uid = i + 1, .modseq = 1 };
    const struct store_snapshot snapshot = {
        .state = { .uidvalidity = 7, .uidnext = n + 1, .modseq = modseq }, .rows = rows, .n = n
    };
    imap_box_take_snapshot(box, &snapshot);
    free(rows);
}

static void sessions_of_a_mailbox_share_a_box(void **state)
{
    (void)state;
    struct imap_boxes boxes;
    imap_boxes_init(&boxes, NULL);
    struct imap_box *one = imap_box_enter(&boxes, 5, 5, 1);
    struct imap_box *two = imap_box_enter(&boxes, 5, 5, 1);
    struct imap_box *other_mailbox = imap_box_enter(&boxes, 5, 5, 2);
    struct imap_box *other_account = imap_box_enter(&boxes, 6, 6, 1);
    assert_ptr_equal(one, two);
    assert_ptr_not_equal(one, other_mailbox);
    assert_ptr_not_equal(one, other_account);
    take(one, 10, 1);
    imap_box_leave(&one);
    assert_null(one);
    assert_int_equal(two->rows->n, 10);
    imap_box_leave(&two);
    imap_box_leave(&other_mailbox);
    imap_box_leave(&other_account);
    /* It is still there, and what was never read is not. */
    assert_int_equal(boxes.map.n, 1);
    one = imap_box_enter(&boxes, 5, 5, 1);
    assert_int_equal(one->rows->n, 10);
    imap_box_leave(&one);
    imap_boxes_fini(&boxes);
}

static void a_change_fits_only_where_the_box_stands(void **state)
{
    (void)state;
    struct imap_boxes boxes;
    const struct store_row row = { .uid = 3, .modseq = 12, .flags = STORE_SEEN };
    const struct imap_rows_change change = { .rows = &row, .n = 1 };
    imap_boxes_init(&boxes, NULL);
    struct imap_box *box = imap_box_enter(&boxes, 5, 5, 1);
    imap_box_take_change(box, &change, 10, 12);
    assert_null(box->rows);
    take(box, 10, 10);
    struct imap_rows *before = imap_rows_hold(box->rows);
    imap_box_take_change(box, &change, 11, 12);
    assert_int_equal(box->modseq, 10);
    imap_box_take_change(box, &change, 10, 12);
    assert_int_equal(box->modseq, 12);
    assert_int_equal(imap_rows_at(box->rows, 2)->flags, STORE_SEEN);
    assert_int_equal(imap_rows_at(before, 2)->flags, 0);
    imap_rows_drop(&before);
    imap_box_leave(&box);
    imap_boxes_fini(&boxes);
}

static void boxes_are_forgotten_by_age_and_by_memory(void **state)
{
    enum {
        BIG = 300000, /* messages: about 15 MB */
        BOXES = 8
    };
    (void)state;
    struct imap_boxes boxes;
    imap_boxes_init(&boxes, NULL);
    for (int i = 0; i < BOXES; i++) {
        struct imap_box *box = imap_box_enter(&boxes, i, i, 1);
        take(box, BIG, 1);
        imap_box_leave(&box);
    }
    int64_t now_ms = clock_monotonic_ms();
    size_t kept = boxes.map.n;
    assert_true(kept > 0 && kept < BOXES);
    assert_true(kept * BIG * sizeof(struct store_row) < IMAP_BOX_KEEP_BYTES);
    /* The last one is still there, the first one is not. */
    struct imap_box *box = imap_box_enter(&boxes, BOXES - 1, BOXES - 1, 1);
    assert_non_null(box->rows);
    struct imap_box *first = imap_box_enter(&boxes, 0, 0, 1);
    assert_null(first->rows);
    imap_box_leave(&first);
    imap_boxes_expire(&boxes, now_ms + IMAP_BOX_KEEP_MS + 1000);
    assert_int_equal(boxes.map.n, 1); /* the one that is held */
    imap_box_leave(&box);
    imap_boxes_fini(&boxes);
}

static void keyword_names_come_once(void **state)
{
    (void)state;
    struct imap_boxes boxes;
    const str names[] = { STR_INIT("$Junk"), STR_INIT(""), STR_INIT("work") };
    const str more[] = { STR_INIT("rare"), STR_INIT("rarer") };
    struct store_keywords keywords = {
        .names = names, .n = 3, .used = 1, .more = more, .n_more = 1
    };
    imap_boxes_init(&boxes, NULL);
    struct imap_box *box = imap_box_enter(&boxes, 5, 5, 1);
    imap_box_take_keywords(box, &keywords);
    assert_int_equal(box->n_keywords, 3);
    assert_string_equal(box->keywords[2], "work");
    assert_null(box->keywords[1]);
    assert_string_equal(box->more_keywords, " rare");
    const char *junk = box->keywords[0];
    keywords.used = 4;
    keywords.n_more = 2;
    imap_box_take_keywords(box, &keywords);
    assert_ptr_equal(box->keywords[0], junk);
    assert_int_equal(box->used_keywords, 5);
    assert_string_equal(box->more_keywords, " rare rarer");
    imap_box_leave(&box);
    imap_boxes_fini(&boxes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_of_a_mailbox_share_a_box),
        cmocka_unit_test(a_change_fits_only_where_the_box_stands),
        cmocka_unit_test(boxes_are_forgotten_by_age_and_by_memory),
        cmocka_unit_test(keyword_names_come_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
