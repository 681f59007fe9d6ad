/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text as HTML: for the reader's view of text mail, and for the HTML form of a text reply. */
#ifndef HTML_FROM_TEXT_H
#define HTML_FROM_TEXT_H

#include "base/base.h"

struct html_from_text_options {
    bool flowed;   /* format=flowed (RFC 3676): joins the lines that end in a space */
    bool delsp;    /* and its DelSp=yes: takes that space away */
    bool no_links; /* leave addresses as text */
};

/* Appends `text` (UTF-8, lines ending in LF or CRLF; wrong bytes become U+FFFD) as an HTML fragment
 * to `out`. Everything is escaped; spaces and lines are kept by <br> and no-break spaces, so the
 * fragment needs no style. "> " quotes become nested <blockquote type="cite"> (at most 20 deep),
 * http, https, mailto and bare www and mail addresses become links that open in a new window.
 * False when `out` is full; what fitted is kept and well-formed HTML only up to there. */
bool html_from_text(str text, const struct html_from_text_options *options, struct buf *out);

/* Appends `text` with & < > " ' written as character references, control characters but TAB and LF
 * left out and wrong bytes as U+FFFD: right between tags and in quoted attribute values. False when
 * `out` is full. */
bool html_escape(str text, struct buf *out);

#endif
