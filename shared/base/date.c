/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic: days are counted in eras of 400 years that begin on 1 March, so that the
 * leap day is the last day of a year. */
#include "base/date.h"

#include "base/base.h"

enum {
    DAYS_PER_ERA = 146097,
    DAYS_BEFORE_1970 = 719468, /* from 0000-03-01 */
    SECONDS_PER_DAY = 86400,
    US_PER_SECOND = 1000000
};

static const char weekday_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t date_days_from_civil(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
}

void date_civil_from_days(int64_t days, struct date *out)
{
    int64_t from_march = days + DAYS_BEFORE_1970;
    int64_t era = floor_div(from_march, DAYS_PER_ERA);
    int64_t day_of_era = from_march - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    out->day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    out->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    out->year = (int)(year_of_era + era * 400 + (out->month <= 2));
}

int date_weekday(int64_t days)
{
    /* 1970-01-01 was a Thursday. */
    return (int)(days + 4 - floor_div(days + 4, 7) * 7);
}

int date_days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

static bool is_between(int value, int min, int max)
{
    return value >= min && value <= max;
}

bool date_is_valid(const struct date *d)
{
    return is_between(d->year, 0, 9999) && is_between(d->month, 1, 12) &&
           is_between(d->day, 1, date_days_in_month(d->year, d->month)) &&
           is_between(d->hour, 0, 23) && is_between(d->minute, 0, 59) &&
           is_between(d->second, 0, 60) && is_between(d->microsecond, 0, 999999);
}

int64_t date_to_unix(const struct date *d)
{
    int64_t days = date_days_from_civil(d->year, d->month, d->day);
    return days * SECONDS_PER_DAY + INT64_C(3600) * d->hour + INT64_C(60) * d->minute + d->second;
}

void date_from_unix(int64_t seconds, struct date *out)
{
    if (seconds < DATE_UNIX_MIN)
        seconds = DATE_UNIX_MIN;
    if (seconds > DATE_UNIX_MAX)
        seconds = DATE_UNIX_MAX;
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    int of_day = (int)(seconds - days * SECONDS_PER_DAY);
    *out =
        (struct date){ .hour = of_day / 3600, .minute = of_day / 60 % 60, .second = of_day % 60 };
    date_civil_from_days(days, out);
}

int64_t date_to_unix_us(const struct date *d)
{
    return date_to_unix(d) * US_PER_SECOND + d->microsecond;
}

void date_from_unix_us(int64_t us, struct date *out)
{
    int64_t seconds = floor_div(us, US_PER_SECOND);
    date_from_unix(seconds, out);
    out->microsecond = (int)(us - seconds * US_PER_SECOND);
}

const char *date_weekday_name(int weekday)
{
    INVARIANT(is_between(weekday, 0, 6));
    return weekday_names[weekday];
}

const char *date_month_name(int month)
{
    INVARIANT(is_between(month, 1, 12));
    return month_names[month - 1];
}

int date_month_from_name(str name)
{
    for (int i = 0; i < 12; i++) {
        if (str_ieq(name, str_from_cstr(month_names[i])))
            return i + 1;
    }
    return 0;
}

bool date_format_rfc3339(int64_t us, int fraction, struct buf *out)
{
    INVARIANT(is_between(fraction, 0, 6));
    struct date d;
    date_from_unix_us(us, &d);
    char text[40];
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06d", d.year, d.month, d.day,
                   d.hour, d.minute, d.second, d.microsecond);
    size_t whole = sizeof("2026-11-21T05:12:55") - 1;
    text[fraction ? whole + 1 + (size_t)fraction : whole] = '\0';
    return buf_addf(out, "%sZ", text);
}

/* ---- parsing of RFC 3339 ---- */

/* Takes exactly n digits off the front of *s. */
static bool take_number(str *s, size_t n, int *out)
{
    uint64_t value = 0;
    if (s->n < n || !str_to_uint(str_of(s->p, n), 9999, &value))
        return false;
    *out = (int)value;
    *s = str_skip(*s, n);
    return true;
}

/* Takes one byte off the front of *s when it is one of `set`. */
static bool take_byte(str *s, const char *set)
{
    if (s->n == 0 || s->p[0] == '\0' || !strchr(set, s->p[0]))
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_fraction(str *s, int *microsecond)
{
    if (!take_byte(s, "."))
        return true;
    int unit = 100000;
    size_t digits = 0;
    for (; s->n && ascii_is_digit(s->p[0]); digits++) {
        *microsecond += (s->p[0] - '0') * unit;
        unit /= 10;
        *s = str_skip(*s, 1);
    }
    return digits > 0;
}

/* Takes "Z" or "+hh:mm"; the offset is in seconds east of UTC. */
static bool take_offset(str *s, int64_t *offset)
{
    int hours = 0;
    int minutes = 0;
    if (take_byte(s, "Zz"))
        return true;
    bool is_west = s->n && s->p[0] == '-';
    if (!take_byte(s, "+-") || !take_number(s, 2, &hours) || !take_byte(s, ":") ||
        !take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = (INT64_C(3600) * hours + INT64_C(60) * minutes) * (is_west ? -1 : 1);
    return true;
}

static bool take_fields(str *s, struct date *d)
{
    return take_number(s, 4, &d->year) && take_byte(s, "-") && take_number(s, 2, &d->month) &&
           take_byte(s, "-") && take_number(s, 2, &d->day) && take_byte(s, "Tt ") &&
           take_number(s, 2, &d->hour) && take_byte(s, ":") && take_number(s, 2, &d->minute) &&
           take_byte(s, ":") && take_number(s, 2, &d->second) && take_fraction(s, &d->microsecond);
}

bool date_parse_rfc3339(str text, int64_t *us, struct err *e)
{
    struct date d = { 0 };
    int64_t offset = 0;
    if (!take_fields(&text, &d) || !take_offset(&text, &offset) || text.n != 0)
        return ERR(e, ERR_SYNTAX, "not a date of RFC 3339");
    if (!date_is_valid(&d))
        return ERR(e, ERR_SYNTAX, "no such day or time");
    *us = date_to_unix_us(&d) - offset * US_PER_SECOND;
    return true;
}
