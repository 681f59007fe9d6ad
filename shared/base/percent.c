/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding. */
#include "base/percent.h"

#include "base/hex.h"

int percent_octet(str s)
{
    if (s.n < 3 || s.p[0] != '%')
        return -1;
    int high = hex_digit(s.p[1]);
    int low = hex_digit(s.p[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool percent_decode(struct arena *a, str s, str *out)
{
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int octet = percent_octet(str_skip(s, i));
            if (octet <= 0)
                return false;
            c = (char)octet;
            i += 2;
        }
        to[n++] = c;
    }
    *out = str_of(to, n);
    return true;
}

bool percent_encode(struct buf *out, str s, str keep)
{
    bool fits = true;
    for (size_t i = 0; i < s.n && fits; i++) {
        char c = s.p[i];
        bool is_plain =
            ascii_is_alnum(c) || str_find_byte(STR("-._~"), c) >= 0 || str_find_byte(keep, c) >= 0;
        fits = is_plain ? buf_add_byte(out, c) : buf_addf(out, "%%%02X", (unsigned char)c);
    }
    return fits;
}
