/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the unpacker of a compressed connection: what comes of a stream must not depend on how it
 * is cut, on rests in between, or on how much is asked for at once; and must stay under the limits.
 */
#include "net/deflate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    OUT_MAX = DEFLATE_FREE * 2
};

/* Unpacks the stream in cuts of `cut` octets, `ask` octets at a time. */
static enum deflate_step unpack_all(str packed, size_t cut, size_t ask, bool rests, struct buf *out)
{
    struct deflate *d = deflate_new();
    enum deflate_step step = DEFLATE_EMPTY;
    char to[512];
    for (;;) {
        size_t got;
        step = deflate_unpack(d, to, ask, &got);
        INVARIANT(got <= ask && (got == 0) == (step != DEFLATE_SOME));
        INVARIANT(got == 0 || buf_add(out, str_of(to, got)));
        if (step == DEFLATE_SOME)
            continue;
        if (step != DEFLATE_EMPTY || packed.n == 0 || out->n > DEFLATE_FREE)
            break;
        if (rests)
            deflate_rest(d, true);
        size_t room;
        char *at = deflate_room(d, &room);
        str part = str_slice(packed, 0, cut < room ? cut : room);
        memcpy(at, part.p, part.n);
        deflate_put(d, part.n);
        packed = str_skip(packed, part.n);
        INVARIANT(deflate_memory(d) < 128 * 1024);
    }
    str rest = deflate_leave(d);
    INVARIANT(rest.n <= DEFLATE_IN_MAX);
    deflate_free(&d);
    return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole;
    struct buf cut;
    if (n < 1)
        return 0;
    str packed = str_of((const char *)data + 1, n - 1);
    buf_init(&whole, OUT_MAX);
    buf_init(&cut, OUT_MAX);
    enum deflate_step first = unpack_all(packed, DEFLATE_IN_MAX, 512, false, &whole);
    enum deflate_step second = unpack_all(packed, 1 + data[0] % 64, 1 + data[0], true, &cut);
    size_t same = whole.n < cut.n ? whole.n : cut.n;
    INVARIANT(same == 0 || memcmp(whole.p, cut.p, same) == 0);
    INVARIANT(first == second || first == DEFLATE_BOMB || second == DEFLATE_BOMB ||
              whole.n > DEFLATE_FREE);
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
