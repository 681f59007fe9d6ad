/* SPDX-License-Identifier: Apache-2.0 */
/* A part without its transfer encoding (RFC 3516), decoded piece by piece: it is never whole in
 * memory. Pure. */
#ifndef IMAP_FETCH_BINARY_H
#define IMAP_FETCH_BINARY_H

#include "mime/encoding.h"

enum {
    IMAP_BINARY_SLICE = 32 * 1024 /* octets that are decoded at once */
};

struct imap_binary {
    enum mime_encoding encoding;
    size_t start; /* its encoded octets in the message: [start, end) */
    size_t end;
    size_t from; /* octets of the decoded part that are asked for */
    size_t n;    /* at most; SIZE_MAX: all that follow */
};

/* A place in a part where decoding can begin: a client that asks for a part in pieces has none of
 * them decoded twice. */
struct imap_binary_mark {
    struct mime_decoder decoder; /* as it was there */
    size_t at;                   /* in the message; 0: nowhere */
    size_t decoded;              /* octets of the decoded part before it */
};

/* How far it is decoded. */
struct imap_binary_cursor {
    const struct imap_binary *part;
    struct mime_decoder decoder;
    struct buf out;
    size_t at;                     /* in the message: what comes next */
    size_t began;                  /* the same when this began */
    size_t decoded;                /* octets, those that nobody asked for included */
    size_t skip;                   /* decoded octets before those that are asked for */
    size_t left;                   /* that are still asked for */
    struct imap_binary_mark first; /* not behind the first octet that is asked for */
    struct imap_binary_mark last;  /* not behind what follows the last one */
};

/* Begins at the mark, which is of the same part, unless it is NULL, nowhere, or behind what is
 * asked for. Keeps `part`. */
void imap_binary_begin(struct imap_binary_cursor *c, const struct imap_binary *part,
                       const struct imap_binary_mark *mark);
/* Decodes the next octets of the message, those at c->at, at most IMAP_BINARY_SLICE and not beyond
 * the part. Gives what is asked for of them: borrowed until the next call, often empty. */
str imap_binary_decode(struct imap_binary_cursor *c, str slice);
/* How many octets to hand over next: at most a slice, and for what is still asked for not many more
 * than it needs, so that the next piece begins where this one ends. 0: nothing is left. */
size_t imap_binary_wants(const struct imap_binary_cursor *c);
/* How many octets of the message, from c->at on, to read from where it is kept: mostly enough for
 * what is asked for, and as many as were decoded since imap_binary_begin. So what decodes to
 * nothing (lines without end) costs a few questions, not one for each kilobyte. */
size_t imap_binary_worth_reading(const struct imap_binary_cursor *c);
void imap_binary_end(struct imap_binary_cursor *c);

/* The same with the octets of a message that is in memory; false when there are no more. */
bool imap_binary_next(struct imap_binary_cursor *c, str message, str *decoded);

/* How many octets part->n really are, and whether there is a NUL among them, so that they need a
 * literal8. `pause` is called now and then, unless it is NULL: it may yield, when the message
 * stays meanwhile. */
void imap_binary_measure(struct imap_binary *part, str message, bool *has_nul, void (*pause)(void));
/* Appends them. False when `out` is full. */
bool imap_binary_add(const struct imap_binary *part, str message, struct buf *out);

#endif
