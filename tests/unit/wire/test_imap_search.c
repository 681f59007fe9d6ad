/* SPDX-License-Identifier: Apache-2.0 */
/* Search keys, written back in one spelling to compare them. */
#include "base/base.h"
#include "wire/imap_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const op_names[] = {
    [IMAP_SEARCH_ALL] = "all",           [IMAP_SEARCH_NONE] = "none",
    [IMAP_SEARCH_AND] = "and",           [IMAP_SEARCH_OR] = "or",
    [IMAP_SEARCH_NOT] = "not",           [IMAP_SEARCH_FLAG] = "flag",
    [IMAP_SEARCH_KEYWORD] = "keyword",   [IMAP_SEARCH_HEADER] = "header",
    [IMAP_SEARCH_BODY] = "body",         [IMAP_SEARCH_TEXT] = "text",
    [IMAP_SEARCH_BEFORE] = "before",     [IMAP_SEARCH_ON] = "on",
    [IMAP_SEARCH_SINCE] = "since",       [IMAP_SEARCH_SENTBEFORE] = "sentbefore",
    [IMAP_SEARCH_SENTON] = "senton",     [IMAP_SEARCH_SENTSINCE] = "sentsince",
    [IMAP_SEARCH_LARGER] = "larger",     [IMAP_SEARCH_SMALLER] = "smaller",
    [IMAP_SEARCH_SEQUENCE] = "seq",      [IMAP_SEARCH_UID] = "uid",
    [IMAP_SEARCH_MODSEQ] = "modseq",     [IMAP_SEARCH_OLDER] = "older",
    [IMAP_SEARCH_YOUNGER] = "younger",   [IMAP_SEARCH_EMAILID] = "emailid",
    [IMAP_SEARCH_THREADID] = "threadid", [IMAP_SEARCH_SAVEDBEFORE] = "savedbefore",
    [IMAP_SEARCH_SAVEDON] = "savedon",   [IMAP_SEARCH_SAVEDSINCE] = "savedsince",
};

/* The tree as text; a tree is at most 34 deep. */
static void write_key(struct buf *out,
                      const struct imap_search_key *key) // NOLINT(misc-no-recursion)
{
    assert_true(buf_addf(out, "(%s%s", op_names[key->op], key->is_fuzzy ? "*" : ""));
    if (key->op == IMAP_SEARCH_HEADER)
        assert_true(buf_addf(out, " %.*s", STR_FMT(key->name)));
    if (key->text.n)
        assert_true(buf_addf(out, " '%.*s'", STR_FMT(key->text)));
    if (key->number)
        assert_true(buf_addf(out, " %llu", (unsigned long long)key->number));
    if (key->days)
        assert_true(buf_addf(out, " d%lld", (long long)key->days));
    if (key->set.is_saved_result) {
        assert_true(buf_add(out, STR(" $")));
    } else if (key->set.n) {
        assert_true(buf_add_byte(out, ' '));
        assert_true(imap_sequence_format(out, &key->set));
    }
    for (const struct imap_search_key *k = key->first_child; k; k = k->next)
        write_key(out, k);
    assert_true(buf_add_byte(out, ')'));
}

