/* SPDX-License-Identifier: Apache-2.0 */
/* struct arena: memory with one lifetime (process, session, command, scratch). Single pieces are
 * never freed; reset or fini ends all of them at once. Passed explicitly, never "current".
 * Allocation failure ends the process, so check every size that a peer can influence first. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct arena_block;
struct arena_deferred;

struct arena {
    struct arena_block *blocks;      /* newest first */
    struct arena_deferred *deferred; /* newest first */
    size_t first_block;              /* bytes of the first block to allocate */
    size_t total;                    /* bytes allocated from the heap */
};

/* An empty arena; nothing is allocated until it is used. */
void arena_init(struct arena *a);
/* Ends all pieces: runs what was deferred, newest first, and keeps one block for the next use. */
void arena_reset(struct arena *a);
/* The same, and gives all memory back. */
void arena_fini(struct arena *a);

/* `n` zeroed bytes, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* An array of `count` zeroed `size`-byte elements; ends the process on overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A list of `n` elements of `size` octets with room for one more: the list itself, or a copy of
 * twice the room when it is full. For lists that began as NULL and grow by this only, one at a
 * time. */
void *arena_grow(struct arena *a, void *list, size_t n, size_t size);
#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))

/* Copies in the arena. arena_cstr ends with a NUL. arena_lower makes ASCII letters small (of names
 * beyond ASCII see base/idn.h), and has a NUL behind it, too. arena_printf formats. */
str arena_str(struct arena *a, str s);
char *arena_cstr(struct arena *a, str s);
str arena_lower(struct arena *a, str s);
str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A NUL-terminated copy for a C interface. ERR_SYNTAX when s holds a NUL. */
bool str_to_cstr(struct arena *a, str s, const char **out, struct err *e);

/* Calls fn(ptr) when the arena is reset or ended: for a resource that must follow its lifetime. */
void arena_defer(struct arena *a, void (*fn)(void *), void *ptr);

/* malloc, calloc and realloc that end the process instead of returning NULL. Release with free. */
void *heap_alloc(size_t n);
void *heap_zalloc(size_t n);
void *heap_realloc(void *p, size_t n);
#define HEAP_NEW(type) ((type *)heap_zalloc(sizeof(type)))

#endif
