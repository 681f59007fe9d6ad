/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the tokens of IMAP (RFC 9051 section 9) out of one whole command: atoms, numbers, quoted
 * strings and literals. Pure; not for gathering a command from a connection (imap_framer.h). */
#ifndef WIRE_IMAP_LEXER_H
#define WIRE_IMAP_LEXER_H

#include "base/base.h"

/* Where a parser is. Tokens are borrowed from `in`, except quoted strings with escapes, which are
 * copied to the arena. Every reader below leaves `at` where it was when it fails with ERR_SYNTAX.
 */
struct imap_lexer {
    str in;          /* one command without its last CRLF, literals in place ("{5}\r\nhello") */
    size_t at;       /* octets read */
    struct arena *a; /* for tokens that must be copied */
};

/* Begins at the start of `in`; `a` is kept for tokens that must be copied. */
void imap_lexer_init(struct imap_lexer *l, str in, struct arena *a);

/* The next octet, or NUL at the end (a command never holds a NUL outside a literal8). */
char imap_lexer_peek(const struct imap_lexer *l);
bool imap_lexer_is_at_end(const struct imap_lexer *l);

/* Takes the octet, or the ASCII word in either case that no other word character follows, when it
 * is next; tells whether it was. */
bool imap_lexer_try_byte(struct imap_lexer *l, char c);
bool imap_lexer_try_word(struct imap_lexer *l, str word);

/* Demands the octet; exactly one space; the end. ERR_SYNTAX. */
bool imap_lexer_byte(struct imap_lexer *l, char c, struct err *e);
bool imap_lexer_space(struct imap_lexer *l, struct err *e);
bool imap_lexer_end(const struct imap_lexer *l, struct err *e);

/* Letters, digits, '.', '-', '_' and ':' only: command and item names, where '[' ends the name. */
bool imap_lexer_word(struct imap_lexer *l, str *out, struct err *e);
/* An atom; a tag (astring characters but '+'); a quoted string or literal; either of an
 * astring; what LIST allows as a pattern. ERR_SYNTAX. */
bool imap_lexer_atom(struct imap_lexer *l, str *out, struct err *e);
bool imap_lexer_tag(struct imap_lexer *l, str *out, struct err *e);
bool imap_lexer_string(struct imap_lexer *l, str *out, struct err *e);
bool imap_lexer_astring(struct imap_lexer *l, str *out, struct err *e);
bool imap_lexer_pattern(struct imap_lexer *l, str *out, struct err *e);
/* A string, or NIL (*is_nil). ERR_SYNTAX. */
bool imap_lexer_nstring(struct imap_lexer *l, str *out, bool *is_nil, struct err *e);
/* A literal or a literal8 (*is_binary: it may hold NULs). ERR_SYNTAX. */
bool imap_lexer_literal(struct imap_lexer *l, str *out, bool *is_binary, struct err *e);
/* Decimal digits, at most `max`. ERR_SYNTAX. */
bool imap_lexer_number(struct imap_lexer *l, uint64_t max, uint64_t *out, struct err *e);

/* Whether the octet may stand in an atom, and in an astring without quotes. */
bool imap_is_atom_byte(char c);
bool imap_is_astring_byte(char c);

#endif
