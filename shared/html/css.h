/* SPDX-License-Identifier: Apache-2.0 */
/* Style sheets and style attributes of hostile mail, written anew with what is known to be
 * harmless. Only for this module. */
#ifndef HTML_CSS_H
#define HTML_CSS_H

#include "base/base.h"

/* Appends the address that may stand for `raw` (unescaped). False: none may. Called for each
 * address, also in what is dropped (then with `out` NULL). */
typedef bool (*css_url_fn)(void *arg, str raw, struct buf *out);

/* What declarations say about the size of their element. */
enum css_looks {
    CSS_IS_HIDDEN = 1,
    CSS_IS_NARROW = 2, /* at most two pixels wide */
    CSS_IS_WIDE = 4,   /* wider */
    CSS_IS_LOW = 8,    /* at most two pixels high */
    CSS_IS_HIGH = 16   /* higher */
};

struct css_context {
    struct arena *a; /* texts of tokens; grows with the style that is read */
    css_url_fn url;
    void *arg;
    unsigned dropped;  /* rules and declarations that were left out */
    bool sets_colours; /* a colour or background was written */
    bool knows_dark;   /* prefers-color-scheme or color-scheme was seen */
    unsigned looks;    /* of the last declarations: flags of enum css_looks */
};

/* Appends the allowed declarations of a style attribute: "name:value;name:value". Not escaped for
 * HTML yet. */
void css_clean_declarations(struct css_context *c, str css, struct buf *out);
/* Appends the allowed rules of a style element. Holds no '<' that a tag could begin with. Ids in
 * selectors get the prefix "m-". `media` (may be empty) is the element's media attribute. */
void css_clean_sheet(struct css_context *c, str css, str media, struct buf *out);

/* CSS_IS_NARROW or CSS_IS_WIDE for a width, CSS_IS_LOW or CSS_IS_HIGH for a height ("1", "2px",
 * "100%"). */
unsigned css_size_looks(str value, bool is_height);

#endif
