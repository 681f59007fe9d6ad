/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of SEARCH: RETURN options, charset, and the tree of search keys (RFC 9051 section
 * 6.4.4, RFC 4731, RFC 7162 section 3.1.5). Pure. At most 256 keys, nested at most 32 deep
 * (ATTACKS I4). */
#ifndef WIRE_IMAP_SEARCH_H
#define WIRE_IMAP_SEARCH_H

#include "wire/imap_sequence.h"

enum {
    IMAP_SEARCH_DEPTH_MAX = 32,
    IMAP_SEARCH_KEYS_MAX = 256
};

enum imap_search_op {
    IMAP_SEARCH_ALL,
    IMAP_SEARCH_NONE,       /* RECENT and NEW: \Recent is never set here */
    IMAP_SEARCH_AND,        /* children */
    IMAP_SEARCH_OR,         /* two children */
    IMAP_SEARCH_NOT,        /* one child */
    IMAP_SEARCH_FLAG,       /* system flag `number` (IMAP_FLAG_*) is set */
    IMAP_SEARCH_KEYWORD,    /* keyword `text` is set */
    IMAP_SEARCH_HEADER,     /* header `name` holds `text`; an empty text: it is there */
    IMAP_SEARCH_BODY,       /* the body holds `text` */
    IMAP_SEARCH_TEXT,       /* header or body hold `text` */
    IMAP_SEARCH_BEFORE,     /* internal date is before day `days` */
    IMAP_SEARCH_ON,         /* ... on it */
    IMAP_SEARCH_SINCE,      /* ... on it or later */
    IMAP_SEARCH_SENTBEFORE, /* the same for the Date field */
    IMAP_SEARCH_SENTON,
    IMAP_SEARCH_SENTSINCE,
    IMAP_SEARCH_LARGER,   /* more than `number` octets */
    IMAP_SEARCH_SMALLER,  /* fewer */
    IMAP_SEARCH_SEQUENCE, /* message numbers in `set` */
    IMAP_SEARCH_UID,      /* UIDs in `set` */
    IMAP_SEARCH_MODSEQ    /* modseq at least `number` */
};

struct imap_search_key {
    enum imap_search_op op;
    str name; /* of HEADER */
    str text; /* UTF-8 as sent */
    int64_t days;
    uint64_t number;
    struct imap_sequence set;            /* not resolved */
    struct imap_search_key *first_child; /* of AND, OR, NOT */
    struct imap_search_key *next;        /* sibling */
};

/* RETURN options as bits. */
enum {
    IMAP_RETURN_MIN = 1,
    IMAP_RETURN_MAX = 2,
    IMAP_RETURN_ALL = 4,
    IMAP_RETURN_COUNT = 8,
    IMAP_RETURN_SAVE = 16
};

struct imap_search_args {
    bool has_return; /* RETURN (...) was given; "()" means ALL */
    unsigned returns;
    bool has_modseq; /* a MODSEQ key is in the tree: the answer carries MODSEQ */
    struct imap_search_key *root;
};

/* Reads everything behind "SEARCH". In the lexer's arena. ERR_SYNTAX; ERR_LIMIT (depth, keys);
 * ERR_UNSUPPORTED for a charset that is neither US-ASCII nor UTF-8, or a RETURN option that is not
 * offered (*bad_charset tells the two apart). */
bool imap_search_parse(struct imap_lexer *l, struct imap_search_args *out, bool *bad_charset,
                       struct err *e);

#endif
