/* SPDX-License-Identifier: Apache-2.0 */
/* Message ids (RFC 5322 section 3.6.4): lists of them, as in References. */
#ifndef MIME_MESSAGE_ID_H
#define MIME_MESSAGE_ID_H

#include "base/base.h"
#include "mime/limits.h"

/* The ids of a raw field body, without angle brackets, in order; what stands outside brackets is
 * skipped, but a body without any brackets is one id. Control bytes and outer spaces are removed.
 * When there are more than MIME_MAX_MESSAGE_IDS, the last are kept. Gives their number. In arena.
 */
size_t mime_message_ids_parse(struct arena *a, str body, const str **out);

#endif
