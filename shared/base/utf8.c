/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding by the table of RFC 3629 section 4. */
#include "base/utf8.h"

#include "base/base.h"

/* One row a range of first bytes: what the second byte may be; further ones are 80-BF. */
struct lead {
    unsigned char from, to;
    unsigned char length;
    unsigned char second_from, second_to;
};

static const struct lead leads[] = {
    { 0x00, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
    { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
    { 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static unsigned char byte_at(str s, size_t i)
{
    return (unsigned char)s.p[i];
}

static const struct lead *find_lead(unsigned char c)
{
    for (size_t i = 0; i < COUNT_OF(leads); i++) {
        if (c >= leads[i].from && c <= leads[i].to)
            return &leads[i];
    }
    return NULL;
}

/* How many bytes at the front of s begin a character (1 for a byte that begins none); *whole tells
 * whether they are a whole one. s is not empty. */
static size_t scan(str s, bool *whole)
{
    const struct lead *lead = find_lead(byte_at(s, 0));
    *whole = false;
    if (!lead)
        return 1;
    for (size_t i = 1; i < lead->length; i++) {
        unsigned char from = i == 1 ? lead->second_from : 0x80;
        unsigned char to = i == 1 ? lead->second_to : 0xbf;
        if (i >= s.n || byte_at(s, i) < from || byte_at(s, i) > to)
            return i;
    }
    *whole = true;
    return lead->length;
}

/* Bytes of ASCII at the front, eight at a time: most text is nothing else. */
static size_t ascii_run(str s)
{
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s.p + i, 8);
        if (word & 0x8080808080808080ULL)
            break;
    }
    while (i < s.n && byte_at(s, i) < 0x80)
        i++;
    return i;
}

bool utf8_is_ascii(str s)
{
    return ascii_run(s) == s.n;
}

bool utf8_is_valid(str s)
{
    while (s.n) {
        bool whole = true;
        size_t n = ascii_run(s);
        if (n == 0)
            n = scan(s, &whole);
        if (!whole)
            return false;
        s = str_skip(s, n);
    }
    return true;
}

size_t utf8_decode(str s, uint32_t *cp)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    bool whole = false;
    size_t n = s.n ? scan(s, &whole) : 0;
    if (!whole)
        return 0;
    uint32_t value = byte_at(s, 0) & masks[n];
    for (size_t i = 1; i < n; i++)
        value = value << 6 | (byte_at(s, i) & 0x3f);
    *cp = value;
    return n;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (char)(marks[n] | cp);
    return n;
}

str utf8_cut(str s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    /* A character has at most three bytes after its first one. */
    while (n > 0 && max - n < 3 && (byte_at(s, n) & 0xc0) == 0x80)
        n--;
    if ((byte_at(s, n) & 0xc0) == 0x80)
        n = max; /* no text at all: any cut is as good */
    return str_of(s.p, n);
}

size_t utf8_count(str s)
{
    size_t count = 0;
    while (s.n) {
        bool whole = false;
        size_t n = scan(s, &whole);
        count++;
        s = str_skip(s, whole ? n : 1);
    }
    return count;
}

bool utf8_repair(str s, struct buf *out)
{
    while (s.n) {
        bool whole = true;
        size_t n = ascii_run(s);
        if (n == 0)
            n = scan(s, &whole);
        if (!buf_add(out, whole ? str_of(s.p, n) : STR("\xef\xbf\xbd")))
            return false;
        s = str_skip(s, n);
    }
    return true;
}
