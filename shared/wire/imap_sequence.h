/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence sets (RFC 9051 section 9, sequence-set): "1:4,7,9:*" as sorted, merged ranges of message
 * numbers or UIDs. Pure. A hostile set costs O(n log n) of its length, never of its numbers
 * (ATTACKS I5). */
#ifndef WIRE_IMAP_SEQUENCE_H
#define WIRE_IMAP_SEQUENCE_H

#include "wire/imap_lexer.h"

/* Both ends belong to the range; first <= last after resolving. As parsed, 0 stands for "*". */
struct imap_range {
    uint32_t first;
    uint32_t last;
};

struct imap_sequence {
    struct imap_range *ranges; /* in the arena */
    size_t n;
    bool is_saved_result; /* "$" (RFC 5182); there are no ranges then */
    bool has_star;        /* not resolved yet */
};

enum {
    IMAP_SEQUENCE_RANGES_MAX = 20000 /* in one set; more is ERR_LIMIT */
};

/* Reads a set as it stands; in the lexer's arena. Numbers are 1 to 2^32-1. ERR_SYNTAX, also for 0;
 * ERR_LIMIT. */
bool imap_sequence_parse(struct imap_lexer *l, struct imap_sequence *out, struct err *e);

/* Puts `max` (the highest number in use, 0 when there is none) for "*", orders each range and
 * merges all of them, in place. With max 0 a range with "*" in it disappears. */
void imap_sequence_resolve(struct imap_sequence *s, uint32_t max);

/* Whether the number is in the resolved set. O(log n). */
bool imap_sequence_has(const struct imap_sequence *s, uint32_t number);
/* The highest number of the resolved set, 0 when it is empty. */
uint32_t imap_sequence_last(const struct imap_sequence *s);

/* Writes the resolved set ("1:4,7"). False when `out` is full. */
bool imap_sequence_format(struct buf *out, const struct imap_sequence *s);

/* A set built number by number in ascending order, for COPYUID, SEARCH and MODIFIED. */
struct imap_sequence_builder {
    struct arena *a;
    struct imap_sequence set;
    size_t room;
};
void imap_sequence_build(struct imap_sequence_builder *b, struct arena *a);
/* Appends a number that is not below the last one. */
void imap_sequence_add(struct imap_sequence_builder *b, uint32_t number);

#endif
