/* SPDX-License-Identifier: Apache-2.0 */
/* A message in the form that every server takes. */
#ifndef QUEUE_CONVERT_H
#define QUEUE_CONVERT_H

#include "base/base.h"

/* Re-encodes a message in seven bits (mime/seven_bit.h) in the offload pool. Takes the octets of
 * *message, which is empty afterwards, whatever comes of it; *out is in the arena. ERR_UNSUPPORTED:
 * it cannot be re-encoded without breaking it. ERR_LIMIT (the pool has too much to do),
 * ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool queue_convert_message(struct buf *message, struct arena *a, int64_t deadline_ms,
                                  str *out, struct err *e);

/* The same for a message of BINARYMIME: its binary parts in base64 (mime/seven_bit.h), which every
 * reader decodes to the same octets. Borrows the message. ERR_UNSUPPORTED also when a line of text
 * would be longer than we store. Yields. */
YIELDS bool queue_convert_binary(str message, struct arena *a, int64_t deadline_ms, str *out,
                                 struct err *e);

#endif
