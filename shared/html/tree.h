/* SPDX-License-Identifier: Apache-2.0 */
/* The parse tree of libgumbo, built within limits of memory and time. Only for this module. */
#ifndef HTML_TREE_H
#define HTML_TREE_H

#include "base/base.h"

#include <gumbo.h>

struct html_tree {
    struct arena memory;   /* everything that the parser allocated */
    const GumboNode *root; /* the html element; text in it is UTF-8 */
};

/* Parses `html` (valid UTF-8) as a document. Keeps `html` until html_tree_fini. False, with nothing
 * to end, when the parser would pass HTML_MAX_TREE_BYTES or HTML_MAX_PARSE_MS or stops on a fault
 * of its own (ERR_LIMIT, ERR_TIMEOUT, ERR_INTERNAL). Blocks meanwhile. */
bool html_tree_parse(str html, struct html_tree *tree, struct err *e);
/* Ends a tree that was parsed. */
void html_tree_fini(struct html_tree *tree);

/* A walk over a tree in the order of the document, without recursion: a hostile tree can be a
 * million elements deep. */
struct html_walk {
    const GumboNode *top;
    const GumboNode *node;
    bool leaving; /* `node` was entered before, all inside it was visited */
};

/* At the top, before the first step. */
void html_walk_init(struct html_walk *w, const GumboNode *top);
/* The next step: enters w->node, or leaves it (elements only). False at the end. */
bool html_walk_next(struct html_walk *w);
/* Goes on behind w->node, which was just entered: nothing inside it is visited, and it is not
 * left. */
void html_walk_skip(struct html_walk *w);

/* The value of an attribute of an element, or an empty str. */
str html_attribute(const GumboNode *element, const char *name);
/* True for an element of HTML (not of SVG or MathML) with this tag. */
bool html_is_element(const GumboNode *node, GumboTag tag);

/* What libgumbo calls instead of ending the process when one of its assertions fails; see
 * cmake/dependencies.cmake. Ends the parser's thread. */
_Noreturn void html_tree_assertion_failed(const char *assertion, const char *file, unsigned line,
                                          const char *function);

#endif
