/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of IMAP. */
#include "wire/imap_date.h"

#include "base/date.h"

enum {
    SECONDS_A_DAY = 86400
};

/* Exactly n digits. */
static bool read_digits(struct imap_lexer *l, size_t n, int *out, struct err *e)
{
    uint64_t value = 0;
    str digits = str_slice(l->in, l->at, n);
    if (digits.n != n || !str_to_uint(digits, 9999, &value))
        return ERR(e, ERR_SYNTAX, "expected %zu digits in a date", n);
    l->at += n;
    *out = (int)value;
    return true;
}

static bool read_month(struct imap_lexer *l, int *out, struct err *e)
{
    *out = date_month_from_name(str_slice(l->in, l->at, 3));
    if (*out == 0)
        return ERR(e, ERR_SYNTAX, "no such month");
    l->at += 3;
    return true;
}

/* "-Nov-2026" behind the day, and whether that day exists. */
static bool read_month_and_year(struct imap_lexer *l, struct date *d, struct err *e)
{
    if (!imap_lexer_byte(l, '-', e) || !read_month(l, &d->month, e) ||
        !imap_lexer_byte(l, '-', e) || !read_digits(l, 4, &d->year, e))
        return false;
    if (d->year < 1 || d->day < 1 || d->day > date_days_in_month(d->year, d->month))
        return ERR(e, ERR_SYNTAX, "no such day");
    return true;
}

static bool read_time(struct imap_lexer *l, struct date *d, struct err *e)
{
    if (!read_digits(l, 2, &d->hour, e) || !imap_lexer_byte(l, ':', e) ||
        !read_digits(l, 2, &d->minute, e) || !imap_lexer_byte(l, ':', e) ||
        !read_digits(l, 2, &d->second, e))
        return false;
    if (!date_is_valid(d))
        return ERR(e, ERR_SYNTAX, "no such time");
    return true;
}

/* Seconds east of Greenwich. */
static bool read_zone(struct imap_lexer *l, int *out_s, struct err *e)
{
    bool is_west = imap_lexer_try_byte(l, '-');
    int hours = 0;
    int minutes = 0;
    if (!is_west && !imap_lexer_byte(l, '+', e))
        return false;
    if (!read_digits(l, 2, &hours, e) || !read_digits(l, 2, &minutes, e))
        return false;
    if (hours > 23 || minutes > 59)
        return ERR(e, ERR_SYNTAX, "no such zone");
    *out_s = (is_west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool imap_date_time_parse(struct imap_lexer *l, int64_t *out_utc_s, struct err *e)
{
    struct imap_lexer try = *l;
    struct date d = { 0 };
    int zone_s = 0;
    if (!imap_lexer_byte(&try, '"', e))
        return false;
    size_t day_digits = imap_lexer_try_byte(&try, ' ') ? 1 : 2;
    if (!read_digits(&try, day_digits, &d.day, e) || !read_month_and_year(&try, &d, e) ||
        !imap_lexer_space(&try, e) || !read_time(&try, &d, e) || !imap_lexer_space(&try, e) ||
        !read_zone(&try, &zone_s, e) || !imap_lexer_byte(&try, '"', e))
        return false;
    *out_utc_s = date_to_unix(&d) - zone_s;
    *l = try;
    return true;
}

bool imap_date_parse(struct imap_lexer *l, int64_t *out_days, struct err *e)
{
    struct imap_lexer try = *l;
    struct date d = { 0 };
    bool is_quoted = imap_lexer_try_byte(&try, '"');
    str second = str_slice(try.in, try.at + 1, 1);
    size_t day_digits = second.n && ascii_is_digit(second.p[0]) ? 2 : 1;
    if (!read_digits(&try, day_digits, &d.day, e) || !read_month_and_year(&try, &d, e))
        return false;
    if (is_quoted && !imap_lexer_byte(&try, '"', e))
        return false;
    *out_days = date_days_from_civil(d.year, d.month, d.day);
    *l = try;
    return true;
}

bool imap_date_time_format(struct buf *out, int64_t utc_s)
{
    struct date d;
    date_from_unix(utc_s, &d);
    return buf_addf(out, "\"%02d-%s-%04d %02d:%02d:%02d +0000\"", d.day, date_month_name(d.month),
                    d.year, d.hour, d.minute, d.second);
}
