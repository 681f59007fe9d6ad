/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the parts in one pass over the lines.
 *
 * A stack holds the boundaries that are open, innermost last, so a line that begins with "--" is
 * compared with at most MIME_MAX_DEPTH of them. One part is current: its header or its body is
 * being read. A delimiter closes the current part and all its ancestors up to the child of the
 * multipart it belongs to, and then begins the next child or, as the last delimiter, the epilogue.
 * The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1). */
#include "mime/structure.h"

#include "mime/header.h"

enum {
    /* Of Content-* fields in one message; parts past it are read as text/plain (ATTACKS.md I17). */
    MAX_CONTENT_FIELD_BYTES = MIME_MAX_HEADER_BYTES
};

struct open_boundary {
    struct mime_part *multipart;
    str boundary;
};

struct structure_parser {
    struct arena *a;
    struct mime_structure *s;
    struct open_boundary open[MIME_MAX_DEPTH + 1];
    size_t n_open;
    uint8_t first_bytes[256]; /* how many open boundaries begin with each byte */
    struct mime_part *current;
    bool in_header;
    size_t newlines;      /* before the line that is looked at */
    size_t content_bytes; /* of Content-* fields read so far */
};

/* ---- the header of a part ---- */

static void read_content_field(struct structure_parser *p, struct mime_part *part,
                               const struct mime_field *field)
{
    struct arena *a = p->a;
    str what = str_skip(field->name, 8);
    if (str_ieq(what, STR("type"))) {
        if (part->content_type.type.n == 0)
            mime_content_type_parse(a, field->body, &part->content_type);
    } else if (str_ieq(what, STR("disposition"))) {
        if (part->disposition.type.n == 0)
            mime_disposition_parse(a, field->body, &part->disposition);
    } else if (str_ieq(what, STR("transfer-encoding"))) {
        if (part->encoding_text.n == 0) {
            part->encoding = mime_encoding_parse(field->body);
            part->encoding_text = mime_field_unfold(a, field->body);
        }
    } else if (str_ieq(what, STR("id"))) {
        part->id = part->id.n ? part->id : mime_field_unfold(a, field->body);
    } else if (str_ieq(what, STR("description"))) {
        part->description =
            part->description.n ? part->description : mime_field_unfold(a, field->body);
    } else if (str_ieq(what, STR("md5"))) {
        part->md5 = part->md5.n ? part->md5 : mime_field_unfold(a, field->body);
    } else if (str_ieq(what, STR("language"))) {
        part->language = part->language.n ? part->language : mime_field_unfold(a, field->body);
    } else if (str_ieq(what, STR("location"))) {
        part->location = part->location.n ? part->location : mime_field_unfold(a, field->body);
    }
}

static void read_content_fields(struct structure_parser *p, struct mime_part *part)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(
        &it, str_slice(p->s->message, part->header_start, part->body_start - part->header_start));
    while (mime_field_iter_next(&it, &field)) {
        if (!str_has_iprefix(field.name, STR("content-")))
            continue;
        if (p->content_bytes + field.raw.n > MAX_CONTENT_FIELD_BYTES) {
            p->s->cut = true;
            return;
        }
        p->content_bytes += field.raw.n;
        read_content_field(p, part, &field);
    }
}

static void set_type(struct mime_part *part, str type, str subtype)
{
    part->type = type;
    part->subtype = subtype;
}

static void set_effective_type(struct mime_part *part)
{
    const struct mime_content_type *ct = &part->content_type;
    bool in_digest = part->parent && part->parent->kind == MIME_PART_MULTIPART &&
                     str_eq(part->parent->subtype, STR("digest"));
    if (ct->type.n && ct->subtype.n) {
        set_type(part, ct->type, ct->subtype);
    } else if (ct->type.n == 0 && in_digest) {
        set_type(part, STR("message"), STR("rfc822"));
    } else {
        set_type(part, STR("text"), STR("plain"));
    }
}

static bool is_identity(enum mime_encoding encoding)
{
    return encoding == MIME_ENCODING_7BIT || encoding == MIME_ENCODING_8BIT ||
           encoding == MIME_ENCODING_BINARY;
}