static void keys_become_a_tree(void **state)
{
    static const struct {
        const char *in;
        const char *want; /* NULL: refused */
        enum err_kind kind;
    } cases[] = {
        { " ALL", "(and(all))", ERR_NONE },
        { " UNSEEN FLAGGED", "(and(not(flag 1))(flag 4))", ERR_NONE },
        { " OR FROM a SUBJECT \"b c\"", "(and(or(header FROM 'a')(header SUBJECT 'b c')))",
          ERR_NONE },
        { " NOT (SEEN 1:3)", "(and(not(and(flag 1)(seq 1:3))))", ERR_NONE },
        { " HEADER X-Spam \"\"", "(and(header X-Spam))", ERR_NONE },
        { " UID 1,5 $", "(and(uid 1,5)(seq $))", ERR_NONE },
        { " UIDAFTER 5 UIDBEFORE 5", "(and(uid 6:4294967295)(uid 1:4))", ERR_NONE },
        { " UIDAFTER 4294967295 UIDBEFORE 1", "(and(none)(none))", ERR_NONE },
        { " UIDAFTER 0", NULL, ERR_SYNTAX },
        { " UIDBEFORE *", NULL, ERR_SYNTAX },
        { " UIDBEFORE 1:2", NULL, ERR_SYNTAX },
        { " SINCE 2-Jan-1970 SENTON \"11-Jan-1970\"", "(and(since d1)(senton d10))", ERR_NONE },
        { " LARGER 100 SMALLER 4294967296", "(and(larger 100)(smaller 4294967296))", ERR_NONE },
        { " KEYWORD $Junk UNKEYWORD x", "(and(keyword '$Junk')(not(keyword 'x')))", ERR_NONE },
        { " MODSEQ 620162338", "(and(modseq 620162338))", ERR_NONE },
        { " MODSEQ \"/flags/\\\\draft\" all 6", "(and(modseq 6))", ERR_NONE },
        { " CHARSET UTF-8 TEXT {3}\r\n\xe2\x82\xac", "(and(text '\xe2\x82\xac'))", ERR_NONE },
        { " OLDER 60 YOUNGER 4294967295", "(and(older 60)(younger 4294967295))", ERR_NONE },
        { " EMAILID M1 THREADID \"T-_2\"", "(and(emailid 'M1')(threadid 'T-_2'))", ERR_NONE },
        { " SAVEDBEFORE 2-Jan-1970 SAVEDATESUPPORTED", "(and(savedbefore d1)(all))", ERR_NONE },
        { " FUZZY (SUBJECT a SEEN) SEEN", "(and(and(and*(header* SUBJECT 'a')(flag* 1)))(flag 1))",
          ERR_NONE },
        { " RETURN (PARTIAL -1:-100 COUNT) 1", "(and(seq 1))", ERR_NONE },
        { " RETURN (PARTIAL 1:2 ALL) 1", NULL, ERR_SYNTAX },
        { " RETURN (PARTIAL 1:2 PARTIAL 3:4) 1", NULL, ERR_SYNTAX },
        { " RETURN (PARTIAL 0:2) 1", NULL, ERR_SYNTAX },
        { " RETURN (PARTIAL -1:2) 1", NULL, ERR_SYNTAX },
        { " RETURN (PARTIAL 1:*) 1", NULL, ERR_SYNTAX },
        { " RETURN (RELEVANCY) TEXT a", NULL, ERR_SYNTAX },
        { " OLDER 0", NULL, ERR_SYNTAX },
        { " EMAILID a.b", NULL, ERR_SYNTAX },
        { " FUZZY", NULL, ERR_SYNTAX },
        { " NEW OLD RECENT", "(and(none)(all)(none))", ERR_NONE },
        { " CHARSET x ALL", NULL, ERR_UNSUPPORTED },
        { " RETURN (FOO) ALL", NULL, ERR_UNSUPPORTED },
        { " TEXT \"\xff\"", NULL, ERR_SYNTAX },
        { " FOO", NULL, ERR_SYNTAX },
        { " NOT", NULL, ERR_SYNTAX },
        { " OR SEEN", NULL, ERR_SYNTAX },
        { " ()", NULL, ERR_SYNTAX },
        { " (SEEN", NULL, ERR_SYNTAX },
        { " 0", NULL, ERR_SYNTAX },
        { " SINCE 31-Feb-2020", NULL, ERR_SYNTAX },
        { "", NULL, ERR_SYNTAX },
    };
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 10000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_search_args args;
        enum imap_search_refusal why;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_search_parse(&l, &args, &why, &e);
        if (ok != (cases[i].want != NULL) || e.kind != cases[i].kind)
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        if (!ok)
            continue;
        buf_clear(&text);
        write_key(&text, args.root);
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void return_options_are_bits(void **state)
{
    (void)state;
    struct arena a;
    struct imap_lexer l;
    struct imap_search_args args;
    enum imap_search_refusal why;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    imap_lexer_init(&l, STR(" RETURN (MIN COUNT) ALL"), &a);
    assert_true(imap_search_parse(&l, &args, &why, &e));
    assert_int_equal(args.returns, IMAP_RETURN_MIN | IMAP_RETURN_COUNT);
    imap_lexer_init(&l, STR(" RETURN () CHARSET UTF-8 MODSEQ 1"), &a);
    assert_true(imap_search_parse(&l, &args, &why, &e));
    assert_int_equal(args.returns, IMAP_RETURN_ALL);
    assert_true(args.has_return && args.has_modseq);
    imap_lexer_init(&l, STR(" CHARSET koi8-r ALL"), &a);
    assert_false(imap_search_parse(&l, &args, &why, &e));
    assert_int_equal(why, IMAP_SEARCH_BAD_CHARSET);
    arena_fini(&a);
}

static enum err_kind kind_of_repeated(const char *head, const char *part, size_t times,
                                      const char *tail)
{
    struct arena a;
    struct buf in;
    struct imap_lexer l;
    struct imap_search_args args;
    enum imap_search_refusal why;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    buf_init(&in, 1 << 20);
    assert_true(buf_addf(&in, " %s", head));
    for (size_t i = 0; i < times; i++)
        assert_true(buf_addf(&in, "%s", part));
    assert_true(buf_addf(&in, "%s", tail));
    imap_lexer_init(&l, buf_str(&in), &a);
    (void)imap_search_parse(&l, &args, &why, &e);
    buf_fini(&in);
    arena_fini(&a);
    return e.kind;
}

static void depth_and_number_are_limited(void **state)
{
    (void)state;
    assert_int_equal(kind_of_repeated("", "NOT ", 30, "ALL"), ERR_NONE);
    assert_int_equal(kind_of_repeated("", "NOT ", 500, "ALL"), ERR_LIMIT);
    assert_int_equal(kind_of_repeated("", "OR SEEN ", 500, "ALL"), ERR_LIMIT);
    assert_int_equal(kind_of_repeated("", "(", 500, "ALL"), ERR_LIMIT);
    assert_int_equal(kind_of_repeated("ALL", " ALL", 255, ""), ERR_NONE);
    assert_int_equal(kind_of_repeated("ALL", " ALL", 256, ""), ERR_LIMIT);
    assert_int_equal(kind_of_repeated("ALL", " ALL", 10000, ""), ERR_LIMIT);
}

/* ---- what stands before the keys ---- */

typedef bool (*parse_fn)(struct imap_lexer *, struct imap_search_args *, enum imap_search_refusal *,
                         struct err *);

/* Writes what was read before the keys. */
static void write_args(struct buf *out, const struct imap_search_args *args)
{
    buf_clear(out);
    assert_true(buf_addf(out, "%u", args->returns));
    for (size_t i = 0; i < args->n_sort; i++)
        assert_true(
            buf_addf(out, " %s%d", args->sort[i].is_reverse ? "-" : "", (int)args->sort[i].by));
    if (args->thread)
        assert_true(buf_addf(out, " t%d", (int)args->thread));
    for (size_t i = 0; i < args->n_sources; i++) {
        assert_true(buf_addf(out, " s%d", (int)args->sources[i].kind));
        for (size_t k = 0; k < args->sources[i].n; k++)
            assert_true(buf_addf(out, ",%.*s", STR_FMT(args->sources[i].names[k])));
    }
}

static void commands_have_their_arguments(void **state)
{
    static const struct {
        parse_fn parse;
        const char *in;
        const char *want; /* NULL: refused */
        enum err_kind kind;
    } cases[] = {
        { imap_sort_parse, " (SUBJECT REVERSE DATE) UTF-8 ALL", "0 8 -2", ERR_NONE },
        { imap_sort_parse, " RETURN (MIN) (DISPLAYFROM) \"us-ascii\" SEEN", "1 3", ERR_NONE },
        { imap_sort_parse, " (RELEVANCY) UTF-8 FUZZY TEXT a", "0 6", ERR_NONE },
        { imap_sort_parse, " (RELEVANCY) UTF-8 TEXT a", NULL, ERR_SYNTAX },
        { imap_sort_parse, " () UTF-8 ALL", NULL, ERR_SYNTAX },
        { imap_sort_parse, " (REVERSE) UTF-8 ALL", NULL, ERR_SYNTAX },
        { imap_sort_parse, " (FOO) UTF-8 ALL", NULL, ERR_UNSUPPORTED },
        { imap_sort_parse, " (DATE) KOI8-R ALL", NULL, ERR_UNSUPPORTED },
        { imap_sort_parse, " (DATE) UTF-8", NULL, ERR_SYNTAX },
        { imap_sort_parse, " SUBJECT UTF-8 ALL", NULL, ERR_SYNTAX },
        { imap_thread_parse, " REFERENCES UTF-8 ALL", "0 t1", ERR_NONE },
        { imap_thread_parse, " refs UTF-8 ALL", "0 t2", ERR_NONE },
        { imap_thread_parse, " JWZ UTF-8 ALL", NULL, ERR_UNSUPPORTED },
        { imap_thread_parse, " REFERENCES ALL", NULL, ERR_UNSUPPORTED },
        { imap_esearch_parse, " ALL", "0", ERR_NONE },
        { imap_esearch_parse, " IN (personal subtree (a \"b c\") mailboxes d) RETURN (COUNT) ALL",
          "8 s3 s5,a,b c s7,d", ERR_NONE },
        { imap_esearch_parse, " IN (selected-delayed) ALL", NULL, ERR_UNSUPPORTED },
        { imap_esearch_parse, " IN (nowhere) ALL", NULL, ERR_UNSUPPORTED },
        { imap_esearch_parse, " IN (personal (x y)) ALL", NULL, ERR_UNSUPPORTED },
        { imap_esearch_parse, " IN () ALL", NULL, ERR_SYNTAX },
        { imap_esearch_parse, " IN (subtree ()) ALL", NULL, ERR_SYNTAX },
    };
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 10000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_search_args args;
        enum imap_search_refusal why;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = cases[i].parse(&l, &args, &why, &e);
        if (ok != (cases[i].want != NULL) || e.kind != cases[i].kind)
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        assert_int_equal(why != IMAP_SEARCH_FINE, e.kind == ERR_UNSUPPORTED);
        if (!ok)
            continue;
        write_args(&text, &args);
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void windows_are_counted_from_either_end(void **state)
{
    static const struct {
        struct imap_partial partial;
        size_t n, from, count;
    } cases[] = {
        { { 1, 3, false }, 10, 0, 3 },  { { 3, 1, false }, 10, 0, 3 },
        { { 9, 12, false }, 10, 8, 2 }, { { 11, 12, false }, 10, 0, 0 },
        { { 1, 3, true }, 10, 7, 3 },   { { 3, 1, true }, 10, 7, 3 },
        { { 9, 12, true }, 10, 0, 2 },  { { 1, 1, true }, 0, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t from = 0;
        size_t count = 0;
        imap_partial_window(&cases[i].partial, cases[i].n, &from, &count);
        assert_int_equal(from, cases[i].from);
        assert_int_equal(count, cases[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_become_a_tree),
        cmocka_unit_test(return_options_are_bits),
        cmocka_unit_test(depth_and_number_are_limited),
        cmocka_unit_test(commands_have_their_arguments),
        cmocka_unit_test(windows_are_counted_from_either_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
