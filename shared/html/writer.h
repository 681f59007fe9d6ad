/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of html_sanitise share: the output, and the report that grows with it. Only for
 * this module. */
#ifndef HTML_WRITER_H
#define HTML_WRITER_H

#include "base/base.h"
#include "base/vec.h"
#include "html/css.h"
#include "html/html.h"

#include <gumbo.h>

struct html_writer {
    struct arena *a;       /* of the caller: holds the result */
    struct arena *scratch; /* of one element */
    const struct html_policy *policy;
    struct html_report report;
    struct css_context css;
    struct vec hosts;      /* of struct html_host */
    struct vec misleading; /* of struct html_misleading_link */
    bool *part_used;
    struct buf sheet; /* what goes into the style element */
    struct buf body;
    struct buf body_attributes;
    struct buf html_attributes;
    size_t css_read; /* bytes of style elements so far */
    size_t nodes;
    size_t depth;
    bool failed; /* a limit of the output was passed */
};

/* Appends ` name="value"`. */
void html_write_attribute(struct html_writer *w, struct buf *out, str name, str value);
/* Appends the allowed attributes of an element, each written anew. */
void html_write_attributes(struct html_writer *w, const GumboNode *element, struct buf *out);

/* Decides about an address of a picture: appends the address to load to `out` (NULL: it is only
 * counted) and gives true, or gives false. `invisible`: nobody can see the picture, so it is not
 * loaded in any case. *host (may be NULL) is the server it lies on, or empty. */
bool html_image_url(struct html_writer *w, str raw, bool invisible, struct buf *out, str *host);
/* The same for the style sheets: a css_url_fn, `arg` is the writer. */
bool html_css_url(void *arg, str raw, struct buf *out);
/* Notes a link whose text names a host that is not the one it leads to. */
void html_note_link(struct html_writer *w, const GumboNode *element, str host);
/* Completes the report when all is written. */
void html_finish_report(struct html_writer *w);

#endif
