/* SPDX-License-Identifier: Apache-2.0 */
/* Writes BODYSTRUCTURE by walking the tree: something before a part's children, something behind
 * them. body-fld-* are the names of the grammar in RFC 3501 section 9. */
#include "mime/bodystructure.h"

#include "mime/envelope.h"
#include "mime/header.h"

static bool add_params(const struct mime_content_type *ct, struct buf *out)
{
    if (ct->n_params == 0)
        return buf_add(out, STR("NIL"));
    for (size_t i = 0; i < ct->n_params; i++) {
        if (!buf_add_byte(out, i ? ' ' : '(') || !mime_imap_string(ct->params[i].wire_name, out) ||
            !buf_add_byte(out, ' ') || !mime_imap_string(ct->params[i].wire_value, out))
            return false;
    }
    return buf_add_byte(out, ')');
}

/* The parameters of the type that is said, which need not be the type that was written. */
static bool add_type_params(const struct mime_part *part, struct buf *out)
{
    bool as_written = str_eq(part->type, part->content_type.type);
    if (as_written)
        return add_params(&part->content_type, out);
    if (str_eq(part->type, STR("text")))
        return buf_add(out, STR("(\"charset\" \"us-ascii\")"));
    return buf_add(out, STR("NIL"));
}

static bool add_disposition(const struct mime_part *part, struct buf *out)
{
    if (part->disposition.type.n == 0)
        return buf_add(out, STR("NIL"));
    return buf_add_byte(out, '(') && mime_imap_string(part->disposition.type, out) &&
           buf_add_byte(out, ' ') && add_params(&part->disposition, out) && buf_add_byte(out, ')');
}

/* body-fld-lang: one string, or a list of them. */
static bool add_language(struct arena *a, const struct mime_part *part, struct buf *out)
{
    const str *words = NULL;
    size_t n = part->language.n ? mime_list_parse(a, part->language, &words) : 0;
    if (n <= 1)
        return mime_imap_nstring(n ? words[0] : STR_EMPTY, out);
    for (size_t i = 0; i < n; i++) {
        if (!buf_add_byte(out, i ? ' ' : '(') || !mime_imap_string(words[i], out))
            return false;
    }
    return buf_add_byte(out, ')');
}

/* disposition, language, location: the end of both forms' extension data. */
static bool add_last_fields(struct arena *a, const struct mime_part *part, struct buf *out)
{
    return buf_add_byte(out, ' ') && add_disposition(part, out) && buf_add_byte(out, ' ') &&
           add_language(a, part, out) && buf_add_byte(out, ' ') &&
           mime_imap_nstring(part->location, out);
}

static bool add_leaf_start(const struct mime_part *part, struct buf *out)
{
    str encoding = part->encoding == MIME_ENCODING_UNKNOWN ? part->encoding_text
                                                           : mime_encoding_name(part->encoding);
    return buf_add_byte(out, '(') && mime_imap_string(part->type, out) && buf_add_byte(out, ' ') &&
           mime_imap_string(part->subtype, out) && buf_add_byte(out, ' ') &&
           add_type_params(part, out) && buf_add_byte(out, ' ') &&
           mime_imap_nstring(part->id, out) && buf_add_byte(out, ' ') &&
           mime_imap_nstring(part->description, out) && buf_add_byte(out, ' ') &&
           mime_imap_string(encoding, out) &&
           buf_addf(out, " %zu", part->body_end - part->body_start);
}

static bool add_inner_envelope(struct arena *a, const struct mime_structure *s,
                               const struct mime_part *message, struct buf *out)
{
    struct mime_header header;
    mime_header_parse(a, mime_part_header(s, message->first_child), &header);
    return buf_add_byte(out, ' ') && mime_envelope_format(a, &header, out) &&
           buf_add_byte(out, ' ');
}

static bool add_leaf_end(struct arena *a, const struct mime_part *part, bool extended,
                         struct buf *out)
{
    bool has_lines = part->kind == MIME_PART_MESSAGE || str_eq(part->type, STR("text"));
    if (has_lines && !buf_addf(out, " %zu", part->lines))
        return false;
    if (extended && (!buf_add_byte(out, ' ') || !mime_imap_nstring(part->md5, out) ||
                     !add_last_fields(a, part, out)))
        return false;
    return buf_add_byte(out, ')');
}

static bool add_multipart_end(struct arena *a, const struct mime_part *part, bool extended,
                              struct buf *out)
{
    if (!buf_add_byte(out, ' ') || !mime_imap_string(part->subtype, out))
        return false;
    if (extended && (!buf_add_byte(out, ' ') || !add_params(&part->content_type, out) ||
                     !add_last_fields(a, part, out)))
        return false;
    return buf_add_byte(out, ')');
}

static bool enter(struct arena *a, const struct mime_structure *s, const struct mime_part *part,
                  struct buf *out)
{
    switch (part->kind) {
    case MIME_PART_MULTIPART:
        return buf_add_byte(out, '(');
    case MIME_PART_MESSAGE:
        return add_leaf_start(part, out) && add_inner_envelope(a, s, part, out);
    case MIME_PART_LEAF:
        return add_leaf_start(part, out);
    }
    return false;
}

static bool leave(struct arena *a, const struct mime_part *part, bool extended, struct buf *out)
{
    return part->kind == MIME_PART_MULTIPART ? add_multipart_end(a, part, extended, out)
                                             : add_leaf_end(a, part, extended, out);
}