static struct mime_part *add_child(struct structure_parser *p, struct mime_part *parent,
                                   size_t header_start)
{
    struct mime_part *child = ARENA_NEW(p->a, struct mime_part);
    child->parent = parent;
    child->depth = parent ? parent->depth + 1 : 0;
    child->header_start = header_start;
    if (parent && parent->last_child) {
        parent->last_child->next = child;
    } else if (parent) {
        parent->first_child = child;
    }
    if (parent)
        parent->last_child = child;
    p->s->n_parts++;
    return child;
}

static void make_opaque(struct structure_parser *p, struct mime_part *part)
{
    p->s->cut = true;
    set_type(part, STR("application"), STR("octet-stream"));
}

static bool may_nest(const struct structure_parser *p, const struct mime_part *part)
{
    return part->depth < MIME_MAX_DEPTH && p->s->n_parts < MIME_MAX_PARTS &&
           p->n_open < COUNT_OF(p->open);
}

static void open_multipart(struct structure_parser *p, struct mime_part *part)
{
    str boundary = mime_content_type_param(&part->content_type, STR("boundary"));
    const struct mime_param *param = mime_content_type_find(&part->content_type, STR("boundary"));
    /* The bytes as written count, not what they look like decoded. */
    if (param && str_eq(param->wire_name, STR("boundary")))
        boundary = param->wire_value;
    if (boundary.n == 0) {
        set_type(part, STR("text"), STR("plain"));
        return;
    }
    if (!may_nest(p, part)) {
        make_opaque(p, part);
        return;
    }
    part->kind = MIME_PART_MULTIPART;
    p->first_bytes[(unsigned char)boundary.p[0]]++;
    p->open[p->n_open++] =
        (struct open_boundary){ part, str_slice(boundary, 0, MIME_MAX_BOUNDARY_BYTES) };
}

static void begin_header(struct structure_parser *p, struct mime_part *part)
{
    p->current = part;
    p->in_header = true;
}

static void open_message(struct structure_parser *p, struct mime_part *part)
{
    if (!is_identity(part->encoding)) {
        set_type(part, STR("application"), STR("octet-stream"));
        return;
    }
    if (!may_nest(p, part)) {
        make_opaque(p, part);
        return;
    }
    part->kind = MIME_PART_MESSAGE;
    begin_header(p, add_child(p, part, part->body_start));
}

/* The header of the current part ends, its body begins at `body_start`. Lines are counted from
 * here; `lines` holds the count at the start until the part is closed. */
static void end_header(struct structure_parser *p, size_t body_start, size_t newlines)
{
    struct mime_part *part = p->current;
    part->body_start = body_start;
    part->lines = newlines;
    p->in_header = false;
    read_content_fields(p, part);
    set_effective_type(part);
    if (str_eq(part->type, STR("multipart"))) {
        open_multipart(p, part);
    } else if (str_eq(part->type, STR("message")) && str_eq(part->subtype, STR("rfc822"))) {
        open_message(p, part);
    }
}

/* ---- the end of a part ---- */

/* The first byte of the line end before `at`, or `at` when there is none behind `from`. */
static size_t before_line_end(str message, size_t from, size_t at)
{
    if (at > from && message.p[at - 1] == '\n') {
        at--;
    } else {
        return at;
    }
    if (at > from && message.p[at - 1] == '\r')
        at--;
    return at;
}

/* Closes one part at `end`; `newlines` are those before `end`. */
static void close_part(struct mime_part *part, size_t end, size_t newlines)
{
    part->body_end = end > part->body_start ? end : part->body_start;
    part->lines = newlines > part->lines ? newlines - part->lines : 0;
    if (part->kind == MIME_PART_MULTIPART && !part->first_child) {
        part->kind = MIME_PART_LEAF;
        set_type(part, STR("text"), STR("plain"));
    }
}

/* Ends headers that are open, as often as a message/rfc822 without a body opens another. */
static void close_headers(struct structure_parser *p, size_t end, size_t newlines)
{
    while (p->in_header)
        end_header(p, end, newlines);
}

/* Closes the current part and its ancestors, up to but not including `last` (NULL: all). `at` is
 * the start of the delimiter, or the end of the message. */
