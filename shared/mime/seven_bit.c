/* SPDX-License-Identifier: Apache-2.0 */
/* Re-encodes the parts of a message that are 8-bit, binary, or of lines that are too long. */
#include "mime/seven_bit.h"

#include "base/utf8.h"
#include "mime/header.h"
#include "mime/structure.h"

enum {
    LINE_MAX_OCTETS = 998 /* without its CRLF (RFC 5322 section 2.1.1) */
};

struct narrowing {
    const struct mime_structure *s;
    struct buf *out;
    size_t at;      /* of the message: what lies before is done */
    bool is_binary; /* looks for what is no line of text, else for what is 8-bit */
    bool relabels;  /* "binary" becomes "8bit" where the octets are that */
};

static bool too_big(struct err *e)
{
    return ERR(e, ERR_LIMIT, "the message gets too big when it is encoded");
}

/* A NUL, or a CR or LF that is not part of a CRLF. */
static bool is_binary_text(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ends_line = c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n';
        if (ends_line)
            i++;
        if (!ends_line && (c == '\0' || c == '\r' || c == '\n'))
            return true;
    }
    return false;
}

/* Looks from 1000 octets to 1000, for the last line end in them: most octets are never touched. */
bool mime_has_long_line(str text)
{
    while (text.n > LINE_MAX_OCTETS) {
        ptrdiff_t end = str_rfind_byte(str_slice(text, 0, LINE_MAX_OCTETS + 2), '\n');
        if (end < 0)
            return true;
        text = str_skip(text, (size_t)end + 1);
    }
    return false;
}

static bool must_encode(const struct narrowing *n, str body)
{
    return n->is_binary ? is_binary_text(body) : !utf8_is_ascii(body);
}

/* Boundaries, preambles and epilogues up to `to`. Boundaries beyond ASCII cannot be named
 * otherwise.
 */
static bool copy_gap(struct narrowing *n, size_t to, struct err *e)
{
    str gap = str_slice(n->s->message, n->at, to - n->at);
    bool more = gap.n > 0;
    n->at = to;
    if (n->is_binary) {
        if (is_binary_text(gap))
            return ERR(e, ERR_UNSUPPORTED, "binary data between the parts");
        return buf_add(n->out, gap) || too_big(e);
    }
    while (more) {
        str line;
        size_t from = n->out->n;
        more = str_cut(gap, '\n', &line, &gap);
        if (utf8_is_ascii(line)) {
            if (!buf_add(n->out, line) || (more && !buf_add_byte(n->out, '\n')))
                return too_big(e);
            continue;
        }
        if (str_has_prefix(line, STR("--")))
            return ERR(e, ERR_UNSUPPORTED, "a boundary is 8-bit text");
        if (!buf_add(n->out, line) || (more && !buf_add_byte(n->out, '\n')))
            return too_big(e);
        for (size_t i = from; i < n->out->n; i++) {
            if ((unsigned char)n->out->p[i] > 127)
                n->out->p[i] = '?';
        }
    }
    return true;
}

/* ---- headers ---- */

static bool has_field(str header, str name)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, header);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(str_trim(field.name), name))
            return true;
    }
    return false;
}

/* The header of the part with another encoding; `name` NULL: none. */
static bool copy_header(struct narrowing *n, const struct mime_part *part, const char *name)
{
    struct mime_field_iter it;
    struct mime_field field;
    str header = mime_part_header(n->s, part);
    bool ok = true;
    mime_field_iter_init(&it, header);
    while (ok && mime_field_iter_next(&it, &field)) {
        if (!str_ieq(str_trim(field.name), STR("Content-Transfer-Encoding")))
            ok = buf_add(n->out, field.raw);
    }
    n->at = part->body_start;
    if (name && !part->parent && !has_field(header, STR("MIME-Version")))
        ok = ok && buf_add(n->out, STR("MIME-Version: 1.0\r\n"));
    if (name && !has_field(header, STR("Content-Type"))) {
        bool utf8 = utf8_is_valid(mime_part_body(n->s, part));
        ok = ok && buf_addf(n->out, "Content-Type: text/plain; charset=%s\r\n",
                            utf8 ? "utf-8" : "unknown-8bit");
    }
    if (name)
        ok = ok && buf_addf(n->out, "Content-Transfer-Encoding: %s\r\n", name);
    return ok && buf_add(n->out, STR("\r\n"));
}

/* ---- bodies ---- */

static bool is_protected(const struct mime_part *part)
{
    for (const struct mime_part *i = part->parent; i; i = i->parent) {
        if (mime_content_type_is(&i->content_type, STR("multipart"), STR("signed")) ||
            mime_content_type_is(&i->content_type, STR("multipart"), STR("encrypted")))
            return true;
    }
    return false;
}

/* Composite types may carry no encoding (RFC 2045 6.4), but for those of RFC 6532. */
static bool may_be_encoded(const struct mime_part *part)
{
    const struct mime_content_type *type = &part->content_type;
    if (str_eq(type->type, STR("multipart")))
        return false;
    return !str_eq(type->type, STR("message")) || str_has_prefix(type->subtype, STR("global"));
}

static bool can_decode(enum mime_encoding encoding)
{
    return encoding != MIME_ENCODING_UUENCODE && encoding != MIME_ENCODING_UNKNOWN;
}