/* Leaves the part, and each ancestor whose last child was left; *part is then the next to enter,
 * NULL behind the last. */
static bool leave_finished(struct arena *a, const struct mime_part **part, bool extended,
                           struct buf *out)
{
    const struct mime_part *p = *part;
    for (; p; p = p->parent) {
        if (!leave(a, p, extended, out))
            return false;
        if (p->next)
            break;
    }
    *part = p ? p->next : NULL;
    return true;
}

static bool add_tree(struct arena *a, const struct mime_structure *s, bool extended,
                     struct buf *out)
{
    const struct mime_part *part = s->root;
    while (part) {
        if (!enter(a, s, part, out))
            return false;
        if (part->first_child) {
            part = part->first_child;
        } else if (!leave_finished(a, &part, extended, out)) {
            return false;
        }
    }
    return true;
}

bool mime_bodystructure_format(struct arena *a, const struct mime_structure *s, bool extended,
                               struct buf *out)
{
    size_t start = out->n;
    if (add_tree(a, s, extended, out))
        return true;
    buf_truncate(out, start);
    return false;
}

/* ---- back to BODY ---- */

struct reader {
    str s;
    size_t at;
    struct buf *out;
    unsigned depth;
};

static bool peek_is(const struct reader *r, char c)
{
    return r->at < r->s.n && r->s.p[r->at] == c;
}

static bool take(struct reader *r, char c)
{
    if (!peek_is(r, c))
        return false;
    r->at++;
    return true;
}

static bool skip_literal(struct reader *r)
{
    uint64_t n = 0;
    str rest = str_skip(r->s, r->at + 1);
    ptrdiff_t end = str_find(str_slice(rest, 0, 24), STR("}\r\n"));
    if (end < 0 || !str_to_uint(str_slice(rest, 0, (size_t)end), r->s.n, &n))
        return false;
    r->at += 1 + (size_t)end + 3 + n;
    return r->at <= r->s.n;
}

static bool skip_quoted(struct reader *r)
{
    for (r->at++; r->at < r->s.n && r->s.p[r->at] != '"'; r->at++)
        r->at += r->s.p[r->at] == '\\';
    return take(r, '"');
}

/* A string, number or NIL. */
static bool skip_atom(struct reader *r)
{
    if (peek_is(r, '{'))
        return skip_literal(r);
    if (peek_is(r, '"'))
        return skip_quoted(r);
    size_t start = r->at;
    while (r->at < r->s.n && ascii_is_alnum(r->s.p[r->at]))
        r->at++;
    return r->at > start;
}

/* Anything: an atom or a list, nested as deep as it likes. */
static bool skip_value(struct reader *r)
{
    size_t open = 0;
    do {
        if (take(r, '(')) {
            open++;
        } else if (peek_is(r, ')') && open) {
            r->at++;
            open--;
        } else if (!(open && take(r, ' ')) && !skip_atom(r))
            return false;
    } while (open);
    return true;
}

/* Copies `n` values with the spaces before them. */
static bool copy_values(struct reader *r, unsigned n)
{
    size_t start = r->at;
    for (unsigned i = 0; i < n; i++) {
        if (!take(r, ' ') || !skip_value(r))
            return false;
    }
    return buf_add(r->out, str_slice(r->s, start, r->at - start));
}

/* Drops what is left of the list that is open, and closes it in the output. */
static bool drop_rest(struct reader *r)
{
    while (take(r, ' ')) {
        if (!skip_value(r))
            return false;
    }
    return take(r, ')') && buf_add_byte(r->out, ')');
}

static bool copy_body(struct reader *r);

static bool copy_single(struct reader *r)
{
    size_t start = r->at;
    bool is_text = str_has_iprefix(str_skip(r->s, r->at), STR("\"text\" "));
    bool is_message = str_has_iprefix(str_skip(r->s, r->at), STR("\"message\" \"rfc822\" "));
    if (!skip_atom(r) || !buf_add(r->out, str_slice(r->s, start, r->at - start)) ||
        !copy_values(r, 6))
        return false;
    if (is_text)
        return copy_values(r, 1) && drop_rest(r);
    if (is_message) {
        return copy_values(r, 1) && take(r, ' ') && buf_add_byte(r->out, ' ') && copy_body(r) &&
               copy_values(r, 1) && drop_rest(r);
    }
    return drop_rest(r);
}

/* Recursive, at most MIME_MAX_DEPTH + 1 deep with small frames. */
static bool copy_body(struct reader *r)
{
    if (!take(r, '(') || !buf_add_byte(r->out, '(') || ++r->depth > MIME_MAX_DEPTH + 1)
        return false;
    bool is_multipart = peek_is(r, '(');
    if (!is_multipart && !copy_single(r))
        return false;
    while (is_multipart && peek_is(r, '(')) {
        if (!copy_body(r))
            return false;
    }
    r->depth--;
    return !is_multipart || (copy_values(r, 1) && drop_rest(r));
}

bool mime_bodystructure_to_body(str stored, struct buf *out)
{
    struct reader r = { .s = stored, .out = out };
    size_t start = out->n;
    if (copy_body(&r) && r.at == stored.n)
        return true;
    buf_truncate(out, start);
    return false;
}
