/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters are first read as written, at most a bounded number, then joined by name: sections of
 * RFC 2231 into one, charsets converted once for the joined value, because a character may be cut
 * between two sections. */
#include "mime/content_type.h"

#include "base/percent.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

enum {
    MAX_PIECES = MIME_MAX_PARAMS * 2, /* parameters as written, all sections counted */
    NO_SECTION = -1
};

/* One parameter as written: name*section*=value. */
struct piece {
    str name;      /* lower case */
    int section;   /* NO_SECTION, or 0.. */
    bool extended; /* with a last "*": percent-encoded */
    bool used;     /* joined into a parameter already */
    str value;     /* unquoted */
};

struct param_parser {
    struct arena *a;
    str s;
    size_t at;
    struct piece *pieces;
    size_t n;
    size_t room;
    bool cut;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char peek(const struct param_parser *p)
{
    return (char)(p->at < p->s.n ? p->s.p[p->at] : '\0');
}

static void skip_comment(struct param_parser *p)
{
    unsigned depth = 0;
    while (p->at < p->s.n) {
        char c = p->s.p[p->at++];
        if (c == '\\') {
            p->at++;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            return;
        }
        if (depth > MIME_MAX_COMMENT_DEPTH)
            break;
    }
    p->at = p->s.n;
}

static void skip_cfws(struct param_parser *p)
{
    while (p->at < p->s.n) {
        if (p->s.p[p->at] == '(') {
            skip_comment(p);
        } else if (is_blank(p->s.p[p->at])) {
            p->at++;
        } else {
            return;
        }
    }
}

/* Bytes up to white space or one of `stops`; a NUL is a stop too. */
static str read_word(struct param_parser *p, str stops)
{
    size_t start = p->at;
    while (p->at < p->s.n && !is_blank(p->s.p[p->at]) && p->s.p[p->at] &&
           str_find_byte(stops, p->s.p[p->at]) < 0)
        p->at++;
    return str_slice(p->s, start, p->at - start);
}

static str lower(struct arena *a, str s)
{
    return arena_lower(a, mime_text_clean(a, s));
}

/* The content of a quoted string, folds removed; the cursor is on the first quote. */
static str read_quoted(struct param_parser *p)
{
    size_t start = ++p->at;
    while (p->at < p->s.n && p->s.p[p->at] != '"')
        p->at += p->s.p[p->at] == '\\' ? 2 : 1;
    size_t end = p->at < p->s.n ? p->at : p->s.n;
    char *out = arena_alloc(p->a, end - start + 1);
    size_t n = 0;
    for (size_t i = start; i < end; i++) {
        char c = p->s.p[i];
        if (c == '\\' && i + 1 < end)
            c = p->s.p[++i];
        if (c != '\r' && c != '\n')
            out[n++] = c;
    }
    if (p->at < p->s.n) {
        p->at++;
    } else {
        p->at = p->s.n;
    }
    return str_of(out, n);
}

/* Whether "word =" follows at the cursor: the next parameter of a sender who forgot a ';'. Looks no
 * further than the next word, so that each byte is looked at twice at most. */
static bool next_param_follows(const struct param_parser *p)
{
    size_t i = p->at;
    while (i < p->s.n && !is_blank(p->s.p[i]) && str_find_byte(STR(";=\"("), p->s.p[i]) < 0)
        i++;
    return i > p->at && i < p->s.n && p->s.p[i] == '=';
}

/* An unquoted value goes to the next ';', spaces inside included (file names of careless senders),
 * unless what follows a space is the next parameter or a comment. */
static str read_bare(struct param_parser *p)
{
    size_t start = p->at;
    size_t end = start;
    while (p->at < p->s.n && p->s.p[p->at] != ';') {
        if (!is_blank(p->s.p[p->at])) {
            end = ++p->at;
            continue;
        }
        while (p->at < p->s.n && is_blank(p->s.p[p->at]))
            p->at++;
        if (peek(p) == '(' || next_param_follows(p))
            break;
    }
    return mime_field_unfold(p->a, str_slice(p->s, start, end - start));
}

/* Reads "*12*", "*12", "*" or nothing off the end of a name (RFC 2231 sections 3 and 4). */
static void split_name(str written, struct piece *out)
{
    out->section = NO_SECTION;
    if (written.n && written.p[written.n - 1] == '*') {
        out->extended = true;
        written.n--;
    }
    ptrdiff_t star = str_rfind_byte(written, '*');
    uint64_t section = 0;
    if (star > 0 && str_to_uint(str_skip(written, (size_t)star + 1), 1000000, &section)) {
        out->section = (int)section;
        written.n = (size_t)star;
    }
    out->name = written;
}

static void add_piece(struct param_parser *p, str name, str value)
{
    if (p->n == MAX_PIECES) {
        p->cut = true;
        return;
    }
    struct piece piece = { .value = value };
    split_name(name, &piece);
    piece.name = lower(p->a, piece.name);
    if (piece.name.n == 0 || value.n == 0)
        return;
    if (piece.section >= MIME_MAX_CONTINUATIONS) {
        p->cut = true;
        return;
    }
    if (p->n == p->room) {
        p->room = p->room ? p->room * 2 : 4;
        struct piece *pieces = ARENA_ARRAY(p->a, struct piece, p->room);
        if (p->n)
            memcpy(pieces, p->pieces, p->n * sizeof(*pieces));
        p->pieces = pieces;
    }
    p->pieces[p->n++] = piece;
}

static void read_param(struct param_parser *p)
{
    str name = read_word(p, STR(";=\"("));
    skip_cfws(p);
    if (peek(p) != '=') {
        if (peek(p) == '"') {
            (void)read_quoted(p);
        } else if (name.n == 0) {
            p->at++;
        }
        return;
    }
    p->at++;
    skip_cfws(p);
    str value = peek(p) == '"' ? read_quoted(p) : read_bare(p);
    add_piece(p, name, value);
}

static void read_params(struct param_parser *p)
{
    while (p->at < p->s.n && p->n < MAX_PIECES) {
        skip_cfws(p);
        if (peek(p) == ';') {
            p->at++;
        } else if (p->at < p->s.n) {
            read_param(p);
        }
    }
    p->cut = p->cut || p->at < p->s.n;
}

/* What is no escape stays as it is. */
static void add_percent_decoded(str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int octet = percent_octet(str_skip(s, i));
        char c = s.p[i];
        if (octet >= 0) {
            c = (char)octet;
            i += 2;
        }
        if (!buf_add_byte(out, c))
            return;
    }
}