static void close_parts(struct structure_parser *p, const struct mime_part *last, size_t at)
{
    size_t from = p->in_header ? p->current->header_start : p->current->body_start;
    size_t end = last ? before_line_end(p->s->message, from, at) : at;
    size_t newlines = p->newlines - (end < at);
    close_headers(p, end, newlines);
    for (struct mime_part *part = p->current; part != last; part = part->parent)
        close_part(part, end, newlines);
}

/* ---- delimiters ---- */

enum delimiter {
    DELIMITER_NONE,
    DELIMITER_NEXT,
    DELIMITER_LAST
};

static bool is_padding(str s)
{
    return str_trim(s).n == 0;
}

/* The open boundary that the line (behind its "--") is, or begins with; -1 for none. */
static int find_boundary(struct structure_parser *p, str line, enum delimiter *kind)
{
    int best = -1;
    /* Most lines are turned away here: hostile ones come by the million, a hundred boundaries each.
     */
    if (line.n == 0 || p->first_bytes[(unsigned char)line.p[0]] == 0)
        return -1;
    for (size_t i = p->n_open; i-- > 0;) {
        str boundary = p->open[i].boundary;
        p->s->steps++;
        if (line.n < boundary.n || line.p[boundary.n - 1] != boundary.p[boundary.n - 1] ||
            memcmp(line.p, boundary.p, boundary.n) != 0)
            continue;
        str rest = str_skip(line, boundary.n);
        bool last = str_has_prefix(rest, STR("--"));
        bool exact = is_padding(last ? str_skip(rest, 2) : rest);
        if (!exact && best >= 0 && boundary.n <= p->open[best].boundary.n)
            continue;
        best = (int)i;
        *kind = last ? DELIMITER_LAST : DELIMITER_NEXT;
        if (exact)
            break;
    }
    return best;
}

static void close_boundaries(struct structure_parser *p, size_t keep)
{
    while (p->n_open > keep)
        p->first_bytes[(unsigned char)p->open[--p->n_open].boundary.p[0]]--;
}

/* Handles the delimiter at [start, end). One that nothing follows was to be the last, and lost its
 * hyphens when the message was cut off. No more parts are begun past the limit: what follows stays
 * in the part that is open. */
static void on_delimiter(struct structure_parser *p, int index, enum delimiter kind, size_t start,
                         size_t end)
{
    struct mime_part *multipart = p->open[index].multipart;
    if (end == p->s->message.n)
        kind = DELIMITER_LAST;
    if (kind == DELIMITER_NEXT && p->s->n_parts >= MIME_MAX_PARTS) {
        p->s->cut = true;
        close_boundaries(p, 0);
        return;
    }
    close_parts(p, multipart, start);
    p->current = multipart;
    close_boundaries(p, (size_t)index + (kind == DELIMITER_NEXT));
    if (kind == DELIMITER_NEXT)
        begin_header(p, add_child(p, multipart, end));
}

static bool is_empty_line(str line)
{
    return str_eq(line, STR("\n")) || str_eq(line, STR("\r\n"));
}

static void on_line(struct structure_parser *p, size_t start, size_t end)
{
    str line = str_slice(p->s->message, start, end - start);
    enum delimiter kind = DELIMITER_NONE;
    p->s->steps++;
    if (p->n_open && str_has_prefix(line, STR("--"))) {
        /* A boundary in a header of the part that begins with it is closed by close_headers. */
        int index = find_boundary(p, str_skip(line, 2), &kind);
        if (index >= 0) {
            on_delimiter(p, index, kind, start, end);
            return;
        }
    }
    if (p->in_header && is_empty_line(line))
        end_header(p, end, p->newlines + 1);
}

struct mime_structure *mime_structure_parse(struct arena *a, str message)
{
    struct structure_parser *p = ARENA_NEW(a, struct structure_parser);
    p->a = a;
    p->s = ARENA_NEW(a, struct mime_structure);
    p->s->message = message;
    p->s->root = add_child(p, NULL, 0);
    begin_header(p, p->s->root);
    for (size_t start = 0; start < message.n;) {
        const char *lf = memchr(message.p + start, '\n', message.n - start);
        size_t end = lf ? (size_t)(lf - message.p) + 1 : message.n;
        on_line(p, start, end);
        p->newlines += lf != NULL;
        start = end;
    }
    close_parts(p, NULL, message.n);
    return p->s;
}
