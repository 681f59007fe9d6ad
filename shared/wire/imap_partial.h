/* SPDX-License-Identifier: Apache-2.0 */
/* PARTIAL of RFC 9394 and RFC 5267 section 4.4: a window of results, from either end. Pure. */
#ifndef WIRE_IMAP_PARTIAL_H
#define WIRE_IMAP_PARTIAL_H

#include "wire/imap_lexer.h"

/* "1:500" or "-1:-100"; the numbers as they were sent, in any order, never 0. */
struct imap_partial {
    uint32_t first;
    uint32_t last;
    bool from_end; /* both were negative: 1 is the last result */
};

/* Reads a range as it stands behind "PARTIAL ". ERR_SYNTAX. */
bool imap_partial_parse(struct imap_lexer *l, struct imap_partial *out, struct err *e);
/* Writes it as it was sent. False when `out` is full. */
bool imap_partial_format(struct buf *out, const struct imap_partial *p);

/* Which of `n` results it names, by index: `count` (may be 0) from `from` on, in their order. */
void imap_partial_window(const struct imap_partial *p, size_t n, size_t *from, size_t *count);

#endif
