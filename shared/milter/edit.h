/* SPDX-License-Identifier: Apache-2.0 */
/* A message with the changes that a filter wanted. Pure. */
#ifndef MILTER_EDIT_H
#define MILTER_EDIT_H

#include "milter/codec.h"

enum {
    MILTER_CHANGES_MAX = 1000, /* of one filter and message */
    MILTER_VALUE_MAX = 64000   /* octets of a field's value; the rest is cut */
};

/* The message after the changes, one after the other, and with another body (NULL: its own); in
 * arena, the message itself when nothing changes. Whatever a value holds, it stays one field: line
 * ends become folds, other control bytes go. The body has lines that end in CRLF. */
str milter_edit(struct arena *a, str message, const struct milter_change *changes, size_t n,
                const str *body);

#endif
