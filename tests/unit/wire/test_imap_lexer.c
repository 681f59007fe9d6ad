/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, command heads and their framing. */
#include "base/base.h"
#include "wire/imap_command.h"
#include "wire/imap_framer.h"
#include "wire/imap_lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void astrings_are_read_in_each_form(void **state)
{
    static const struct {
        const char *in;
        const char *want; /* NULL: refused */
    } cases[] = {
        { "abc", "abc" },
        { "a]c", "a]c" },
        { "\"a b\"", "a b" },
        { "\"a\\\"b\\\\\"", "a\"b\\" },
        { "\"\"", "" },
        { "{3}\r\na\"b", "a\"b" },
        { "{3+}\r\nabc", "abc" },
        { "{0}\r\n", "" },
        { "{4}\r\nabc", NULL },
        { "{3}abc", NULL },
        { "\"abc", NULL },
        { "\"a\\bc\"", NULL },
        { "\"a\rb\"", NULL },
        { "(", NULL },
        { "", NULL },
        { "{99999999999999999999}\r\nabc", NULL },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct err e = ERR_CLEAR;
        str got = STR_EMPTY;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_lexer_astring(&l, &got, &e);
        if (ok != (cases[i].want != NULL))
            fail_msg("case %zu: %s", i, cases[i].in);
        if (!ok)
            continue;
        assert_true(str_eq(got, str_from_cstr(cases[i].want)));
        assert_true(imap_lexer_is_at_end(&l));
    }
    arena_fini(&a);
}

static void commands_have_a_tag_and_a_name(void **state)
{
    static const struct {
        const char *in;
        const char *tag;
        const char *name; /* NULL: refused */
        bool is_uid;
    } cases[] = {
        { "a1 noop", "a1", "NOOP", false },
        { "a1 UID fetch 1 FLAGS", "a1", "FETCH", true },
        { "* NOOP", "", NULL, false },
        { "+a NOOP", "", NULL, false },
        { "a1", "a1", NULL, false },
        { "a1  NOOP", "a1", NULL, false },
        { "a1 UID", "a1", NULL, false },
        { "", "", NULL, false },
        { "GET / HTTP/1.1", "GET", "/", false },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_command c;
        struct err e = ERR_CLEAR;
        bool ok = imap_command_parse(str_from_cstr(cases[i].in), &a, &c, &e);
        if (ok != (cases[i].name != NULL))
            fail_msg("case %zu: %s", i, cases[i].in);
        assert_true(str_eq(c.tag, str_from_cstr(cases[i].tag)));
        if (ok) {
            assert_true(str_eq(c.name, str_from_cstr(cases[i].name)));
            assert_int_equal(c.is_uid, cases[i].is_uid);
        }
    }
    arena_fini(&a);
}

