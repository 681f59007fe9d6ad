/* SPDX-License-Identifier: Apache-2.0 */
/* The literal IMAP ENVELOPE of a message (RFC 3501 section 7.4.2), made once at delivery and copied
 * by FETCH; and IMAP strings, which it is made of. */
#ifndef MIME_ENVELOPE_H
#define MIME_ENVELOPE_H

#include "base/base.h"
#include "mime/header.h"

/* Appends "(date subject from sender reply-to to cc bcc in-reply-to message-id)" with the texts as
 * the header holds them (encoded words not decoded), unfolded. Sender and Reply-To default to From.
 * A mailbox without a domain has the host "". Address lists of repeated fields are joined, of other
 * repeated fields the first counts. Valid for IMAP4rev1 clients: 7-bit texts are quoted, others are
 * literals, never literal8. False when `out` is full; nothing is appended then. */
bool mime_envelope_format(struct arena *a, const struct mime_header *h, struct buf *out);

/* Appends an IMAP string: quoted when `s` is short 7-bit text without CR, LF and NUL, else a
 * literal {n}. NUL bytes become spaces, because no string can hold one. False when `out` is full.
 */
bool mime_imap_string(str s, struct buf *out);
/* The same, NIL for an empty s. */
bool mime_imap_nstring(str s, struct buf *out);

#endif
