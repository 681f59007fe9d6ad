/* SPDX-License-Identifier: Apache-2.0 */
/* Growing, capped byte buffers. */
#include "base/buf.h"

#include "base/arena.h"
#include "base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_ALLOCATION = 64
};

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
}

void buf_trim(struct buf *b, size_t keep)
{
    b->n = 0;
    if (b->cap > keep)
        buf_fini(b);
}

str buf_str(const struct buf *b)
{
    return str_of(b->p, b->n);
}

/* Makes room for n more bytes and a NUL. */
static bool grow(struct buf *b, size_t n)
{
    if (n > b->max || b->n > b->max - n)
        return false;
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : FIRST_ALLOCATION;
    while (cap < need)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    b->p = heap_realloc(b->p, cap);
    b->cap = cap;
    return true;
}

const char *buf_cstr(struct buf *b)
{
    bool ok = grow(b, 0);
    INVARIANT(ok);
    b->p[b->n] = '\0';
    return b->p;
}

bool buf_add(struct buf *b, str s)
{
    if (!grow(b, s.n))
        return false;
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return true;
}

bool buf_add_byte(struct buf *b, char c)
{
    return buf_add(b, str_of(&c, 1));
}

bool buf_add_lower(struct buf *b, str s)
{
    char *to = buf_reserve(b, s.n);
    if (!to)
        return false;
    buf_commit(b, str_lower(s, to).n);
    return true;
}

bool buf_add_uint(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return buf_add(b, str_of(digits + at, sizeof(digits) - at));
}

bool buf_vaddf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    bool ok = n >= 0 && grow(b, (size_t)n);
    if (ok) {
        (void)vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = buf_vaddf(b, format, args);
    va_end(args);
    return ok;
}

char *buf_reserve(struct buf *b, size_t n)
{
    return grow(b, n) ? b->p + b->n : NULL;
}

void buf_commit(struct buf *b, size_t n)
{
    INVARIANT(n < b->cap - b->n || n == 0);
    b->n += n;
}

void buf_consume(struct buf *b, size_t n)
{
    INVARIANT(n <= b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n);
}

void buf_truncate(struct buf *b, size_t n)
{
    INVARIANT(n <= b->n);
    b->n = n;
}
