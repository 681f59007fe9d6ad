/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer of CSS Syntax Level 3. Where the standard looks ahead three code points, so does
 * this; a wrong guess here would be a rule that we read in another way than the browser. */
#include "html/css_token.h"

#include "base/utf8.h"

enum {
    MAX_NUMBER_BYTES = 24
};

static char peek(const struct css_reader *r, size_t ahead)
{
    return (char)(r->at + ahead < r->css.n ? r->css.p[r->at + ahead] : '\0');
}

static bool at_end(const struct css_reader *r)
{
    return r->at >= r->css.n;
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r' || c == '\f';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || is_newline(c);
}

static bool is_name_start(char c)
{
    return ascii_is_alpha(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || ascii_is_digit(c) || c == '-';
}

static bool is_escape(const struct css_reader *r, size_t ahead)
{
    return peek(r, ahead) == '\\' && r->at + ahead + 1 < r->css.n &&
           !is_newline(peek(r, ahead + 1));
}

static bool starts_name(const struct css_reader *r)
{
    char c = peek(r, 0);
    if (c == '-')
        return is_name_start(peek(r, 1)) || peek(r, 1) == '-' || is_escape(r, 1);
    return is_name_start(c) || is_escape(r, 0);
}

static bool starts_number(const struct css_reader *r)
{
    size_t sign = peek(r, 0) == '+' || peek(r, 0) == '-';
    char c = peek(r, sign);
    return ascii_is_digit(c) || (c == '.' && ascii_is_digit(peek(r, sign + 1)));
}

/* Behind the '\': one to six hex digits and one white space, or any other character. */
static void read_escape(struct css_reader *r, struct buf *out)
{
    uint32_t cp = 0;
    size_t digits = 0;
    for (; digits < 6 && isxdigit((unsigned char)peek(r, 0)); digits++, r->at++) {
        char c = ascii_lower(peek(r, 0));
        cp = cp * 16 + (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    if (digits > 0) {
        char bytes[4];
        size_t n = cp ? utf8_encode(cp, bytes) : 0;
        (void)buf_add(out, n ? str_of(bytes, n) : STR("\xef\xbf\xbd"));
        if (peek(r, 0) == '\r' && peek(r, 1) == '\n')
            r->at++;
        r->at += !at_end(r) && is_space(peek(r, 0));
        return;
    }
    uint32_t ignored = 0;
    size_t n = utf8_decode(str_skip(r->css, r->at), &ignored);
    (void)buf_add(out, n ? str_slice(r->css, r->at, n) : STR("\xef\xbf\xbd"));
    r->at += n ? n : !at_end(r);
}

/* A name; the cursor is at its first character. */
static str read_name(struct css_reader *r)
{
    struct buf name;
    size_t start = r->at;
    while (is_name(peek(r, 0)))
        r->at++;
    if (!is_escape(r, 0))
        return str_slice(r->css, start, r->at - start);
    buf_init(&name, 3 * (r->css.n - start) + 4);
    (void)buf_add(&name, str_slice(r->css, start, r->at - start));
    for (;;) {
        if (is_escape(r, 0)) {
            r->at++;
            read_escape(r, &name);
        } else if (is_name(peek(r, 0))) {
            (void)buf_add_byte(&name, peek(r, 0));
            r->at++;
        } else {
            break;
        }
    }
    str text = arena_str(r->a, buf_str(&name));
    buf_fini(&name);
    return text;
}

static void skip_digits(struct css_reader *r)
{
    while (ascii_is_digit(peek(r, 0)))
        r->at++;
}

static void read_number(struct css_reader *r, struct css_token *t)
{
    size_t start = r->at;
    r->at += peek(r, 0) == '+' || peek(r, 0) == '-';
    skip_digits(r);
    if (peek(r, 0) == '.' && ascii_is_digit(peek(r, 1))) {
        r->at++;
        skip_digits(r);
    }
    size_t sign = peek(r, 1) == '+' || peek(r, 1) == '-';
    if ((peek(r, 0) == 'e' || peek(r, 0) == 'E') && ascii_is_digit(peek(r, 1 + sign))) {
        r->at += 1 + sign;
        skip_digits(r);
    }
    *t = (struct css_token){ .kind = CSS_NUMBER, .text = str_slice(r->css, start, r->at - start) };
    if (starts_name(r)) {
        t->kind = CSS_DIMENSION;
        t->unit = read_name(r);
    } else if (peek(r, 0) == '%') {
        t->kind = CSS_PERCENTAGE;
        r->at++;
    }
}

/* A string; the cursor is behind the quote. A line end in it makes it a bad one and stays. */
static void read_string(struct css_reader *r, char quote, struct css_token *t)
{
    struct buf text;
    buf_init(&text, 3 * (r->css.n - r->at) + 4);
    t->kind = CSS_STRING;
    while (!at_end(r) && peek(r, 0) != quote) {
        if (is_newline(peek(r, 0))) {
            t->kind = CSS_BAD_STRING;
            break;
        }
        if (is_escape(r, 0)) {
            r->at++;
            read_escape(r, &text);
        } else if (peek(r, 0) == '\\') {
            r->at++; /* before a line end: the string goes on in the next line */
            r->at += peek(r, 0) == '\r' && peek(r, 1) == '\n';
            r->at += !at_end(r);
        } else {
            (void)buf_add_byte(&text, peek(r, 0));
            r->at++;
        }
    }
    r->at += t->kind == CSS_STRING && !at_end(r);
    t->text = arena_str(r->a, buf_str(&text));
    buf_fini(&text);
}

static void skip_spaces(struct css_reader *r)
{
    while (!at_end(r) && is_space(peek(r, 0)))
        r->at++;
}

/* What is left of a bad url, up to its ')'. */
static void skip_bad_url(struct css_reader *r)
{
    while (!at_end(r) && peek(r, 0) != ')')
        r->at += is_escape(r, 0) ? 2 : 1;
    r->at += !at_end(r);
}

/* url( without quotes; the cursor is behind the '('. */
static void read_url(struct css_reader *r, struct css_token *t)
{
    struct buf text;
    buf_init(&text, 3 * (r->css.n - r->at) + 4);
    skip_spaces(r);
    t->kind = CSS_URL;
    while (!at_end(r) && peek(r, 0) != ')' && t->kind == CSS_URL) {
        char c = peek(r, 0);
        if (is_space(c)) {
            skip_spaces(r);
            t->kind = at_end(r) || peek(r, 0) == ')' ? CSS_URL : CSS_BAD_URL;
        } else if (is_escape(r, 0)) {
            r->at++;
            read_escape(r, &text);
        } else if (str_find_byte(STR("\"'(\\"), c) >= 0 || (unsigned char)c < ' ' || c == 127) {
            t->kind = CSS_BAD_URL;
        } else {
            (void)buf_add_byte(&text, c);
            r->at++;
        }
    }
    if (t->kind == CSS_BAD_URL) {
        skip_bad_url(r);
    } else {
        r->at += !at_end(r);
    }
    t->text = arena_str(r->a, buf_str(&text));
    buf_fini(&text);
}

/* A name, a function, or an address. */
static void read_named(struct css_reader *r, struct css_token *t)
{
    *t = (struct css_token){ .kind = CSS_IDENT, .text = read_name(r) };
    if (peek(r, 0) != '(')
        return;
    r->at++;
    t->kind = CSS_FUNCTION;
    if (!str_ieq(t->text, STR("url")))
        return;
    size_t ahead = 0;
    while (r->at + ahead < r->css.n && is_space(peek(r, ahead)))
        ahead++;
    if (peek(r, ahead) != '"' && peek(r, ahead) != '\'')
        read_url(r, t);
}

/* White space and comments; a comment that is not closed takes the rest. */
static bool read_space(struct css_reader *r)
{
    size_t start = r->at;
    for (;;) {
        skip_spaces(r);
        if (peek(r, 0) != '/' || peek(r, 1) != '*')
            return r->at > start;
        ptrdiff_t end = str_find(str_skip(r->css, r->at + 2), STR("*/"));
        r->at = end < 0 ? r->css.n : r->at + 2 + (size_t)end + 2;
    }
}

static enum css_kind punctuation(char c)
{
    static const struct {
        char c;
        enum css_kind kind;
    } kinds[] = {
        { ':', CSS_COLON },         { ';', CSS_SEMICOLON },   { ',', CSS_COMMA },
        { '[', CSS_OPEN_BRACKET },  { '(', CSS_OPEN_PAREN },  { '{', CSS_OPEN_BRACE },
        { ']', CSS_CLOSE_BRACKET }, { ')', CSS_CLOSE_PAREN }, { '}', CSS_CLOSE_BRACE },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].c == c)
            return kinds[i].kind;
    }
    return CSS_DELIM;
}

static bool read_comment_mark(struct css_reader *r, struct css_token *t)
{
    str rest = str_skip(r->css, r->at);
    size_t n = str_has_prefix(rest, STR("<!--")) ? 4 : str_has_prefix(rest, STR("-->")) ? 3 : 0;
    t->kind = CSS_COMMENT_MARK;
    r->at += n;
    return n > 0;
}

/* '#' or '@' before a name; else the character by itself. */
static bool read_marked(struct css_reader *r, char c, struct css_token *t)
{
    r->at++;
    bool named = c == '#' ? is_name(peek(r, 0)) || is_escape(r, 0) : starts_name(r);
    if (!named) {
        r->at--;
        return false;
    }
    t->kind = c == '#' ? CSS_HASH : CSS_AT;
    t->text = read_name(r);
    return true;
}

void css_read(struct css_reader *r, struct css_token *t)
{
    *t = (struct css_token){ .kind = CSS_END };
    if (at_end(r))
        return;
    if (read_space(r)) {
        t->kind = CSS_SPACE;
        return;
    }
    char c = peek(r, 0);
    if (c == '"' || c == '\'') {
        r->at++;
        read_string(r, c, t);
    } else if ((c == '#' || c == '@') && read_marked(r, c, t)) {
        return;
    } else if (starts_number(r)) {
        read_number(r, t);
    } else if (!read_comment_mark(r, t)) {
        if (starts_name(r)) {
            read_named(r, t);
            return;
        }
        r->at++;
        t->kind = punctuation(c);
        t->delim = c;
    }
}

static void write_hex(unsigned char c, struct buf *out)
{
    (void)buf_addf(out, "\\%x ", c);
}

/* A name; a digit at its beginning, also behind one '-', is escaped too. */
static void write_name(str name, bool digits_first, struct buf *out)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool first = i == 0 || (i == 1 && name.p[0] == '-');
        bool alone = c == '-' && name.n == 1 && !digits_first;
        if (!is_name(c) || (first && ascii_is_digit(c) && !digits_first) || alone) {
            write_hex((unsigned char)c, out);
        } else {
            (void)buf_add_byte(out, c);
        }
    }
}

