/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: bump allocation in blocks that double up to a bound; big pieces get their own block. */
#include "base/arena.h"

#include "base/invariant.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Under AddressSanitizer what lies between two pieces may not be touched, nor what was given back:
 * else a list that is longer than its room would only write over its neighbour, unseen. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define FORBID(p, n) __asan_poison_memory_region(p, n)
#define ALLOW(p, n)  __asan_unpoison_memory_region(p, n)
#else
#define FORBID(p, n) ((void)(p), (void)(n))
#define ALLOW(p, n)  ((void)(p), (void)(n))
#endif

enum {
#ifdef HAS_ASAN
    GAP = 16, /* bytes between pieces */
#else
    GAP = 0,
#endif
    SMALLEST_BLOCK = 1024,
    LARGEST_BLOCK = 256 * 1024,
    KEPT_BLOCK = 16 * 1024, /* reset keeps one block of at most this */
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    size_t used;
    alignas(max_align_t) char data[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*fn)(void *);
    void *ptr;
};

_Noreturn static void out_of_memory(size_t n)
{
    (void)fprintf(stderr, "heronry: out of memory: %zu bytes asked for\n", n);
    abort();
}

void *heap_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *heap_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *heap_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        out_of_memory(n);
    return q;
}

void arena_init(struct arena *a)
{
    *a = (struct arena){ .first_block = SMALLEST_BLOCK };
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct arena_deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->ptr);
    }
}

static void free_blocks(struct arena *a, struct arena_block *kept)
{
    struct arena_block *next;
    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        if (b == kept)
            continue;
        a->total -= b->size;
        ALLOW(b->data, b->size);
        free(b);
    }
    a->blocks = kept;
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
        FORBID(kept->data, kept->size);
    }
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    struct arena_block *kept = a->blocks;
    while (kept && kept->size > KEPT_BLOCK)
        kept = kept->next;
    free_blocks(a, kept);
}

void arena_fini(struct arena *a)
{
    run_deferred(a);
    free_blocks(a, NULL);
}

static struct arena_block *add_block(struct arena *a, size_t need)
{
    size_t size =
        a->blocks ? a->blocks->size * 2 : (a->first_block ? a->first_block : SMALLEST_BLOCK);
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < need)
        size = need;
    struct arena_block *b = heap_alloc(sizeof(*b) + size);
    *b = (struct arena_block){ .next = a->blocks, .size = size };
    a->blocks = b;
    a->total += size;
    FORBID(b->data, size);
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t align = alignof(max_align_t);
    if (n > SIZE_MAX / 2)
        out_of_memory(n);
    size_t need = (n + align - 1) / align * align + GAP;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < need)
        b = add_block(a, need);
    void *p = b->data + b->used;
    b->used += need;
    ALLOW(p, n);
    memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n = 0;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory(SIZE_MAX);
    return arena_alloc(a, n);
}

void *arena_grow(struct arena *a, void *list, size_t n, size_t size)
{
    bool is_full = (n & (n - 1)) == 0; /* the room is a power of two */
    if (n && !is_full)
        return list;
    void *more = arena_array(a, n ? 2 * n : 1, size);
    if (n)
        memcpy(more, list, n * size);
    return more;
}

char *arena_cstr(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

str arena_str(struct arena *a, str s)
{
    return str_of(arena_cstr(a, s), s.n);
}

str arena_lower(struct arena *a, str s)
{
    return str_lower(s, arena_alloc(a, s.n + 1));
}

str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    INVARIANT(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(args, format);
    (void)vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return str_of(p, (size_t)n);
}

bool str_to_cstr(struct arena *a, str s, const char **out, struct err *e)
{
    if (str_find_byte(s, '\0') >= 0)
        return ERR(e, ERR_SYNTAX, "a NUL byte is not allowed here");
    *out = arena_cstr(a, s);
    return true;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *ptr)
{
    struct arena_deferred *d = ARENA_NEW(a, struct arena_deferred);
    *d = (struct arena_deferred){ .next = a->deferred, .fn = fn, .ptr = ptr };
    a->deferred = d;
}
