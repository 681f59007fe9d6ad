/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Transfer-Encodings (RFC 2045 section 6): decoders that take a body in pieces, cut
 * anywhere, and encoders. Charsets are another matter (charset.h). */
#ifndef MIME_ENCODING_H
#define MIME_ENCODING_H

#include "base/base.h"

enum mime_encoding {
    MIME_ENCODING_7BIT, /* also what is missing */
    MIME_ENCODING_8BIT,
    MIME_ENCODING_BINARY,
    MIME_ENCODING_QUOTED_PRINTABLE,
    MIME_ENCODING_BASE64,
    MIME_ENCODING_UUENCODE,
    MIME_ENCODING_UNKNOWN /* the body is kept as it is, application/octet-stream by RFC 2045 6.4 */
};

/* Reads a raw Content-Transfer-Encoding body; comments and case do not matter. */
enum mime_encoding mime_encoding_parse(str body);
/* "7bit", "base64" ...; static. UNKNOWN gives "binary". */
str mime_encoding_name(enum mime_encoding encoding);

/* The state between two pieces of a body. Tolerant: base64 skips what is not of its alphabet and
 * stops at padding that ends the data; quoted-printable keeps a '=' that begins no escape. */
struct mime_decoder {
    enum mime_encoding encoding;
    uint32_t bits;     /* private: base64 digits gathered */
    unsigned count;    /* private: their number */
    char held[80];     /* private: quoted-printable bytes whose meaning the next byte decides */
    size_t n_held;     /* private */
    unsigned uu_state; /* private: line state of uuencode */
    unsigned uu_left;  /* private: bytes still due on a uuencode line */
    bool ended;        /* private: padding or "end" was seen */
    bool damaged;      /* bytes were met that the encoding does not allow */
};

/* Identity encodings copy. Nothing is allocated, nothing to release. */
void mime_decoder_init(struct mime_decoder *d, enum mime_encoding encoding);
/* Decodes one piece and appends to `out`; false when `out` is full (decoding may stop there).
 * Output is never longer than input plus 80 bytes. */
bool mime_decoder_update(struct mime_decoder *d, str piece, struct buf *out);
/* What the end of the body decides. */
bool mime_decoder_finish(struct mime_decoder *d, struct buf *out);

/* All in one: the decoded body, at most `max` bytes of it. In arena, or borrowed from the
 * body where the encoding is an identity. */
str mime_decode(struct arena *a, enum mime_encoding encoding, str body, size_t max);

/* Appends base64 in lines of 76 characters, each ended by CRLF. False when `out` is full. */
bool mime_encode_base64(str data, struct buf *out);
/* Appends base64 without line ends. False when `out` is full. */
bool mime_encode_base64_line(str data, struct buf *out);
/* Appends quoted-printable text in lines of at most 76 characters. Line ends of `text` (CRLF or
 * LF) become CRLF; trailing spaces are escaped. False when `out` is full. */
bool mime_encode_quoted_printable(str text, struct buf *out);

#endif
