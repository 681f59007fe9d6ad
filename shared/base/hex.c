/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal and Crockford's base32. */
#include "base/hex.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base32_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

bool hex_encode(str in, struct buf *out)
{
    char *to = in.n && in.n <= SIZE_MAX / 2 ? buf_reserve(out, in.n * 2) : NULL;
    if (!to)
        return in.n == 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        to[2 * i] = hex_digits[c >> 4];
        to[2 * i + 1] = hex_digits[c & 15];
    }
    buf_commit(out, in.n * 2);
    return true;
}

int hex_digit(char c)
{
    char lower = ascii_lower(c);
    if (lower >= '0' && lower <= '9')
        return lower - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool hex_decode(str in, struct buf *out, struct err *e)
{
    if (in.n % 2 != 0)
        return ERR(e, ERR_SYNTAX, "odd number of hexadecimal digits");
    char *to = in.n ? buf_reserve(out, in.n / 2) : NULL;
    if (!to)
        return in.n == 0 ? true : ERR(e, ERR_LIMIT, "hexadecimal of more than %zu bytes", out->max);
    for (size_t i = 0; i < in.n; i += 2) {
        int high = hex_digit(in.p[i]);
        int low = hex_digit(in.p[i + 1]);
        if (high < 0 || low < 0)
            return ERR(e, ERR_SYNTAX, "byte %zu is not hexadecimal", i + 1);
        to[i / 2] = (char)(high << 4 | low);
    }
    buf_commit(out, in.n / 2);
    return true;
}

void base32_encode(uint64_t value, char *out, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        out[i - 1] = base32_digits[value & 31];
        value >>= 5;
    }
}

static int base32_digit(char c)
{
    char lower = ascii_lower(c);
    if (lower == 'o')
        return 0;
    if (lower == 'i' || lower == 'l')
        return 1;
    const char *hit = lower ? strchr(base32_digits, lower) : NULL;
    return hit ? (int)(hit - base32_digits) : -1;
}

bool base32_decode(str in, uint64_t *out, struct err *e)
{
    uint64_t value = 0;
    if (in.n == 0)
        return ERR(e, ERR_SYNTAX, "empty base32");
    for (size_t i = 0; i < in.n; i++) {
        int digit = base32_digit(in.p[i]);
        if (digit < 0)
            return ERR(e, ERR_SYNTAX, "byte %zu is not base32", i + 1);
        if (value >> 59)
            return ERR(e, ERR_SYNTAX, "base32 of more than 64 bits");
        value = value << 5 | (uint64_t)digit;
    }
    *out = value;
    return true;
}