/* Takes charset'language' off the front of an extended value; without both quotes there is none. */
static str split_charset(str value, str *charset, str *language)
{
    str rest, text;
    if (!str_cut(value, '\'', charset, &rest) || !str_cut(rest, '\'', language, &text)) {
        *charset = STR_EMPTY;
        *language = STR_EMPTY;
        return value;
    }
    return text;
}

static struct piece *find_section(struct param_parser *p, str name, int section)
{
    for (size_t i = 0; i < p->n; i++) {
        struct piece *piece = &p->pieces[i];
        if (!piece->used && piece->section == section && str_eq(piece->name, name))
            return piece;
    }
    return NULL;
}

/* The text of a joined parameter, as it is written (percent-encoded when any part is extended) and
 * as bytes. */
struct joined {
    struct buf wire;
    struct buf bytes;
    bool extended;
    str charset, language;
};

static void add_wire(struct joined *j, const struct piece *piece, str text)
{
    if (piece->extended || !j->extended) {
        (void)buf_add(&j->wire, text);
        return;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_alnum(c) || (str_find_byte(STR("-._~!#$&+^`|{}"), c) >= 0)) {
            (void)buf_add_byte(&j->wire, c);
        } else {
            (void)buf_addf(&j->wire, "%%%02X", (unsigned)(unsigned char)c);
        }
    }
}

static void add_section(struct joined *j, const struct piece *piece, bool first)
{
    str text = piece->value;
    if (first && piece->extended) {
        text = split_charset(text, &j->charset, &j->language);
        j->extended = true;
        (void)buf_addf(&j->wire, "%.*s'%.*s'", STR_FMT(j->charset), STR_FMT(j->language));
    }
    add_wire(j, piece, text);
    if (piece->extended) {
        add_percent_decoded(text, &j->bytes);
    } else {
        (void)buf_add(&j->bytes, text);
    }
}

static void join_sections(struct param_parser *p, struct piece *first, struct joined *j)
{
    str name = first->name;
    add_section(j, first, true);
    first->used = true;
    for (int section = 1; first->section != NO_SECTION; section++) {
        struct piece *piece = find_section(p, name, section);
        if (!piece)
            return;
        add_section(j, piece, false);
        piece->used = true;
    }
}

static void make_param(struct param_parser *p, struct piece *first, struct mime_param *out)
{
    struct joined j = { 0 };
    buf_init(&j.wire, MIME_MAX_PARAM_BYTES * 3UL);
    buf_init(&j.bytes, MIME_MAX_PARAM_BYTES);
    join_sections(p, first, &j);
    str bytes = buf_str(&j.bytes);
    out->name = first->name;
    out->language = arena_str(p->a, j.language);
    /* Encoded words in parameters are against RFC 2047 section 5, and everywhere. */
    out->value = j.extended ? mime_text_clean(p->a, mime_charset_to_utf8(p->a, j.charset, bytes,
                                                                         MIME_MAX_PARAM_BYTES))
                            : mime_text_decode(p->a, bytes);
    out->wire_value = arena_str(p->a, buf_str(&j.wire));
    out->wire_name = j.extended ? arena_printf(p->a, "%.*s*", STR_FMT(first->name)) : first->name;
    buf_fini(&j.wire);
    buf_fini(&j.bytes);
}

