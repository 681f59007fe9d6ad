/* SPDX-License-Identifier: Apache-2.0 */
/* HTML that a person of ours wrote or pasted (signatures, drafts), made harmless by the same lists
 * as mail that comes. Other than there, pictures on other servers stay: the writer wants them. */
#ifndef API_CLEAN_HTML_H
#define API_CLEAN_HTML_H

#include "html/html.h"
#include "runtime/runtime.h"

struct clean_html_wanted {
    str html;                      /* UTF-8 */
    const struct html_part *parts; /* pictures that "cid:" addresses may name; others are dropped */
    size_t n_parts;
    str document; /* answer: a whole document, for a message */
    str fragment; /* answer: what stands inside of its body */
};

/* Cleans it in the offload pool; the answers are in the arena, empty for an empty text.
 * ERR_TIMEOUT, ERR_CANCELLED, ERR_UNAVAILABLE. Yields. */
YIELDS bool clean_html(struct clean_html_wanted *wanted, struct arena *a, int64_t deadline_ms,
                       struct err *e);
/* What stands between <body ...> and </body> of a document of html_sanitise; borrowed. */
str clean_html_inside(str document);

#endif
