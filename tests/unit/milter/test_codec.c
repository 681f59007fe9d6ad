/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of filters: what is one, and what a hostile or broken one is taken for. */
#include "milter/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_packets(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 16);
    assert_true(milter_add_packet(&out, 'B', STR("abc")));
    assert_true(str_eq(buf_str(&out), STR("\0\0\0\4Babc")));
    assert_false(milter_add_packet(&out, 'B', STR("0123456789")));
    buf_clear(&out);
    assert_true(milter_add_text(&out, STR("a\0b")) && milter_add_number(&out, 0x01020304));
    assert_true(str_eq(buf_str(&out), STR("ab\0\1\2\3\4")));
    buf_fini(&out);
}

static void test_lengths(void **state)
{
    static const struct {
        uint8_t octets[4];
        bool good;
        size_t length;
    } cases[] = {
        { { 0, 0, 0, 1 }, true, 1 },        { { 0, 1, 0, 2 }, true, 65538 },
        { { 0, 16, 0, 0 }, true, 1048576 }, { { 0, 0, 0, 0 }, false, 0 },
        { { 0, 16, 0, 1 }, false, 0 },      { { 255, 255, 255, 255 }, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        size_t length = 0;
        assert_int_equal(milter_length_parse(cases[i].octets, &length, &e), cases[i].good);
        assert_int_equal(e.kind, cases[i].good ? ERR_NONE : ERR_LIMIT);
        if (cases[i].good)
            assert_int_equal(length, cases[i].length);
    }
}

static void test_options(void **state)
{
    struct milter_options o;
    struct err e = ERR_CLEAR;
    (void)state;
    assert_true(milter_options_parse(STR("\0\0\0\6\0\0\1\xff\0\0\0\x11 and macros"), &o, &e));
    assert_int_equal(o.version, 6);
    assert_int_equal(o.actions, 0xff);
    assert_int_equal(o.steps, MILTER_NO_CONNECT | MILTER_NO_BODY);
    assert_false(milter_options_parse(STR("\0\0\0\1\0\0\0\0\0\0\0\0"), &o, &e));
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    e = ERR_CLEAR;
    assert_false(milter_options_parse(STR("\0\0\0\7\0\0\0\0\0\0\0\0"), &o, &e));
    e = ERR_CLEAR;
    assert_false(milter_options_parse(STR("\0\0\0\6\0\0\0\0\0\0\0"), &o, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
}

static void test_replies(void **state)
{
    static const struct {
        str data;
        unsigned class; /* 0: refused */
        const char *text;
    } cases[] = {
        { STR_INIT("550 5.7.1 Go away\0"), 5, "Go away" },
        { STR_INIT("451 Later"), 4, "Later" },
        { STR_INIT("554-5.7.1 First\r\n554 5.7.1 second\0"), 5, "First" },
        { STR_INIT("550 4.7.1 odd\0"), 5, "4.7.1 odd" },
        { STR_INIT("550 5.7.1 a\rb\x7f\xc3\xa4\0c"), 5, "a b" },
        { STR_INIT("550"), 5, "" },
        { STR_INIT("250 ok\0"), 0, NULL },
        { STR_INIT("5x0 no\0"), 0, NULL },
        { STR_INIT("5500 no\0"), 0, NULL },
        { STR_INIT("55"), 0, NULL },
        { STR_INIT(""), 0, NULL },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        unsigned class = 0;
        str text = STR_EMPTY;
        bool ok = milter_reply_parse(&a, cases[i].data, &class, &text, &e);
        if (ok != (cases[i].class != 0) || (ok && class != cases[i].class))
            fail_msg("case %zu: %d, class %u", i, (int)ok, class);
        if (ok && !str_eq(text, str_from_cstr(cases[i].text)))
            fail_msg("case %zu: \"%.*s\"", i, STR_FMT(text));
    }
    arena_fini(&a);
}

static void test_changes(void **state)
{
    static const struct {
        char command;
        str data;
        bool good;
        enum milter_change_kind kind;
        uint32_t index;
        const char *name;
        const char *value;
    } cases[] = {
        { 'h', STR_INIT("A\0b\0"), true, MILTER_ADD, 0, "A", "b" },
        { 'i', STR_INIT("\0\0\0\2A\0b\0"), true, MILTER_INSERT, 2, "A", "b" },
        { 'm',
          STR_INIT("\xff\xff\xff\xff"
                   "A\0\0"),
          true, MILTER_CHANGE, UINT32_MAX, "A", "" },
        { 'h', STR_INIT("A\0b"), false, MILTER_ADD, 0, NULL, NULL },
        { 'h', STR_INIT("A\0b\0c"), false, MILTER_ADD, 0, NULL, NULL },
        { 'h', STR_INIT("\0b\0"), false, MILTER_ADD, 0, NULL, NULL },
        { 'h', STR_INIT("A: b\r\nC\0d\0"), false, MILTER_ADD, 0, NULL, NULL },
        { 'i', STR_INIT("\0\0\0"), false, MILTER_ADD, 0, NULL, NULL },
        { 'm', STR_INIT("\0\0\0\1"), false, MILTER_ADD, 0, NULL, NULL },
        { 'x', STR_INIT("A\0b\0"), false, MILTER_ADD, 0, NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct milter_change c;
        bool ok = milter_change_parse(cases[i].command, cases[i].data, &c, &e);
        if (ok != cases[i].good)
            fail_msg("case %zu", i);
        if (!ok)
            continue;
        assert_true(milter_is_change(cases[i].command));
        assert_int_equal(c.kind, cases[i].kind);
        assert_int_equal(c.index, cases[i].index);
        assert_true(str_eq(c.name, str_from_cstr(cases[i].name)));
        assert_true(str_eq(c.value, str_from_cstr(cases[i].value)));
    }
}

static void test_envelope_changes(void **state)
{
    static const struct {
        char command;
        str data;
        const char *address; /* NULL: refused */
        enum milter_envelope_kind kind;
        int notify; /* -1: none given */
        const char *orcpt;
    } cases[] = {
        { '+', STR_INIT("<a@b.test>\0"), "a@b.test", MILTER_ADD_RECIPIENT, -1, "" },
        { '+', STR_INIT("a@B.test\0"), "a@b.test", MILTER_ADD_RECIPIENT, -1, "" },
        { '+', STR_INIT("\"a b\"@b\xc3\xbc.test\0"), "\"a b\"@xn--b-eha.test", MILTER_ADD_RECIPIENT,
          -1, "" },
        { '+', STR_INIT("a@b.test\0NOTIFY=NEVER\0"), "a@b.test", MILTER_ADD_RECIPIENT, -1, "" },
        { '2', STR_INIT("<a@b.test>\0"), "a@b.test", MILTER_ADD_RECIPIENT, -1, "" },
        { '2', STR_INIT("<a@b.test>\0 \0"), "a@b.test", MILTER_ADD_RECIPIENT, -1, "" },
        { '2', STR_INIT("<a@b.test>\0NOTIFY=NEVER ORCPT=rfc822;c@d\0"), "a@b.test",
          MILTER_ADD_RECIPIENT, 0, "rfc822;c@d" },
        { '-', STR_INIT("<postmaster>\0"), "postmaster", MILTER_REMOVE_RECIPIENT, -1, "" },
        { 'e', STR_INIT("<>\0"), "", MILTER_SET_SENDER, -1, "" },
        { 'e', STR_INIT("\0"), "", MILTER_SET_SENDER, -1, "" },
        { 'e', STR_INIT("<a@b.test>\0SIZE=1 NO=BODY\0"), "a@b.test", MILTER_SET_SENDER, -1, "" },
        { '2', STR_INIT("<a@b.test>\0NOTIFY=SOME\0"), NULL, 0, 0, NULL },
        { '2', STR_INIT("<a@b.test>\0SIZE=1\0"), NULL, 0, 0, NULL },
        { '2', STR_INIT("<a@b.test> NOTIFY=NEVER\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("<a@b.test>"), NULL, 0, 0, NULL },
        { '+', STR_INIT("<>\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("<\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("a b\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("root\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("a@b.test, c@d.test\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT("a@b.test>\r\nRCPT TO:<c@d.test\0"), NULL, 0, 0, NULL },
        { 'h', STR_INIT("a@b.test\0"), NULL, 0, 0, NULL },
        { '+', STR_INIT(""), NULL, 0, 0, NULL },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct milter_envelope_change c;
        bool ok = milter_envelope_parse(&a, cases[i].command, cases[i].data, &c, &e);
        if (ok != (cases[i].address != NULL) || (!ok && e.kind != ERR_SYNTAX))
            fail_msg("case %zu: %s", i, e.msg);
        if (!ok)
            continue;
        assert_int_equal(c.kind, cases[i].kind);
        if (!str_eq(c.address, str_from_cstr(cases[i].address)))
            fail_msg("case %zu: %.*s", i, STR_FMT(c.address));
        assert_int_equal(c.has_notify ? (int)c.notify : -1, cases[i].notify);
        assert_true(str_eq(c.orcpt, str_from_cstr(cases[i].orcpt)));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_options), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_changes), cmocka_unit_test(test_envelope_changes),
    };
    return cmocka_run_group_tests_name("milter/codec", tests, NULL, NULL);
}
