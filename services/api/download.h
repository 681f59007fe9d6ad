/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of others sent as a file: ranges, conditions, and the fields that keep a browser from
 * treating them as anything but a download. */
#ifndef API_DOWNLOAD_H
#define API_DOWNLOAD_H

#include "services/api/call.h"

enum {
    DOWNLOAD_PIECE = 256 * 1024 /* octets in memory for one download */
};

struct download {
    str type;
    str name; /* of the file */
    bool is_inline;
    str etag;          /* with its quotes; empty: none */
    str if_none_match; /* as sent, or empty */
    str range;         /* as sent, or empty */
    size_t size;       /* octets of the whole */
    /* Gives `n` octets (fewer only at the end) from `from` on, in the arena, which is reset after
     * each piece. Yields. */
    bool (*read)(void *arg, size_t from, size_t n, struct arena *a, str *out, struct err *e);
    void *arg;
};

/* Answers the call: 200, 206, 304 or 416. A failure in the middle cuts the connection. Yields. */
YIELDS void download_send(struct api_call *call, const struct download *d);

/* A part of a message in memory. */
struct part_loaded {
    str octets; /* decoded */
    str type;
    str name; /* never empty */
};

/* Reads a part of a message of the account by its IMAP number. ERR_NOT_FOUND. In the call's arena.
 * Yields. */
YIELDS bool part_load(struct api_call *call, int64_t msg_id, str part_id, struct part_loaded *out,
                      struct err *e);

#endif
