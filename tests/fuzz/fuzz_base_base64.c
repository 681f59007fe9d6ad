/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes base/base64.h and base/hex.h: what decodes must encode to the same text again. */
#include "base/base.h"
#include "base/base64.h"
#include "base/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_base64(enum base64_alphabet alphabet, str in)
{
    struct buf bytes;
    struct buf text;
    buf_init(&bytes, 1 << 20);
    buf_init(&text, 1 << 21);
    if (base64_decode(alphabet, in, &bytes, NULL)) {
        INVARIANT(base64_encode(alphabet, buf_str(&bytes), &text));
        INVARIANT(str_eq(buf_str(&text), in));
    }
    buf_clear(&text);
    buf_clear(&bytes);
    INVARIANT(base64_encode(alphabet, in, &text));
    INVARIANT(base64_decode(alphabet, buf_str(&text), &bytes, NULL));
    INVARIANT(str_eq(buf_str(&bytes), in));
    buf_fini(&bytes);
    buf_fini(&text);
}

static void check_hex(str in)
{
    struct buf bytes;
    struct buf text;
    uint64_t value = 0;
    buf_init(&bytes, 1 << 20);
    buf_init(&text, 1 << 21);
    if (hex_decode(in, &bytes, NULL)) {
        INVARIANT(hex_encode(buf_str(&bytes), &text));
        INVARIANT(str_ieq(buf_str(&text), in));
    }
    if (base32_decode(in, &value, NULL)) {
        char digits[13];
        uint64_t again = 0;
        base32_encode(value, digits, sizeof(digits));
        INVARIANT(base32_decode(str_of(digits, sizeof(digits)), &again, NULL));
        INVARIANT(again == value);
    }
    buf_fini(&bytes);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = str_of((const char *)data, n < 65536 ? n : 65536);
    check_base64(BASE64_STANDARD, in);
    check_base64(BASE64_URL, in);
    check_hex(in);
    return 0;
}
