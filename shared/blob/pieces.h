/* SPDX-License-Identifier: Apache-2.0 */
/* Packed bytes that are only a part of a message's data: what a partial read brings. Private to the
 * module. */
#ifndef BLOB_PIECES_H
#define BLOB_PIECES_H

#include "blob/blob.h"

/* The parts of a message's data that hold octets from `at` on. */
struct blob_piece {
    enum blob_codec codec;
    size_t size;           /* of the whole message */
    size_t at;             /* octet of the message that `data` begins with */
    str data;              /* packed */
    const int64_t *frames; /* BLOB_FRAMES: offsets of the frames in `data`, then data.n */
    size_t n_frames;
    struct ZSTD_DCtx_s *decompressor; /* to be used again, or NULL */
};

/* What unpacks one piece after the other: making it costs more than unpacking a header (measured:
 * 11 us against 0.9). Gives; harmless to free when NULL. */
struct ZSTD_DCtx_s *blob_decompressor_new(void);
void blob_decompressor_free(struct ZSTD_DCtx_s **decompressor);

/* Unpacks as much of the piece as is needed for [from, from + n), which must lie inside the
 * message. ERR_INTERNAL when the piece is damaged or does not reach. In arena or borrowed. */
bool blob_piece_unpack(struct arena *a, const struct blob_piece *piece, size_t from, size_t n,
                       str *out, struct err *e);

#endif
