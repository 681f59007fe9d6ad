/* SPDX-License-Identifier: Apache-2.0 */
/* Packing messages with zstd and unpacking parts of them. No database here. */
#include "blob/pieces.h"

#include <zstd.h>

/* Level 1 packs mail as well as level 3 within 2 % and costs half: most bytes are base64. */
enum {
    PACK_LEVEL = 1
};

/* Packs `in` as one frame with a checksum at the end of `out`. False when zstd refuses. */
static bool pack_frame(ZSTD_CCtx *context, str in, char *out, size_t room, size_t *used)
{
    size_t written = ZSTD_compress2(context, out + *used, room - *used, in.p, in.n);
    if (ZSTD_isError(written))
        return false;
    *used += written;
    return true;
}

static size_t frame_count(size_t size)
{
    return (size + BLOB_FRAME_BYTES - 1) / BLOB_FRAME_BYTES;
}

/* Frame i is octets [i, i + 1) * BLOB_FRAME_BYTES of the message. */
static bool pack_frames(ZSTD_CCtx *context, struct arena *a, str message, char *out, size_t room,
                        struct blob_packed *p)
{
    size_t n = frame_count(message.n);
    size_t used = 0;
    int64_t *frames = ARENA_ARRAY(a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        frames[i] = (int64_t)used;
        str part = str_slice(message, i * BLOB_FRAME_BYTES, BLOB_FRAME_BYTES);
        if (!pack_frame(context, part, out, room, &used))
            return false;
    }
    frames[n] = (int64_t)used;
    p->codec = BLOB_FRAMES;
    p->frames = frames;
    p->n_frames = n + 1;
    p->head = (size_t)frames[frame_count(p->header)];
    p->data = str_of(out, used);
    return true;
}

/* The header is a frame of its own, so that listings of headers read no bodies. */
static bool pack_split(ZSTD_CCtx *context, str message, char *out, size_t room,
                       struct blob_packed *p)
{
    size_t used = 0;
    if (p->header && !pack_frame(context, str_slice(message, 0, p->header), out, room, &used))
        return false;
    p->head = used;
    str rest = str_skip(message, p->header);
    if (rest.n && !pack_frame(context, rest, out, room, &used))
        return false;
    p->codec = BLOB_ZSTD;
    p->data = str_of(out, used);
    return true;
}

void blob_pack(struct arena *a, str message, size_t header, struct blob_packed *out)
{
    header = header < message.n ? header : message.n;
    *out = (struct blob_packed){
        .codec = BLOB_RAW, .size = message.n, .header = header, .head = header, .data = message
    };
    struct blob_packed p = *out;
    size_t frames = frame_count(message.n) + 2;
    size_t room = ZSTD_compressBound(message.n) + frames * 64;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    bool ok = context && message.n &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, PACK_LEVEL)) &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1));
    if (ok) {
        char *bytes = arena_alloc(a, room);
        ok = message.n > BLOB_FRAMES_ABOVE ? pack_frames(context, a, message, bytes, room, &p)
                                           : pack_split(context, message, bytes, room, &p);
    }
    (void)ZSTD_freeCCtx(context);
    if (ok && p.data.n < message.n)
        *out = p;
}

/* The octets that one frame says it holds; false when it says nothing or nonsense. */
static bool frame_size(str data, size_t *packed, size_t *unpacked)
{
    *packed = ZSTD_findFrameCompressedSize(data.p, data.n);
    if (ZSTD_isError(*packed))
        return false;
    unsigned long long size = ZSTD_getFrameContentSize(data.p, data.n);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > BLOB_MAX_BYTES)
        return false;
    *unpacked = (size_t)size;
    return true;
}

struct ZSTD_DCtx_s *blob_decompressor_new(void)
{
    return ZSTD_createDCtx();
}

void blob_decompressor_free(struct ZSTD_DCtx_s **decompressor)
{
    (void)ZSTD_freeDCtx(*decompressor);
    *decompressor = NULL;
}

