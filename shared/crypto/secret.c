/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is wiped before it is released. */
#include "crypto/secret.h"

void secret_wipe_memory(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

void secret_wipe(struct secret *s)
{
    if (s->p)
        secret_wipe_memory(s->p, s->n);
    free(s->p);
    *s = SECRET_EMPTY;
}

void secret_set(struct secret *s, str bytes)
{
    struct secret fresh = SECRET_EMPTY;
    if (bytes.n) {
        fresh.p = heap_alloc(bytes.n);
        fresh.n = bytes.n;
        memcpy(fresh.p, bytes.p, bytes.n);
    }
    secret_wipe(s);
    *s = fresh;
}

str secret_str(const struct secret *s)
{
    return str_of(s->p, s->n);
}
