/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/str.h. */
#include "base/base.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static void compares_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a"), STR("a")));
    assert_true(str_eq(STR_EMPTY, STR("")));
    assert_false(str_eq(STR("a"), STR("A")));
    assert_false(str_eq(STR("a"), STR("a\0")));
    assert_true(str_ieq(STR("InBoX"), STR("INBOX")));
    assert_false(str_ieq(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR(""), STR_EMPTY), 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_icmp(STR("ABC"), STR("abc")), 0);
    assert_true(str_icmp(STR("abd"), STR("ABC")) > 0);
}

static void finds_heads_and_tails(void **state)
{
    static const struct {
        str s, part;
        bool prefix, iprefix, suffix, isuffix;
    } cases[] = {
        { STR_INIT("MAIL FROM"), STR_INIT("MAIL"), true, true, false, false },
        { STR_INIT("MAIL FROM"), STR_INIT("mail"), false, true, false, false },
        { STR_INIT("MAIL FROM"), STR_INIT("from"), false, false, false, true },
        { STR_INIT("MAIL FROM"), STR_INIT("FROM"), false, false, true, true },
        { STR_INIT("a"), STR_INIT(""), true, true, true, true },
        { STR_INIT(""), STR_INIT("a"), false, false, false, false },
        { STR_INIT(""), STR_INIT(""), true, true, true, true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(str_has_prefix(cases[i].s, cases[i].part), cases[i].prefix);
        assert_int_equal(str_has_iprefix(cases[i].s, cases[i].part), cases[i].iprefix);
        assert_int_equal(str_has_suffix(cases[i].s, cases[i].part), cases[i].suffix);
        assert_int_equal(str_has_isuffix(cases[i].s, cases[i].part), cases[i].isuffix);
    }
}

static void searches(void **state)
{
    (void)state;
    assert_int_equal(str_find_byte(STR("a\0b"), '\0'), 1);
    assert_int_equal(str_find_byte(STR("abc"), 'd'), -1);
    assert_int_equal(str_find_byte(STR_EMPTY, 'd'), -1);
    assert_int_equal(str_rfind_byte(STR("a@b@c"), '@'), 3);
    assert_int_equal(str_find(STR("hello"), STR("llo")), 2);
    assert_int_equal(str_find(STR("hello"), STR("")), 0);
    assert_int_equal(str_find(STR("he"), STR("hello")), -1);
    assert_int_equal(str_ifind(STR("Subject: HeLLo"), STR("hello")), 9);
    assert_int_equal(str_ifind(STR("ab"), STR("abc")), -1);
}

static void makes_letters_small(void **state)
{
    char text[] = "A\0\xc3\x84[Z";
    struct buf b;
    struct arena a;
    (void)state;
    arena_init(&a);
    buf_init(&b, 3);
    str small = arena_lower(&a, str_of(text, 6));
    assert_true(str_eq(small, STR("a\0\xc3\x84[z")) && small.p[small.n] == '\0');
    assert_int_equal(arena_lower(&a, STR_EMPTY).n, 0);
    assert_true(str_eq(str_lower(str_of(text, 6), text), small));
    assert_true(buf_add_lower(&b, STR("AbC")) && buf_add_lower(&b, STR_EMPTY));
    assert_false(buf_add_lower(&b, STR("D")));
    assert_true(str_eq(buf_str(&b), STR("abc")));
    buf_fini(&b);
    arena_fini(&a);
}

static void cuts_and_slices(void **state)
{
    (void)state;
    str head, rest;
    assert_true(str_cut(STR("a=b=c"), '=', &head, &rest));
    assert_true(str_eq(head, STR("a")) && str_eq(rest, STR("b=c")));
    assert_false(str_cut(STR("abc"), '=', &head, &rest));
    assert_true(str_eq(head, STR("abc")) && rest.n == 0);
    assert_true(str_eq(str_slice(STR("hello"), 1, 3), STR("ell")));
    assert_true(str_eq(str_slice(STR("hello"), 3, 99), STR("lo")));
    assert_int_equal(str_slice(STR("hello"), 99, 1).n, 0);
    assert_true(str_eq(str_trim(STR(" \t\r\n a b \n")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t")).n, 0);
}

/* Parsers count offsets from what is left, also when nothing is. */
static void keeps_the_place_of_what_is_empty(void **state)
{
    static const char text[] = "key:  ";
    const str s = str_of(text, sizeof(text) - 1);
    const char *end = text + s.n;
    str head, rest;
    (void)state;
    assert_ptr_equal(str_skip(s, s.n).p, end);
    assert_ptr_equal(str_skip(s, s.n + 9).p, end);
    assert_ptr_equal(str_slice(s, s.n, 1).p, end);
    assert_ptr_equal(str_trim(str_skip(s, 4)).p, end);
    assert_true(str_cut(str_slice(s, 0, 4), ':', &head, &rest));
    assert_ptr_equal(rest.p, text + 4);
    assert_false(str_cut(s, '=', &head, &rest));
    assert_ptr_equal(rest.p, end);
    assert_int_equal(str_skip(STR_EMPTY, 1).n, 0);
    assert_null(str_skip(STR_EMPTY, 1).p);
}

static void reads_numbers(void **state)
{
    static const struct {
        str text;
        uint64_t max;
        bool ok;
        uint64_t value;
    } cases[] = {
        { STR_INIT("0"), 10, true, 0 },
        { STR_INIT("007"), 10, true, 7 },
        { STR_INIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
        { STR_INIT("18446744073709551616"), UINT64_MAX, false, 0 },
        { STR_INIT("11"), 10, false, 0 },
        { STR_INIT(""), 10, false, 0 },
        { STR_INIT("-1"), 10, false, 0 },
        { STR_INIT("+1"), 10, false, 0 },
        { STR_INIT(" 1"), 10, false, 0 },
        { STR_INIT("1a"), 10, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t value = 0;
        assert_int_equal(str_to_uint(cases[i].text, cases[i].max, &value), cases[i].ok);
        assert_int_equal(value, cases[i].value);
    }
    int64_t number = 0;
    assert_true(str_to_int(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &number));
    assert_true(number == INT64_MIN);
    assert_false(str_to_int(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &number));
    assert_false(str_to_int(STR("-6"), -5, 5, &number));
    assert_false(str_to_int(STR("-"), -5, 5, &number));
}

static void hashes_by_seed(void **state)
{
    (void)state;
    assert_true(str_hash(STR("a"), 1) == str_hash(STR("a"), 1));
    assert_true(str_hash(STR("a"), 1) != str_hash(STR("a"), 2));
    assert_true(str_hash(STR("a"), 1) != str_hash(STR("b"), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_bytes),  cmocka_unit_test(finds_heads_and_tails),
        cmocka_unit_test(searches),        cmocka_unit_test(makes_letters_small),
        cmocka_unit_test(cuts_and_slices), cmocka_unit_test(keeps_the_place_of_what_is_empty),
        cmocka_unit_test(reads_numbers),   cmocka_unit_test(hashes_by_seed),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