static bool unpack_frame(const struct blob_piece *piece, str data, char *out, size_t expected)
{
    size_t n = piece->decompressor
                   ? ZSTD_decompressDCtx(piece->decompressor, out, expected, data.p, data.n)
                   : ZSTD_decompress(out, expected, data.p, data.n);
    return n == expected;
}

static bool unpack_split(struct arena *a, const struct blob_piece *piece, size_t from, size_t n,
                         str *out, struct err *e)
{
    char *bytes = NULL;
    size_t have = 0;
    size_t need = 0;
    str data = piece->data;
    size_t packed;
    size_t unpacked;
    /* The first frame alone is enough for a part of the header. */
    if (data.n && !frame_size(data, &packed, &unpacked))
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: its frame");
    /* Nobody asked for more than the message: a row of 100 octets must not unpack to megabytes. */
    if (data.n && unpacked > piece->size)
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: its frame is too long");
    need = data.n && from + n <= unpacked ? unpacked : piece->size;
    bytes = arena_alloc(a, need + 1);
    while (have < need && frame_size(data, &packed, &unpacked)) {
        if (unpacked > need - have ||
            !unpack_frame(piece, str_slice(data, 0, packed), bytes + have, unpacked))
            break;
        have += unpacked;
        data = str_skip(data, packed);
    }
    if (have < from + n) {
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: %zu of %zu octets", have,
                   piece->size);
    }
    *out = str_of(bytes + from, n);
    return true;
}

static bool unpack_frames(struct arena *a, const struct blob_piece *piece, size_t from, size_t n,
                          str *out, struct err *e)
{
    size_t first = (from - piece->at) / BLOB_FRAME_BYTES;
    size_t last = n ? (from + n - 1 - piece->at) / BLOB_FRAME_BYTES : first;
    if (piece->at % BLOB_FRAME_BYTES != 0 || last + 2 > piece->n_frames)
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: its frames");
    char *bytes = arena_alloc(a, (last - first + 1) * BLOB_FRAME_BYTES);
    for (size_t i = first; i <= last; i++) {
        size_t at = piece->at + i * BLOB_FRAME_BYTES;
        size_t expected = piece->size - at < BLOB_FRAME_BYTES ? piece->size - at : BLOB_FRAME_BYTES;
        int64_t begin = piece->frames[i];
        int64_t end = piece->frames[i + 1];
        if (begin < 0 || end < begin || (uint64_t)end > piece->data.n ||
            !unpack_frame(piece, str_slice(piece->data, (size_t)begin, (size_t)(end - begin)),
                          bytes + (i - first) * BLOB_FRAME_BYTES, expected))
            return ERR(e, ERR_DAMAGED, "a stored message is damaged: frame at %zu", at);
    }
    *out = str_of(bytes + (from - piece->at - first * BLOB_FRAME_BYTES), n);
    return true;
}

bool blob_piece_unpack(struct arena *a, const struct blob_piece *piece, size_t from, size_t n,
                       str *out, struct err *e)
{
    if (piece->size > BLOB_MAX_BYTES || from > piece->size || n > piece->size - from ||
        from < piece->at)
        return ERR(e, ERR_DAMAGED, "a stored message is damaged: its size");
    *out = STR("");
    if (n == 0)
        return true;
    switch (piece->codec) {
    case BLOB_RAW:
        *out = str_slice(piece->data, from - piece->at, n);
        return out->n == n || ERR(e, ERR_DAMAGED, "a stored message is damaged: it is short");
    case BLOB_ZSTD:
        return unpack_split(a, piece, from, n, out, e);
    case BLOB_FRAMES:
        return unpack_frames(a, piece, from, n, out, e);
    }
    return ERR(e, ERR_DAMAGED, "a stored message is damaged: codec %d", (int)piece->codec);
}

bool blob_unpack(struct arena *a, const struct blob_packed *p, size_t from, size_t n, str *out,
                 struct err *e)
{
    const struct blob_piece piece = { .codec = p->codec,
                                      .size = p->size,
                                      .data = p->data,
                                      .frames = p->frames,
                                      .n_frames = p->n_frames };
    from = from < p->size ? from : p->size;
    n = n < p->size - from ? n : p->size - from;
    return blob_piece_unpack(a, &piece, from, n, out, e);
}
