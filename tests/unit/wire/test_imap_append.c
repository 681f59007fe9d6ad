/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of APPEND and REPLACE. */
#include "base/base.h"
#include "wire/imap_append.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void append_is_read(void **state)
{
    static const struct {
        str in;
        enum err_kind kind;
        size_t messages;
        size_t parts; /* of the last message */
    } cases[] = {
        { STR_INIT(" INBOX {6}\r\nA: b\r\n"), ERR_NONE, 1, 1 },
        { STR_INIT(" INBOX (\\Seen $x) {0}\r\n"), ERR_NONE, 1, 1 },
        { STR_INIT(" INBOX (\\Seen) \" 1-Jan-1970 00:00:01 +0000\" {2}\r\n\r\n"), ERR_NONE, 1, 1 },
        { STR_INIT(" INBOX ~{2}\r\na\0"), ERR_NONE, 1, 1 },
        { STR_INIT(" {5+}\r\nINBOX {2+}\r\nab"), ERR_NONE, 1, 1 },
        { STR_INIT(" INBOX {2}\r\nab {2}\r\ncd"), ERR_NONE, 2, 1 },
        { STR_INIT(" INBOX {2}\r\nab (\\Seen) {2}\r\ncd () ~{1}\r\ne"), ERR_NONE, 3, 1 },
        { STR_INIT(" INBOX CATENATE (URL \"/x/;UID=1\")"), ERR_NONE, 1, 1 },
        { STR_INIT(" b (x) catenate (url /x/;UID=1 text {1}\r\na TEXT {0}\r\n)"), ERR_NONE, 1, 3 },
        { STR_INIT(" b UTF8 (~{1}\r\na)"), ERR_NONE, 1, 1 },
        { STR_INIT(" b {1}\r\na CATENATE (TEXT {1}\r\nb)"), ERR_NONE, 2, 1 },
        { STR_INIT(" b UTF8 ({1}\r\na)"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b CATENATE ()"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b CATENATE (TEXT abc)"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b CATENATE (FILE x)"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b CATENATE (URL x"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b {1}\r\na "), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b {1}\r\na{1}\r\nb"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" b"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" INBOX \"99-Zzz-9999 00:00:00 +0000\" {2}\r\nab"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" INBOX \"31-Feb-2020 00:00:00 +0000\" {2}\r\nab"), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" INBOX \"ab\""), ERR_SYNTAX, 0, 0 },
        { STR_INIT(" INBOX (\\Foo) {1}\r\na"), ERR_UNSUPPORTED, 0, 0 },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_append_args args;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, cases[i].in, &a);
        bool ok = imap_append_parse(&l, &args, &e);
        if (ok != (cases[i].kind == ERR_NONE) || e.kind != cases[i].kind)
            fail_msg("case %zu: %s", i, e.msg);
        if (!ok)
            continue;
        assert_int_equal(args.n, cases[i].messages);
        assert_int_equal(args.messages[args.n - 1].n_parts, cases[i].parts);
        if (args.messages[0].has_date)
            assert_int_equal(args.messages[0].date_utc_s, 1);
    }
    arena_fini(&a);
}

/* `n` times " {1}" behind the mailbox. */
static bool parse_many(size_t n, struct err *e)
{
    struct arena a;
    struct buf text;
    struct imap_lexer l;
    struct imap_append_args args;
    arena_init(&a);
    buf_init(&text, 1 << 20);
    assert_true(buf_add(&text, STR(" b")));
    for (size_t i = 0; i < n; i++)
        assert_true(buf_addf(&text, " {1}\r\n%c", (int)('a' + i % 26)));
    imap_lexer_init(&l, buf_str(&text), &a);
    bool ok = imap_append_parse(&l, &args, e);
    for (size_t i = 0; ok && i < n; i++)
        assert_int_equal(args.messages[i].parts[0].octets.p[0], 'a' + i % 26);
    buf_fini(&text);
    arena_fini(&a);
    return ok;
}

static void messages_are_limited(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    assert_true(parse_many(IMAP_APPEND_MESSAGES_MAX, &e));
    assert_false(parse_many(IMAP_APPEND_MESSAGES_MAX + 1, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void replace_is_read(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        uint32_t number;
    } cases[] = {
        { " 3 INBOX {1}\r\na", true, 3 },
        { " * INBOX (x) {1}\r\na", true, UINT32_MAX },
        { " 4 b CATENATE (TEXT {1}\r\na)", true, 4 },
        { " 0 INBOX {1}\r\na", false, 0 },
        { " 1:2 INBOX {1}\r\na", false, 0 },
        { " 1 INBOX {1}\r\na {1}\r\nb", false, 0 },
        { " 1 INBOX", false, 0 },
        { " x INBOX {1}\r\na", false, 0 },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_replace_args args;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_replace_parse(&l, &args, &e);
        if (ok != cases[i].ok || (ok && args.number != cases[i].number))
            fail_msg("case %zu: %s", i, e.msg);
    }
    arena_fini(&a);
}

static void messages_are_clean_or_not(void **state)
{
    (void)state;
    assert_true(imap_message_is_clean(STR("")));
    assert_true(imap_message_is_clean(STR("a\r\n\r\nb")));
    assert_false(imap_message_is_clean(STR("a\nb")));
    assert_false(imap_message_is_clean(STR("a\rb")));
    assert_false(imap_message_is_clean(STR("a\r")));
    assert_false(imap_message_is_clean(STR("\r\r\n")));
    assert_false(imap_message_is_clean(STR("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_is_read),
        cmocka_unit_test(messages_are_limited),
        cmocka_unit_test(replace_is_read),
        cmocka_unit_test(messages_are_clean_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
