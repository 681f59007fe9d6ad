/* SPDX-License-Identifier: Apache-2.0 */
/* LIST arguments, patterns, mailbox names, STATUS items. */
#include "base/base.h"
#include "wire/imap_format.h"
#include "wire/imap_list.h"
#include "wire/imap_mailbox_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void patterns_match_names(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool want;
    } cases[] = {
        { "*", "a/b/c", true },
        { "%", "a", true },
        { "%", "a/b", false },
        { "a/%", "a/b", true },
        { "a/%", "a/b/c", false },
        { "a/*", "a/b/c", true },
        { "a*c", "abbc", true },
        { "a*c", "abbcd", false },
        { "%/%", "a/b", true },
        { "*%", "a/b", true },
        { "%*", "a/b", true },
        { "", "", true },
        { "", "a", false },
        { "a", "A", false },
        { "inbox", "INBOX", true },
        { "Inbox/x", "INBOX/x", true },
        { "inbox/X", "INBOX/x", false },
        { "inb%", "INBOX", false },
        { "*", "INBOX", true },
        { "%%%%%a", "bca", true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str pattern = str_from_cstr(cases[i].pattern);
        if (imap_list_match(pattern, str_from_cstr(cases[i].name)) != cases[i].want)
            fail_msg("%s against %s", cases[i].pattern, cases[i].name);
    }
}

static void wildcards_do_not_explode(void **state)
{
    (void)state;
    struct buf pattern;
    struct buf name;
    buf_init(&pattern, 300);
    buf_init(&name, 300);
    while (pattern.n < 252)
        assert_true(buf_add(&pattern, STR("%*")));
    assert_true(buf_add(&pattern, STR("b")));
    while (name.n < 255)
        assert_true(buf_add(&name, STR("a")));
    /* A search that tries every way would not end while anybody waits. */
    for (int i = 0; i < 20; i++)
        assert_false(imap_list_match(buf_str(&pattern), buf_str(&name)));
    while (pattern.n < 256)
        assert_true(buf_add(&pattern, STR("*")));
    assert_false(imap_list_match(buf_str(&pattern), STR("a")));
    buf_fini(&name);
    buf_fini(&pattern);
}

static void list_arguments_are_read(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        unsigned select;
        unsigned returns;
        unsigned status;
        size_t patterns;
    } cases[] = {
        { " \"\" *", true, 0, 0, 0, 1 },
        { " \"\" \"\"", true, 0, 0, 0, 1 },
        { " () \"\" (a %)", true, 0, 0, 0, 2 },
        { " (SUBSCRIBED RECURSIVEMATCH) \"\" *", true,
          IMAP_LIST_SUBSCRIBED | IMAP_LIST_RECURSIVEMATCH, 0, 0, 1 },
        { " \"\" % RETURN (CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN))", true, 0,
          IMAP_LIST_RETURN_CHILDREN | IMAP_LIST_RETURN_SPECIAL_USE | IMAP_LIST_RETURN_STATUS,
          IMAP_STATUS_MESSAGES | IMAP_STATUS_UNSEEN, 1 },
        { " \"\" % RETURN ()", true, 0, 0, 0, 1 },
        { " (RECURSIVEMATCH) \"\" *", false, 0, 0, 0, 0 },
        { " (FOO) \"\" *", false, 0, 0, 0, 0 },
        { " \"\" * RETURN (FOO)", false, 0, 0, 0, 0 },
        { " \"\" ()", false, 0, 0, 0, 0 },
        { " \"\"", false, 0, 0, 0, 0 },
        { " \"\" * RETURN (STATUS ())", false, 0, 0, 0, 0 },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_list_args args;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_list_parse(&l, &args, &e);
        if (ok != cases[i].ok)
            fail_msg("case %zu: %s: %s", i, cases[i].in, e.msg);
        if (!ok)
            continue;
        assert_int_equal(args.select, cases[i].select);
        assert_int_equal(args.returns, cases[i].returns);
        assert_int_equal(args.status_items, cases[i].status);
        assert_int_equal(args.n_patterns, cases[i].patterns);
    }
    arena_fini(&a);
}