/* Where a name stands twice, RFC 2231 wins over the plain form that is there for old readers (RFC
 * 6266 section 4.3 says the same for HTTP); else the first. */
static bool is_beaten(struct param_parser *p, const struct piece *piece)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *other = &p->pieces[i];
        if (other == piece || !str_eq(other->name, piece->name))
            continue;
        bool other_better = !other->used && other->extended && other->section <= 0 &&
                            !piece->extended && piece->section == NO_SECTION;
        if (other->used || other_better)
            return true;
    }
    return false;
}

static void join_params(struct param_parser *p, struct mime_content_type *out)
{
    if (p->n == 0)
        return;
    size_t room = p->n < MIME_MAX_PARAMS ? p->n : MIME_MAX_PARAMS;
    struct mime_param *params = ARENA_ARRAY(p->a, struct mime_param, room);
    for (size_t i = 0; i < p->n; i++) {
        struct piece *piece = &p->pieces[i];
        if (piece->used || piece->section > 0 || is_beaten(p, piece))
            continue;
        if (out->n_params == MIME_MAX_PARAMS) {
            p->cut = true;
            break;
        }
        make_param(p, piece, &params[out->n_params++]);
    }
    out->params = params;
}

/* What stands between the type and the first parameter and is neither; word by word. */
static void skip_junk(struct param_parser *p)
{
    skip_cfws(p);
    while (p->at < p->s.n && peek(p) != ';' && !next_param_follows(p)) {
        if (read_word(p, STR(";(")).n == 0)
            p->at++;
        skip_cfws(p);
    }
}

static struct param_parser begin(struct arena *a, str body)
{
    return (struct param_parser){ .a = a,
                                  .s = str_slice(body, 0, MIME_MAX_FIELD_BYTES),
                                  .cut = body.n > MIME_MAX_FIELD_BYTES };
}

void mime_content_type_parse(struct arena *a, str body, struct mime_content_type *out)
{
    struct param_parser p = begin(a, body);
    *out = (struct mime_content_type){ 0 };
    skip_cfws(&p);
    out->type = lower(a, read_word(&p, STR("/;(\"")));
    skip_cfws(&p);
    if (peek(&p) == '/') {
        p.at++;
        skip_cfws(&p);
        out->subtype = lower(a, read_word(&p, STR(";(\"")));
    }
    if (out->type.n == 0)
        out->subtype = STR_EMPTY;
    skip_junk(&p);
    read_params(&p);
    join_params(&p, out);
    out->cut = p.cut;
}

void mime_disposition_parse(struct arena *a, str body, struct mime_content_type *out)
{
    struct param_parser p = begin(a, body);
    *out = (struct mime_content_type){ 0 };
    skip_cfws(&p);
    if (!next_param_follows(&p))
        out->type = lower(a, read_word(&p, STR(";(\"")));
    read_params(&p);
    join_params(&p, out);
    out->cut = p.cut;
}

const struct mime_param *mime_content_type_find(const struct mime_content_type *ct, str name)
{
    for (size_t i = 0; i < ct->n_params; i++) {
        if (str_eq(ct->params[i].name, name))
            return &ct->params[i];
    }
    return NULL;
}

str mime_content_type_param(const struct mime_content_type *ct, str name)
{
    const struct mime_param *param = mime_content_type_find(ct, name);
    return param ? param->value : STR_EMPTY;
}

bool mime_content_type_is(const struct mime_content_type *ct, str type, str subtype)
{
    return str_ieq(ct->type, type) && str_ieq(ct->subtype, subtype);
}

/* Runs of spaces, which folding leaves, become one. */
static str collapse(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ' || (n && p[n - 1] != ' '))
            p[n++] = s.p[i];
    }
    return str_trim(str_of(p, n));
}

size_t mime_list_parse(struct arena *a, str body, const str **out)
{
    str rest = str_slice(body, 0, MIME_MAX_FIELD_BYTES);
    str *words = ARENA_ARRAY(a, str, MIME_MAX_PARAMS);
    size_t n = 0;
    bool more = rest.n > 0;
    while (more && n < MIME_MAX_PARAMS) {
        str word;
        more = str_cut(rest, ',', &word, &rest);
        words[n] = collapse(a, mime_text_decode(a, word));
        n += words[n].n > 0;
    }
    *out = words;
    return n;
}
