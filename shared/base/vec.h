/* SPDX-License-Identifier: Apache-2.0 */
/* struct vec: a growing array of elements of one size, with a maximum. For plain values; pointers
 * to elements are valid until the next push. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/base.h"

struct vec {
    void *p;     /* the elements; NULL until the first push */
    size_t n;    /* elements in use */
    size_t cap;  /* elements allocated */
    size_t max;  /* pushes never let n pass this */
    size_t size; /* bytes of an element */
};

/* An empty array of `type` for at most `max` elements. Nothing is allocated yet. */
#define VEC_INIT(v, type, max) vec_init((v), sizeof(type), (max))
void vec_init(struct vec *v, size_t size, size_t max);
/* Releases the memory; the array is empty again and may be used again. */
void vec_fini(struct vec *v);

/* A zeroed element at the end, or NULL when the array is full. */
#define VEC_PUSH(v, type) ((type *)vec_push((v), sizeof(type)))
void *vec_push(struct vec *v, size_t size);
/* Element `i`, which must exist. */
#define VEC_AT(v, type, i) ((type *)vec_at((v), sizeof(type), (i)))
void *vec_at(const struct vec *v, size_t size, size_t i);

/* Takes element `i` out and moves the later ones down. */
void vec_remove(struct vec *v, size_t i);
/* Keeps the first `n` elements; 0 forgets all and keeps the memory. */
void vec_truncate(struct vec *v, size_t n);

#endif