static void small_argument_lists_are_read(void **state)
{
    (void)state;
    struct arena a;
    struct err e = ERR_CLEAR;
    struct imap_lexer l;
    struct imap_select_args select;
    struct imap_create_args create;
    struct imap_id_args id;
    arena_init(&a);
    imap_lexer_init(&l, STR(" INBOX (CONDSTORE)"), &a);
    assert_true(imap_parse_select(&l, &select, &e) && select.condstore);
    imap_lexer_init(&l, STR(" INBOX (QRESYNC (1 2 3:5 (1,4 3,9)))"), &a);
    assert_true(imap_parse_select(&l, &select, &e) && select.qresync && !select.condstore);
    assert_true(select.uidvalidity == 1 && select.modseq == 2 && select.known_uids.n == 1);
    assert_true(select.numbers.n == 2 && select.uids.n == 2);
    imap_lexer_init(&l, STR(" INBOX (QRESYNC (0 2))"), &a);
    assert_false(imap_parse_select(&l, &select, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    imap_lexer_init(&l, STR(" INBOX (QUICK)"), &a);
    assert_false(imap_parse_select(&l, &select, &e));
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    imap_lexer_init(&l, STR(" Old (USE (\\Archive \\Junk))"), &a);
    assert_true(imap_parse_create(&l, &create, &e));
    assert_int_equal(create.n_uses, 2);
    assert_true(str_eq(create.uses[1], STR("\\Junk")));
    imap_lexer_init(&l, STR(" (\"name\" \"x\" \"os\" NIL)"), &a);
    assert_true(imap_parse_id(&l, &id, &e));
    assert_int_equal(id.n, 2);
    assert_true(str_eq(id.values[0], STR("x")) && id.values[1].n == 0);
    imap_lexer_init(&l, STR(" NIL"), &a);
    assert_true(imap_parse_id(&l, &id, &e) && id.n == 0);
    arena_fini(&a);
}

static const struct imap_framer_limits limits = { .command = 1000,
                                                  .message = 50000,
                                                  .total = 50000 };

static void a_command_is_gathered_with_its_literals(void **state)
{
    (void)state;
    struct imap_framer f;
    imap_framer_init(&f);
    imap_framer_begin(&f, &limits);
    assert_int_equal(imap_framer_line(&f, STR("a LOGIN {3}")), IMAP_FRAME_LITERAL);
    assert_true(imap_framer_wants_go_ahead(&f));
    assert_int_equal(imap_framer_literal(&f, STR("a")), IMAP_FRAME_LITERAL);
    assert_false(imap_framer_wants_go_ahead(&f));
    assert_int_equal(imap_framer_literal(&f, STR("da")), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR(" {0+}")), IMAP_FRAME_LITERAL);
    assert_false(imap_framer_wants_go_ahead(&f));
    assert_int_equal(imap_framer_literal(&f, STR("")), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR("")), IMAP_FRAME_COMPLETE);
    assert_true(str_eq(imap_framer_text(&f), STR("a LOGIN {3}\r\nada {0+}\r\n")));
    imap_framer_fini(&f);
}