static void modified_utf7_has_one_spelling(void **state)
{
    static const struct {
        const char *utf7;
        const char *utf8; /* NULL: refused */
    } cases[] = {
        { "INBOX", "INBOX" },
        { "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
        { "&-", "&" },
        { "a&-b", "a&b" },
        { "~peter/mail/&ZeVnLIqe-/&U,BTFw-",
          "~peter/mail/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xe5\x8f\xb0\xe5\x8c\x97" },
        { "&2D3eCQ-", "\xf0\x9f\x98\x89" },
        { "&", NULL },          /* not ended */
        { "&AGE-", NULL },      /* "a" needs no shift */
        { "&AP", NULL },        /* not ended */
        { "&AP-", NULL },       /* half a unit is left */
        { "&2D0-", NULL },      /* half a pair */
        { "&APw-&APw-", NULL }, /* two shifts where one does */
        { "&AP/-", NULL },      /* '/' is no digit */
        { "\xc3\xbc", NULL },
        { "a\tb", NULL },
    };
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        buf_clear(&out);
        bool ok = imap_utf7_decode(&out, str_from_cstr(cases[i].utf7), &e);
        if (ok != (cases[i].utf8 != NULL))
            fail_msg("%s: %s", cases[i].utf7, e.msg);
        if (!ok)
            continue;
        assert_string_equal(buf_cstr(&out), cases[i].utf8);
        buf_clear(&out);
        assert_true(imap_utf7_encode(&out, str_from_cstr(cases[i].utf8)));
        assert_string_equal(buf_cstr(&out), cases[i].utf7);
    }
    buf_fini(&out);
}

