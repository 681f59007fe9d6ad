/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that people write, foreign text that is printed, exit codes. */
#include "services/cli/output.h"
#include "services/cli/size.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text;
    int64_t bytes; /* -1: refused */
} sizes[] = {
    { "0", 0 },
    { "unlimited", 0 },
    { "1048576", 1048576 },
    { "1kb", 1024 },
    { "500MB", INT64_C(524288000) },
    { " 2 GB ", INT64_C(2147483648) },
    { "1T", INT64_C(1099511627776) },
    { "9223372036854775807", INT64_MAX },
    { "9223372036854775808", -1 },
    { "8388608TB", -1 },
    { "8388607TB", INT64_C(9223370937343148032) },
    { "", -1 },
    { "MB", -1 },
    { "-1", -1 },
    { "1.5GB", -1 },
    { "1 M B", -1 },
    { "12x", -1 },
};

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct err e = ERR_CLEAR;
        int64_t bytes = -1;
        bool ok = cli_parse_size(str_from_cstr(sizes[i].text), &bytes, &e);
        if (ok != (sizes[i].bytes >= 0) || (ok && bytes != sizes[i].bytes))
            fail_msg("\"%s\" is read as %lld", sizes[i].text, (long long)bytes);
    }
}

static const struct {
    const char *text;
    const char *shown;
} texts[] = {
    { "plain", "plain" },
    { "Gr\xc3\xbc\xc3\x9f"
      "e \xe2\x82\xac",
      "Gr\xc3\xbc\xc3\x9f"
      "e \xe2\x82\xac" },
    { "\x1b]0;owned\x07", "\\x1b]0;owned\\x07" },
    { "a\r\nb\tc", "a\\x0d\\x0ab\\x09c" },
    { "\x7f", "\\x7f" },
    { "\xc2\x9b"
      "31m",
      "\\xc2\\x9b31m" },
    { "\xff\xc3", "\\xff\\xc3" },
};

static void test_control_characters_are_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct buf out;
        buf_init(&out, 1000);
        cli_escape(str_from_cstr(texts[i].text), &out);
        assert_string_equal(buf_cstr(&out), texts[i].shown);
        json_t *value = cli_json_text(str_from_cstr(texts[i].text));
        assert_string_equal(json_string_value(value), texts[i].shown);
        json_decref(value);
        buf_fini(&out);
    }
}

static void test_every_kind_of_error_has_a_code(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_of(ERR_NONE), 0);
    for (int kind = ERR_NONE + 1; kind <= ERR_INTERNAL; kind++) {
        int code = (int)cli_exit_of((enum err_kind)kind);
        assert_in_range(code, 64, 78);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_control_characters_are_shown),
        cmocka_unit_test(test_every_kind_of_error_has_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
