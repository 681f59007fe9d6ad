/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of whole values (RFC 4648), strict both ways: SASL, tokens, keys. Bodies of mail, with
 * their line breaks and mistakes, are decoded as streams in mime. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"

enum base64_alphabet {
    BASE64_STANDARD, /* with '+' and '/', padded (section 4) */
    BASE64_URL       /* with '-' and '_', without padding (section 5) */
};

/* Characters that `n` bytes are encoded in. */
size_t base64_encoded_size(enum base64_alphabet alphabet, size_t n);

/* Appends; false when `out` is full (nothing is appended then). */
bool base64_encode(enum base64_alphabet alphabet, str in, struct buf *out);

/* Appends the decoded bytes. ERR_SYNTAX for any byte outside the alphabet (white space too), wrong
 * padding, or unused bits that are not zero; ERR_LIMIT when `out` is full. On failure `out` is as
 * it was. */
bool base64_decode(enum base64_alphabet alphabet, str in, struct buf *out, struct err *e);

#endif
