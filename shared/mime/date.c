/* SPDX-License-Identifier: Apache-2.0 */
/* A date is brought into plain words first (comments and commas gone, no spaces around colons);
 * then each word says by its shape what it is, so that the order hardly matters. */
#include "mime/date.h"

#include "base/date.h"
#include "mime/limits.h"

enum {
    MAX_PLAIN = 96, /* bytes of the plain form; no date is longer */
    MAX_WORDS = 8
};

static const struct zone {
    str name;
    int minutes;
    bool known;
} zones[] = {
    { STR_INIT("UT"), 0, true },     { STR_INIT("GMT"), 0, true },
    { STR_INIT("UTC"), 0, true },    { STR_INIT("Z"), 0, true },
    { STR_INIT("EST"), -300, true }, { STR_INIT("EDT"), -240, true },
    { STR_INIT("CST"), -360, true }, { STR_INIT("CDT"), -300, true },
    { STR_INIT("MST"), -420, true }, { STR_INIT("MDT"), -360, true },
    { STR_INIT("PST"), -480, true }, { STR_INIT("PDT"), -420, true },
    { STR_INIT("BST"), 60, true },   { STR_INIT("MET"), 60, true },
    { STR_INIT("CET"), 60, true },   { STR_INIT("MEST"), 120, true },
    { STR_INIT("CEST"), 120, true }, { STR_INIT("EET"), 120, true },
    { STR_INIT("EEST"), 180, true }, { STR_INIT("JST"), 540, true },
};

/* Appends to the plain form; a colon takes the spaces around it away. */
static bool put_plain(char *plain, size_t *n, char c)
{
    bool space = (unsigned char)c <= ' ' || c == ',';
    if (space && (*n == 0 || plain[*n - 1] == ' ' || plain[*n - 1] == ':'))
        return true;
    while (c == ':' && *n && plain[*n - 1] == ' ')
        --*n;
    if (*n == MAX_PLAIN)
        return false;
    plain[(*n)++] = (char)(space ? ' ' : c);
    return true;
}

/* False for a comment without an end, or too deep, and for a text that is too long. */
static bool make_plain(str body, char *plain, size_t *n)
{
    unsigned depth = 0;
    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];
        if (c == '(' && ++depth > MIME_MAX_COMMENT_DEPTH)
            return false;
        if (depth && c == '\\')
            i++;
        if (c == ')' && depth) {
            depth--;
            c = ' ';
        }
        if (depth == 0 && !put_plain(plain, n, c))
            return false;
    }
    return depth == 0;
}

static size_t split(str plain, str *words)
{
    size_t n = 0;
    str rest = str_trim(plain);
    while (rest.n && n < MAX_WORDS) {
        (void)str_cut(rest, ' ', &words[n], &rest);
        n++;
    }
    return rest.n ? MAX_WORDS + 1 : n;
}

/* What has been found so far; -1 = nothing. */
struct found {
    int day, month, year;
    int hour, minute, second;
    int zone;
    bool zone_known;
    bool has_zone;
};

static bool to_number(str s, size_t digits, int *out)
{
    uint64_t value = 0;
    if (s.n == 0 || s.n > digits || !str_to_uint(s, 9999, &value))
        return false;
    *out = (int)value;
    return true;
}

static bool read_time(str word, struct found *f)
{
    str hour, minute, second, rest;
    (void)str_cut(word, ':', &hour, &rest);
    bool has_second = str_cut(rest, ':', &minute, &second);
    f->second = 0;
    return f->hour < 0 && to_number(hour, 2, &f->hour) && to_number(minute, 2, &f->minute) &&
           (!has_second || to_number(second, 2, &f->second));
}

/* RFC 5322 section 4.3: two digits are 1950-2049, three count from 1900. */
static int whole_year(int year, size_t digits)
{
    if (digits <= 2)
        return year + (year < 50 ? 2000 : 1900);
    return digits == 3 ? year + 1900 : year;
}

static bool read_number(str word, struct found *f)
{
    if (f->day < 0)
        return to_number(word, 2, &f->day);
    if (f->year >= 0 || !to_number(word, 4, &f->year))
        return false;
    f->year = whole_year(f->year, word.n);
    return true;
}

