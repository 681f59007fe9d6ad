/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a header into raw fields, and edits raw headers. */
#include "mime/header.h"

/* Where the line that begins at `from` ends, with its LF; the end of s when it has none. */
static size_t line_end(str s, size_t from)
{
    const char *lf = from < s.n ? memchr(s.p + from, '\n', s.n - from) : NULL;
    return lf ? (size_t)(lf - s.p) + 1 : s.n;
}

/* Whether the line that begins at `from` is empty, or there is none. */
static bool is_empty_line(str s, size_t from)
{
    return from >= s.n || s.p[from] == '\n' ||
           (s.n - from >= 2 && s.p[from] == '\r' && s.p[from + 1] == '\n');
}

static bool is_blank_at(str s, size_t at)
{
    return at < s.n && (s.p[at] == ' ' || s.p[at] == '\t');
}

/* Length of the field at the front: its first line and the lines that continue it. */
static size_t field_length(str s)
{
    size_t n = line_end(s, 0);
    while (is_blank_at(s, n))
        n = line_end(s, n);
    return n;
}

static str without_line_end(str s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

/* RFC 5322 section 4.5.8 lets white space stand before the colon of an obsolete field. */
static str field_name(str raw, size_t colon)
{
    str name = str_slice(raw, 0, colon);
    while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 127)
            return STR_EMPTY;
    }
    return name;
}

static void split_field(str raw, size_t offset, struct mime_field *out)
{
    ptrdiff_t colon = is_blank_at(raw, 0) ? -1 : str_find_byte(raw, ':');
    *out = (struct mime_field){ .raw = raw, .offset = offset, .body = without_line_end(raw) };
    if (colon <= 0)
        return;
    out->name = field_name(raw, (size_t)colon);
    if (out->name.n)
        out->body = str_skip(out->body, (size_t)colon + 1);
}

void mime_field_iter_init(struct mime_field_iter *it, str message)
{
    *it = (struct mime_field_iter){ .rest = message };
}

bool mime_field_iter_next(struct mime_field_iter *it, struct mime_field *out)
{
    if (is_empty_line(it->rest, 0))
        return false;
    size_t n = field_length(it->rest);
    split_field(str_slice(it->rest, 0, n), it->offset, out);
    it->rest = str_skip(it->rest, n);
    it->offset += n;
    return true;
}

/* Whether a field of that name may begin there; nor do lines that go on with one look so. */
static bool may_begin_field(str s, size_t at, str name)
{
    size_t end = at + name.n;
    return end < s.n && (s.p[end] == ':' || is_blank_at(s, end)) &&
           str_ieq(str_slice(s, at, name.n), name);
}

size_t mime_field_count(str message, str name, size_t max, struct mime_field *first)
{
    struct mime_field field;
    size_t count = 0;
    for (size_t at = 0; count < max && !is_empty_line(message, at); at = line_end(message, at)) {
        if (!may_begin_field(message, at, name))
            continue;
        str rest = str_skip(message, at);
        split_field(str_slice(rest, 0, field_length(rest)), at, &field);
        if (str_ieq(field.name, name) && count++ == 0)
            *first = field;
    }
    return count;
}

/* Where the empty line behind the header begins. */
static size_t fields_end(str message)
{
    size_t at = 0;
    while (!is_empty_line(message, at))
        at = line_end(message, at);
    return at;
}

void mime_header_parse(struct arena *a, str message, struct mime_header *out)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t count = 0;
    size_t end = fields_end(message);
    mime_field_iter_init(&it, message);
    while (count < MIME_MAX_FIELDS && it.offset < MIME_MAX_HEADER_BYTES &&
           mime_field_iter_next(&it, &field))
        count++;
    struct mime_field *fields = ARENA_ARRAY(a, struct mime_field, count ? count : 1);
    bool cut = it.offset < end;
    mime_field_iter_init(&it, message);
    for (size_t i = 0; i < count; i++)
        (void)mime_field_iter_next(&it, &fields[i]);
    *out = (struct mime_header){ .fields = fields,
                                 .n = count,
                                 .raw = str_slice(message, 0, end),
                                 .body_offset = line_end(message, end),
                                 .cut = cut };
}

size_t mime_header_end(str message)
{
    return line_end(message, fields_end(message));
}

bool mime_header_begins_torn(str message)
{
    return is_blank_at(message, 0);
}

const struct mime_field *mime_header_find(const struct mime_header *h, str name, size_t from)
{
    for (size_t i = from; i < h->n; i++) {
        if (str_ieq(h->fields[i].name, name))
            return &h->fields[i];
    }
    return NULL;
}

size_t mime_header_count(const struct mime_header *h, str name)
{
    size_t count = 0;
    for (size_t i = 0; i < h->n; i++)
        count += str_ieq(h->fields[i].name, name);
    return count;
}

size_t mime_header_index(const struct mime_header *h, const struct mime_field *field)
{
    return (size_t)(field - h->fields);
}

str mime_field_unfold(struct arena *a, str body)
{
    body = str_slice(body, 0, MIME_MAX_FIELD_BYTES);
    char *p = arena_alloc(a, body.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < body.n; i++) {
        unsigned char c = (unsigned char)body.p[i];
        bool folds =
            (c == '\r' && i + 1 < body.n && body.p[i + 1] == '\n') ||
            (c == '\n' && i + 1 < body.n && (body.p[i + 1] == ' ' || body.p[i + 1] == '\t'));
        if (folds)
            continue;
        p[n++] = (char)(c < ' ' || c == 127 ? ' ' : c);
    }
    return str_trim(str_of(p, n));
}

static bool is_one_of(str name, const str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(name, names[i]))
            return true;
    }
    return false;
}

bool mime_header_pick(str header, const str *names, size_t n, bool invert, struct buf *out)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, header);
    while (mime_field_iter_next(&it, &field)) {
        if (is_one_of(field.name, names, n) != invert && !buf_add(out, field.raw))
            return false;
    }
    return buf_add(out, STR("\r\n"));
}

static bool copy_kept(str message, const struct mime_header_edit *edit, struct buf *out,
                      size_t *end)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (field.name.n && is_one_of(field.name, edit->remove, edit->n_remove))
            continue;
        if (!buf_add(out, field.raw))
            return false;
    }
    *end = it.offset;
    return true;
}

/* A header whose last line or whose end is missing gets them, or the appended fields would become
 * part of what stands there. */
static bool append_fields(str message, size_t end, str fields, struct buf *out)
{
    if (fields.n == 0)
        return true;
    bool open_line = out->n > 0 && out->p[out->n - 1] != '\n';
    if (open_line && !buf_add(out, STR("\r\n")))
        return false;
    return buf_add(out, fields) && (end < message.n || buf_add(out, STR("\r\n")));
}

bool mime_header_apply(str message, const struct mime_header_edit *edit, struct buf *out,
                       struct err *e)
{
    size_t start = out->n;
    size_t end = 0;
    if (buf_add(out, edit->prepend) && copy_kept(message, edit, out, &end) &&
        append_fields(message, end, edit->append, out) && buf_add(out, str_skip(message, end)))
        return true;
    buf_truncate(out, start);
    return ERR(e, ERR_LIMIT, "edited message is longer than %zu bytes", out->max);
}

bool mime_header_insert(str message, str fields, struct buf *out, struct err *e)
{
    struct mime_header_edit edit = { .append = fields };
    return mime_header_apply(message, &edit, out, e);
}

bool mime_header_remove(str message, str name, struct buf *out, struct err *e)
{
    struct mime_header_edit edit = { .remove = &name, .n_remove = 1 };
    return mime_header_apply(message, &edit, out, e);
}
