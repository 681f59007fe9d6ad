/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of the search box, and what of a text is shown as found. */
#include "services/api/search_query.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The tree as text: "and(word:fields/match ...)". */
static void dump(const struct search_node *node, struct buf *out)
{
    static const char *const ops[] = { "and(", "or(", "not(" };
    static const char *const matches[] = { "", "/phrase", "/prefix" };
    for (; node; node = node->next) {
        if (node->op == SEARCH_WORDS) {
            (void)buf_addf(out, "%.*s:%u%s", STR_FMT(node->text), node->fields,
                           matches[node->match]);
        } else {
            (void)buf_add(out, str_from_cstr(ops[node->op]));
            dump(node->first, out);
            (void)buf_add(out, STR(")"));
        }
        if (node->next)
            (void)buf_add_byte(out, ' ');
    }
}

static const struct {
    const char *typed;
    const char *tree;
} words[] = {
    { "boat ", "and(boat:31)" },
    { "boat", "and(boat:31/prefix)" },
    { "from:mia ", "and(mia:2)" },
    { "FROM:\"Mia Reed\"", "and(Mia Reed:2/phrase)" },
    { "subject:plan x ", "and(plan:1 x:31)" },
    { "a OR b OR c d ", "and(or(c:31 b:31 a:31) d:31)" },
    { "OR a ", "and(a:31)" },
    { "-regatta boats ", "and(not(regatta:31) boats:31)" },
    { "\"at noon\"", "and(at noon:31/phrase)" },
    { "is:purple ", "and(is purple:31)" },
    { "to:leo body:plan ", "and(leo:4 plan:8)" },
    /* The index has no words of these alone. */
    { "cc:leo filename:plan ", "and(cc leo:31 filename plan:31)" },
    { "http://x ", "and(http //x:31)" },
    { "is:unread", "" },
    { "", "" },
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct arena a;
        struct buf tree;
        arena_init(&a);
        buf_init(&tree, 1000);
        struct search_typed *t = ARENA_NEW(&a, struct search_typed);
        search_typed_read(&a, str_from_cstr(words[i].typed), t);
        dump(t->words, &tree);
        assert_string_equal(buf_cstr(&tree), words[i].tree);
        buf_fini(&tree);
        arena_fini(&a);
    }
}

static void test_filters(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    struct search_typed *t = ARENA_NEW(&a, struct search_typed);
    search_typed_read(&a,
                      STR("is:unread -is:flagged has:attachment in:\"My box\" -in:junk label:Work "
                          "larger:2k smaller:5MB after:2026-03 before:2026-03-15"),
                      t);
    assert_null(t->words);
    assert_int_equal(t->filter.without_flags, STORE_SEEN | STORE_FLAGGED);
    assert_true(t->filter.with_attachment && !t->filter.without_attachment);
    assert_true(t->n_in == 1 && str_eq(t->in[0], STR("My box")));
    assert_true(t->n_not_in == 1 && str_eq(t->not_in[0], STR("junk")));
    assert_true(t->filter.n_labels == 1 && str_eq(t->filter.labels[0], STR("work")));
    assert_int_equal(t->filter.larger_than, 2048);
    assert_int_equal(t->filter.smaller_than, 5 << 20);
    assert_int_equal(t->filter.after_us, INT64_C(1772323200000000));
    assert_int_equal(t->filter.before_us, INT64_C(1773532800000000));
    arena_fini(&a);
}

/* The pieces of the text, matches in brackets. */
static void check_segments(const char *typed, unsigned field, const char *text, const char *want)
{
    struct arena a;
    struct buf shown;
    struct search_segment *segments;
    arena_init(&a);
    buf_init(&shown, 1000);
    struct search_typed *t = ARENA_NEW(&a, struct search_typed);
    search_typed_read(&a, str_from_cstr(typed), t);
    size_t n = search_segments(&a, t, field, str_from_cstr(text), &segments);
    for (size_t i = 0; i < n; i++)
        (void)buf_addf(&shown, segments[i].is_match ? "[%.*s]" : "%.*s", STR_FMT(segments[i].text));
    assert_string_equal(buf_cstr(&shown), want);
    buf_fini(&shown);
    arena_fini(&a);
}

static void test_segments(void **state)
{
    (void)state;
    check_segments("boat", SEARCH_FIELD_SUBJECT, "A Boat, two boats", "A [Boat], two [boats]");
    check_segments("boat ", SEARCH_FIELD_SUBJECT, "A Boat, two boats", "A [Boat], two boats");
    check_segments("from:mia ", SEARCH_FIELD_SUBJECT, "Mia", "Mia");
    check_segments("from:mia ", SEARCH_FIELD_FROM, "Mia Reed", "[Mia] Reed");
    check_segments("grusse ", SEARCH_FIELD_BODY, "Gr\xc3\xbcsse", "[Gr\xc3\xbcsse]");
    check_segments("-boat ", SEARCH_FIELD_BODY, "boat", "boat");
    check_segments("x", SEARCH_FIELD_BODY, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
