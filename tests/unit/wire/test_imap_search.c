/* SPDX-License-Identifier: Apache-2.0 */
/* Search keys, written back in one spelling to compare them. */
#include "base/base.h"
#include "wire/imap_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const op_names[] = {
    [IMAP_SEARCH_ALL] = "all",         [IMAP_SEARCH_NONE] = "none",
    [IMAP_SEARCH_AND] = "and",         [IMAP_SEARCH_OR] = "or",
    [IMAP_SEARCH_NOT] = "not",         [IMAP_SEARCH_FLAG] = "flag",
    [IMAP_SEARCH_KEYWORD] = "keyword", [IMAP_SEARCH_HEADER] = "header",
    [IMAP_SEARCH_BODY] = "body",       [IMAP_SEARCH_TEXT] = "text",
    [IMAP_SEARCH_BEFORE] = "before",   [IMAP_SEARCH_ON] = "on",
    [IMAP_SEARCH_SINCE] = "since",     [IMAP_SEARCH_SENTBEFORE] = "sentbefore",
    [IMAP_SEARCH_SENTON] = "senton",   [IMAP_SEARCH_SENTSINCE] = "sentsince",
    [IMAP_SEARCH_LARGER] = "larger",   [IMAP_SEARCH_SMALLER] = "smaller",
    [IMAP_SEARCH_SEQUENCE] = "seq",    [IMAP_SEARCH_UID] = "uid",
    [IMAP_SEARCH_MODSEQ] = "modseq",
};

/* The tree as text; a tree is at most 34 deep. */
static void write_key(struct buf *out,
                      const struct imap_search_key *key) // NOLINT(misc-no-recursion)
{
    assert_true(buf_addf(out, "(%s", op_names[key->op]));
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
        { " SINCE 2-Jan-1970 SENTON \"11-Jan-1970\"", "(and(since d1)(senton d10))", ERR_NONE },
        { " LARGER 100 SMALLER 4294967296", "(and(larger 100)(smaller 4294967296))", ERR_NONE },
        { " KEYWORD $Junk UNKEYWORD x", "(and(keyword '$Junk')(not(keyword 'x')))", ERR_NONE },
        { " MODSEQ 620162338", "(and(modseq 620162338))", ERR_NONE },
        { " MODSEQ \"/flags/\\\\draft\" all 6", "(and(modseq 6))", ERR_NONE },
        { " CHARSET UTF-8 TEXT {3}\r\n\xe2\x82\xac", "(and(text '\xe2\x82\xac'))", ERR_NONE },
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
        bool bad_charset = false;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_search_parse(&l, &args, &bad_charset, &e);
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
    bool bad_charset = false;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    imap_lexer_init(&l, STR(" RETURN (MIN COUNT) ALL"), &a);
    assert_true(imap_search_parse(&l, &args, &bad_charset, &e));
    assert_int_equal(args.returns, IMAP_RETURN_MIN | IMAP_RETURN_COUNT);
    imap_lexer_init(&l, STR(" RETURN () CHARSET UTF-8 MODSEQ 1"), &a);
    assert_true(imap_search_parse(&l, &args, &bad_charset, &e));
    assert_int_equal(args.returns, IMAP_RETURN_ALL);
    assert_true(args.has_return && args.has_modseq);
    imap_lexer_init(&l, STR(" CHARSET koi8-r ALL"), &a);
    assert_false(imap_search_parse(&l, &args, &bad_charset, &e));
    assert_true(bad_charset);
    arena_fini(&a);
}

static enum err_kind kind_of_repeated(const char *head, const char *part, size_t times,
                                      const char *tail)
{
    struct arena a;
    struct buf in;
    struct imap_lexer l;
    struct imap_search_args args;
    bool bad_charset = false;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    buf_init(&in, 1 << 20);
    assert_true(buf_addf(&in, " %s", head));
    for (size_t i = 0; i < times; i++)
        assert_true(buf_addf(&in, "%s", part));
    assert_true(buf_addf(&in, "%s", tail));
    imap_lexer_init(&l, buf_str(&in), &a);
    (void)imap_search_parse(&l, &args, &bad_charset, &e);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_become_a_tree),
        cmocka_unit_test(return_options_are_bits),
        cmocka_unit_test(depth_and_number_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
