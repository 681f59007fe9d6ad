/* SPDX-License-Identifier: Apache-2.0 */
/* Body decoders: a body cut anywhere decodes to the same; what is encoded decodes to itself. */
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void decode_cut(enum mime_encoding encoding, str body, size_t cut, struct buf *out)
{
    struct mime_decoder d;
    mime_decoder_init(&d, encoding);
    INVARIANT(mime_decoder_update(&d, str_slice(body, 0, cut), out));
    INVARIANT(mime_decoder_update(&d, str_skip(body, cut), out));
    INVARIANT(mime_decoder_finish(&d, out));
}

static void check_cuts(enum mime_encoding encoding, str body)
{
    struct buf whole, parts;
    buf_init(&whole, body.n + 80);
    buf_init(&parts, body.n + 80);
    decode_cut(encoding, body, 0, &whole);
    size_t step = body.n / 16 + 1;
    for (size_t cut = 1; cut < body.n; cut += step) {
        buf_clear(&parts);
        decode_cut(encoding, body, cut, &parts);
        INVARIANT(str_eq(buf_str(&whole), buf_str(&parts)));
    }
    buf_fini(&whole);
    buf_fini(&parts);
}

static void check_round_trip(struct arena *a, str data)
{
    struct buf encoded;
    buf_init(&encoded, data.n * 4 + 1000);
    INVARIANT(mime_encode_base64(data, &encoded));
    INVARIANT(str_eq(mime_decode(a, MIME_ENCODING_BASE64, buf_str(&encoded), data.n + 100), data));
    buf_clear(&encoded);
    INVARIANT(mime_encode_quoted_printable(data, &encoded));
    str text = mime_decode(a, MIME_ENCODING_QUOTED_PRINTABLE, buf_str(&encoded), data.n * 2 + 100);
    /* All but the line ends, which become CRLF. */
    size_t k = 0;
    for (size_t i = 0; i < data.n; i++) {
        bool crlf = data.p[i] == '\r' && i + 1 < data.n && data.p[i + 1] == '\n';
        if (data.p[i] == '\n') {
            INVARIANT(k < text.n && text.p[k] == '\r');
            k++;
        }
        if (!crlf) {
            INVARIANT(k < text.n && text.p[k] == data.p[i]);
            k++;
        }
    }
    INVARIANT(k == text.n);
    buf_fini(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    str body = str_of((const char *)data, n);
    arena_init(&a);
    check_cuts(MIME_ENCODING_BASE64, body);
    check_cuts(MIME_ENCODING_QUOTED_PRINTABLE, body);
    check_cuts(MIME_ENCODING_UUENCODE, body);
    check_round_trip(&a, body);
    arena_fini(&a);
    return 0;
}
