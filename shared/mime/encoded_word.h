/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded words in header texts (RFC 2047, with the language tags of RFC 2231 section 5).
 * RFC 2231 parameters are in content_type.h. */
#ifndef MIME_ENCODED_WORD_H
#define MIME_ENCODED_WORD_H

#include "base/base.h"

/* Text of a raw or unfolded field body: unfolded, encoded words decoded, adjacent words joined
 * (also where a character was split between two), trimmed. An unknown charset is read as UTF-8
 * where the bytes are that, else as Windows-1252. What looks like an encoded word and is none stays
 * as it is. Valid UTF-8 without control characters. In arena. */
str mime_text_decode(struct arena *a, str body);
/* The same for a phrase that was unquoted: spaces at its ends are kept. */
str mime_phrase_decode(struct arena *a, str phrase);

/* Appends `text` (UTF-8) so that it can stand in an unstructured field or a phrase: as it is when
 * it is printable ASCII that cannot be mistaken for an encoded word, else as UTF-8 encoded words of
 * at most 75 characters with a space between, never cutting a character. False when `out` is
 * full. */
bool mime_text_encode(str text, struct buf *out);

#endif
