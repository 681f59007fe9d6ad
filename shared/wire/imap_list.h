/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of LIST (RFC 9051 section 6.3.9, RFC 5258, 5819, 6154) and LSUB, and the matching
 * of mailbox names against their patterns. Pure. */
#ifndef WIRE_IMAP_LIST_H
#define WIRE_IMAP_LIST_H

#include "wire/imap_metadata.h"
#include "wire/imap_status.h"

enum {
    IMAP_LIST_PATTERNS_MAX = 64,
    IMAP_LIST_PATTERN_OCTETS_MAX = 255 /* with the reference in front (ATTACKS I7) */
};

/* Selection options as bits. REMOTE is accepted and changes nothing: all mailboxes are ours. */
enum {
    IMAP_LIST_SUBSCRIBED = 1,
    IMAP_LIST_REMOTE = 2,
    IMAP_LIST_RECURSIVEMATCH = 4,
    IMAP_LIST_SPECIAL_USE = 8
};

/* Return options as bits. */
enum {
    IMAP_LIST_RETURN_SUBSCRIBED = 1,
    IMAP_LIST_RETURN_CHILDREN = 2,
    IMAP_LIST_RETURN_SPECIAL_USE = 4,
    IMAP_LIST_RETURN_STATUS = 8,
    IMAP_LIST_RETURN_MYRIGHTS = 16, /* RFC 8440 */
    IMAP_LIST_RETURN_METADATA = 32  /* RFC 9590 */
};

struct imap_list_args {
    bool is_extended; /* options or several patterns were given */
    unsigned select;
    unsigned returns;
    unsigned status_items;               /* IMAP_STATUS_* of RETURN (STATUS (...)) */
    struct imap_metadata_names metadata; /* of RETURN (METADATA (...)) */
    str reference;                       /* as sent */
    str *patterns;                       /* as sent; in the arena */
    size_t n_patterns;
};

/* Reads everything behind "LIST", in the lexer's arena. ERR_SYNTAX, ERR_LIMIT; ERR_UNSUPPORTED for
 * an option that is not offered. */
bool imap_list_parse(struct imap_lexer *l, struct imap_list_args *out, struct err *e);
/* The same for LSUB: a reference and one pattern. */
bool imap_lsub_parse(struct imap_lexer *l, struct imap_list_args *out, struct err *e);

/* Whether the name matches the pattern, both UTF-8 with '/' between levels: '*' stands for any
 * octets, '%' for any but '/'. An INBOX at the start of the pattern matches in any case. Linear in
 * the length of the name. A pattern of more than 255 octets matches nothing. */
bool imap_list_match(str pattern, str name);

#endif
