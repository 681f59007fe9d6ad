/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/date.h. */
#include "base/base.h"
#include "base/date.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

/* Walks every day of ten thousand years beside a calendar that only counts. */
static void counts_every_day(void **state)
{
    (void)state;
    int64_t days = date_days_from_civil(0, 1, 1);
    int weekday = 6; /* 0000-01-01 was a Saturday */
    for (int year = 0; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= date_days_in_month(year, month); day++) {
                struct date d = { .year = 0 };
                date_civil_from_days(days, &d);
                if (d.year != year || d.month != month || d.day != day ||
                    date_days_from_civil(year, month, day) != days || date_weekday(days) != weekday)
                    fail_msg("%04d-%02d-%02d", year, month, day);
                days++;
                weekday = (weekday + 1) % 7;
            }
        }
    }
}

static void knows_leap_years(void **state)
{
    (void)state;
    assert_int_equal(date_days_in_month(2024, 2), 29);
    assert_int_equal(date_days_in_month(2023, 2), 28);
    assert_int_equal(date_days_in_month(1900, 2), 28);
    assert_int_equal(date_days_in_month(2000, 2), 29);
    assert_int_equal(date_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(date_weekday(0), 4);
    assert_int_equal(date_weekday(-1), 3);
    assert_string_equal(date_weekday_name(date_weekday(-4)), "Sun");
    assert_int_equal(date_month_from_name(STR("dEC")), 12);
    assert_int_equal(date_month_from_name(STR("Dece")), 0);
}

static void fields_both_ways(void **state)
{
    static const struct {
        int64_t seconds;
        struct date date;
    } cases[] = {
        { 0, { 1970, 1, 1, 0, 0, 0, 0 } },
        { -1, { 1969, 12, 31, 23, 59, 59, 0 } },
        { 951827696, { 2000, 2, 29, 12, 34, 56, 0 } },
        { 2147483648, { 2038, 1, 19, 3, 14, 8, 0 } },
        { DATE_UNIX_MIN, { 0, 1, 1, 0, 0, 0, 0 } },
        { DATE_UNIX_MAX, { 9999, 12, 31, 23, 59, 59, 0 } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct date d;
        date_from_unix(cases[i].seconds, &d);
        assert_memory_equal(&d, &cases[i].date, sizeof(d));
        assert_true(date_to_unix(&cases[i].date) == cases[i].seconds);
        assert_true(date_is_valid(&d));
    }
    struct date far;
    date_from_unix(INT64_MAX, &far);
    assert_int_equal(far.year, 9999);
    date_from_unix(INT64_MIN, &far);
    assert_int_equal(far.year, 0);
    date_from_unix_us(-1, &far);
    assert_int_equal(far.microsecond, 999999);
    assert_int_equal(far.second, 59);
}

static void reads_rfc3339(void **state)
{
    static const struct {
        const char *text;
        const char *same; /* in UTC with microseconds; NULL: refused */
    } cases[] = {
        { "1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520000Z" },
        { "1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000000Z" },
        { "1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000000Z" },
        { "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000000Z" },
        { "1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870000Z" },
        { "2026-11-21t05:12:55z", "2026-11-21T05:12:55.000000Z" },
        { "2026-11-21 05:12:55.1234567Z", "2026-11-21T05:12:55.123456Z" },
        { "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z" },
        { "2023-02-29T00:00:00Z", NULL },
        { "2026-13-01T00:00:00Z", NULL },
        { "2026-00-01T00:00:00Z", NULL },
        { "2026-04-31T00:00:00Z", NULL },
        { "2026-04-30T24:00:00Z", NULL },
        { "2026-04-30T23:60:00Z", NULL },
        { "2026-04-30T23:59:61Z", NULL },
        { "2026-04-30T23:59:59", NULL },
        { "2026-04-30T23:59:59.Z", NULL },
        { "2026-04-30T23:59:59+24:00", NULL },
        { "2026-04-30T23:59:59+0100", NULL },
        { "2026-04-30T23:59:59Z ", NULL },
        { "26-04-30T23:59:59Z", NULL },
        { "2026-4-30T23:59:59Z", NULL },
        { "", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct buf out;
        int64_t us = 0;
        buf_init(&out, 64);
        bool ok = date_parse_rfc3339(str_from_cstr(cases[i].text), &us, &e);
        if (ok != (cases[i].same != NULL))
            fail_msg("%s", cases[i].text);
        if (ok) {
            assert_true(date_format_rfc3339(us, 6, &out));
            assert_string_equal(buf_cstr(&out), cases[i].same);
        } else {
            assert_int_equal(e.kind, ERR_SYNTAX);
        }
        buf_fini(&out);
    }
}

static void formats_fractions(void **state)
{
    static const char *const expected[] = { "1970-01-01T00:00:01Z", "1970-01-01T00:00:01.2Z",
                                            "1970-01-01T00:00:01.23Z", "1970-01-01T00:00:01.234Z" };
    (void)state;
    for (int fraction = 0; fraction < 4; fraction++) {
        struct buf out;
        buf_init(&out, 64);
        assert_true(date_format_rfc3339(1234567, fraction, &out));
        assert_string_equal(buf_cstr(&out), expected[fraction]);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_every_day),  cmocka_unit_test(knows_leap_years),
        cmocka_unit_test(fields_both_ways),  cmocka_unit_test(reads_rfc3339),
        cmocka_unit_test(formats_fractions),
    };
    return cmocka_run_group_tests_name("base/date", tests, NULL, NULL);
}