/* A command that nobody has memory for is read to its end and forgotten. */
static void a_command_is_dropped(void **state)
{
    (void)state;
    struct imap_framer f;
    char block[1000];
    memset(block, 'x', sizeof(block));
    imap_framer_init(&f);
    imap_framer_begin(&f, &limits);
    assert_int_equal(imap_framer_line(&f, STR("a APPEND box {40000+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 1000)), IMAP_FRAME_LITERAL);
    imap_framer_drop(&f);
    for (int i = 1; i < 39; i++)
        assert_int_equal(imap_framer_literal(&f, str_of(block, 1000)), IMAP_FRAME_LITERAL);
    assert_int_equal(f.text.cap, 0);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 1000)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR(" {900+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 900)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR("")), IMAP_FRAME_COMPLETE);
    assert_true(f.text.cap < 900);
    imap_framer_begin(&f, &limits);
    assert_int_equal(imap_framer_line(&f, STR("a LOGIN {3+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, STR("abc")), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR("")), IMAP_FRAME_COMPLETE);
    assert_true(str_eq(imap_framer_text(&f), STR("a LOGIN {3+}\r\nabc")));
    imap_framer_fini(&f);
}

static void limits_hold_before_anything_is_read(void **state)
{
    static const struct {
        const char *line;
        bool is_strict;
        enum imap_frame want;
    } cases[] = {
        { "a LOGIN {4294967295}", true, IMAP_FRAME_TOO_BIG },
        { "a LOGIN {99999999999999999999}", true, IMAP_FRAME_TOO_BIG },
        { "a LOGIN {99999999999999999999}", false, IMAP_FRAME_REFUSED },
        { "a LOGIN {4294967295}", false, IMAP_FRAME_REFUSED },
        { "a LOGIN {4294967295+}", false, IMAP_FRAME_TOO_BIG },
        { "a LOGIN {987}", false, IMAP_FRAME_LITERAL },
        { "a LOGIN {988}", false, IMAP_FRAME_REFUSED },
        { "a APPEND x {50000}", false, IMAP_FRAME_LITERAL },
        { "a append x ~{50000+}", false, IMAP_FRAME_LITERAL },
        { "a APPEND x {50001}", false, IMAP_FRAME_REFUSED },
        { "a REPLACE 1 x {50000}", false, IMAP_FRAME_LITERAL },
        { "a UID REPLACE 1 x {50000}", false, IMAP_FRAME_LITERAL },
        { "a UID FETCH 1 x {50000}", false, IMAP_FRAME_REFUSED },
        { "a APPEND x {50001+}", false, IMAP_FRAME_TOO_BIG },
        { "a SEARCH TEXT foo}", false, IMAP_FRAME_COMPLETE },
        { "a SEARCH TEXT {x}", false, IMAP_FRAME_COMPLETE },
        { "a SEARCH TEXT {}", false, IMAP_FRAME_COMPLETE },
        { "a SEARCH TEXT {+}", false, IMAP_FRAME_COMPLETE },
    };
    (void)state;
    struct imap_framer f;
    imap_framer_init(&f);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_framer_limits l = limits;
        l.is_strict = cases[i].is_strict;
        imap_framer_begin(&f, &l);
        if (imap_framer_line(&f, str_from_cstr(cases[i].line)) != cases[i].want)
            fail_msg("case %zu: %s", i, cases[i].line);
    }
    imap_framer_fini(&f);
}

static void literals_together_keep_the_limit(void **state)
{
    (void)state;
    struct imap_framer f;
    char block[600];
    memset(block, 'x', sizeof(block));
    struct imap_framer_limits l = { .command = 1000 };
    imap_framer_init(&f);
    imap_framer_begin(&f, &l);
    assert_int_equal(imap_framer_line(&f, STR("a X {600+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 600)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR(" {600+}")), IMAP_FRAME_TOO_BIG);
    imap_framer_begin(&f, &l);
    assert_int_equal(imap_framer_line(&f, str_of(block, 600)), IMAP_FRAME_COMPLETE);
    imap_framer_begin(&f, &l);
    assert_int_equal(imap_framer_line(&f, STR("a X {600+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 600)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, str_of(block, 600)), IMAP_FRAME_TOO_BIG);
    imap_framer_fini(&f);
}

/* Several messages share `total`; lines between them still count for the command alone. */
static void messages_together_keep_the_limit(void **state)
{
    (void)state;
    struct imap_framer f;
    char block[2000] = { 0 };
    memset(block, 'x', sizeof(block));
    struct imap_framer_limits l = { .command = 100, .message = 2000, .total = 4500 };
    imap_framer_init(&f);
    imap_framer_begin(&f, &l);
    assert_int_equal(imap_framer_line(&f, STR("a APPEND b {2000+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 2000)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR(" (x) {2000+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 2000)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, STR(" {501}")), IMAP_FRAME_REFUSED);
    imap_framer_begin(&f, &l);
    assert_int_equal(imap_framer_line(&f, STR("a APPEND b {2000+}")), IMAP_FRAME_LITERAL);
    assert_int_equal(imap_framer_literal(&f, str_of(block, 2000)), IMAP_FRAME_LINE);
    assert_int_equal(imap_framer_line(&f, str_of(block, 83)), IMAP_FRAME_TOO_BIG);
    imap_framer_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(astrings_are_read_in_each_form),
        cmocka_unit_test(commands_have_a_tag_and_a_name),
        cmocka_unit_test(small_argument_lists_are_read),
        cmocka_unit_test(a_command_is_gathered_with_its_literals),
        cmocka_unit_test(limits_hold_before_anything_is_read),
        cmocka_unit_test(literals_together_keep_the_limit),
        cmocka_unit_test(messages_together_keep_the_limit),
        cmocka_unit_test(a_command_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
