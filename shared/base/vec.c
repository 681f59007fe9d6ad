/* SPDX-License-Identifier: Apache-2.0 */
/* Growing of arrays by doubling. */
#include "base/vec.h"

enum {
    FIRST_ELEMENTS = 8
};

void vec_init(struct vec *v, size_t size, size_t max)
{
    INVARIANT(size > 0 && max <= SIZE_MAX / 2 / size);
    *v = (struct vec){ .size = size, .max = max };
}

void vec_fini(struct vec *v)
{
    free(v->p);
    v->p = NULL;
    v->n = v->cap = 0;
}

void *vec_push(struct vec *v, size_t size)
{
    INVARIANT(size == v->size);
    if (v->n >= v->max)
        return NULL;
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : FIRST_ELEMENTS;
        v->cap = cap < v->max ? cap : v->max;
        v->p = heap_realloc(v->p, v->cap * v->size);
    }
    void *element = (char *)v->p + v->n * v->size;
    v->n++;
    return memset(element, 0, size);
}

void *vec_at(const struct vec *v, size_t size, size_t i)
{
    INVARIANT(size == v->size && i < v->n);
    return (char *)v->p + i * v->size;
}

void vec_remove(struct vec *v, size_t i)
{
    INVARIANT(i < v->n);
    char *at = (char *)v->p + i * v->size;
    v->n--;
    memmove(at, at + v->size, (v->n - i) * v->size);
}

void vec_truncate(struct vec *v, size_t n)
{
    INVARIANT(n <= v->n);
    v->n = n;
}
