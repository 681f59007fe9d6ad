/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of mime: what a mail is made of. Pure functions over (bytes, length): no I/O, no
 * state, linear time, all memory in the caller's arena, every limit in mime/limits.h.
 *
 * Three rules hold everywhere. Parsers of mail found in the world never fail: they give what can
 * be understood and mark what was cut. A str that a parser gives is borrowed from the input where
 * its comment says "raw", else it is in the arena. Every decoded header text is valid UTF-8
 * without CR, LF, NUL and other control bytes, whatever its encoded form held. */
#ifndef MIME_MIME_H
#define MIME_MIME_H

#include "mime/address.h"
#include "mime/bodystructure.h"
#include "mime/charset.h"
#include "mime/compose.h"
#include "mime/content_type.h"
#include "mime/date.h"
#include "mime/delivery_status.h"
#include "mime/encoded_word.h"
#include "mime/encoding.h"
#include "mime/envelope.h"
#include "mime/header.h"
#include "mime/limits.h"
#include "mime/message_id.h"
#include "mime/structure.h"
#include "mime/summary.h"
#include "mime/text.h"

#endif
