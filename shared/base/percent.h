/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding (RFC 3986 section 2.1): the one place that reads "%41". What may stand unencoded
 * is a question of each format, and asked by its reader. */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/arena.h"
#include "base/buf.h"

/* The octet of the "%41" that `s` begins with, or -1 when it begins with no such thing. */
int percent_octet(str s);

/* Decodes all of s. False for a '%' without two hex digits and for %00; the text is not checked to
 * be UTF-8. In arena. */
bool percent_decode(struct arena *a, str s, str *out);

/* Appends s with everything encoded but the unreserved characters of RFC 3986 section 2.3 and those
 * in `keep`. False when `out` is full; then some may be in it. */
bool percent_encode(struct buf *out, str s, str keep);

#endif
