/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a hostile Redis (ATTACKS R-3): whole and cut in pieces they give the same values, and
 * no more than the limits allow. The first byte chooses the cuts. */
#include "redis/reply.h"

#include <stdint.h>

enum {
    VALUES_MAX = 10000
};

/* A number that tells two trees of values apart. */
static uint64_t digest(const struct redis_value *v, size_t *nodes) // NOLINT(misc-no-recursion)
{
    uint64_t h = str_hash(v->text, (uint64_t)v->type) ^ (uint64_t)v->number * 31;
    ++*nodes;
    INVARIANT(*nodes <= REPLY_NODES_MAX);
    for (size_t i = 0; i < v->n; i++)
        h = h * 1099511628211U + digest(&v->items[i], nodes);
    return h;
}

static void copy_is_same(const struct redis_value *v)
{
    struct arena a;
    size_t nodes = 0;
    arena_init(&a);
    struct redis_value copy = reply_copy(&a, v);
    INVARIANT(digest(v, &nodes) == digest(&copy, &nodes));
    arena_fini(&a);
}

static uint64_t read_all(str input, size_t piece, size_t *values, bool *failed)
{
    struct reply_reader *r = reply_reader_new();
    struct redis_value v;
    struct err e = ERR_CLEAR;
    uint64_t h = 7;
    enum step step = STEP_END;
    *values = 0;
    *failed = false;
    while (!str_is_empty(input) && step != STEP_FAIL) {
        str part = str_slice(input, 0, piece);
        input = str_skip(input, part.n);
        if (!reply_reader_feed(r, part, &e)) {
            step = STEP_FAIL;
            break;
        }
        while ((step = reply_reader_next(r, &v, &e)) == STEP_ROW && ++*values < VALUES_MAX) {
            size_t nodes = 0;
            h = h * 31 + digest(&v, &nodes);
            if (v.type == REDIS_ERROR)
                INVARIANT(reply_error_kind(v.text) != ERR_NONE);
            copy_is_same(&v);
        }
    }
    *failed = step == STEP_FAIL;
    reply_reader_free(&r);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > 65536)
        return 0;
    size_t piece = data[0] ? data[0] : 1;
    str input = str_of((const char *)data + 1, n - 1);
    size_t whole = 0;
    size_t cut = 0;
    bool whole_failed = false;
    bool cut_failed = false;
    uint64_t a = read_all(input, SIZE_MAX, &whole, &whole_failed);
    uint64_t b = read_all(input, piece, &cut, &cut_failed);
    INVARIANT(whole == cut && a == b && whole_failed == cut_failed);
    return 0;
}
