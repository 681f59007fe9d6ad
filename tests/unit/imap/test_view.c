/* SPDX-License-Identifier: Apache-2.0 */
/* The view of a mailbox without a database: numbers, flags, keywords. */
#include "services/imap/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct imap_boxes boxes;

/* A view with UIDs 10, 20, ... */
static void fill(struct imap_view *v, size_t n)
{
    struct store_row *rows = heap_zalloc((n + 1) * sizeof(*rows));
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct store_row){ .uid = (uint32_t)(10 * (i + 1)), .modseq = 1 };
    const struct store_snapshot snapshot = {
        .rows = rows, .n = n, .state = { .modseq = 1, .uidvalidity = 7, .uidnext = 10001 }
    };
    imap_boxes_init(&boxes, NULL);
    *v = (struct imap_view){ .modseq = 1, .box = imap_box_enter(&boxes, 1, 1, 1) };
    imap_box_take_snapshot(v->box, &snapshot);
    imap_view_show(v, v->box->rows);
    free(rows);
}

static void empty(struct imap_view *v)
{
    imap_rows_drop(&v->rows);
    imap_box_leave(&v->box);
    imap_boxes_fini(&boxes);
}

static void sets_select_messages(void **state)
{
    static const struct {
        const char *set;
        bool is_uid;
        const char *want; /* numbers; NULL: refused */
    } cases[] = {
        { "1:3", false, "1 2 3 " },
        { "*", false, "5 " },
        { "4:*", false, "4 5 " },
        { "5:1,2", false, "1 2 3 4 5 " },
        { "6", false, NULL },
        { "1:6", false, NULL },
        { "10:29", true, "1 2 " },
        { "11:19", true, "" },
        { "50:*", true, "5 " },
        { "999:*", true, "5 " },
        { "1:4294967295", true, "1 2 3 4 5 " },
        { "20,40,60", true, "2 4 " },
        { "$", true, "2 5 " },
        { "$", false, "2 5 " },
    };
    (void)state;
    struct imap_view v;
    struct imap_session s = { .view = &v };
    uint32_t saved[] = { 20, 35, 50 };
    fill(&v, 5);
    v.saved = saved;
    v.n_saved = COUNT_OF(saved);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_sequence set;
        struct imap_selection selection;
        struct err e = ERR_CLEAR;
        struct buf got;
        arena_init(&s.arena);
        buf_init(&got, 100);
        imap_lexer_init(&l, str_from_cstr(cases[i].set), &s.arena);
        assert_true(imap_sequence_parse(&l, &set, &e));
        bool ok = imap_select_messages(&s, &set, cases[i].is_uid, &selection, &e);
        for (size_t k = 0; ok && k < selection.n; k++)
            assert_true(buf_addf(&got, "%u ", (unsigned)selection.index[k] + 1));
        if (ok != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].set, e.msg);
        if (ok)
            assert_string_equal(buf_cstr(&got), cases[i].want);
        buf_fini(&got);
        arena_fini(&s.arena);
    }
    empty(&v);
}

static void an_empty_mailbox_has_no_numbers(void **state)
{
    (void)state;
    struct imap_view v;
    struct imap_session s = { .view = &v };
    struct imap_lexer l;
    struct imap_sequence set;
    struct imap_selection selection;
    struct err e = ERR_CLEAR;
    arena_init(&s.arena);
    fill(&v, 0);
    imap_lexer_init(&l, STR("1:*"), &s.arena);
    assert_true(imap_sequence_parse(&l, &set, &e));
    assert_true(imap_select_messages(&s, &set, false, &selection, &e));
    assert_int_equal(selection.n, 0);
    imap_lexer_init(&l, STR("1"), &s.arena);
    assert_true(imap_sequence_parse(&l, &set, &e));
    assert_false(imap_select_messages(&s, &set, false, &selection, &e));
    arena_fini(&s.arena);
    empty(&v);
}

