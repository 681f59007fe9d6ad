/* SPDX-License-Identifier: Apache-2.0 */
/* Names of characters in HTML. Only for flat.c. */
#ifndef HTML_ENTITIES_H
#define HTML_ENTITIES_H

#include "base/base.h"

/* The code point of a character reference, named without '&' and ';'; 0 when there is none. */
uint32_t html_entity(str name);

#endif
