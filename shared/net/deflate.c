/* SPDX-License-Identifier: Apache-2.0 */
/* Raw deflate by zlib. The unpacker stops at every block's end, so that it never takes an octet
 * behind the last flush of the peer: there compression can end (RFC 8437 section 4.1), and there it
 * can be taken apart and put together again. */
#include "net/deflate.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    WINDOW_BITS = -15, /* what a peer may use; raw */
    /* Ours, 48 KiB instead of zlib's usual 256: lists of messages shrink to 0.16 instead of 0.12 of
     * their size, text to 0.35 instead of 0.25. Level 6 would save 0.03 more at half the speed. */
    PACK_BITS = -13,
    PACK_MEMORY = 5,
    PACK_LEVEL = 3,
    DICTIONARY_MAX = 32768,
    AT_BLOCK_END = 128, /* data_type of a stream between blocks that has no bits left over */
    FLUSH_OCTETS = 5    /* an empty stored block, when it begins with a whole octet */
};

struct deflate {
    size_t memory; /* held by zlib */

    z_stream *in; /* NULL at rest */
    struct buf packed;
    size_t packed_at;
    char *dictionary; /* at rest: what the peer may refer to */
    size_t dictionary_n;
    uint64_t taken;
    uint64_t given;
    size_t barren;
    bool has_more; /* the last call filled its room */
    enum deflate_step fault;

    z_stream *out; /* NULL at rest */
    char *piece;
    size_t piece_n;
    size_t piece_at;
    bool is_packing; /* the last piece was filled: there is more of the same flush */
};

/* ---- memory: zlib's is counted ---- */

static void *take_memory(void *arg, unsigned n, unsigned size)
{
    struct deflate *d = arg;
    size_t bytes = (size_t)n * size;
    size_t *p = heap_zalloc(bytes + sizeof(max_align_t));
    *p = bytes;
    d->memory += bytes;
    return (char *)p + sizeof(max_align_t);
}

static void give_memory(void *arg, void *p)
{
    struct deflate *d = arg;
    size_t *from = (size_t *)(void *)((char *)p - sizeof(max_align_t));
    d->memory -= *from;
    free(from);
}

static z_stream *stream_new(struct deflate *d)
{
    z_stream *z = HEAP_NEW(z_stream);
    z->zalloc = take_memory;
    z->zfree = give_memory;
    z->opaque = d;
    return z;
}

struct deflate *deflate_new(void)
{
    struct deflate *d = HEAP_NEW(struct deflate);
    buf_init(&d->packed, DEFLATE_IN_MAX);
    return d;
}

static void end_in(struct deflate *d)
{
    if (d->in)
        (void)inflateEnd(d->in);
    free(d->in);
    d->in = NULL;
}

static void end_out(struct deflate *d)
{
    if (d->out)
        (void)deflateEnd(d->out);
    free(d->out);
    free(d->piece);
    d->out = NULL;
    d->piece = NULL;
}

void deflate_free(struct deflate **d_ptr)
{
    struct deflate *d = *d_ptr;
    if (!d)
        return;
    *d_ptr = NULL;
    end_in(d);
    end_out(d);
    buf_fini(&d->packed);
    free(d->dictionary);
    free(d);
}

size_t deflate_memory(const struct deflate *d)
{
    size_t streams = (d->in ? sizeof(*d->in) : 0) + (d->out ? sizeof(*d->out) : 0);
    return sizeof(*d) + d->memory + d->packed.cap + d->dictionary_n + streams +
           (d->piece ? DEFLATE_PIECE : 0);
}

/* ---- unpacking ---- */

char *deflate_room(struct deflate *d, size_t *n)
{
    buf_consume(&d->packed, d->packed_at);
    d->packed_at = 0;
    *n = DEFLATE_IN_MAX - d->packed.n;
    return *n ? buf_reserve(&d->packed, *n) : NULL;
}

void deflate_put(struct deflate *d, size_t n)
{
    buf_commit(&d->packed, n);
    d->taken += n;
}

static bool can_go_on(const struct deflate *d)
{
    return !d->fault && (d->has_more || d->packed_at < d->packed.n);
}

bool deflate_has_input(const struct deflate *d)
{
    return d->fault || can_go_on(d);
}

/* The stream as it was before it rested. */
static void resume(struct deflate *d)
{
    if (d->in)
        return;
    d->in = stream_new(d);
    INVARIANT(inflateInit2(d->in, WINDOW_BITS) == Z_OK);
    if (d->dictionary_n) {
        INVARIANT(inflateSetDictionary(d->in, (const Bytef *)d->dictionary,
                                       (uInt)d->dictionary_n) == Z_OK);
    }
    free(d->dictionary);
    d->dictionary = NULL;
    d->dictionary_n = 0;
}

