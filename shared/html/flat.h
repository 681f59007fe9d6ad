/* SPDX-License-Identifier: Apache-2.0 */
/* Readable text of HTML, for previews and the search index: linear, without a tree. It is no
 * sanitizer: its output is text, never to be shown as HTML. */
#ifndef HTML_FLAT_H
#define HTML_FLAT_H

#include "base/base.h"

/* Appends the text of `html` (UTF-8): tags and comments gone, script, style and head content left
 * out, character references resolved, white space folded to single spaces, block ends as LF. Stops
 * when `out` is full. */
void html_flat_text(str html, struct buf *out);

#endif