/* Why the part must stay as it is; NULL: nothing is in the way. */
static const char *why_not(const struct mime_part *part)
{
    if (is_protected(part))
        return "a signed or encrypted part must not be re-encoded";
    if (!may_be_encoded(part) || !can_decode(part->encoding))
        return "a part whose encoding is not known, or must be none";
    return NULL;
}

/* Long lines are no reason to refuse: where they cannot be encoded, the wire breaks them. */
static bool should_encode(const struct narrowing *n, const struct mime_part *part, str body)
{
    return must_encode(n, body) ||
           (!n->is_binary && !n->s->cut && mime_has_long_line(body) && !why_not(part));
}

/* Whether a line of `text` could be taken for a delimiter of a multipart around the part. */
static bool has_delimiter(str text, const struct mime_part *part)
{
    bool more = true;
    while (more) {
        str line;
        more = str_cut(text, '\n', &line, &text);
        if (!str_has_prefix(line, STR("--")))
            continue;
        for (const struct mime_part *i = part->parent; i; i = i->parent) {
            str boundary = mime_content_type_param(&i->content_type, STR("boundary"));
            if (boundary.n > 0 && str_has_prefix(str_skip(line, 2), boundary))
                return true;
        }
    }
    return false;
}

/* Quoted-printable would make CRLF of other line ends. What is base64 stays it. */
static bool suits_quoted_printable(const struct narrowing *n, const struct mime_part *part,
                                   str body)
{
    return !n->is_binary && str_eq(part->type, STR("text")) &&
           part->encoding != MIME_ENCODING_BASE64 && !is_binary_text(body);
}

/* What is decoded, or broken into lines anew, may show text that looks like a delimiter: such text
 * goes as base64, which has no '-'. */
static bool encode_body(struct narrowing *n, const struct mime_part *part, str body)
{
    size_t before = n->out->n;
    if (suits_quoted_printable(n, part, body)) {
        if (!copy_header(n, part, "quoted-printable"))
            return false;
        size_t start = n->out->n;
        if (!mime_encode_quoted_printable(body, n->out))
            return false;
        if (!has_delimiter(str_skip(buf_str(n->out), start), part))
            return true;
        buf_truncate(n->out, before);
    }
    return copy_header(n, part, "base64") && mime_encode_base64(body, n->out);
}

static bool encode_leaf(struct narrowing *n, const struct mime_part *part, struct err *e)
{
    struct arena a;
    const char *obstacle = why_not(part);
    if (obstacle)
        return ERR(e, ERR_UNSUPPORTED, "%s", obstacle);
    arena_init(&a);
    str body = mime_part_decode(n->s, part, &a, SIZE_MAX);
    bool ok = encode_body(n, part, body);
    arena_fini(&a);
    n->at = part->body_end;
    return ok || too_big(e);
}

static bool narrow_part(struct narrowing *n, const struct mime_part *part, struct err *e)
{
    bool is_leaf = part->kind == MIME_PART_LEAF;
    if (!copy_gap(n, part->header_start, e))
        return false;
    bool ok = true;
    if (n->is_binary && is_binary_text(mime_part_header(n->s, part)))
        return ERR(e, ERR_SYNTAX, "a header with a NUL or a line end that is not CRLF");
    if (is_leaf && should_encode(n, part, mime_part_body(n->s, part)))
        return encode_leaf(n, part, e);
    bool says_so = !n->is_binary && !is_protected(part) &&
                   (part->encoding == MIME_ENCODING_8BIT || part->encoding == MIME_ENCODING_BINARY);
    bool is_mislabelled =
        n->relabels && part->encoding == MIME_ENCODING_BINARY && !is_protected(part);
    if (is_mislabelled) {
        ok = copy_header(n, part, "8bit");
    } else if (!is_leaf && says_so) {
        ok = copy_header(n, part, NULL);
    } else {
        ok = buf_add(n->out, mime_part_header(n->s, part));
        n->at = part->body_start;
    }
    if (ok && is_leaf) {
        ok = buf_add(n->out, mime_part_body(n->s, part));
        n->at = part->body_end;
    }
    return ok || too_big(e);
}

static bool narrow(struct narrowing n, str message, struct err *e)
{
    struct arena a;
    struct buf *out = n.out;
    size_t start = out->n;
    arena_init(&a);
    n.s = mime_structure_parse(&a, message);
    bool ok = true;
    for (const struct mime_part *part = n.s->root; part && ok; part = mime_part_next(part))
        ok = narrow_part(&n, part, e);
    ok = ok && copy_gap(&n, message.n, e);
    arena_fini(&a);
    if (!ok)
        buf_truncate(out, start);
    return ok;
}

bool mime_to_seven_bit(str message, struct buf *out, struct err *e)
{
    return narrow((struct narrowing){ .out = out }, message, e);
}

bool mime_binary_to_base64(str message, struct buf *out, struct err *e)
{
    return narrow((struct narrowing){ .out = out, .is_binary = true }, message, e);
}

bool mime_binary_to_text(str message, struct buf *out, struct err *e)
{
    return narrow((struct narrowing){ .out = out, .is_binary = true, .relabels = true }, message,
                  e);
}
