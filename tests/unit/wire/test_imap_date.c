/* SPDX-License-Identifier: Apache-2.0 */
/* INTERNALDATE and search dates. */
#include "base/base.h"
#include "wire/imap_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void date_times_are_read(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        int64_t want;
    } cases[] = {
        { "\"01-Jan-1970 00:00:00 +0000\"", true, 0 },
        { "\" 1-jan-1970 01:00:00 +0100\"", true, 0 },
        { "\"31-Dec-1969 23:59:59 -0000\"", true, -1 },
        { "\"29-Feb-2024 12:30:15 -0830\"", true, 1709240415 },
        { "\"29-Feb-2023 12:30:15 +0000\"", false, 0 },
        { "\"00-Jan-2023 12:30:15 +0000\"", false, 0 },
        { "\"1-Jan-2023 12:30:15 +0000\"", false, 0 },
        { "\"01-Jan-2023 24:00:00 +0000\"", false, 0 },
        { "\"01-Jan-2023 23:60:00 +0000\"", false, 0 },
        { "\"01-Jan-2023 23:00:00 +2460\"", false, 0 },
        { "\"01-Jan-2023 23:00:00 UTC\"", false, 0 },
        { "\"01-Jan-2023 23:00:00 +0000", false, 0 },
        { "01-Jan-2023 23:00:00 +0000", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct err e = ERR_CLEAR;
        int64_t got = 0;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), NULL);
        if (imap_date_time_parse(&l, &got, &e) != cases[i].ok)
            fail_msg("%s: %s", cases[i].in, e.msg);
        assert_int_equal(got, cases[i].want);
    }
}

static void dates_are_read(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        int64_t want;
    } cases[] = {
        { "1-Jan-1970", true, 0 },    { "02-Jan-1970", true, 1 }, { "\"3-Jan-1970\"", true, 2 },
        { "31-Apr-2020", false, 0 },  { "1-Foo-2020", false, 0 }, { "1-Jan-20", false, 0 },
        { "\"1-Jan-2020", false, 0 }, { "", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct err e = ERR_CLEAR;
        int64_t got = 0;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), NULL);
        if (imap_date_parse(&l, &got, &e) != cases[i].ok)
            fail_msg("%s: %s", cases[i].in, e.msg);
        assert_int_equal(got, cases[i].want);
    }
}

static void what_is_written_is_read_back(void **state)
{
    static const int64_t times[] = { 0, -1, 1709240415, 4102444800, -62135596800, 253402300799 };
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct imap_lexer l;
        struct err e = ERR_CLEAR;
        int64_t back = 0;
        buf_clear(&out);
        assert_true(imap_date_time_format(&out, times[i]));
        imap_lexer_init(&l, buf_str(&out), NULL);
        assert_true(imap_date_time_parse(&l, &back, &e));
        assert_int_equal(back, times[i]);
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_times_are_read),
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