static void names_are_folded_and_limited(void **state)
{
    static const struct {
        const char *sent;
        bool is_utf8;
        const char *want; /* NULL: refused */
    } cases[] = {
        { "inbox", false, "INBOX" },
        { "InBox/a", false, "INBOX/a" },
        { "inboxes", false, "inboxes" },
        { "a/b/", false, "a/b" },
        { "a&AP4-", false, "a\xc3\xbe" },
        { "a\xc3\xbe", true, "a\xc3\xbe" },
        { "a&b", true, "a&b" },
        { "a\xc3\xbe", false, NULL },
        { "a&b", false, NULL },
        { "a\xff", true, NULL },
        { "../x", false, NULL },
        { "a/./b", false, NULL },
        { "a//b", false, NULL },
        { "/a", false, NULL },
        { "", false, NULL },
        { "a*", false, NULL },
        { "a%", false, NULL },
        { "a\x7f", true, NULL },
        { "a\xe2\x80\xa8", true, NULL },
        { "&AAA-", false, NULL }, /* U+0000 */
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str name;
        bool ok = imap_mailbox_parse(&a, str_from_cstr(cases[i].sent), cases[i].is_utf8, &name, &e);
        if (ok != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].sent, e.msg);
        if (ok) {
            assert_true(str_eq(name, str_from_cstr(cases[i].want)));
        } else {
            bool is_broken = cases[i].is_utf8 && strchr(cases[i].sent, 0xff);
            assert_int_equal(e.kind, is_broken ? ERR_SYNTAX : ERR_UNSUPPORTED);
        }
    }
    struct err e = ERR_CLEAR;
    str name;
    char deep[300];
    for (size_t i = 0; i < sizeof(deep); i++)
        deep[i] = i % 2 ? '/' : 'a';
    assert_true(imap_mailbox_parse(&a, str_of(deep, 63), false, &name, &e));
    assert_false(imap_mailbox_parse(&a, str_of(deep, 65), false, &name, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    memset(deep, 'a', sizeof(deep));
    assert_true(imap_mailbox_parse(&a, str_of(deep, 255), false, &name, &e));
    assert_false(imap_mailbox_parse(&a, str_of(deep, 256), false, &name, &e));
    arena_fini(&a);
}

/* In quotes for who can read UTF-8 there, in modified UTF-7 for others; a literal for what may
 * stand in neither. */
static void names_are_written(void **state)
{
    static const struct {
        const char *name;
        const char *utf8;
        const char *utf7;
    } cases[] = {
        { "Archive", "Archive", "Archive" },
        { "a b", "\"a b\"", "\"a b\"" },
        { "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "gr&APwA3w-" },
        { "\"\xc3\xbc\\", "\"\\\"\xc3\xbc\\\\\"", "\"\\\"&APw-\\\\\"" },
        { "a\r\xc3\xbc", "{4}\r\na\r\xc3\xbc", "a&AA0A,A-" },
    };
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str name = str_from_cstr(cases[i].name);
        buf_clear(&out);
        assert_true(imap_mailbox_format(&out, name, true));
        assert_string_equal(buf_cstr(&out), cases[i].utf8);
        buf_clear(&out);
        assert_true(imap_mailbox_format(&out, name, false));
        assert_string_equal(buf_cstr(&out), cases[i].utf7);
    }
    buf_fini(&out);
}

static void new_names_do_not_look_like_inbox(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    assert_true(imap_mailbox_check_new(STR("INBOX/a"), &e));
    assert_true(imap_mailbox_check_new(STR("Archive"), &e));
    assert_true(imap_mailbox_check_new(STR("lnboxes"), &e));
    assert_false(imap_mailbox_check_new(STR("lnbox"), &e));
    assert_false(imap_mailbox_check_new(STR("\xd0\x86NBOX/a"), &e));
    assert_false(imap_mailbox_check_new(STR("INB0X"), &e));
    assert_false(imap_mailbox_check_new(STR("#shared"), &e));
}

/* Whatever a name or text holds, what is written is read back as the same (ATTACKS I19). */
static void written_strings_are_read_back(void **state)
{
    static const str texts[] = {
        STR_INIT("plain"),      STR_INIT(""),        STR_INIT("NIL"),
        STR_INIT("with space"), STR_INIT("a\"b\\c"), STR_INIT("a\r\n* OK injected"),
        STR_INIT("\xc3\xbc"),   STR_INIT("{5}"),     STR_INIT("a]b"),
        STR_INIT("(a)"),        STR_INIT("%*"),      STR_INIT("\x7f"),
        STR_INIT("a\tb"),
    };
    (void)state;
    struct arena a;
    struct buf out;
    arena_init(&a);
    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct imap_lexer l;
        struct err e = ERR_CLEAR;
        str back;
        buf_clear(&out);
        assert_true(imap_format_astring(&out, texts[i]));
        imap_lexer_init(&l, buf_str(&out), &a);
        if (!imap_lexer_astring(&l, &back, &e) || !imap_lexer_end(&l, &e))
            fail_msg("text %zu: %s", i, e.msg);
        assert_true(str_eq(back, texts[i]));
    }
    buf_clear(&out);
    assert_true(imap_format_text(&out, STR("a\r\n* BYE \xff")));
    assert_string_equal(buf_cstr(&out), "a??* BYE ?");
    buf_fini(&out);
    arena_fini(&a);
}

static void status_items_are_read_and_written(void **state)
{
    (void)state;
    struct arena a;
    struct buf out;
    struct imap_lexer l;
    unsigned items = 0;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    buf_init(&out, 1000);
    imap_lexer_init(&l, STR("(messages HIGHESTMODSEQ SIZE)"), &a);
    assert_true(imap_status_items_parse(&l, &items, &e));
    struct imap_status values = { .messages = 3, .highestmodseq = 1ULL << 40, .size = 7 };
    assert_true(imap_status_format(&out, items, &values));
    assert_string_equal(buf_cstr(&out), "(MESSAGES 3 SIZE 7 HIGHESTMODSEQ 1099511627776)");
    imap_lexer_init(&l, STR("(FOO)"), &a);
    assert_false(imap_status_items_parse(&l, &items, &e));
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_names),
        cmocka_unit_test(wildcards_do_not_explode),
        cmocka_unit_test(list_arguments_are_read),
        cmocka_unit_test(modified_utf7_has_one_spelling),
        cmocka_unit_test(names_are_folded_and_limited),
        cmocka_unit_test(names_are_written),
        cmocka_unit_test(new_names_do_not_look_like_inbox),
        cmocka_unit_test(written_strings_are_read_back),
        cmocka_unit_test(status_items_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