static void write_string(str text, struct buf *out)
{
    (void)buf_add_byte(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((unsigned char)c < ' ' || c == 127 || str_find_byte(STR("\"\\<>&'"), c) >= 0) {
            write_hex((unsigned char)c, out);
        } else {
            (void)buf_add_byte(out, c);
        }
    }
    (void)buf_add_byte(out, '"');
}

/* The unit must not make an exponent of the number: "1\65 3" is 1 with the unit "e3". */
static void write_unit(str unit, struct buf *out)
{
    size_t sign = unit.n > 1 && unit.p[1] == '-';
    bool exponent =
        unit.n > 1 + sign && ascii_lower(unit.p[0]) == 'e' && ascii_is_digit(unit.p[1 + sign]);
    if (exponent)
        write_hex((unsigned char)unit.p[0], out);
    write_name(str_skip(unit, exponent), exponent, out);
}

static void write_text(const struct css_token *t, struct buf *out)
{
    if (t->kind == CSS_STRING) {
        write_string(t->text, out);
    } else if (t->kind == CSS_URL) {
        (void)buf_add(out, STR("url("));
        write_string(t->text, out);
        (void)buf_add_byte(out, ')');
    } else {
        if (t->kind == CSS_AT || t->kind == CSS_HASH)
            (void)buf_add_byte(out, (char)(t->kind == CSS_AT ? '@' : '#'));
        write_name(t->text, t->kind == CSS_HASH, out);
        if (t->kind == CSS_FUNCTION)
            (void)buf_add_byte(out, '(');
    }
}

