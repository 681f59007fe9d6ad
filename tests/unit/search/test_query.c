/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of words as tsqueries, needles as patterns, and their limits. */
#include "search/query.h"

#include "search/document.h"
#include "search/search.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct leaf_case {
    const char *name;
    str text;
    enum search_match match;
    unsigned fields;
    str wanted;
} leaf_cases[] = {
    { "all fields", STR_INIT("Foo"), SEARCH_MATCH_ALL, 0,
      STR_INIT("(('foo'|'\x03"
               "foo') | ('\x02"
               "foo'|'\x02\x03"
               "foo'))") },
    { "one field", STR_INIT("Foo bar"), SEARCH_MATCH_ALL, SEARCH_FIELD_SUBJECT,
      STR_INIT("(('foo':A|'\x03"
               "foo':A) & ('bar':A|'\x03"
               "bar':A))") },
    { "two fields", STR_INIT("foo"), SEARCH_MATCH_ALL, SEARCH_FIELD_FROM | SEARCH_FIELD_TO,
      STR_INIT("(('foo':BC|'\x03"
               "foo':BC))") },
    { "phrase", STR_INIT("foo, bar"), SEARCH_MATCH_PHRASE, 15,
      STR_INIT("(('foo'|'\x03"
               "foo') <1> ('bar'|'\x03"
               "bar'))") },
    { "accents do not count", STR_INIT("F\xc3\xb6O"), SEARCH_MATCH_ALL, 15,
      STR_INIT("(('foo'|'\x03"
               "foo'))") },
    { "beginning", STR_INIT("foo ba"), SEARCH_MATCH_PREFIX, 15,
      STR_INIT("(('foo'|'\x03"
               "foo') & ('ba':*|'\x03"
               "ba':*))") },
    { "beginning of one field", STR_INIT("ba"), SEARCH_MATCH_PREFIX, SEARCH_FIELD_BODY,
      STR_INIT("(('ba':*D|'\x03"
               "ba':*D))") },
    { "beginning too short", STR_INIT("b"), SEARCH_MATCH_PREFIX, 15,
      STR_INIT("(('b'|'\x03"
               "b'))") },
    { "other headers", STR_INIT("foo"), SEARCH_MATCH_ALL, SEARCH_FIELD_HEADERS,
      STR_INIT("(('\x02"
               "foo'|'\x02\x03"
               "foo'))") },
    { "address", STR_INIT("a.b@c.de x"), SEARCH_MATCH_ALL, 15,
      STR_INIT("(('a.b@c.de'|'\x03"
               "a.b@c.de') & ('x'|'\x03"
               "x'))") },
    { "bigrams", STR_INIT("\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd"), SEARCH_MATCH_ALL, 15,
      STR_INIT("(('\xe6\x9d\xb1\xe4\xba\xac'|'\x03\xe6\x9d\xb1\xe4\xba\xac') <1> "
               "('\xe4\xba\xac\xe9\x83\xbd'|'\x03\xe4\xba\xac\xe9\x83\xbd'))") },
    { "one character", STR_INIT("\xe6\x9d\xb1"), SEARCH_MATCH_ALL, 15,
      STR_INIT("(('\xe6\x9d\xb1':*|'\x03\xe6\x9d\xb1':*))") },
    { "syntax means nothing", STR_INIT("a' & | !b:*"), SEARCH_MATCH_ALL, 15,
      STR_INIT("(('a'|'\x03"
               "a') & ('b'|'\x03"
               "b'))") },
    { "no word", STR_INIT(" ... "), SEARCH_MATCH_ALL, 15, { 0 } },
};

static void writes_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(leaf_cases); i++) {
        const struct leaf_case *c = &leaf_cases[i];
        const struct search_node node = {
            .op = SEARCH_WORDS, .text = c->text, .match = c->match, .fields = c->fields
        };
        struct arena a;
        struct err e = ERR_CLEAR;
        str got = STR_EMPTY;
        arena_init(&a);
        assert_true(search_query_format(&a, &node, &got, &e));
        if (!str_eq(got, c->wanted))
            fail_msg("%s: %.*s", c->name, STR_FMT(got));
        arena_fini(&a);
    }
}

