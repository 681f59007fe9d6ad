/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/utf8.h. */
#include "base/base.h"
#include "base/utf8.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct {
    const char *name;
    str bytes;
    bool is_valid;
    str repaired;
} cases[] = {
    { "empty", STR_INIT(""), true, STR_INIT("") },
    { "ascii with NUL", STR_INIT("a\0b"), true, STR_INIT("a\0b") },
    { "two bytes", STR_INIT("\xc3\xa4"), true, STR_INIT("\xc3\xa4") },
    { "lowest and highest of three", STR_INIT("\xe0\xa0\x80\xef\xbf\xbf"), true,
      STR_INIT("\xe0\xa0\x80\xef\xbf\xbf") },
    { "lowest and highest of four", STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true,
      STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
    { "overlong slash", STR_INIT("\xc0\xaf"), false, STR_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
    { "overlong of three", STR_INIT("\xe0\x9f\xbf"), false,
      STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
    { "surrogate", STR_INIT("\xed\xa0\x80"), false,
      STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
    { "above U+10FFFF", STR_INIT("\xf4\x90\x80\x80"), false,
      STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
    { "lone continuation", STR_INIT("a\x80z"), false, STR_INIT("a\xef\xbf\xbdz") },
    { "cut short counts once", STR_INIT("a\xe2\x82z"), false, STR_INIT("a\xef\xbf\xbdz") },
    { "cut short at the end", STR_INIT("\xf0\x9f\x98"), false, STR_INIT("\xef\xbf\xbd") },
    { "latin-1 after long ascii", STR_INIT("0123456789abcdef\xe4"), false,
      STR_INIT("0123456789abcdef\xef\xbf\xbd") },
    { "byte that never is", STR_INIT("\xff\xfe"), false, STR_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
};

static void knows_ascii(void **state)
{
    static const char text[] = "0123456789abcdefghi\0k";
    char changed[sizeof(text)];
    (void)state;
    assert_true(utf8_is_ascii(STR_EMPTY));
    assert_true(utf8_is_ascii(str_of(text, sizeof(text))));
    for (size_t i = 0; i < sizeof(text); i++) {
        memcpy(changed, text, sizeof(text));
        changed[i] = (char)0x80;
        if (utf8_is_ascii(str_of(changed, sizeof(changed))))
            fail_msg("octet %zu", i);
    }
}

static void validates_and_repairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 100);
        bool is_valid = utf8_is_valid(cases[i].bytes);
        bool is_repaired = utf8_repair(cases[i].bytes, &out);
        if (is_valid != cases[i].is_valid || !is_repaired ||
            !str_eq(buf_str(&out), cases[i].repaired) || !utf8_is_valid(buf_str(&out)))
            fail_msg("%s", cases[i].name);
        buf_fini(&out);
    }
}

static void every_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        char bytes[4];
        uint32_t back = 0;
        size_t n = utf8_encode(cp, bytes);
        bool is_character = cp <= 0x10ffff && !(cp >= 0xd800 && cp <= 0xdfff);
        assert_int_equal(n > 0, is_character);
        if (n && (utf8_decode(str_of(bytes, n), &back) != n || back != cp))
            fail_msg("U+%04X", cp);
    }
}

static void cuts_at_characters(void **state)
{
    static const struct {
        str text;
        size_t max, n;
    } rows[] = {
        { STR_INIT("abc"), 5, 3 },
        { STR_INIT("abc"), 2, 2 },
        { STR_INIT("a\xc3\xa4z"), 2, 1 },
        { STR_INIT("a\xc3\xa4z"), 3, 3 },
        { STR_INIT("\xf0\x9f\x98\x80"), 3, 0 },
        { STR_INIT("\xf0\x9f\x98\x80z"), 4, 4 },
        { STR_INIT("\x80\x80\x80\x80\x80\x80"), 5, 5 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(utf8_cut(rows[i].text, rows[i].max).n, rows[i].n);
    assert_int_equal(utf8_count(STR("a\xc3\xa4\xf0\x9f\x98\x80\xff")), 4);
    assert_int_equal(utf8_count(STR_EMPTY), 0);
}

static void repair_stops_when_full(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    assert_false(utf8_repair(STR("\xff\xff"), &out));
    assert_true(str_eq(buf_str(&out), STR("\xef\xbf\xbd")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_ascii),
        cmocka_unit_test(validates_and_repairs),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(cuts_at_characters),
        cmocka_unit_test(repair_stops_when_full),
    };
    return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