static void keywords_with_and_without_a_bit_are_written(void **state)
{
    (void)state;
    struct imap_view v;
    struct imap_session s = { .view = &v };
    struct buf out;
    const str names[] = { STR_INIT("$Junk"), STR_INIT("work") };
    const str more[] = { STR_INIT("rare"), STR_INIT("rarer") };
    const struct store_keywords keywords = {
        .names = names, .n = 2, .used = 3, .more = more, .n_more = 2
    };
    const struct store_overflow overflow = { .uid = 20, .names = more, .n = 2 };
    struct store_row row = {
        .uid = 20, .flags = STORE_SEEN, .kw = 2, .modseq = 5, .has_more = true
    };
    fill(&v, 3);
    buf_init(&out, 1000);
    const struct store_flag_result result = { .modseq = 5,
                                              .former = 1,
                                              .rows = &row,
                                              .n = 1,
                                              .keywords = keywords,
                                              .overflows = &overflow,
                                              .n_overflows = 1 };
    assert_false(imap_view_has_new_keywords(&v));
    imap_view_take_flags(&s, &result);
    assert_true(imap_view_has_new_keywords(&v));
    assert_false(imap_view_has_new_keywords(&v));
    assert_int_equal(v.modseq, 5);
    assert_false(s.is_stale);
    assert_true(imap_view_flags_format(&out, &v, 1));
    assert_string_equal(buf_cstr(&out), "\\Seen work rare rarer");
    assert_true(imap_view_has_keyword(&v, 1, STR("WORK")));
    assert_true(imap_view_has_keyword(&v, 1, STR("rarer")));
    assert_false(imap_view_has_keyword(&v, 1, STR("rar")));
    assert_false(imap_view_has_keyword(&v, 0, STR("rare")));
    buf_clear(&out);
    assert_true(imap_view_all_flags_format(&out, &v));
    assert_string_equal(buf_cstr(&out),
                        "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk work rare rarer");
    struct store_row bare = { .uid = 20, .modseq = 7 };
    const struct store_flag_result later = { .modseq = 7, .former = 6, .rows = &bare, .n = 1 };
    imap_view_take_flags(&s, &later);
    assert_int_equal(imap_view_row(&v, 1)->modseq, 7);
    /* Something happened at modseq 6 that the view does not know. */
    assert_int_equal(v.modseq, 5);
    assert_true(s.is_stale);
    buf_clear(&out);
    assert_true(imap_view_flags_format(&out, &v, 1));
    assert_int_equal(out.n, 0);
    buf_fini(&out);
    empty(&v);
}

static void appended_messages_are_known_when_nothing_came_between(void **state)
{
    static const struct {
        const char *what;
        uint32_t first_uid;
        uint32_t uidvalidity;
        int64_t modseq; /* of the second message */
        bool is_foreign;
        bool is_taken;
    } cases[] = {
        { "the next two", 10001, 7, 3, false, true },
        { "a change of the account before them", 10001, 7, 4, false, false },
        { "a message before them", 10002, 7, 3, false, false },
        { "another mailbox of the name", 10001, 8, 3, false, false },
        { "a mailbox of somebody else", 10001, 7, 3, true, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_view v;
        struct imap_session s = { .view = &v, .account_id = 1 };
        const struct store_row rows[] = {
            { .uid = cases[i].first_uid, .modseq = cases[i].modseq - 1, .msg_id = 91 },
            { .uid = cases[i].first_uid + 1, .modseq = cases[i].modseq, .msg_id = 92 },
        };
        fill(&v, 2);
        v.account_id = cases[i].is_foreign ? 2 : 1;
        imap_view_take_new(&s, rows, 2, cases[i].uidvalidity, cases[i].modseq);
        if (v.is_box_up != cases[i].is_taken || (v.box->rows->n == 4) != cases[i].is_taken)
            fail_msg("%s", cases[i].what);
        assert_int_equal(v.box->modseq, cases[i].is_taken ? 3 : 1);
        assert_int_equal(v.box->uidnext, cases[i].is_taken ? 10003 : 10001);
        if (cases[i].is_taken)
            assert_int_equal(imap_rows_at(v.box->rows, 3)->msg_id, 92);
        empty(&v);
    }
}

static void uids_are_found(void **state)
{
    (void)state;
    struct imap_view v;
    fill(&v, 1000);
    assert_int_equal(imap_view_find(&v, 10), 0);
    assert_int_equal(imap_view_find(&v, 10000), 999);
    assert_int_equal(imap_view_find(&v, 15), -1);
    assert_int_equal(imap_view_find(&v, 10001), -1);
    assert_int_equal(imap_view_lower_bound(&v, 15), 1);
    assert_int_equal(imap_view_lower_bound(&v, 99999), 1000);
    empty(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_select_messages),
        cmocka_unit_test(an_empty_mailbox_has_no_numbers),
        cmocka_unit_test(keywords_with_and_without_a_bit_are_written),
        cmocka_unit_test(appended_messages_are_known_when_nothing_came_between),
        cmocka_unit_test(uids_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
