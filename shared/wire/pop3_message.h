/* SPDX-License-Identifier: Apache-2.0 */
/* How POP3 sends a message: as a multi-line response, with dots doubled at the beginnings of lines
 * (RFC 1939 section 3). Pure. Its octet count is that of the message, without the doubled dots. */
#ifndef WIRE_POP3_MESSAGE_H
#define WIRE_POP3_MESSAGE_H

#include "base/base.h"

/* What went out last, from piece to piece of one message. */
struct pop3_stuffer {
    char last[2];
};

/* At the start of a message. */
void pop3_stuffer_init(struct pop3_stuffer *s);
/* Appends octets of a message with a dot in front of each line that begins with one. Any LF ends a
 * line here, also a bare one: clients that take it for a line end must not find the end of the
 * message inside it. At most 2 * in.n octets are appended. False when `out` is full: then some may
 * be in it. */
bool pop3_stuff(struct pop3_stuffer *s, str in, struct buf *out);
/* Appends the end of the response: ".", after the line end that a message without one still needs;
 * at most 5 octets. False when `out` is full. */
bool pop3_stuff_end(const struct pop3_stuffer *s, struct buf *out);

/* What TOP sends of a message that comes in pieces: its header with the empty line, and the first
 * lines of the body. */
struct pop3_top {
    uint32_t lines;  /* of the body that are still to be sent; POP3_ALL_LINES: all */
    bool is_in_body; /* the header was sent */
    bool is_done;    /* nothing more is sent */
    bool has_cr;     /* the line that has begun is CR so far */
    bool has_more;   /* it is more than that */
};

#define POP3_ALL_LINES UINT32_MAX

/* At the start of a message, of whose body so many lines are wanted. */
void pop3_top_init(struct pop3_top *t, uint32_t lines);
/* The beginning of the next piece, as far as it is sent: a borrowed part of it. Its first *header
 * octets are of the header. */
str pop3_top_next(struct pop3_top *t, str piece, size_t *header);

enum {
    POP3_ASCII_GROWTH = 16 /* a header gets at most so many times as long, and as many octets */
};

/* Appends the header with its words that are not ASCII as encoded words (RFC 2047), for clients
 * that did not say UTF8 (RFC 6856 section 2): nothing is lost, and most clients decode it. False
 * when `out` is full: then some may be in it. */
bool pop3_header_to_ascii(str header, struct buf *out);

#endif
