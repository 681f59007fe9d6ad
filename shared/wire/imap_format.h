/* SPDX-License-Identifier: Apache-2.0 */
/* What a server writes: strings and texts that are right whatever they hold (ATTACKS I19). Quoted
 * strings and literals come from mime/envelope.h. Pure. */
#ifndef WIRE_IMAP_FORMAT_H
#define WIRE_IMAP_FORMAT_H

#include "base/base.h"

/* Writes an atom where the text can be one, else a quoted string or a literal. False when `out` is
 * full. */
bool imap_format_astring(struct buf *out, str s);
/* Writes text for people behind a response code: control characters and what is not ASCII become
 * '?', at most 256 octets, at least one. False when `out` is full. */
bool imap_format_text(struct buf *out, str s);

#endif
