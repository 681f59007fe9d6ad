/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages: ranges nest, limits and work hold, every section is inside, IMAP texts read back.
 */
#include "base/utf8.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_part(const struct mime_structure *s, const struct mime_part *p)
{
    INVARIANT(p->header_start <= p->body_start && p->body_start <= p->body_end);
    INVARIANT(p->body_end <= s->message.n);
    INVARIANT(p->depth <= MIME_MAX_DEPTH);
    INVARIANT((p->kind == MIME_PART_LEAF) == !p->first_child);
    INVARIANT(p->type.n && p->subtype.n);
    if (p->parent)
        INVARIANT(p->header_start >= p->parent->body_start && p->body_end <= p->parent->body_end);
    if (p->next)
        INVARIANT(p->next->header_start >= p->body_end);
}

static void check_imap_texts(struct arena *a, const struct mime_derived *d)
{
    struct buf body, direct;
    buf_init(&body, MIME_MAX_STRUCTURE_BYTES);
    buf_init(&direct, MIME_MAX_STRUCTURE_BYTES);
    if (d->bodystructure.n && mime_bodystructure_format(a, d->structure, false, &direct)) {
        INVARIANT(mime_bodystructure_to_body(d->bodystructure, &body));
        INVARIANT(str_eq(buf_str(&body), buf_str(&direct)));
    }
    buf_fini(&body);
    buf_fini(&direct);
}

static void check_sections(const struct mime_structure *s)
{
    static const uint32_t path[] = { 1, 1, 2, 1 };
    for (size_t n = 0; n <= COUNT_OF(path); n++) {
        for (int kind = MIME_SECTION_BODY; kind <= MIME_SECTION_MIME; kind++) {
            str out = STR_EMPTY;
            if (mime_structure_section(s, path, n, (enum mime_section)kind, &out)) {
                INVARIANT(out.n == 0 ||
                          (out.p >= s->message.p && out.p + out.n <= s->message.p + s->message.n));
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct mime_derived d;
    struct mime_text text;
    str message = str_of((const char *)data, n);
    size_t lines = 1, parts = 0;
    arena_init(&a);
    mime_derive(&a, message, &d);
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    INVARIANT(d.structure->steps <= lines * (MIME_MAX_DEPTH + 2));
    for (const struct mime_part *p = d.structure->root; p; p = mime_part_next(p), parts++)
        check_part(d.structure, p);
    INVARIANT(parts == d.structure->n_parts && parts <= MIME_MAX_PARTS);
    check_sections(d.structure);
    check_imap_texts(&a, &d);
    mime_text_extract(&a, d.structure, 0, &text);
    INVARIANT(utf8_is_valid(text.text) && text.text.n <= MIME_MAX_TEXT_BYTES);
    INVARIANT(utf8_is_valid(d.summary.preview) && utf8_is_valid(d.summary.subject));
    arena_fini(&a);
    return 0;
}
