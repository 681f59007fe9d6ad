/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic of the proleptic Gregorian calendar in UTC: pure, without libc and without
 * time zones. Years 0 to 9999. Dates of mail headers are parsed in mime. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include "base/buf.h"
#include "base/err.h"

struct date {
    int year;        /* 0-9999 */
    int month;       /* 1-12 */
    int day;         /* 1-31 */
    int hour;        /* 0-23 */
    int minute;      /* 0-59 */
    int second;      /* 0-59; 60 is accepted as a leap second by date_is_valid only */
    int microsecond; /* 0-999999 */
};

/* Unix seconds of 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define DATE_UNIX_MIN INT64_C(-62167219200)
#define DATE_UNIX_MAX INT64_C(253402300799)

/* Days from 1970-01-01 to the civil date (month 1-12; a day past the month's end runs on). */
int64_t date_days_from_civil(int year, int month, int day);
/* The civil date of that many days after 1970-01-01; sets year, month and day only. */
void date_civil_from_days(int64_t days, struct date *out);
/* 0 = Sunday ... 6 = Saturday. */
int date_weekday(int64_t days);
int date_days_in_month(int year, int month);
/* True when every field is in its range and the day exists. */
bool date_is_valid(const struct date *d);

/* Between fields in UTC and seconds since 1970. date_from_unix clamps to years 0-9999; a leap
 * second counts as the first second of the next minute. */
int64_t date_to_unix(const struct date *d);
void date_from_unix(int64_t seconds, struct date *out);
/* The same in microseconds since 1970. */
int64_t date_to_unix_us(const struct date *d);
void date_from_unix_us(int64_t us, struct date *out);

/* "Sun".."Sat" for 0-6; "Jan".."Dec" for 1-12. Static. */
const char *date_weekday_name(int weekday);
const char *date_month_name(int month);
/* 1-12 for the English three-letter name in any case, 0 for anything else. */
int date_month_from_name(str name);

/* Appends "2026-11-21T05:12:55Z", with `fraction` (0-6) digits of the second, as RFC 3339 wants.
 * False when `out` is full. */
bool date_format_rfc3339(int64_t us, int fraction, struct buf *out);
/* Reads an RFC 3339 date-time with any offset; *us is in UTC. Digits past microseconds are cut; a
 * leap second counts as the next minute. ERR_SYNTAX. */
bool date_parse_rfc3339(str text, int64_t *us, struct err *e);

#endif
