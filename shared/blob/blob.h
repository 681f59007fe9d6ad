/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of blob: the bytes of messages, packed for the database and read back, whole or in
 * part. It knows neither mailboxes nor what the bytes mean. The rows of table blob are written by
 * the store as part of a delivery, and read here.
 *
 * Whatever is packed comes back byte for byte. Sizes and offsets are octets of the unpacked
 * message unless said otherwise. A row may have a prefix of its own (blob.prefix): what is read
 * back then begins with it, and offsets count it. */
#ifndef BLOB_BLOB_H
#define BLOB_BLOB_H

#include "base/base.h"
#include "db/db.h"

enum {
    BLOB_FRAME_BYTES = 256 * 1024,         /* unpacked bytes of one frame of codec 2 */
    BLOB_FRAMES_ABOVE = 1024 * 1024,       /* bigger messages are cut into frames */
    BLOB_OFFLOAD_ABOVE = 1024 * 1024,      /* bigger messages are packed in the offload pool */
    BLOB_MAX_BYTES = 128 * 1024 * 1024,    /* of one message; a stored size above is damage */
    BLOB_MAX_MANY = 500,                   /* messages of one blob_load_many */
    BLOB_MAX_MANY_BYTES = 16 * 1024 * 1024 /* unpacked, of one answer of blob_load_many */
};

enum blob_codec {
    BLOB_RAW = 0,   /* as it is: what zstd cannot make smaller */
    BLOB_ZSTD = 1,  /* two zstd frames: the header, the rest (one when there is no rest) */
    BLOB_FRAMES = 2 /* independent zstd frames of BLOB_FRAME_BYTES each, the last one shorter */
};

/* A message as it stands in the database. */
struct blob_packed {
    enum blob_codec codec;
    size_t size;           /* of the message */
    size_t header;         /* of the message's header with its empty line */
    size_t head;           /* leading bytes of `data` that are enough to unpack the header */
    str data;              /* packed bytes */
    const int64_t *frames; /* BLOB_FRAMES: offset of each frame in `data`, then data.n */
    size_t n_frames;       /* elements of `frames`: number of frames + 1; else 0 */
};

/* Packs a message whose header (with its empty line) is the first `header` bytes. Never fails: what
 * does not get smaller stays raw. Linear, pure; above BLOB_OFFLOAD_ABOVE call it in the offload
 * pool. `data` is in the arena, or borrows `message` when raw. */
void blob_pack(struct arena *a, str message, size_t header, struct blob_packed *out);

/* Unpacks bytes [from, from + n) of the message, cut to what is there. `p` may hold only `head`
 * bytes of data when the range lies in the header. Nothing is believed: sizes, offsets and frames
 * are checked. ERR_INTERNAL when the data is damaged. Pure; in arena, or borrowed when raw. */
bool blob_unpack(struct arena *a, const struct blob_packed *p, size_t from, size_t n, str *out,
                 struct err *e);

/* One message, or a part of it: `n` bytes from `from`, cut to what is there (SIZE_MAX: to the
 * end). Reads only the frames, or only the header, where that is enough; big ones are unpacked in
 * the offload pool. Class is DB_READ. ERR_NOT_FOUND, ERR_INTERNAL (damaged), and those of db_query.
 * In arena. Yields. */
YIELDS bool blob_load(struct db *db, int64_t account_id, int64_t msg_id, size_t from, size_t n,
                      struct arena *a, int64_t deadline_ms, str *out, struct err *e);

/* What blob_load_many is asked for. */
struct blob_many {
    enum db_class class;
    const int64_t *account_ids; /* of each message; NULL: `account_id` of all */
    int64_t account_id;
    const int64_t *msg_ids;
    size_t n;           /* at most BLOB_MAX_MANY */
    bool only_header;   /* as much as holds the header, and perhaps more */
    size_t most_octets; /* 0: BLOB_MAX_MANY_BYTES */
    bool *damaged;      /* damaged[i] becomes true: the message is there and cannot be read; false
                           of all others. NULL: nobody wants to know */
};

/* Several messages in one round trip. texts[i] is message i; p NULL when there is no such message
 * or it is damaged (`damaged` tells which). Stops at most_octets: *done (at least 1) tells how many
 * of the messages were looked at; ask again for the rest. Errors: those of db_query. In arena.
 * Yields. */
YIELDS bool blob_load_many(struct db *db, const struct blob_many *wanted, struct arena *a,
                           int64_t deadline_ms, str *texts, size_t *done, struct err *e);

#endif