/* One block at most. False: no deflate stream. */
static bool unpack_block(struct deflate *d, char *to, size_t n, size_t *got)
{
    z_stream *z = d->in;
    size_t there = d->packed.n - d->packed_at;
    z->next_in = (Bytef *)d->packed.p + d->packed_at;
    z->avail_in = (uInt)there;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)n;
    int result = inflate(z, Z_BLOCK);
    size_t used = there - z->avail_in;
    *got = n - z->avail_out;
    d->packed_at += used;
    d->has_more = z->avail_out == 0;
    d->barren = *got ? 0 : d->barren + used;
    d->given += *got;
    return result == Z_OK || result == Z_BUF_ERROR;
}

static bool is_bomb(const struct deflate *d)
{
    return d->given > DEFLATE_FREE + DEFLATE_RATIO * d->taken || d->barren > DEFLATE_BARREN;
}

enum deflate_step deflate_unpack(struct deflate *d, char *to, size_t n, size_t *got)
{
    *got = 0;
    while (can_go_on(d)) {
        size_t before = d->packed_at;
        resume(d);
        bool ok = unpack_block(d, to, n, got);
        if (ok && is_bomb(d))
            d->fault = DEFLATE_BOMB;
        if (!ok)
            d->fault = DEFLATE_BROKEN;
        if (*got)
            return DEFLATE_SOME;
        if (d->packed_at == before && !d->fault)
            break;
    }
    return d->fault ? d->fault : DEFLATE_EMPTY;
}

/* Between two blocks, at a whole octet. */
static bool is_between(const struct deflate *d)
{
    return d->in->data_type == AT_BLOCK_END;
}

/* What may still come of the packed octets before the point is the flush that ends them: one empty
 * block, or the end of the stream. */
str deflate_leave(struct deflate *d)
{
    char none[1];
    size_t got = 0;
    bool is_on = !d->fault && d->in;
    while (is_on && !is_between(d) && d->packed_at < d->packed.n)
        is_on = unpack_block(d, none, sizeof(none), &got) && got == 0;
    str rest = str_skip(buf_str(&d->packed), d->packed_at);
    static const char flush[FLUSH_OCTETS] = "\0\0\0\xff\xff";
    return str_has_prefix(rest, str_of(flush, FLUSH_OCTETS)) ? str_skip(rest, FLUSH_OCTETS) : rest;
}

/* ---- packing ---- */

static void begin_out(struct deflate *d)
{
    if (d->out)
        return;
    d->out = stream_new(d);
    INVARIANT(deflateInit2(d->out, PACK_LEVEL, Z_DEFLATED, PACK_BITS, PACK_MEMORY,
                           Z_DEFAULT_STRATEGY) == Z_OK);
    d->piece = heap_zalloc(DEFLATE_PIECE);
}

str deflate_pack(struct deflate *d, str plain, size_t *used)
{
    *used = 0;
    if (d->piece_at == d->piece_n && (plain.n || d->is_packing)) {
        begin_out(d);
        z_stream *z = d->out;
        z->next_in = (Bytef *)(uintptr_t)plain.p;
        z->avail_in = (uInt)plain.n;
        z->next_out = (Bytef *)d->piece;
        z->avail_out = DEFLATE_PIECE;
        INVARIANT(deflate(z, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
        *used = plain.n - z->avail_in;
        d->is_packing = z->avail_out == 0;
        d->piece_n = DEFLATE_PIECE - z->avail_out;
        d->piece_at = 0;
    }
    return str_of(d->piece + d->piece_at, d->piece_n - d->piece_at);
}

void deflate_sent(struct deflate *d, size_t n)
{
    INVARIANT(n <= d->piece_n - d->piece_at);
    d->piece_at += n;
}

/* ---- rest ---- */

static void rest_in(struct deflate *d)
{
    if (!d->in || deflate_has_input(d) || !is_between(d))
        return;
    uInt n = 0;
    INVARIANT(inflateGetDictionary(d->in, NULL, &n) == Z_OK && n <= DICTIONARY_MAX);
    if (n) {
        d->dictionary = heap_zalloc(n);
        INVARIANT(inflateGetDictionary(d->in, (Bytef *)d->dictionary, &n) == Z_OK);
    }
    d->dictionary_n = n;
    end_in(d);
    buf_fini(&d->packed);
    buf_init(&d->packed, DEFLATE_IN_MAX);
    d->packed_at = 0;
}

void deflate_rest(struct deflate *d, bool is_idle)
{
    rest_in(d);
    if (is_idle && d->piece_at == d->piece_n && !d->is_packing)
        end_out(d);
}
