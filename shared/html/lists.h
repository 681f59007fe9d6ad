/* SPDX-License-Identifier: Apache-2.0 */
/* What of HTML is allowed in mail. Only for this module. */
#ifndef HTML_LISTS_H
#define HTML_LISTS_H

#include "base/base.h"

#include <gumbo.h>

/* What becomes of an element. */
enum html_element_rule {
    HTML_UNWRAP,       /* its tags go, its content stays; also for unknown elements */
    HTML_KEEP,         /* written with its allowed attributes */
    HTML_KEEP_VOID,    /* the same, has no content and no end tag */
    HTML_DROP,         /* goes with its content */
    HTML_DROP_SCRIPT,  /* and counts as script */
    HTML_DROP_FIELD,   /* and counts as part of a form */
    HTML_DROP_EMBED,   /* and counts as embedded */
    HTML_UNWRAP_FORM,  /* its tags go and count as a form */
    HTML_UNWRAP_FRAME, /* its tags go and count as embedded; its content is for old readers */
    HTML_PREFORMATTED, /* written as <pre> */
    HTML_STYLE,        /* its style sheet is cleaned */
    HTML_META,         /* may say that the mail can be shown dark */
    HTML_LINK          /* wants something from another server */
};

enum html_element_rule html_element_rule(const GumboNode *element);

/* How the value of an attribute is read before it is written anew. */
enum html_attribute_rule {
    HTML_ATTRIBUTE_DROP,
    HTML_ATTRIBUTE_TEXT,       /* any text, escaped */
    HTML_ATTRIBUTE_TOKEN,      /* letters, digits, '-', '_' and blanks, at most 64 */
    HTML_ATTRIBUTE_LENGTH,     /* digits, with '%', "px" or "*" behind them */
    HTML_ATTRIBUTE_COLOUR,     /* a name or a number of a colour */
    HTML_ATTRIBUTE_FLAG,       /* its presence counts, not its value */
    HTML_ATTRIBUTE_NAME,       /* gets the prefix "m-" */
    HTML_ATTRIBUTE_NAMES,      /* each of several names gets it */
    HTML_ATTRIBUTE_REFERENCE,  /* "#name", which gets it */
    HTML_ATTRIBUTE_STYLE,      /* declarations of CSS */
    HTML_ATTRIBUTE_LINK,       /* where a link leads */
    HTML_ATTRIBUTE_IMAGE,      /* a picture, loaded by the browser */
    HTML_ATTRIBUTE_BACKGROUND, /* the same, behind other things */
    HTML_ATTRIBUTE_HANDLER     /* a script: onclick and the like */
};

/* The rule for an attribute (lower case name) on an element with this tag. */
enum html_attribute_rule html_attribute_rule(GumboTag tag, str name);

#endif
