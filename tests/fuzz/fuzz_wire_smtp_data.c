/* SPDX-License-Identifier: Apache-2.0 */
/* DATA framing: the whole input and the input in pieces must give the same; what was decoded must
 * come back when it is encoded and decoded again, and no message may end anywhere but at the first
 * CRLF.CRLF. */
#include "wire/smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require_same(const struct smtp_data_decoder *a, const struct smtp_data_decoder *b)
{
    INVARIANT(a->done == b->done && a->fault == b->fault && a->fault_at == b->fault_at);
    INVARIANT(a->wire == b->wire && a->content == b->content && a->long_lines == b->long_lines);
    INVARIANT(a->longest_line == b->longest_line && a->eight_bit == b->eight_bit);
}

/* Pieces of 1 to 7 octets, chosen by the input itself. */
static void decode_in_pieces(str in, struct smtp_data_decoder *d, struct buf *out)
{
    smtp_data_decoder_init(d);
    size_t at = 0;
    while (at < in.n && !d->done) {
        str piece = str_slice(in, at, 1 + (unsigned char)in.p[at] % 7);
        at += smtp_data_decode(d, piece, out);
    }
}

/* "\r\n.\r\n" in the wire, or ".\r\n" at its start. */
static void check_end(str in, const struct smtp_data_decoder *d)
{
    ptrdiff_t at = str_find(in, STR("\r\n.\r\n"));
    uint64_t end = at < 0 ? UINT64_MAX : (uint64_t)at + 5;
    if (str_has_prefix(in, STR(".\r\n")))
        end = 3;
    INVARIANT(d->done == (end != UINT64_MAX));
    INVARIANT(!d->done || d->wire == end);
}

static void check_round_trip(str content)
{
    struct smtp_data_encoder c;
    struct smtp_data_decoder d;
    struct buf wire;
    struct buf back;
    buf_init(&wire, 8 << 20);
    buf_init(&back, 8 << 20);
    smtp_data_encoder_init(&c);
    INVARIANT(smtp_data_encode(&c, content, &wire) && smtp_data_encode_end(&c, &wire));
    smtp_data_decoder_init(&d);
    INVARIANT(smtp_data_decode(&d, buf_str(&wire), &back) == wire.n);
    INVARIANT(d.done && d.fault == SMTP_DATA_CLEAN && d.long_lines == 0);
    if (c.repairs == 0 && (content.n == 0 || str_has_suffix(content, STR("\r\n"))))
        INVARIANT(str_eq(buf_str(&back), content));
    buf_fini(&wire);
    buf_fini(&back);
}

/* As chunks of BDAT: pieces are the same as the whole, text is refused exactly when it is no text,
 * and binary octets stay what they are. */
static void check_chunks(str in, bool is_binary)
{
    struct smtp_data_decoder whole;
    struct smtp_data_decoder pieces;
    struct buf out;
    struct buf out_pieces;
    size_t at;
    buf_init(&out, 8 << 20);
    buf_init(&out_pieces, 8 << 20);
    smtp_data_decoder_init(&whole);
    smtp_data_decoder_init(&pieces);
    smtp_chunk_decode(&whole, in, is_binary, &out);
    for (size_t i = 0; i < in.n;) {
        str piece = str_slice(in, i, 1 + (unsigned char)in.p[i] % 7);
        smtp_chunk_decode(&pieces, piece, is_binary, &out_pieces);
        i += piece.n;
    }
    smtp_chunk_end(&whole, is_binary, &out);
    smtp_chunk_end(&pieces, is_binary, &out_pieces);
    require_same(&whole, &pieces);
    INVARIANT(whole.wire == in.n && str_eq(buf_str(&out), buf_str(&out_pieces)));
    INVARIANT(!is_binary || (whole.fault == SMTP_DATA_CLEAN && str_eq(buf_str(&out), in)));
    INVARIANT(is_binary || whole.fault == smtp_data_check(in, &at));
    buf_fini(&out);
    buf_fini(&out_pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = str_of((const char *)data, n);
    struct smtp_data_decoder whole;
    struct smtp_data_decoder pieces;
    struct buf out;
    struct buf out_pieces;
    buf_init(&out, 8 << 20);
    buf_init(&out_pieces, 8 << 20);
    smtp_data_decoder_init(&whole);
    (void)smtp_data_decode(&whole, in, &out);
    decode_in_pieces(in, &pieces, &out_pieces);
    require_same(&whole, &pieces);
    INVARIANT(str_eq(buf_str(&out), buf_str(&out_pieces)));
    check_end(in, &whole);
    size_t at;
    if (whole.done && whole.fault == SMTP_DATA_CLEAN)
        INVARIANT(smtp_data_check(buf_str(&out), &at) == SMTP_DATA_CLEAN);
    check_round_trip(buf_str(&out));
    check_round_trip(in);
    check_chunks(in, false);
    check_chunks(in, true);
    buf_fini(&out);
    buf_fini(&out_pieces);
    return 0;
}
