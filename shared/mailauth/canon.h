/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical forms of header fields and bodies (RFC 6376 section 3.4), written into a hash. Pure; no
 * copy of the message is made. */
#ifndef MAILAUTH_CANON_H
#define MAILAUTH_CANON_H

#include "crypto/crypto.h"
#include "mime/header.h"

enum mailauth_canon {
    MAILAUTH_SIMPLE,
    MAILAUTH_RELAXED
};

/* Adds one field, its final CRLF included. */
void mailauth_canon_add_field(struct crypto_hash *h, enum mailauth_canon canon,
                              const struct mime_field *field);
/* Adds a signature's own field with the octets of `hole` (a slice of field->body: the value of its
 * b=) left out, without a final CRLF (RFC 6376 section 3.7). */
void mailauth_canon_add_own_field(struct crypto_hash *h, enum mailauth_canon canon,
                                  const struct mime_field *field, str hole);

/* A body with CRLF line ends, and what is called at the start and after each 256 KiB of work, so
 * that a large one does not keep others waiting (NULL: nothing). */
struct mailauth_body {
    str text;
    void (*turn)(void);
};

/* Adds the first `limit` octets of the canonical form of a body (UINT64_MAX: all; l= of RFC 6376).
 * Gives the octets of the whole canonical form. Yields when `turn` does. */
uint64_t mailauth_canon_add_body(struct crypto_hash *h, enum mailauth_canon canon,
                                 const struct mailauth_body *body, uint64_t limit);

#endif
