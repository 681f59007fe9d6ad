/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes base/utf8.h: decoding, repairing and cutting agree about what is a character. */
#include "base/base.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Valid means: every character decodes, and encodes to the same bytes. */
static void check_decoding(str in)
{
    bool is_valid = utf8_is_valid(in);
    size_t characters = 0;
    bool all = true;
    for (str rest = in; rest.n; characters++) {
        uint32_t cp = 0;
        char again[4];
        size_t n = utf8_decode(rest, &cp);
        all = all && n > 0;
        if (n)
            INVARIANT(utf8_encode(cp, again) == n && memcmp(again, rest.p, n) == 0);
        rest = str_skip(rest, n ? n : 1);
    }
    INVARIANT(all == is_valid);
    INVARIANT(characters == utf8_count(in));
}

static void check_repair(str in)
{
    struct buf out;
    buf_init(&out, 4 << 20);
    INVARIANT(utf8_repair(in, &out));
    INVARIANT(utf8_is_valid(buf_str(&out)));
    INVARIANT(!utf8_is_valid(in) || str_eq(buf_str(&out), in));
    /* A cut of valid text is valid, at most the wanted length, and at most three bytes shorter. */
    for (size_t max = 0; max < 40 && max <= out.n; max++) {
        str head = utf8_cut(buf_str(&out), max);
        INVARIANT(utf8_is_valid(head) && head.n <= max && head.n + 3 >= max);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = str_of((const char *)data, n < 65536 ? n : 65536);
    check_decoding(in);
    check_repair(in);
    for (size_t max = 0; max < 20; max++)
        INVARIANT(utf8_cut(in, max).n <= max);
    return 0;
}