static bool format(const struct search_node *root, str *out, enum err_kind *kind)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    static char kept[65536];
    arena_init(&a);
    bool ok = search_query_format(&a, root, out, &e);
    if (ok && out->n) {
        memcpy(kept, out->p, out->n);
        out->p = kept;
    }
    *kind = e.kind;
    arena_fini(&a);
    return ok;
}

static void writes_trees(void **state)
{
    (void)state;
    enum err_kind kind = ERR_NONE;
    str got = STR_EMPTY;
    struct search_node b = { .op = SEARCH_WORDS, .text = STR("b"), .fields = 15 };
    struct search_node nothing = { .op = SEARCH_WORDS, .text = STR("-"), .next = &b };
    struct search_node a = { .op = SEARCH_WORDS, .text = STR("a"), .fields = 15, .next = &nothing };
    struct search_node either = { .op = SEARCH_OR, .first = &a };
    struct search_node not = { .op = SEARCH_NOT, .first = &either };
    struct search_node root = { .op = SEARCH_AND, .first = &not };
    assert_true(format(&root, &got, &kind));
    assert_true(str_eq(got, STR("(!(((('a'|'\x03"
                                "a')) | (('b'|'\x03"
                                "b')))))")));
    struct search_node empty = { .op = SEARCH_AND };
    assert_true(format(&empty, &got, &kind));
    assert_int_equal(got.n, 0);
    struct search_node no_word = { .op = SEARCH_WORDS, .text = STR("-") };
    struct search_node not_nothing = { .op = SEARCH_NOT, .first = &no_word };
    assert_true(format(&not_nothing, &got, &kind));
    assert_int_equal(got.n, 0);
}

static void refuses_bombs(void **state)
{
    (void)state;
    enum err_kind kind = ERR_NONE;
    str got = STR_EMPTY;
    struct search_node nodes[SEARCH_MAX_NODES + 1] = { 0 };
    /* Depth: one more than allowed, and just what is allowed. */
    for (size_t i = 0; i < SEARCH_MAX_DEPTH; i++)
        nodes[i] = (struct search_node){ .op = SEARCH_NOT, .first = &nodes[i + 1] };
    nodes[SEARCH_MAX_DEPTH] = (struct search_node){ .op = SEARCH_WORDS, .text = STR("x") };
    assert_false(format(&nodes[0], &got, &kind));
    assert_int_equal(kind, ERR_LIMIT);
    assert_true(format(&nodes[1], &got, &kind));
    /* Nodes. */
    for (size_t i = 0; i <= SEARCH_MAX_NODES; i++) {
        nodes[i] = (struct search_node){ .op = SEARCH_WORDS,
                                         .text = STR("-"),
                                         .next = i < SEARCH_MAX_NODES ? &nodes[i + 1] : NULL };
    }
    struct search_node all = { .op = SEARCH_AND, .first = &nodes[0] };
    assert_false(format(&all, &got, &kind));
    assert_int_equal(kind, ERR_LIMIT);
    all.first = &nodes[2];
    assert_true(format(&all, &got, &kind));
    /* Words. */
    char text[2 * (SEARCH_MAX_WORDS + 1)];
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "a ", 2);
    struct search_node words = { .op = SEARCH_WORDS, .text = str_of(text, sizeof(text)) };
    assert_false(format(&words, &got, &kind));
    assert_int_equal(kind, ERR_LIMIT);
    words.text.n -= 2;
    assert_true(format(&words, &got, &kind));
    /* Beginnings. */
    for (size_t i = 0; i <= SEARCH_MAX_PREFIXES; i++) {
        nodes[i].text = STR("ab");
        nodes[i].match = SEARCH_MATCH_PREFIX;
        nodes[i].next = i < SEARCH_MAX_PREFIXES ? &nodes[i + 1] : NULL;
    }
    all.first = &nodes[0];
    assert_false(format(&all, &got, &kind));
    assert_int_equal(kind, ERR_LIMIT);
    all.first = &nodes[1];
    assert_true(format(&all, &got, &kind));
}

