/* SPDX-License-Identifier: Apache-2.0 */
/* Applies changes to a list of fields, and writes the message anew. */
#include "milter/edit.h"

#include "mime/header.h"

struct fields {
    struct arena *a;
    str *list; /* raw, each with its line end */
    size_t n;
};

static void list_fields(struct fields *f, str message, size_t more)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t n = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field))
        n++;
    f->list = ARENA_ARRAY(f->a, str, n + more + 1);
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field))
        f->list[f->n++] = field.raw;
}

/* "Name: value CRLF"; a line of the value goes on behind a fold. */
static str make_field(struct arena *a, str name, str value)
{
    struct buf b;
    value = str_slice(value, 0, MILTER_VALUE_MAX);
    buf_init(&b, name.n + 4 * value.n + 8);
    bool ok = buf_add(&b, name) && buf_add(&b, STR(": "));
    bool more = true;
    bool is_first = true;
    while (more) {
        str line;
        more = str_cut(value, '\n', &line, &value);
        line = str_trim(line);
        if (!is_first && line.n > 0)
            ok = ok && buf_add(&b, STR("\r\n\t"));
        for (size_t i = 0; i < line.n; i++) {
            unsigned char c = (unsigned char)line.p[i];
            if (c >= ' ' && c != 0x7f)
                ok = ok && buf_add_byte(&b, (char)c);
        }
        is_first = is_first && line.n == 0;
    }
    INVARIANT(ok && buf_add(&b, STR("\r\n")));
    str field = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return field;
}

static void insert_field(struct fields *f, size_t at, str field)
{
    at = at < f->n ? at : f->n;
    memmove(f->list + at + 1, f->list + at, (f->n - at) * sizeof(str));
    f->list[at] = field;
    f->n++;
}

/* The place of the index-th field of the name, from 1; f->n: there is none. */
static size_t find_field(const struct fields *f, str name, uint32_t index)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < f->n; i++) {
        str is;
        str rest;
        if (!str_cut(f->list[i], ':', &is, &rest) || !str_ieq(str_trim(is), name))
            continue;
        if (++seen == index)
            return i;
    }
    return f->n;
}

static void change_field(struct fields *f, const struct milter_change *c)
{
    size_t at = find_field(f, c->name, c->index > 0 ? c->index : 1);
    if (at < f->n) {
        memmove(f->list + at, f->list + at + 1, (f->n - at - 1) * sizeof(str));
        f->n--;
    }
    if (c->value.n > 0)
        insert_field(f, at, make_field(f->a, c->name, c->value));
}

static void apply(struct fields *f, const struct milter_change *c)
{
    switch (c->kind) {
    case MILTER_ADD:
        insert_field(f, f->n, make_field(f->a, c->name, c->value));
        return;
    case MILTER_INSERT:
        insert_field(f, c->index, make_field(f->a, c->name, c->value));
        return;
    case MILTER_CHANGE:
        change_field(f, c);
        return;
    }
}

/* Lines that end in CRLF, without a NUL. */
static bool add_text(struct buf *out, str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_crlf = c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        i += is_crlf;
        if (c == '\0')
            continue;
        if (!(c == '\r' || c == '\n' ? buf_add(out, STR("\r\n")) : buf_add_byte(out, c)))
            return false;
    }
    return true;
}

str milter_edit(struct arena *a, str message, const struct milter_change *changes, size_t n,
                const str *body)
{
    struct fields f = { .a = a };
    struct buf out;
    size_t size = 16;
    if (n == 0 && !body)
        return message;
    list_fields(&f, message, n);
    for (size_t i = 0; i < n; i++)
        apply(&f, &changes[i]);
    for (size_t i = 0; i < f.n; i++)
        size += f.list[i].n + 2;
    size_t at = mime_header_end(message);
    str rest = str_skip(message, at);
    buf_init(&out, size + (body ? 2 * body->n : rest.n));
    bool ok = true;
    for (size_t i = 0; i < f.n; i++) {
        ok = ok && buf_add(&out, f.list[i]);
        if (!str_has_suffix(f.list[i], STR("\n")))
            ok = ok && buf_add(&out, STR("\r\n"));
    }
    ok = ok && buf_add(&out, STR("\r\n")) && (body ? add_text(&out, *body) : buf_add(&out, rest));
    INVARIANT(ok);
    str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
