/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the envelope: what is one, what is not (ATTACKS S17, S18, S20). */
#include "base/utf8.h"
#include "wire/smtp_path.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define L63 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct {
    str text;
    enum smtp_path_kind kind;
    enum smtp_fault fault;
    const char *local;
    const char *domain;
    const char *shown;
} cases[] = {
    { STR_INIT("<a@b.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "b.example", "a@b.example" },
    { STR_INIT("<A.b+tag@B.Example>"), SMTP_REVERSE_PATH, SMTP_GOOD, "A.b+tag", "b.example",
      "A.b+tag@b.example" },
    { STR_INIT("<>"), SMTP_REVERSE_PATH, SMTP_GOOD, "", "", "" },
    { STR_INIT("<>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<Postmaster>"), SMTP_FORWARD_PATH, SMTP_GOOD, "postmaster", "", "postmaster" },
    { STR_INIT("<postmaster>"), SMTP_REVERSE_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<abuse>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<@us.example,@c.example:a@b>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "b", "a@b" },
    { STR_INIT("<@us.example:>"), SMTP_REVERSE_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<@us.example a@b>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a%b@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a%b", "us.example",
      "a%b@us.example" },
    { STR_INIT("<\"a@b\"@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a@b", "us.example",
      "\"a@b\"@us.example" },
    { STR_INIT("<\"a b>\\\"\\\\\"@d.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a b>\"\\",
      "d.example", "\"a b>\\\"\\\\\"@d.example" },
    { STR_INIT("<\"plain\"@d.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "plain", "d.example",
      "plain@d.example" },
    { STR_INIT("<\"\"@d.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<\"open@d.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<\"a\tb\"@d.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@[127.0.0.1]>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "[127.0.0.1]",
      "a@[127.0.0.1]" },
    { STR_INIT("<a@[IPv6:2001:DB8::1]>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "[ipv6:2001:db8::1]",
      "a@[ipv6:2001:db8::1]" },
    { STR_INIT("<a@[127.0.0.256]>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@[2001:db8::1]>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@[IPv6:]>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@[127.0.0.1>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@us.>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@.us>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@-us>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@us_1>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@b@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a\0b@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@us\0.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<.a@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a..b@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a.@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@us.example"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("a@us.example"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@us.example >"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("< a@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a (x)@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<\xc3\xa4@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "\xc3\xa4", "us.example",
      "\xc3\xa4@us.example" },
    { STR_INIT("<A\xcc\x88@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "\xc3\x84", "us.example",
      "\xc3\x84@us.example" },
    { STR_INIT("<\"\xc3\xa4 b\"@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "\xc3\xa4 b",
      "us.example", "\"\xc3\xa4 b\"@us.example" },
    { STR_INIT("<a@\xc3\xa4.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "xn--4ca.example",
      "a@xn--4ca.example" },
    { STR_INIT("<a@XN--4CA.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", "xn--4ca.example",
      "a@xn--4ca.example" },
    { STR_INIT("<\xc0\xaf@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a\xc2\x8d@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@\xe2\x84\x80.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@\xef\xbd\x81\xef\xbc\xa0.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "",
      "" },
    { STR_INIT("<a@\xc3.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<\xc3\xa4" A64 "@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a`$(id);'%n\x7f@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a`$'%n|{}@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a`$'%n|{}", "us.example",
      "a`$'%n|{}@us.example" },
    { STR_INIT("<" A64 "@us.example>"), SMTP_FORWARD_PATH, SMTP_GOOD, A64, "us.example",
      A64 "@us.example" },
    { STR_INIT("<" A64 "a@us.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@" L63 ".example>"), SMTP_FORWARD_PATH, SMTP_GOOD, "a", L63 ".example",
      "a@" L63 ".example" },
    { STR_INIT("<a@" L63 "b.example>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "", "" },
    { STR_INIT("<a@" L63 "." L63 "." L63 "." L63 ">"), SMTP_FORWARD_PATH, SMTP_GOOD, "a",
      L63 "." L63 "." L63 "." L63, "a@" L63 "." L63 "." L63 "." L63 },
    { STR_INIT("<a@" L63 "." L63 "." L63 "." L63 ".b>"), SMTP_FORWARD_PATH, SMTP_FAULT_PATH, "", "",
      "" },
};

static void test_paths(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct smtp_path path;
        str cursor = cases[i].text;
        enum smtp_fault fault = smtp_path_parse(&cursor, cases[i].kind, &a, &path);
        if (fault != cases[i].fault)
            fail_msg("%.*s: fault %d", STR_FMT(cases[i].text), (int)fault);
        if (fault != SMTP_GOOD)
            continue;
        assert_int_equal(cursor.n, 0);
        assert_int_equal(path.is_utf8, !utf8_is_ascii(cases[i].text));
        assert_true(str_eq(path.local, str_from_cstr(cases[i].local)));
        assert_true(str_eq(path.domain, str_from_cstr(cases[i].domain)));
        if (!str_eq(smtp_path_text(&path, &a), str_from_cstr(cases[i].shown))) {
            fail_msg("%.*s is shown as %.*s", STR_FMT(cases[i].text),
                     STR_FMT(smtp_path_text(&path, &a)));
        }
    }
    arena_fini(&a);
}

static void test_path_ends_where_it_ends(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct smtp_path path;
    str cursor = STR("<a@b> SIZE=1");
    assert_int_equal(smtp_path_parse(&cursor, SMTP_REVERSE_PATH, &a, &path), SMTP_GOOD);
    assert_true(str_eq(cursor, STR(" SIZE=1")));
    arena_fini(&a);
}

static void test_xtext(void **state)
{
    (void)state;
    static const struct {
        str text;
        bool good;
        str value;
    } xtexts[] = {
        { STR_INIT("a@b"), true, STR_INIT("a@b") },
        { STR_INIT("a+2Bb"), true, STR_INIT("a+b") },
        { STR_INIT("+0D+0A"), true, STR_INIT("\r\n") },
        { STR_INIT(""), true, STR_INIT("") },
        { STR_INIT("a+"), false, STR_INIT("") },
        { STR_INIT("a+2"), false, STR_INIT("") },
        { STR_INIT("a+2b"), false, STR_INIT("") },
        { STR_INIT("a=b"), false, STR_INIT("") },
        { STR_INIT("a b"), false, STR_INIT("") },
        { STR_INIT("a\xc3\xa4"), false, STR_INIT("") },
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(xtexts); i++) {
        str value = STR_EMPTY;
        bool good = smtp_xtext_decode(xtexts[i].text, &a, &value);
        if (good != xtexts[i].good || (good && !str_eq(value, xtexts[i].value)))
            fail_msg("%.*s", STR_FMT(xtexts[i].text));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_path_ends_where_it_ends),
        cmocka_unit_test(test_xtext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
