/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a
 * character like any other here. No other charset, no normalisation. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* True when all of s is characters; an empty s is. */
bool utf8_is_valid(str s);
/* True when no byte is above 127; an empty s has none. */
bool utf8_is_ascii(str s);

/* The first character of s: its code point in *cp and its length, 1-4 bytes. 0 when s is empty or
 * does not begin with a character. */
size_t utf8_decode(str s, uint32_t *cp);
/* Writes the 1-4 bytes of a code point and gives their number; 0 for what is no character. */
size_t utf8_encode(uint32_t cp, char out[4]);

/* The longest head of s of at most `max` bytes that does not end inside a character. */
str utf8_cut(str s, size_t max);
/* Characters in s; each byte that is part of none counts as one. */
size_t utf8_count(str s);

/* Appends s with U+FFFD for each run of bytes that is no character (the longest wrong beginning of
 * a character counts as one, as the Unicode standard advises). False when `out` is full; what
 * fitted is kept. */
bool utf8_repair(str s, struct buf *out);

#endif
