/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded words: output is one clean line; what is encoded decodes to itself. */
#include "base/utf8.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_round_trip(struct arena *a, str clean)
{
    struct buf encoded;
    buf_init(&encoded, clean.n * 12 + 100);
    INVARIANT(mime_text_encode(clean, &encoded));
    for (size_t i = 0; i < encoded.n; i++)
        INVARIANT(encoded.p[i] >= ' ' && encoded.p[i] < 127);
    INVARIANT(clean.n > 20000 || str_eq(mime_text_decode(a, buf_str(&encoded)), clean));
    buf_fini(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    arena_init(&a);
    str text = mime_text_decode(&a, str_of((const char *)data, n));
    INVARIANT(utf8_is_valid(text));
    for (size_t i = 0; i < text.n; i++)
        INVARIANT((unsigned char)text.p[i] >= ' ' && text.p[i] != 127);
    check_round_trip(&a, text);
    arena_fini(&a);
    return 0;
}
