/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/percent.h. */
#include "base/base.h"
#include "base/percent.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static void decodes(void **state)
{
    static const struct {
        const char *in;
        const char *out; /* NULL: refused */
    } cases[] = {
        { "", "" },         { "abc", "abc" },    { "a%20b", "a b" },       { "a+b", "a+b" },
        { "%2B", "+" },     { "%25", "%" },      { "100%", NULL },         { "%4", NULL },
        { "%zz", NULL },    { "%4z", NULL },     { "%00", NULL },          { "%%41", NULL },
        { "%2541", "%41" }, { "a%0ab", "a\nb" }, { "%c3%A4", "\xc3\xa4" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str out;
        bool is_good = percent_decode(&a, str_from_cstr(cases[i].in), &out);
        if (is_good != (cases[i].out != NULL) ||
            (is_good && !str_eq(out, str_from_cstr(cases[i].out))))
            fail_msg("%s", cases[i].in);
    }
    arena_fini(&a);
}

static void reads_one_octet(void **state)
{
    (void)state;
    assert_int_equal(percent_octet(STR("%41B")), 'A');
    assert_int_equal(percent_octet(STR("%00")), 0);
    assert_int_equal(percent_octet(STR("%fF")), 255);
    assert_int_equal(percent_octet(STR("%4")), -1);
    assert_int_equal(percent_octet(STR("a%41")), -1);
    assert_int_equal(percent_octet(str_slice(STR("%41"), 0, 2)), -1);
    assert_int_equal(percent_octet(STR_EMPTY), -1);
}

static void encodes(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 18);
    assert_true(percent_encode(&out, STR("a/\xc3\xa4~%"), STR("/")));
    assert_string_equal(buf_cstr(&out), "a/%C3%A4~%25");
    assert_false(percent_encode(&out, STR("\x01\x02\x03"), STR_EMPTY));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(reads_one_octet),
        cmocka_unit_test(encodes),
    };
    return cmocka_run_group_tests_name("base/percent", tests, NULL, NULL);
}
