/* SPDX-License-Identifier: Apache-2.0 */
/* Messages for transports that cannot carry all octets: of seven bits (RFC 6152 section 3), or of
 * lines. Parts that do not fit are re-encoded, everything else stays as it is. Pure; linear. Not
 * for addresses and headers beyond ASCII. */
#ifndef MIME_SEVEN_BIT_H
#define MIME_SEVEN_BIT_H

#include "base/base.h"

/* Whether a line has more than the 998 octets that RFC 5322 section 2.1.1 allows; line ends are
 * CRLF. A last line without one may be counted one octet too long. */
bool mime_has_long_line(str text);

/* Appends the message with every body part that holds octets above 127, or a line that is too long,
 * in quoted-printable (text) or base64 (the rest, and text whose line ends are not CRLF). Their
 * decoded content is the same as before. A message without MIME gets the fields that say so: its
 * charset is utf-8 where it can be that, else unknown-8bit (RFC 1428). Octets above 127 between
 * parts, where nobody reads, become '?'; those in headers stay, because no transport has ever
 * allowed or changed them. Long lines stay in headers, between parts, and where they cannot be
 * encoded. ERR_UNSUPPORTED: it cannot be done without breaking it (signed or encrypted parts,
 * encodings we do not know, structures past the limits). ERR_LIMIT: `out` is full. Big messages
 * belong into the offload pool. */
bool mime_to_seven_bit(str message, struct buf *out, struct err *e);

/* Appends the message with every body part that holds a NUL, or a CR or LF that is no line end, in
 * base64; the rest as it is: what a server can give to every client (RFC 3516 section 4.4).
 * ERR_UNSUPPORTED: as above, and a NUL or such an octet between the parts. ERR_SYNTAX: one in a
 * header. ERR_LIMIT: `out` is full. */
bool mime_binary_to_base64(str message, struct buf *out, struct err *e);

/* The same for a message of BINARYMIME (RFC 3030), so that it can go on as 8-bit text: parts that
 * are labelled binary and need not be encoded are labelled 8bit. */
bool mime_binary_to_text(str message, struct buf *out, struct err *e);

#endif
