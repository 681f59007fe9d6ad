/* SPDX-License-Identifier: Apache-2.0 */
/* struct buf: a growing run of bytes with a maximum, chosen where it is made. Appends past the
 * maximum fail and leave the content as it was; allocation failure ends the process. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *p;    /* NULL until the first append */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* appends never let n pass this */
};

/* An empty buffer that may grow to `max` bytes. Nothing is allocated yet. */
void buf_init(struct buf *b, size_t max);
/* Releases the memory; the buffer is empty again and may be used again. */
void buf_fini(struct buf *b);
/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *b);
/* Forgets the content, and gives memory back when more than `keep` bytes are allocated. */
void buf_trim(struct buf *b, size_t keep);

/* The content; valid until the next change of the buffer. */
str buf_str(const struct buf *b);
/* The content as a NUL-terminated string (the NUL is not counted); valid until the next change. */
const char *buf_cstr(struct buf *b);

/* Appends; false when it would pass the maximum (nothing is appended then). */
bool buf_add(struct buf *b, str s);
bool buf_add_byte(struct buf *b, char c);
bool buf_add_lower(struct buf *b, str s); /* as str_lower */
bool buf_add_uint(struct buf *b, uint64_t value);
bool buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_vaddf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Room for `n` more bytes to be written at the returned address, or NULL past the maximum; follow
 * with buf_commit(b, written). */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Drops the first `n` bytes and moves the rest to the front. */
void buf_consume(struct buf *b, size_t n);
/* Keeps the first `n` bytes. */
void buf_truncate(struct buf *b, size_t n);

#endif
