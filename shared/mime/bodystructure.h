/* SPDX-License-Identifier: Apache-2.0 */
/* The literal IMAP BODYSTRUCTURE and BODY of a message (RFC 3501 section 7.4.2). */
#ifndef MIME_BODYSTRUCTURE_H
#define MIME_BODYSTRUCTURE_H

#include "base/base.h"
#include "mime/structure.h"

/* Appends the structure, with extension data (BODYSTRUCTURE) or without (BODY). Types and the
 * encoding are lower case, parameters as mime_param's wire form; RFC 2231 continuations are joined
 * into one name* parameter. Strings follow mime_imap_string. False when `out` is full; nothing is
 * appended then. */
bool mime_bodystructure_format(struct arena *a, const struct mime_structure *s, bool extended,
                               struct buf *out);

/* Reads the text back and gives its form without extension data: how FETCH BODY answers from a
 * stored BODYSTRUCTURE. False when `stored` is not what mime_bodystructure_format writes, or `out`
 * is full; nothing is appended then. */
bool mime_bodystructure_to_body(str stored, struct buf *out);

#endif