static bool write_number(const struct css_token *t, struct buf *out)
{
    if (t->text.n > MAX_NUMBER_BYTES)
        return false;
    (void)buf_add(out, t->text);
    if (t->kind == CSS_PERCENTAGE)
        (void)buf_add_byte(out, '%');
    write_unit(t->unit, out);
    return out->n < out->max;
}

static bool write_delim(const struct css_token *t, struct buf *out)
{
    if ((unsigned char)t->delim <= ' ' || (unsigned char)t->delim >= 127 || t->delim == '\\')
        return false;
    bool apart =
        t->delim == '<' || t->delim == '>' || t->delim == '!' || t->delim == '/' || t->delim == '&';
    return apart ? buf_addf(out, " %c ", t->delim) : buf_add_byte(out, t->delim);
}

bool css_write(const struct css_token *t, struct buf *out)
{
    switch (t->kind) {
    case CSS_END:
    case CSS_BAD_STRING:
    case CSS_BAD_URL:
    case CSS_COMMENT_MARK:
        return false;
    case CSS_SPACE:
        (void)buf_add_byte(out, ' ');
        break;
    case CSS_IDENT:
    case CSS_FUNCTION:
    case CSS_AT:
    case CSS_HASH:
    case CSS_STRING:
    case CSS_URL:
        write_text(t, out);
        break;
    case CSS_NUMBER:
    case CSS_PERCENTAGE:
    case CSS_DIMENSION:
        return write_number(t, out);
    case CSS_DELIM:
    case CSS_COLON:
    case CSS_SEMICOLON:
    case CSS_COMMA:
    case CSS_OPEN_BRACKET:
    case CSS_CLOSE_BRACKET:
    case CSS_OPEN_PAREN:
    case CSS_CLOSE_PAREN:
    case CSS_OPEN_BRACE:
    case CSS_CLOSE_BRACE:
        return write_delim(t, out);
    }
    return out->n < out->max;
}
