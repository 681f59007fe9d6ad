/* SPDX-License-Identifier: Apache-2.0 */
/* Names of characters in HTML. Only for html.c. */
#ifndef MIME_HTML_ENTITIES_H
#define MIME_HTML_ENTITIES_H

#include "base/base.h"

/* The code point of a character reference, named without '&' and ';'; 0 when there is none. */
uint32_t mime_html_entity(str name);

#endif
