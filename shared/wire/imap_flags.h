/* SPDX-License-Identifier: Apache-2.0 */
/* Message flags: lists of flags as sent by clients and as written to them. Pure. */
#ifndef WIRE_IMAP_FLAGS_H
#define WIRE_IMAP_FLAGS_H

#include "wire/imap_lexer.h"

/* System flags as bits. */
enum {
    IMAP_FLAG_SEEN = 1,
    IMAP_FLAG_ANSWERED = 2,
    IMAP_FLAG_FLAGGED = 4,
    IMAP_FLAG_DELETED = 8,
    IMAP_FLAG_DRAFT = 16,
    IMAP_FLAGS_ALL = 31
};

enum {
    IMAP_KEYWORD_MAX = 50,      /* octets of a keyword (ATTACKS I10) */
    IMAP_KEYWORDS_PER_LIST = 64 /* keywords in one command */
};

struct imap_flags {
    unsigned bits; /* IMAP_FLAG_* */
    str *keywords; /* in the arena; as sent, each once (without regard to case) */
    size_t n;
};

/* "(\Seen $Junk)", or for STORE also the same without parentheses. ERR_SYNTAX; ERR_LIMIT for a
 * keyword that is too long or too many; ERR_UNSUPPORTED for an unknown flag with a backslash, and
 * for \Recent, which is not the client's (RFC 3501 section 2.3.2). */
bool imap_flags_parse(struct imap_lexer *l, bool needs_parentheses, struct imap_flags *out,
                      struct err *e);

/* Writes "\Seen $Junk" without parentheses. False when `out` is full. */
bool imap_flags_format(struct buf *out, const struct imap_flags *flags);

/* The bit of "\Seen" and the like in any case; 0 when it is none of ours. */
unsigned imap_flag_find(str name);

#endif