static bool read_offset(str word, struct found *f)
{
    int value = 0;
    if (f->has_zone || word.n != 5 || !to_number(str_skip(word, 1), 4, &value) || value % 100 > 59)
        return false;
    f->zone = value / 100 * 60 + value % 100;
    f->zone_known = value != 0 || word.p[0] == '+';
    f->has_zone = true;
    if (word.p[0] == '-')
        f->zone = -f->zone;
    return true;
}

/* A name of a zone. Names that nobody knows, and the military letters, of which RFC 822 had the
 * signs wrong, count as -0000 (RFC 5322 section 4.3). A zone in digits wins over a name. */
static void read_zone_name(str word, struct found *f)
{
    if (f->has_zone)
        return;
    f->has_zone = true;
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        if (str_ieq(zones[i].name, word)) {
            f->zone = zones[i].minutes;
            f->zone_known = zones[i].known;
        }
    }
}

static bool read_name(str word, struct found *f)
{
    int month = f->month < 0 ? date_month_from_name(str_slice(word, 0, 3)) : 0;
    if (month) {
        f->month = month;
    } else if (f->hour >= 0) {
        read_zone_name(word, f);
    } else {
        return f->day < 0 && f->month < 0; /* the name of a day */
    }
    return true;
}

/* "02-Sep-2023" counts as three words. */
static bool read_dashed(str word, struct found *f)
{
    str day, month, year, rest;
    if (!str_cut(word, '-', &day, &rest) || !str_cut(rest, '-', &month, &year) || f->month >= 0)
        return false;
    f->month = date_month_from_name(month);
    return f->month > 0 && read_number(day, f) && read_number(year, f);
}

static bool read_word(str word, struct found *f)
{
    char c = word.p[0];
    if (c == '+' || c == '-')
        return read_offset(word, f);
    if (ascii_is_alpha(c))
        return read_name(word, f);
    if (str_find_byte(word, ':') >= 0)
        return read_time(word, f);
    if (str_find_byte(word, '-') >= 0)
        return read_dashed(word, f);
    return read_number(word, f);
}

bool mime_date_parse(str body, struct mime_date *out)
{
    char plain[MAX_PLAIN];
    size_t n = 0;
    str words[MAX_WORDS];
    struct found f = { .day = -1, .month = -1, .year = -1, .hour = -1 };
    if (!make_plain(str_slice(body, 0, MIME_MAX_FIELD_BYTES), plain, &n))
        return false;
    size_t count = split(str_of(plain, n), words);
    for (size_t i = 0; i < count; i++) {
        if (count > MAX_WORDS || !read_word(words[i], &f))
            return false;
    }
    struct date date = { .year = f.year,
                         .month = f.month,
                         .day = f.day,
                         .hour = f.hour,
                         .minute = f.minute,
                         .second = f.second };
    if (f.day < 0 || f.month < 0 || f.year < 0 || f.hour < 0 || !date_is_valid(&date))
        return false;
    int64_t local = date_to_unix(&date);
    if (local > DATE_UNIX_MAX)
        return false; /* a leap second at the end of the year 9999 */
    *out = (struct mime_date){ .at_utc = local - (int64_t)f.zone * 60,
                               .zone_offset = f.zone,
                               .zone_known = f.zone_known };
    return true;
}

bool mime_date_format(int64_t at_utc, int zone_offset, struct buf *out)
{
    int64_t local = at_utc + (int64_t)zone_offset * 60;
    if (local < DATE_UNIX_MIN || local > DATE_UNIX_MAX)
        return false;
    struct date d;
    date_from_unix(local, &d);
    int away = zone_offset < 0 ? -zone_offset : zone_offset;
    const char *weekday =
        date_weekday_name(date_weekday(date_days_from_civil(d.year, d.month, d.day)));
    return buf_addf(out, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d", weekday, d.day,
                    date_month_name(d.month), d.year, d.hour, d.minute, d.second,
                    zone_offset < 0 ? '-' : '+', away / 60, away % 60);
}
