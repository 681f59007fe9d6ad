/* SPDX-License-Identifier: Apache-2.0 */
/* HTML laid out as plain text, for the plain view and for quoting in a text reply. For previews and
 * the search index, where only the words count, html/flat.h is faster and needs no tree. */
#ifndef HTML_TO_TEXT_H
#define HTML_TO_TEXT_H

#include "base/base.h"

struct html_text_options {
    bool links;       /* write the address behind a link's text: "text <https://...>" */
    unsigned columns; /* wrap lines at this width, counted in characters; 0 = never */
    bool tight;       /* paragraphs and lists follow each other without an empty line, which only
                         empty ones leave, and a rule: what was typed in lines is lines */
};

/* Appends `html` (UTF-8) as text to `out`, lines ending in LF: paragraphs apart by an empty line,
 * "> " before quoted ones, "- " and "1. " before list items, cells of a row apart by two spaces,
 * the alternative text for images, lines of <pre> as they are. Style, script and hidden elements
 * are left out. Stops when `out` is full and then gives false. What the parser cannot read within
 * its limits is written by html_flat_text. Never to be shown as HTML without escaping. */
bool html_to_text(str html, const struct html_text_options *options, struct buf *out);

#endif
