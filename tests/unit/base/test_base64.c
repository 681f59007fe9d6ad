/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/base64.h and base/hex.h, with the vectors of RFC 4648 section 10. */
#include "base/base.h"
#include "base/base64.h"
#include "base/hex.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct {
    str bytes;
    str standard, url;
} vectors[] = {
    { STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { STR_INIT("f"), STR_INIT("Zg=="), STR_INIT("Zg") },
    { STR_INIT("fo"), STR_INIT("Zm8="), STR_INIT("Zm8") },
    { STR_INIT("foo"), STR_INIT("Zm9v"), STR_INIT("Zm9v") },
    { STR_INIT("foob"), STR_INIT("Zm9vYg=="), STR_INIT("Zm9vYg") },
    { STR_INIT("fooba"), STR_INIT("Zm9vYmE="), STR_INIT("Zm9vYmE") },
    { STR_INIT("foobar"), STR_INIT("Zm9vYmFy"), STR_INIT("Zm9vYmFy") },
    { STR_INIT("\xfb\xff\xfe\0"), STR_INIT("+//+AA=="), STR_INIT("-__-AA") },
};

static void check_both_ways(enum base64_alphabet alphabet, str bytes, str text)
{
    struct err e = ERR_CLEAR;
    struct buf out;
    buf_init(&out, 100);
    assert_true(base64_encode(alphabet, bytes, &out));
    assert_true(str_eq(buf_str(&out), text));
    assert_int_equal(base64_encoded_size(alphabet, bytes.n), text.n);
    buf_clear(&out);
    assert_true(base64_decode(alphabet, text, &out, &e));
    assert_true(str_eq(buf_str(&out), bytes));
    buf_fini(&out);
}

static void knows_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        check_both_ways(BASE64_STANDARD, vectors[i].bytes, vectors[i].standard);
        check_both_ways(BASE64_URL, vectors[i].bytes, vectors[i].url);
    }
}

static void refuses_what_is_not_strict(void **state)
{
    static const struct {
        enum base64_alphabet alphabet;
        str text;
    } cases[] = {
        { BASE64_STANDARD, STR_INIT("Zg") },    { BASE64_STANDARD, STR_INIT("Zg=") },
        { BASE64_STANDARD, STR_INIT("Zg===") }, { BASE64_STANDARD, STR_INIT("====") },
        { BASE64_STANDARD, STR_INIT("Z===") },  { BASE64_STANDARD, STR_INIT("Zg==Zg==") },
        { BASE64_STANDARD, STR_INIT("Zm 9v") }, { BASE64_STANDARD, STR_INIT("Zm9v\r\n") },
        { BASE64_STANDARD, STR_INIT("Zh==") },  { BASE64_STANDARD, STR_INIT("Zm9=") },
        { BASE64_STANDARD, STR_INIT("-__-") },  { BASE64_STANDARD, STR_INIT("Zm9v\0\0\0\0") },
        { BASE64_URL, STR_INIT("Zg==") },       { BASE64_URL, STR_INIT("Z") },
        { BASE64_URL, STR_INIT("+//+") },       { BASE64_URL, STR_INIT("Zh") },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct buf out;
        buf_init(&out, 100);
        assert_true(buf_add(&out, STR("kept")));
        if (base64_decode(cases[i].alphabet, cases[i].text, &out, &e) || e.kind != ERR_SYNTAX)
            fail_msg("accepted %.*s", STR_FMT(cases[i].text));
        assert_string_equal(buf_cstr(&out), "kept");
        buf_fini(&out);
    }
}

static void keeps_the_maximum(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct buf out;
    buf_init(&out, 3);
    assert_false(base64_encode(BASE64_STANDARD, STR("f"), &out));
    assert_false(base64_decode(BASE64_STANDARD, STR("Zm9vYg=="), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_true(base64_decode(BASE64_STANDARD, STR("Zm9v"), &out, &e));
    buf_fini(&out);
}

static void hex_both_ways(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct buf out;
    buf_init(&out, 100);
    assert_true(hex_encode(STR("\x00\xff\x1a"), &out));
    assert_string_equal(buf_cstr(&out), "00ff1a");
    buf_clear(&out);
    assert_true(hex_decode(STR("00Ff1A"), &out, &e));
    assert_true(str_eq(buf_str(&out), STR("\x00\xff\x1a")));
    assert_false(hex_decode(STR("0"), &out, &e));
    assert_false(hex_decode(STR("0g"), &out, &e));
    assert_false(hex_decode(STR("-1"), &out, &e));
    assert_int_equal(out.n, 3);
    assert_int_equal(hex_digit('g'), -1);
    buf_fini(&out);
}

static void base32_both_ways(void **state)
{
    static const uint64_t values[] = { 0, 1, 31, 32, 1234567890123ULL, UINT64_MAX };
    (void)state;
    struct err e = ERR_CLEAR;
    uint64_t back = 0;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char text[13];
        base32_encode(values[i], text, sizeof(text));
        assert_true(base32_decode(str_of(text, sizeof(text)), &back, &e));
        assert_true(back == values[i]);
    }
    assert_true(base32_decode(STR("OIL"), &back, &e));
    assert_int_equal(back, 0 << 10 | 1 << 5 | 1);
    assert_false(base32_decode(STR("u"), &back, &e));
    assert_false(base32_decode(STR("a\0"), &back, &e));
    assert_false(base32_decode(STR(""), &back, &e));
    assert_false(base32_decode(STR("g000000000000"), &back, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_vectors), cmocka_unit_test(refuses_what_is_not_strict),
        cmocka_unit_test(keeps_the_maximum), cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(base32_both_ways),
    };
    return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
