/* SPDX-License-Identifier: Apache-2.0 */
/* Re-encoding for seven bits: nothing above 127 is left in any body, no part comes or goes, and
 * what was seven bits already does not change. */
#include "mime/mime.h"
#include "mime/seven_bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_eight_bit(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] > 127)
            return true;
    }
    return false;
}

static void check(str message, str converted, struct arena *a)
{
    const struct mime_structure *s = mime_structure_parse(a, converted);
    const struct mime_structure *before = mime_structure_parse(a, message);
    if (!before->cut)
        INVARIANT(s->n_parts == before->n_parts);
    for (const struct mime_part *part = s->root; part; part = mime_part_next(part))
        INVARIANT(part->kind != MIME_PART_LEAF || !is_eight_bit(mime_part_body(s, part)));
    if (!is_eight_bit(message) && s->n_parts == 1)
        INVARIANT(str_eq(message, converted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct buf out;
    struct err e = ERR_CLEAR;
    str message = str_of((const char *)data, n);
    arena_init(&a);
    buf_init(&out, 4 * n + 65536);
    if (mime_to_seven_bit(message, &out, &e)) {
        check(message, buf_str(&out), &a);
    } else {
        INVARIANT(e.kind == ERR_UNSUPPORTED && out.n == 0);
    }
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
