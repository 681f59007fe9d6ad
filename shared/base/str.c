/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing, searching and cutting of borrowed byte runs. */
#include "base/str.h"

bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(str a, str b)
{
    return a.n == b.n && str_icmp(a, b) == 0;
}

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

int str_icmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)ascii_lower(a.p[i]);
        unsigned char y = (unsigned char)ascii_lower(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool str_has_prefix(str s, str prefix)
{
    return s.n >= prefix.n && str_eq(str_of(s.p, prefix.n), prefix);
}

bool str_has_iprefix(str s, str prefix)
{
    return s.n >= prefix.n && str_ieq(str_of(s.p, prefix.n), prefix);
}

bool str_has_suffix(str s, str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_has_isuffix(str s, str suffix)
{
    return s.n >= suffix.n && str_ieq(str_skip(s, s.n - suffix.n), suffix);
}

ptrdiff_t str_find_byte(str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_rfind_byte(str s, char c)
{
    const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_find(str s, str needle)
{
    if (needle.n == 0)
        return 0;
    const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_ifind(str s, str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        if (ascii_lower(s.p[i]) == ascii_lower(needle.p[0]) &&
            str_ieq(str_of(s.p + i, needle.n), needle))
            return (ptrdiff_t)i;
    }
    return -1;
}

str str_slice(str s, size_t from, size_t n)
{
    str rest = str_skip(s, from);
    return str_of(rest.p, n < rest.n ? n : rest.n);
}

str str_skip(str s, size_t from)
{
    size_t skipped = from < s.n ? from : s.n;
    return skipped ? str_of(s.p + skipped, s.n - skipped) : s; /* s.p may be NULL */
}

str str_lower(str s, char *to)
{
    for (size_t i = 0; i < s.n; i++)
        to[i] = ascii_lower(s.p[i]);
    return str_of(to, s.n);
}

static bool is_trimmed(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
    while (s.n && is_trimmed(s.p[0]))
        s = str_skip(s, 1);
    while (s.n && is_trimmed(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(str s, char sep, str *head, str *rest)
{
    ptrdiff_t at = str_find_byte(s, sep);
    if (at < 0) {
        *head = s;
        *rest = str_skip(s, s.n);
        return false;
    }
    *head = str_of(s.p, (size_t)at);
    *rest = str_skip(s, (size_t)at + 1);
    return true;
}

bool str_to_uint(str s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool str_to_int(str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t magnitude = 0;
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (!str_to_uint(negative ? str_skip(s, 1) : s, limit, &magnitude))
        return false;
    int64_t value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

uint64_t str_hash(str s, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325ULL ^ seed;
    for (size_t i = 0; i < s.n; i++) {
        h ^= (unsigned char)s.p[i];
        h *= 0x100000001b3ULL;
    }
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    return h;
}