static const struct pattern_case {
    const char *name;
    str needle;
    unsigned fields;
    str like;
    str tsquery; /* with the words "w1" and "w2" */
    bool exact;
} pattern_cases[] = {
    { "one word", STR_INIT("foo"), 15, STR_INIT("%foo%"), STR_INIT("(('w1'|'w2'))"), true },
    { "in one field", STR_INIT("foo"), 8, STR_INIT("%foo%"), STR_INIT("(('w1':D|'w2':D))"), true },
    { "words", STR_INIT("foo bar baz"), 15, STR_INIT("%foo"),
      STR_INIT("(('w1'|'w2') <1> 'bar' <1> 'baz':*)"), false },
    { "closed to the left", STR_INIT("-foo"), 15, { 0 }, STR_INIT("('foo':*)"), false },
    { "closed to the right", STR_INIT("foo."), 15, STR_INIT("%foo"), STR_INIT("(('w1'|'w2'))"),
      false },
    { "closed on both sides", STR_INIT(" foo "), 15, { 0 }, STR_INIT("('foo')"), false },
    { "short", STR_INIT("f"), 15, STR_INIT("%f%"), STR_INIT("(('w1'|'w2'))"), true },
    { "over the name of a field",
      STR_INIT("-foo: b"),
      31,
      { 0 },
      STR_INIT("('foo') | (('\x02"
               "foo'|'foo'))"),
      false },
    { "short first word", STR_INIT("o bar."), 15, { 0 }, STR_INIT("('bar')"), false },
    { "nothing left", STR_INIT("o b"), 15, { 0 }, { 0 }, false },
    { "no word", STR_INIT("%_"), 15, { 0 }, { 0 }, false },
    { "headers too",
      STR_INIT(" foo b-r "),
      31,
      { 0 },
      STR_INIT("('foo' <1> 'b' <1> 'r') | ('\x02"
               "foo' & '\x02"
               "b' & '\x02"
               "r')"),
      false },
    { "bigrams",
      STR_INIT("\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd"),
      15,
      { 0 },
      STR_INIT("('\xe6\x9d\xb1\xe4\xba\xac' <1> '\xe4\xba\xac\xe9\x83\xbd':*)"),
      true },
    { "an accent first",
      STR_INIT("\xcc\x81"
               "foo bar"),
      15, STR_INIT("%foo"), STR_INIT("(('w1'|'w2') <1> 'bar':*)"), false },
};

static void writes_patterns(void **state)
{
    (void)state;
    static const str words[] = { STR_INIT("w1"), STR_INIT("w2") };
    for (size_t i = 0; i < COUNT_OF(pattern_cases); i++) {
        const struct pattern_case *c = &pattern_cases[i];
        struct arena a;
        struct search_pattern first, second;
        arena_init(&a);
        search_pattern_make(&a, c->needle, c->fields, NULL, 0, &first);
        search_pattern_make(&a, c->needle, c->fields, words, COUNT_OF(words), &second);
        if (!str_eq(first.like, c->like) || !str_eq(second.tsquery, c->tsquery) ||
            second.is_exact != c->exact) {
            fail_msg("%s: like '%.*s' query %.*s exact %d", c->name, STR_FMT(first.like),
                     STR_FMT(second.tsquery), second.is_exact);
        }
        assert_true(first.like.n == 0 || first.tsquery.n == 0);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_leaves),
        cmocka_unit_test(writes_trees),
        cmocka_unit_test(refuses_bombs),
        cmocka_unit_test(writes_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
