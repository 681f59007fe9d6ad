/* SPDX-License-Identifier: Apache-2.0 */
/* Strict base64 of whole values. */
#include "base/base64.h"

static const char digits[2][65] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t base64_encoded_size(enum base64_alphabet alphabet, size_t n)
{
    size_t whole = n / 3 * 4;
    size_t rest = n % 3;
    if (alphabet == BASE64_STANDARD)
        return whole + (rest ? 4 : 0);
    return whole + (rest ? rest + 1 : 0);
}

bool base64_encode(enum base64_alphabet alphabet, str in, struct buf *out)
{
    size_t size = base64_encoded_size(alphabet, in.n);
    char *to = size ? buf_reserve(out, size) : NULL;
    if (!to)
        return size == 0;
    size_t written = 0;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t group = (uint32_t)(unsigned char)in.p[i] << 16;
        group |= left > 1 ? (uint32_t)(unsigned char)in.p[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)(unsigned char)in.p[i + 2] : 0;
        for (size_t k = 0; k < 4 && written < size; k++) {
            char digit = digits[alphabet][group >> (18 - 6 * k) & 0x3f];
            to[written++] = (char)(k <= left ? digit : '=');
        }
    }
    buf_commit(out, size);
    return true;
}

/* The value of a digit, or 64 for any other byte. */
static uint32_t digit_value(enum base64_alphabet alphabet, char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    if (c == digits[alphabet][62])
        return 62;
    return c == digits[alphabet][63] ? 63 : 64;
}

/* Cuts the padding off; false when there is too little, too much, or any in the URL alphabet. */
static bool cut_padding(enum base64_alphabet alphabet, str *in)
{
    if (alphabet == BASE64_URL)
        return in->n % 4 != 1;
    if (in->n % 4 != 0)
        return false;
    for (int i = 0; i < 2 && str_has_suffix(*in, STR("=")); i++)
        in->n--;
    return true;
}

bool base64_decode(enum base64_alphabet alphabet, str in, struct buf *out, struct err *e)
{
    if (!cut_padding(alphabet, &in))
        return ERR(e, ERR_SYNTAX, "base64 with wrong padding");
    size_t size = in.n / 4 * 3 + (in.n % 4 ? in.n % 4 - 1 : 0);
    char *to = size ? buf_reserve(out, size) : NULL;
    if (!to)
        return size == 0 ? true : ERR(e, ERR_LIMIT, "base64 of more than %zu bytes", out->max);
    uint32_t bits = 0;
    unsigned held = 0;
    size_t written = 0;
    for (size_t i = 0; i < in.n; i++) {
        uint32_t value = digit_value(alphabet, in.p[i]);
        if (value > 63)
            return ERR(e, ERR_SYNTAX, "byte %zu is not base64", i + 1);
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[written++] = (char)(bits >> held);
        }
        bits &= (1U << held) - 1;
    }
    if (bits != 0)
        return ERR(e, ERR_SYNTAX, "base64 with unused bits set");
    buf_commit(out, size);
    return true;
}
