/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of blob: the bytes of messages as they are kept. Compression and framing are pure; the
 * SQL of the table blob is here. It knows no mailboxes and no flags.
 *
 * A stored message is a short prefix (trace headers of one recipient, kept raw) followed by the
 * body that all recipients share, compressed. Above BLOB_FRAME_BYTES * 4 the body is cut into
 * frames that are compressed each for itself, so that a part can be read without the rest. */
#ifndef BLOB_BLOB_H
#define BLOB_BLOB_H

#include "base/base.h"

struct db;

enum {
    BLOB_FRAME_BYTES = 256 * 1024,    /* octets of a frame before compression */
    BLOB_PREFIX_MAX = 8 * 1024,       /* octets of a prefix */
    BLOB_MAX = 1024 * 1024 * 1024 / 4 /* octets of a message that can be read back */
};

enum blob_codec {
    BLOB_RAW = 0,
    BLOB_ZSTD = 1,
    BLOB_ZSTD_FRAMES = 2
};

/* A body ready to be stored. */
struct blob_packed {
    enum blob_codec codec;
    str data;              /* compressed; in the arena, or `raw` itself for BLOB_RAW */
    const int64_t *frames; /* BLOB_ZSTD_FRAMES: offset of each frame's end in data; in the arena */
    size_t n_frames;
    size_t raw_size; /* octets before compression */
};

/* Compresses a body; what does not become smaller stays raw. Pure and CPU-bound: above 1 MB call it
 * in the offload pool. Keeps `raw`. */
void blob_pack(struct arena *a, str raw, struct blob_packed *out);

/* Appends the octets of a packed body to `out`. ERR_INTERNAL when the data is damaged or does not
 * give exactly raw_size octets, ERR_LIMIT when `out` is full. Pure. */
bool blob_unpack(const struct blob_packed *packed, struct buf *out, struct err *e);

/* Reads a whole message, prefix and body, in the arena. Large ones are decompressed in the offload
 * pool. ERR_NOT_FOUND; errors of db_query; ERR_INTERNAL for damaged data. Yields. */
YIELDS bool blob_read(struct db *db, int64_t account_id, int64_t msg_id, struct arena *a,
                      int64_t deadline_ms, str *out, struct err *e);

struct blob_range {
    size_t from; /* octet of the message */
    size_t n;    /* octets wanted */
};

/* Reads a part of a message: of a framed body only the frames that hold it. Cut where the message
 * ends. Yields. */
YIELDS bool blob_read_range(struct db *db, int64_t account_id, int64_t msg_id,
                            struct blob_range range, struct arena *a, int64_t deadline_ms, str *out,
                            struct err *e);

#endif
