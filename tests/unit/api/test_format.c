/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of texts: what each takes and refuses. */
#include "services/api/format.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct format_case {
    enum api_format format;
    str text;
    bool ok;
};

static const struct format_case cases[] = {
    { API_FORMAT_ID, STR_INIT("1"), true },
    { API_FORMAT_ID, STR_INIT("9223372036854775807"), true },
    { API_FORMAT_ID, STR_INIT("9223372036854775808"), false },
    { API_FORMAT_ID, STR_INIT("0"), false },
    { API_FORMAT_ID, STR_INIT("01"), false },
    { API_FORMAT_ID, STR_INIT("-1"), false },
    { API_FORMAT_ID, STR_INIT(""), false },
    { API_FORMAT_STATE, STR_INIT("0"), true },
    { API_FORMAT_STATE, STR_INIT("x"), false },
    { API_FORMAT_KEY, STR_INIT("aZ09-_."), true },
    { API_FORMAT_KEY, STR_INIT("a/b"), false },
    { API_FORMAT_KEY, STR_INIT(""), false },
    { API_FORMAT_CURSOR, STR_INIT("abc_-="), true },
    { API_FORMAT_CURSOR, STR_INIT("a b"), false },
    { API_FORMAT_QUEUE_ID, STR_INIT("0e9c7b2k4m8qz"), true },
    { API_FORMAT_QUEUE_ID, STR_INIT("0E9C7B2K4M8QZ"), false },
    { API_FORMAT_QUEUE_ID, STR_INIT("0e9c7b2k4m8q"), false },
    { API_FORMAT_PART, STR_INIT("1.2.3"), true },
    { API_FORMAT_PART, STR_INIT("1..3"), false },
    { API_FORMAT_PART, STR_INIT("1."), false },
    { API_FORMAT_PART, STR_INIT("../1"), false },
    { API_FORMAT_DOMAIN, STR_INIT("example.org"), true },
    { API_FORMAT_DOMAIN, STR_INIT("Example.ORG"), true },
    { API_FORMAT_DOMAIN,
      STR_INIT("b\xc3\xbc"
               "cher.example"),
      true },
    { API_FORMAT_DOMAIN, STR_INIT("example.org."), false },
    { API_FORMAT_DOMAIN, STR_INIT("-a.org"), false },
    { API_FORMAT_EMAIL, STR_INIT("mia@example.org"), true },
    { API_FORMAT_EMAIL, STR_INIT("mia.o'neil+tag@example.org"), true },
    { API_FORMAT_EMAIL,
      STR_INIT("m\xc3\xbc"
               "ller@b\xc3\xbc"
               "cher.example"),
      true },
    { API_FORMAT_EMAIL, STR_INIT("mia"), false },
    { API_FORMAT_EMAIL, STR_INIT("@example.org"), false },
    { API_FORMAT_EMAIL, STR_INIT("mia@"), false },
    { API_FORMAT_EMAIL, STR_INIT("mia@example.org\r\nBcc: x@example.org"), false },
    { API_FORMAT_EMAIL, STR_INIT("mia, leo@example.org"), false },
    { API_FORMAT_EMAIL, STR_INIT("a@b@example.org"), false },
    { API_FORMAT_EMAIL, STR_INIT("<mia@example.org>"), false },
    { API_FORMAT_ACCOUNT, STR_INIT("12"), true },
    { API_FORMAT_ACCOUNT, STR_INIT("mia@example.org"), true },
    { API_FORMAT_ACCOUNT, STR_INIT("mia"), false },
    { API_FORMAT_LINE,
      STR_INIT("Gr\xc3\xbc\xc3\x9f"
               "e"),
      true },
    { API_FORMAT_LINE, STR_INIT(""), true },
    { API_FORMAT_LINE, STR_INIT("a\nb"), false },
    { API_FORMAT_LINE, STR_INIT("a\x7f"), false },
    { API_FORMAT_LINE,
      STR_INIT("a\xc2\x85"
               "b"),
      false },
    { API_FORMAT_LINE,
      STR_INIT("a\xe2\x80\xa8"
               "b"),
      false },
    { API_FORMAT_LINE,
      STR_INIT("a\xc2\xa0"
               "b"),
      true },
    { API_FORMAT_MAILBOX_NAME, STR_INIT("Work"), true },
    { API_FORMAT_MAILBOX_NAME, STR_INIT("Work/Play"), false },
    { API_FORMAT_MAILBOX_NAME, STR_INIT("100%"), false },
    { API_FORMAT_KEYWORD, STR_INIT("$seen"), true },
    { API_FORMAT_KEYWORD, STR_INIT("\\Seen"), false },
    { API_FORMAT_KEYWORD, STR_INIT("two words"), false },
    { API_FORMAT_MEDIA_TYPE, STR_INIT("image/svg+xml"), true },
    { API_FORMAT_MEDIA_TYPE, STR_INIT("image"), false },
    { API_FORMAT_MEDIA_TYPE, STR_INIT("text/html; charset=x"), false },
    { API_FORMAT_TOKEN, STR_INIT("4f1b3c1e-8a53"), true },
    { API_FORMAT_TOKEN, STR_INIT("a b"), false },
    { API_FORMAT_ETAG, STR_INIT("\"1\", W/\"2\""), true },
    { API_FORMAT_ETAG, STR_INIT("\"1\"\r"), false },
    { API_FORMAT_DATE_TIME, STR_INIT("2026-03-01T12:00:00Z"), true },
    { API_FORMAT_DATE_TIME, STR_INIT("2026-02-30T12:00:00Z"), false },
    { API_FORMAT_CONTENT_RANGE, STR_INIT("bytes 0-9/10"), true },
    { API_FORMAT_CONTENT_RANGE, STR_INIT("bytes 0-10/10"), false },
    { API_FORMAT_CONTENT_RANGE, STR_INIT("bytes 5-4/10"), false },
    { API_FORMAT_CONTENT_RANGE, STR_INIT("bytes 0-9/*"), false },
    { API_FORMAT_CONTENT_RANGE, STR_INIT("bytes 0-9/99999999999999999999"), false },
    { API_FORMAT_PASSWORD, STR_INIT("any \n text"), true },
    { API_FORMAT_NONE, STR_INIT("any \n text"), true },
};

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (api_format_check(cases[i].format, cases[i].text) != cases[i].ok)
            fail_msg("%s: \"%.*s\"", api_format_name(cases[i].format), STR_FMT(cases[i].text));
    }
}

static void test_every_format_has_a_name_and_a_fault(void **state)
{
    (void)state;
    for (enum api_format f = API_FORMAT_NONE + 1; f < API_FORMAT_COUNT; f++) {
        assert_true(*api_format_name(f));
        assert_true(*api_format_fault(f));
    }
}

static void test_content_range_gives_its_numbers(void **state)
{
    (void)state;
    int64_t first;
    int64_t last;
    int64_t size;
    assert_true(api_content_range_parse(STR("bytes 4-7/12"), &first, &last, &size));
    assert_int_equal(first, 4);
    assert_int_equal(last, 7);
    assert_int_equal(size, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_every_format_has_a_name_and_a_fault),
        cmocka_unit_test(test_content_range_gives_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
