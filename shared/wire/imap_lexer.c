/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the IMAP grammar. */
#include "wire/imap_lexer.h"

void imap_lexer_init(struct imap_lexer *l, str in, struct arena *a)
{
    *l = (struct imap_lexer){ .in = in, .a = a };
}

bool imap_lexer_is_at_end(const struct imap_lexer *l)
{
    return l->at >= l->in.n;
}

char imap_lexer_peek(const struct imap_lexer *l)
{
    if (imap_lexer_is_at_end(l))
        return '\0';
    return l->in.p[l->at];
}

bool imap_is_atom_byte(char c)
{
    if ((unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f)
        return false;
    return strchr("(){%*\"\\]", c) == NULL;
}

bool imap_is_astring_byte(char c)
{
    return imap_is_atom_byte(c) || c == ']';
}

static bool is_word_byte(char c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
}

static bool is_tag_byte(char c)
{
    return imap_is_astring_byte(c) && c != '+';
}

/* 8-bit is let through for UTF-8 names without quotes, which many clients send. */
static bool is_pattern_byte(char c)
{
    return imap_is_astring_byte(c) || c == '%' || c == '*' || (unsigned char)c >= 0x80;
}

bool imap_lexer_try_byte(struct imap_lexer *l, char c)
{
    if (imap_lexer_is_at_end(l) || l->in.p[l->at] != c)
        return false;
    l->at++;
    return true;
}

bool imap_lexer_try_word(struct imap_lexer *l, str word)
{
    str rest = str_skip(l->in, l->at);
    if (!str_has_iprefix(rest, word))
        return false;
    if (rest.n > word.n && is_word_byte(rest.p[word.n]))
        return false;
    l->at += word.n;
    return true;
}

bool imap_lexer_byte(struct imap_lexer *l, char c, struct err *e)
{
    if (!imap_lexer_try_byte(l, c))
        return ERR(e, ERR_SYNTAX, "expected '%c' at octet %zu", c, l->at);
    return true;
}

bool imap_lexer_space(struct imap_lexer *l, struct err *e)
{
    return imap_lexer_byte(l, ' ', e);
}

bool imap_lexer_end(const struct imap_lexer *l, struct err *e)
{
    if (!imap_lexer_is_at_end(l))
        return ERR(e, ERR_SYNTAX, "more than expected at octet %zu", l->at);
    return true;
}

/* The longest run of octets that `is_part` accepts; at least one. */
static bool read_run(struct imap_lexer *l, bool (*is_part)(char), str *out, struct err *e)
{
    size_t from = l->at;
    size_t to = from;
    while (to < l->in.n && is_part(l->in.p[to]))
        to++;
    if (to == from)
        return ERR(e, ERR_SYNTAX, "expected a word at octet %zu", from);
    *out = str_of(l->in.p + from, to - from);
    l->at = to;
    return true;
}

bool imap_lexer_word(struct imap_lexer *l, str *out, struct err *e)
{
    return read_run(l, is_word_byte, out, e);
}

bool imap_lexer_atom(struct imap_lexer *l, str *out, struct err *e)
{
    return read_run(l, imap_is_atom_byte, out, e);
}

bool imap_lexer_tag(struct imap_lexer *l, str *out, struct err *e)
{
    return read_run(l, is_tag_byte, out, e);
}

/* Copies a quoted string without its backslashes. */
static str unescape(struct arena *a, str quoted)
{
    char *to = arena_alloc(a, quoted.n);
    size_t n = 0;
    for (size_t i = 0; i < quoted.n; i++) {
        if (quoted.p[i] == '\\')
            i++;
        to[n++] = quoted.p[i];
    }
    return str_of(to, n);
}

static bool read_quoted(struct imap_lexer *l, str *out, struct err *e)
{
    size_t from = l->at + 1;
    bool escaped = false;
    size_t i = from;
    for (; i < l->in.n && l->in.p[i] != '"'; i++) {
        char c = l->in.p[i];
        if (c == '\0' || c == '\r' || c == '\n')
            break;
        if (c != '\\')
            continue;
        escaped = true;
        i++;
        if (i >= l->in.n || (l->in.p[i] != '"' && l->in.p[i] != '\\'))
            break;
    }
    if (i >= l->in.n || l->in.p[i] != '"')
        return ERR(e, ERR_SYNTAX, "a quoted string is not ended or has a bad octet");
    str body = str_of(l->in.p + from, i - from);
    *out = escaped ? unescape(l->a, body) : body;
    l->at = i + 1;
    return true;
}

bool imap_lexer_literal(struct imap_lexer *l, str *out, bool *is_binary, struct err *e)
{
    struct imap_lexer try = *l;
    *is_binary = imap_lexer_try_byte(&try, '~');
    uint64_t n = 0;
    if (!imap_lexer_byte(&try, '{', e) || !imap_lexer_number(&try, SIZE_MAX / 2, &n, e))
        return false;
    (void)imap_lexer_try_byte(&try, '+');
    if (!imap_lexer_byte(&try, '}', e))
        return false;
    if (!imap_lexer_try_byte(&try, '\r') || !imap_lexer_try_byte(&try, '\n'))
        return ERR(e, ERR_SYNTAX, "no line end after the size of a literal");
    if (n > try.in.n - try.at)
        return ERR(e, ERR_SYNTAX, "a literal is shorter than its size says");
    *out = str_of(try.in.p + try.at, (size_t)n);
    if (!*is_binary && str_find_byte(*out, '\0') >= 0)
        return ERR(e, ERR_SYNTAX, "a literal holds a NUL");
    try.at += (size_t)n;
    *l = try;
    return true;
}

bool imap_lexer_string(struct imap_lexer *l, str *out, struct err *e)
{
    bool is_binary = false;
    char c = imap_lexer_peek(l);
    if (c == '"')
        return read_quoted(l, out, e);
    if (c == '{')
        return imap_lexer_literal(l, out, &is_binary, e);
    return ERR(e, ERR_SYNTAX, "expected a string at octet %zu", l->at);
}

bool imap_lexer_astring(struct imap_lexer *l, str *out, struct err *e)
{
    char c = imap_lexer_peek(l);
    if (c == '"' || c == '{')
        return imap_lexer_string(l, out, e);
    return read_run(l, imap_is_astring_byte, out, e);
}

bool imap_lexer_pattern(struct imap_lexer *l, str *out, struct err *e)
{
    char c = imap_lexer_peek(l);
    if (c == '"' || c == '{')
        return imap_lexer_string(l, out, e);
    return read_run(l, is_pattern_byte, out, e);
}

bool imap_lexer_nstring(struct imap_lexer *l, str *out, bool *is_nil, struct err *e)
{
    *is_nil = imap_lexer_try_word(l, STR("NIL"));
    *out = STR_EMPTY;
    return *is_nil || imap_lexer_string(l, out, e);
}

bool imap_lexer_number(struct imap_lexer *l, uint64_t max, uint64_t *out, struct err *e)
{
    size_t to = l->at;
    while (to < l->in.n && ascii_is_digit(l->in.p[to]))
        to++;
    if (!str_to_uint(str_of(l->in.p + l->at, to - l->at), max, out))
        return ERR(e, ERR_SYNTAX, "expected a number at octet %zu", l->at);
    l->at = to;
    return true;
}
