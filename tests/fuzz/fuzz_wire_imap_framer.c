/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of bytes as a client sends it, gathered twice: literals whole, and octet by octet. Both
 * must give the same commands, and never more than the limits. */
#include "wire/imap_framer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct imap_framer_limits limits = { .command = 512, .message = 2048, .total = 4096 };

/* Takes the next line without its line end from *in; false when there is none. */
static bool next_line(str *in, str *line)
{
    bool more = str_cut(*in, '\n', line, in);
    if (more && str_has_suffix(*line, STR("\r")))
        line->n--;
    return more;
}

static enum imap_frame feed_literal(struct imap_framer *f, str *in, size_t most)
{
    size_t n = f->literal_left < in->n ? f->literal_left : in->n;
    n = n < most ? n : most;
    enum imap_frame state = imap_framer_literal(f, str_of(in->p, n));
    *in = str_skip(*in, n);
    return state;
}

/* Runs the stream; a hash of what came of it. */
static uint64_t run(str in, size_t most)
{
    struct imap_framer f;
    uint64_t hash = 0;
    enum imap_frame state = IMAP_FRAME_LINE;
    imap_framer_init(&f);
    imap_framer_begin(&f, &limits);
    while (state != IMAP_FRAME_TOO_BIG) {
        str line;
        if (state == IMAP_FRAME_LITERAL) {
            if (in.n == 0 && f.literal_left)
                break;
            state = feed_literal(&f, &in, most);
            continue;
        }
        if (state == IMAP_FRAME_COMPLETE || state == IMAP_FRAME_REFUSED) {
            hash = str_hash(imap_framer_text(&f), hash + (uint64_t)state);
            imap_framer_begin(&f, &limits);
        }
        if (!next_line(&in, &line))
            break;
        state = imap_framer_line(&f, line);
        INVARIANT(imap_framer_text(&f).n <= limits.command + limits.total + 4096);
    }
    hash += (uint64_t)state;
    imap_framer_fini(&f);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    str in = str_of((const char *)data, n);
    INVARIANT(run(in, SIZE_MAX) == run(in, 1));
    return 0;
}
