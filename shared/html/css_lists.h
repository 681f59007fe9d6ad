/* SPDX-License-Identifier: Apache-2.0 */
/* What of CSS is allowed in mail. Only for css.c. */
#ifndef HTML_CSS_LISTS_H
#define HTML_CSS_LISTS_H

#include "base/base.h"

enum css_property_flags {
    CSS_TAKES_URL = 1,    /* its value may hold an address: the picture is loaded */
    CSS_IS_COLOUR = 2,    /* a value other than a keyword means that the mail chooses colours */
    CSS_TAKES_STRING = 4, /* its value may hold a string */
    CSS_IS_POSITION = 8,  /* only values that keep the element in the flow */
    CSS_IS_SIZE = 16      /* says how big the element is */
};

struct css_property {
    str name;
    unsigned flags; /* of enum css_property_flags */
};

/* The row of a property, or NULL when it is not allowed. Any case. */
const struct css_property *css_property_find(str name);
/* True for functions that may stand in values, and for the names behind ':' in selectors. */
bool css_is_allowed_function(str name);
bool css_is_allowed_pseudo(str name);

#endif
