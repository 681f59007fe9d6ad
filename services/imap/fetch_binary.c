/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding a part in pieces. */
#include "services/imap/fetch_binary.h"

enum {
    SLICES_A_TURN = 8,  /* 256 KiB are decoded in less than a millisecond */
    LEAST_WANTED = 256, /* octets */
    READ_MIN = 1024,    /* octets read for a small piece of a part */
    DECODER_KEEPS =
        2 * 80 /* octets that a decoder may give beyond those of a slice, and at the end */
};

static struct imap_binary_mark mark_here(const struct imap_binary_cursor *c)
{
    return (struct imap_binary_mark){ .decoder = c->decoder, .at = c->at, .decoded = c->decoded };
}

void imap_binary_begin(struct imap_binary_cursor *c, const struct imap_binary *part,
                       const struct imap_binary_mark *mark)
{
    *c = (struct imap_binary_cursor){
        .part = part, .at = part->start, .skip = part->from, .left = part->n
    };
    mime_decoder_init(&c->decoder, part->encoding);
    buf_init(&c->out, IMAP_BINARY_SLICE + DECODER_KEEPS);
    if (mark && mark->at && mark->decoded <= part->from) {
        INVARIANT(mark->at >= part->start && mark->at <= part->end);
        c->decoder = mark->decoder;
        c->at = mark->at;
        c->decoded = mark->decoded;
        c->skip -= mark->decoded;
    }
    c->began = c->at;
    c->first = c->last = mark_here(c);
}

str imap_binary_decode(struct imap_binary_cursor *c, str slice)
{
    buf_clear(&c->out);
    c->last = mark_here(c);
    if (c->skip > 0)
        c->first = c->last;
    c->at += slice.n;
    INVARIANT(slice.n <= IMAP_BINARY_SLICE && c->at <= c->part->end);
    bool fits = mime_decoder_update(&c->decoder, slice, &c->out) &&
                (c->at < c->part->end || mime_decoder_finish(&c->decoder, &c->out));
    INVARIANT(fits);
    c->decoded += c->out.n;
    str decoded = str_slice(str_skip(buf_str(&c->out), c->skip), 0, c->left);
    c->skip -= c->skip < c->out.n ? c->skip : c->out.n;
    c->left -= decoded.n;
    if (c->decoded - c->part->from <= c->part->n || c->decoded <= c->part->from)
        c->last = mark_here(c);
    return decoded;
}

size_t imap_binary_wants(const struct imap_binary_cursor *c)
{
    size_t most = c->part->end - c->at;
    if (c->left == 0)
        return 0;
    most = most < IMAP_BINARY_SLICE ? most : IMAP_BINARY_SLICE;
    if (c->left >= most || c->skip >= most)
        return most;
    size_t wants = c->skip + c->left;
    if (c->part->encoding == MIME_ENCODING_BASE64)
        wants += wants / 3;
    if (wants < LEAST_WANTED)
        wants = LEAST_WANTED;
    return wants < most ? wants : most;
}

size_t imap_binary_worth_reading(const struct imap_binary_cursor *c)
{
    size_t most = c->part->end - c->at;
    size_t wanted = c->skip < most && c->left < most ? 2 * (c->skip + c->left) + READ_MIN : most;
    if (wanted < c->at - c->began)
        wanted = c->at - c->began;
    return wanted < most ? wanted : most;
}

void imap_binary_end(struct imap_binary_cursor *c)
{
    buf_fini(&c->out);
}

bool imap_binary_next(struct imap_binary_cursor *c, str message, str *decoded)
{
    size_t left = c->part->end - c->at;
    if (c->left == 0 || left == 0)
        return false;
    *decoded = imap_binary_decode(
        c, str_slice(message, c->at, left < IMAP_BINARY_SLICE ? left : IMAP_BINARY_SLICE));
    return true;
}

void imap_binary_measure(struct imap_binary *part, str message, bool *has_nul, void (*pause)(void))
{
    struct imap_binary_cursor c;
    str decoded;
    size_t n = 0;
    *has_nul = false;
    imap_binary_begin(&c, part, NULL);
    for (unsigned slices = 1; imap_binary_next(&c, message, &decoded); slices++) {
        n += decoded.n;
        *has_nul |= str_find_byte(decoded, '\0') >= 0;
        if (pause && slices % SLICES_A_TURN == 0)
            pause();
    }
    imap_binary_end(&c);
    part->n = n;
}

bool imap_binary_add(const struct imap_binary *part, str message, struct buf *out)
{
    struct imap_binary_cursor c;
    str decoded;
    bool ok = true;
    imap_binary_begin(&c, part, NULL);
    while (ok && imap_binary_next(&c, message, &decoded))
        ok = buf_add(out, decoded);
    imap_binary_end(&c);
    return ok;
}
