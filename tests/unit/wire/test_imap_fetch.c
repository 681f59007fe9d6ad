/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of FETCH and STORE. */
#include "base/base.h"
#include "wire/imap_fetch.h"
#include "wire/imap_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sections_keep_their_spelling(void **state)
{
    static const struct {
        const char *in;
        const char *want; /* NULL: refused; else how the first section is answered */
    } cases[] = {
        { " 1 BODY[]", "BODY[]" },
        { " 1 BODY.PEEK[]<5.10>", "BODY[]<5>" },
        { " 1 (BODY.PEEK[HEADER.FIELDS (To \"X Y\")])", "BODY[HEADER.FIELDS (To \"X Y\")]" },
        { " 1 body[1.2.header.fields.not (a)]<0.4294967295>",
          "BODY[1.2.HEADER.FIELDS.NOT (a)]<0>" },
        { " 1 BODY[1.MIME]", "BODY[1.MIME]" },
        { " 1 BODY[3.TEXT]", "BODY[3.TEXT]" },
        { " 1 BINARY[1]", "BINARY[1]" },
        { " 1 BINARY.PEEK[1]<1.2>", "BINARY[1]<1>" },
        { " 1 BINARY.SIZE[]", "BINARY.SIZE[]" },
        { " 1 RFC822", "RFC822" },
        { " 1 (UID RFC822.HEADER)", "RFC822.HEADER" },
        { " 1 RFC822.TEXT", "RFC822.TEXT" },
        { " 1 BODY[MIME]", NULL },
        { " 1 BODY[1.]", NULL },
        { " 1 BODY[.1]", NULL },
        { " 1 BODY[0]", NULL },
        { " 1 BODY[1.FOO]", NULL },
        { " 1 BODY[HEADER.FIELDS ()]", NULL },
        { " 1 BODY[]<1.0>", NULL },
        { " 1 BODY[]<1>", NULL },
        { " 1 BODY[", NULL },
        { " 1 BINARY[HEADER]", NULL },
        { " 1 FOO", NULL },
        { " 1 ()", NULL },
        { " 1", NULL },
    };
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_fetch_args args;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_fetch_parse(&l, &args, &e);
        if (ok != (cases[i].want != NULL))
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        if (!ok)
            continue;
        assert_int_equal(args.n_sections, 1);
        buf_clear(&text);
        assert_true(imap_section_format(&text, &args.sections[0]));
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void items_are_bits(void **state)
{
    static const struct {
        const char *in;
        unsigned want;
    } cases[] = {
        { " 1:* FAST", IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE },
        { " 1 (UID FLAGS UID)", IMAP_FETCH_UID | IMAP_FETCH_FLAGS },
        { " 1 (BODY BODYSTRUCTURE)", IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE },
        { " 1 modseq", IMAP_FETCH_MODSEQ },
        { " 1 full", IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE |
                         IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY },
    };
    (void)state;
    struct arena a;
    struct err e = ERR_CLEAR;
    struct imap_lexer l;
    struct imap_fetch_args args;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        assert_true(imap_fetch_parse(&l, &args, &e));
        assert_int_equal(args.items, cases[i].want);
    }
    imap_lexer_init(&l, STR(" 1:* FLAGS (CHANGEDSINCE 12345)"), &a);
    assert_true(imap_fetch_parse(&l, &args, &e) && args.has_changedsince);
    assert_int_equal(args.changedsince, 12345);
    imap_lexer_init(&l, STR(" 1:* FLAGS (CHANGEDSINCE 1 VANISHED)"), &a);
    assert_true(imap_fetch_parse(&l, &args, &e) && args.has_changedsince && args.vanished);
    imap_lexer_init(&l, STR(" 1:* FLAGS (VANISHED VANISHED)"), &a);
    assert_false(imap_fetch_parse(&l, &args, &e));
    arena_fini(&a);
}

static void store_modes_are_read(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        enum imap_store_mode mode;
        bool silent;
        unsigned bits;
        size_t keywords;
        uint64_t unchangedsince;
    } cases[] = {
        { " 1 FLAGS (\\Seen)", true, IMAP_STORE_REPLACE, false, IMAP_FLAG_SEEN, 0, 0 },
        { " 1 +FLAGS \\Seen \\deleted", true, IMAP_STORE_ADD, false,
          IMAP_FLAG_SEEN | IMAP_FLAG_DELETED, 0, 0 },
        { " 1 -FLAGS.SILENT ($Junk x X)", true, IMAP_STORE_REMOVE, true, 0, 2, 0 },
        { " 1 (UNCHANGEDSINCE 7) +flags.silent (\\Draft)", true, IMAP_STORE_ADD, true,
          IMAP_FLAG_DRAFT, 0, 7 },
        { " 1 FLAGS ()", true, IMAP_STORE_REPLACE, false, 0, 0, 0 },
        { " 1 FLAGS (\\Recent)", false, 0, false, 0, 0, 0 },
        { " 1 FLAGS", false, 0, false, 0, 0, 0 },
        { " 1 FLAGS (\\Foo)", false, 0, false, 0, 0, 0 },
        { " 1 FLAGS (a b", false, 0, false, 0, 0, 0 },
        { " 1 FLAGS (a\"b)", false, 0, false, 0, 0, 0 },
        { " 1 FOO (a)", false, 0, false, 0, 0, 0 },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_store_args args;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_store_parse(&l, &args, &e);
        if (ok != cases[i].ok)
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        if (!ok)
            continue;
        assert_int_equal(args.mode, cases[i].mode);
        assert_int_equal(args.is_silent, cases[i].silent);
        assert_int_equal(args.flags.bits, cases[i].bits);
        assert_int_equal(args.flags.n, cases[i].keywords);
        assert_int_equal(args.unchangedsince, cases[i].unchangedsince);
    }
    arena_fini(&a);
}

static void keywords_are_limited(void **state)
{
    (void)state;
    struct arena a;
    struct buf in;
    struct imap_lexer l;
    struct imap_flags flags;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    buf_init(&in, 1 << 20);
    assert_true(buf_add_byte(&in, '('));
    for (int i = 0; i < 65; i++)
        assert_true(buf_addf(&in, "%sk%d", i ? " " : "", i));
    assert_true(buf_add_byte(&in, ')'));
    imap_lexer_init(&l, buf_str(&in), &a);
    assert_false(imap_flags_parse(&l, true, &flags, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    e = ERR_CLEAR;
    imap_lexer_init(&l, STR("(aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef)"), &a);
    assert_false(imap_flags_parse(&l, true, &flags, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&in);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_keep_their_spelling),
        cmocka_unit_test(items_are_bits),
        cmocka_unit_test(store_modes_are_read),
        cmocka_unit_test(keywords_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
