/* SPDX-License-Identifier: Apache-2.0 */
/* Readable text of a whole message, for the search index. Previews are in summary.h. */
#ifndef MIME_TEXT_H
#define MIME_TEXT_H

#include "base/base.h"
#include "mime/structure.h"

struct mime_text {
    str text; /* UTF-8 without NUL, parts separated by LF; in arena */
    bool cut; /* more than `max` bytes were there */
};

/* The text of all text parts (HTML as text; every form of a multipart/alternative, because a search
 * must find what any of them says), the subjects of messages inside, and names of attachments; at
 * most `max` bytes (0 = MIME_MAX_TEXT_BYTES). In arena. */
void mime_text_extract(struct arena *a, const struct mime_structure *s, size_t max,
                       struct mime_text *out);

#endif
