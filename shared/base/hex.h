/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text of bytes, and Crockford's base32 for ids that people read aloud. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/buf.h"
#include "base/err.h"

/* Appends two lower-case digits a byte; false when `out` is full (nothing is appended then). */
bool hex_encode(str in, struct buf *out);
/* Appends the bytes; either case. ERR_SYNTAX for odd length or another byte, ERR_LIMIT when `out`
 * is full. On failure `out` is as it was. */
bool hex_decode(str in, struct buf *out, struct err *e);
/* The value 0-15 of a digit in either case, or -1. */
int hex_digit(char c);

/* Writes the lowest 5*n bits of the value as n digits 0-9a-z without i, l, o and u, highest first:
 * equal lengths sort like the numbers. No NUL is written. */
void base32_encode(uint64_t value, char *out, size_t n);
/* Reads them back: either case, o as 0, i and l as 1. ERR_SYNTAX for empty, other bytes, or more
 * than 64 bits. */
bool base32_decode(str in, uint64_t *out, struct err *e);

#endif
