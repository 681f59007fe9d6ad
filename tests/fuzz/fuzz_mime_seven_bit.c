/* SPDX-License-Identifier: Apache-2.0 */
/* Re-encoding for seven bits and for lines: nothing above 127 is left in any body, no part comes or
 * goes, and what was seven bits and lines already does not change. */
#include "base/utf8.h"
#include "mime/mime.h"
#include "mime/seven_bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(str message, str converted, struct arena *a)
{
    const struct mime_structure *s = mime_structure_parse(a, converted);
    const struct mime_structure *before = mime_structure_parse(a, message);
    if (!before->cut)
        INVARIANT(s->n_parts == before->n_parts);
    for (const struct mime_part *part = s->root; part; part = mime_part_next(part))
        INVARIANT(part->kind != MIME_PART_LEAF || utf8_is_ascii(mime_part_body(s, part)));
    if (utf8_is_ascii(message) && s->n_parts == 1 && !mime_has_long_line(message))
        INVARIANT(str_eq(message, converted));
}

/* Made fit for a literal: nothing binary is left, and the parts hold what they held. */
static void check_lines(bool (*convert)(str message, struct buf *out, struct err *e), str message,
                        struct buf *out, struct arena *a)
{
    struct err e = ERR_CLEAR;
    buf_clear(out);
    if (!convert(message, out, &e)) {
        INVARIANT((e.kind == ERR_UNSUPPORTED || e.kind == ERR_SYNTAX) && out->n == 0);
        return;
    }
    str lines = buf_str(out);
    const struct mime_structure *s = mime_structure_parse(a, lines);
    const struct mime_structure *before = mime_structure_parse(a, message);
    INVARIANT(str_find_byte(lines, '\0') < 0);
    if (!before->cut)
        INVARIANT(s->n_parts == before->n_parts);
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
    check_lines(mime_binary_to_base64, message, &out, &a);
    check_lines(mime_binary_to_text, message, &out, &a);
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
