/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the parts and gathers what can be read. Memory for one part at a time. */
#include "mime/text.h"

#include "base/utf8.h"
#include "html/flat.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

struct collector {
    struct buf text;
    bool cut;
};

/* Appends a piece on lines of its own, without NUL bytes, cut between characters. */
static void add(struct collector *c, str piece)
{
    if (piece.n == 0 || c->cut)
        return;
    size_t left = c->text.max - c->text.n;
    if (piece.n + 1 > left) {
        c->cut = true;
        piece = utf8_cut(piece, left ? left - 1 : 0);
    }
    if (left == 0)
        return;
    size_t start = c->text.n;
    (void)buf_add(&c->text, piece);
    for (size_t i = start; i < c->text.n; i++) {
        if (c->text.p[i] == '\0')
            c->text.p[i] = ' ';
    }
    (void)buf_add_byte(&c->text, '\n');
}

static void add_html(struct collector *c, str html)
{
    struct buf text;
    buf_init(&text, html.n + 1);
    html_flat_text(html, &text);
    add(c, buf_str(&text));
    buf_fini(&text);
}

static void add_subject(struct collector *c, const struct mime_structure *s,
                        const struct mime_part *message, struct arena *scratch)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, mime_part_header(s, message));
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(field.name, STR("subject")))
            add(c, mime_text_decode(scratch, field.body));
    }
}

static void add_part(struct collector *c, const struct mime_structure *s,
                     const struct mime_part *part, struct arena *scratch)
{
    add(c, mime_part_filename(part));
    if (part->kind == MIME_PART_MESSAGE)
        add_subject(c, s, part->first_child, scratch);
    if (part->kind != MIME_PART_LEAF || !str_eq(part->type, STR("text")))
        return;
    size_t most = (part->body_end - part->body_start) * 3 + 1;
    str text = mime_part_text(s, part, scratch, most);
    if (str_eq(part->subtype, STR("html"))) {
        add_html(c, text);
    } else {
        add(c, text);
    }
}

void mime_text_extract(struct arena *a, const struct mime_structure *s, size_t max,
                       struct mime_text *out)
{
    struct collector c = { .cut = false };
    struct arena scratch;
    buf_init(&c.text, max ? max : MIME_MAX_TEXT_BYTES);
    arena_init(&scratch);
    for (const struct mime_part *part = s->root; part && !c.cut; part = mime_part_next(part)) {
        add_part(&c, s, part, &scratch);
        arena_reset(&scratch);
    }
    arena_fini(&scratch);
    *out = (struct mime_text){ .text = arena_str(a, buf_str(&c.text)), .cut = c.cut };
    buf_fini(&c.text);
}
