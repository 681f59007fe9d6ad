/* SPDX-License-Identifier: Apache-2.0 */
/* struct secret: a password or key in memory that is overwritten before it is released. There is
 * deliberately no way to format one: never pass secret_str to a log or an error. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "base/base.h"

struct secret {
    char *p; /* NULL when empty */
    size_t n;
};

#define SECRET_EMPTY ((struct secret){ NULL, 0 })

/* Replaces the content by a copy of `bytes`; what was there is wiped. */
void secret_set(struct secret *s, str bytes);
/* The content, borrowed until the next change. */
str secret_str(const struct secret *s);
/* Wipes and releases; the secret is empty again. */
void secret_wipe(struct secret *s);
/* Wipes any memory: a buffer that a secret passed through. */
void secret_wipe_memory(void *p, size_t n);

#endif
