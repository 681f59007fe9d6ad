/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of CSS (CSS Syntax Module Level 3, section 4), with escapes resolved, and the way back to
 * bytes that every reader takes for the same tokens. Only for this module. */
#ifndef HTML_CSS_TOKEN_H
#define HTML_CSS_TOKEN_H

#include "base/base.h"

enum css_kind {
    CSS_END,
    CSS_SPACE, /* white space, a comment, or both */
    CSS_IDENT,
    CSS_FUNCTION, /* "name(" */
    CSS_AT,       /* "@name" */
    CSS_HASH,
    CSS_STRING,
    CSS_BAD_STRING,
    CSS_URL, /* url(without quotes) */
    CSS_BAD_URL,
    CSS_DELIM,
    CSS_NUMBER,
    CSS_PERCENTAGE,
    CSS_DIMENSION,
    CSS_COMMENT_MARK, /* <!-- or --> */
    CSS_COLON,
    CSS_SEMICOLON,
    CSS_COMMA,
    CSS_OPEN_BRACKET,
    CSS_CLOSE_BRACKET,
    CSS_OPEN_PAREN,
    CSS_CLOSE_PAREN,
    CSS_OPEN_BRACE,
    CSS_CLOSE_BRACE
};

struct css_token {
    enum css_kind kind;
    str text;   /* name, string or address without escapes, or the digits of a number */
    str unit;   /* of a dimension */
    char delim; /* of CSS_DELIM */
};

struct css_reader {
    str css;
    size_t at;
    struct arena *a; /* takes the texts that held escapes */
};

/* Reads the next token. At the end CSS_END, again and again. */
void css_read(struct css_reader *r, struct css_token *t);

/* Appends the token. Names come out of letters, digits, '-', '_' and UTF-8 only, all else escaped,
 * '<' everywhere: the result can stand in a style element and in an escaped attribute. False when
 * `out` is full or the token is a bad one. */
bool css_write(const struct css_token *t, struct buf *out);

#endif
