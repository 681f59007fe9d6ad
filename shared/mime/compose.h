/* SPDX-License-Identifier: Apache-2.0 */
/* A small writer for mail that the server makes itself: delivery reports, warnings, replies.
 * Everything is appended to a buf; false means that it is full. Not for user agents. */
#ifndef MIME_COMPOSE_H
#define MIME_COMPOSE_H

#include "base/base.h"

/* "Name: text" with encoded words where needed, folded at 78 characters. `text` is UTF-8; control
 * characters become spaces, so that no text can add a field. */
bool mime_compose_text_field(struct buf *out, str name, str text);
/* "Name: value" where the value is ASCII of a structured field, already in its grammar; folded at
 * spaces. Control characters become spaces. */
bool mime_compose_raw_field(struct buf *out, str name, str value);
/* "Name: =?utf-8?...?= <address>"; `address` is an addr-spec, empty for the null address <>. */
bool mime_compose_mailbox_field(struct buf *out, str name, str display_name, str address);
/* "Date: ..." */
bool mime_compose_date_field(struct buf *out, int64_t at_utc, int zone_offset);
/* "Message-ID: <...@host>" of two numbers that are unique together (time and random). */
bool mime_compose_message_id_field(struct buf *out, uint64_t unique1, uint64_t unique2, str host);
/* The empty line between header and body. */
bool mime_compose_end_header(struct buf *out);

/* A boundary made of two numbers; it occurs in no quoted-printable or base64 text, and a random
 * number keeps it out of others. In arena. */
str mime_compose_boundary(struct arena *a, uint64_t unique1, uint64_t unique2);
/* "Content-Type: multipart/<subtype>; boundary=..." with `params` ("; report-type=..." or empty).
 */
bool mime_compose_multipart_field(struct buf *out, str subtype, str params, str boundary);
/* The delimiter line before a part; its header fields follow. */
bool mime_compose_part(struct buf *out, str boundary);
/* The last delimiter line. */
bool mime_compose_multipart_end(struct buf *out, str boundary);

/* Header fields, empty line and body of a text/plain UTF-8 part; 7bit when `text` allows it
 * (ASCII, lines up to 78 bytes), else quoted-printable. Line ends become CRLF. */
bool mime_compose_text_part(struct buf *out, str text);

#endif
