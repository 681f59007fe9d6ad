/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of SEARCH, SORT, THREAD and ESEARCH: RETURN options, charset, and the tree of
 * search keys (RFC 9051 section 6.4.4, RFC 4731, 5032, 5256, 5267, 5957, 6203, 7162, 7377, 8474,
 * 8514, 9394). Pure. At most 256 keys, nested at most 32 deep (ATTACKS I4). */
#ifndef WIRE_IMAP_SEARCH_H
#define WIRE_IMAP_SEARCH_H

#include "wire/imap_mailbox_filter.h"
#include "wire/imap_partial.h"
#include "wire/imap_sequence.h"

enum {
    IMAP_SEARCH_DEPTH_MAX = 32,
    IMAP_SEARCH_KEYS_MAX = 256,
    IMAP_SORT_MAX = 16,       /* criteria of one SORT */
    IMAP_OBJECT_ID_MAX = 255, /* octets (RFC 8474 section 7) */
    IMAP_CANCEL_MAX = 64      /* tags of one CANCELUPDATE */
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
    IMAP_SEARCH_LARGER,      /* more than `number` octets */
    IMAP_SEARCH_SMALLER,     /* fewer */
    IMAP_SEARCH_SEQUENCE,    /* message numbers in `set` */
    IMAP_SEARCH_UID,         /* UIDs in `set` */
    IMAP_SEARCH_MODSEQ,      /* modseq at least `number` */
    IMAP_SEARCH_OLDER,       /* internal date at least `number` seconds ago */
    IMAP_SEARCH_YOUNGER,     /* ... at most */
    IMAP_SEARCH_EMAILID,     /* object id `text` */
    IMAP_SEARCH_THREADID,    /* thread id `text` */
    IMAP_SEARCH_SAVEDBEFORE, /* BEFORE, ON, SINCE for the date it came into the mailbox */
    IMAP_SEARCH_SAVEDON,
    IMAP_SEARCH_SAVEDSINCE
};

struct imap_search_key {
    enum imap_search_op op;
    str name; /* of HEADER */
    str text; /* UTF-8 as sent */
    int64_t days;
    uint64_t number;
    bool is_fuzzy;                       /* it stands under FUZZY (RFC 6203) */
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
    IMAP_RETURN_SAVE = 16,
    IMAP_RETURN_PARTIAL = 32,
    IMAP_RETURN_UPDATE = 64,
    IMAP_RETURN_CONTEXT = 128,
    IMAP_RETURN_RELEVANCY = 256
};

enum imap_sort_by {
    IMAP_SORT_ARRIVAL,
    IMAP_SORT_CC,
    IMAP_SORT_DATE,
    IMAP_SORT_DISPLAYFROM,
    IMAP_SORT_DISPLAYTO,
    IMAP_SORT_FROM,
    IMAP_SORT_RELEVANCY,
    IMAP_SORT_SIZE,
    IMAP_SORT_SUBJECT,
    IMAP_SORT_TO
};

struct imap_sort_criterion {
    enum imap_sort_by by;
    bool is_reverse;
};

enum imap_thread_by {
    IMAP_THREAD_ORDEREDSUBJECT,
    IMAP_THREAD_REFERENCES, /* RFC 5256: threads of one subject are merged */
    IMAP_THREAD_REFS        /* by references only; threads by their newest message */
};

struct imap_search_args {
    bool has_return; /* RETURN (...) was given; "()" means ALL */
    unsigned returns;
    struct imap_partial partial; /* with IMAP_RETURN_PARTIAL */
    bool has_modseq;             /* a MODSEQ key is in the tree: the answer carries MODSEQ */
    bool has_numbers;            /* message numbers are in the tree (UIDONLY refuses them) */
    bool has_charset;
    bool has_fuzzy; /* a FUZZY key is in the tree */
    struct imap_search_key *root;
    struct imap_sort_criterion sort[IMAP_SORT_MAX]; /* of SORT */
    size_t n_sort;
    enum imap_thread_by thread;          /* of THREAD */
    bool has_sources;                    /* of ESEARCH: IN (...) was given */
    struct imap_mailbox_filter *sources; /* of ESEARCH */
    size_t n_sources;
};

/* Why arguments with ERR_UNSUPPORTED are refused. */
enum imap_search_refusal {
    IMAP_SEARCH_FINE,
    IMAP_SEARCH_BAD_CHARSET,  /* NO [BADCHARSET] */
    IMAP_SEARCH_BAD_OPTION,   /* BAD: a RETURN option, criterion or source that is not offered */
    IMAP_SEARCH_BAD_ALGORITHM /* BAD: not one of the THREAD= capabilities */
};

/* Reads everything behind "SEARCH", "SORT", "THREAD" or "ESEARCH". In the lexer's arena.
 * ERR_SYNTAX; ERR_LIMIT (depth, keys, criteria, mailboxes); ERR_UNSUPPORTED: *why says what it is.
 */
bool imap_search_parse(struct imap_lexer *l, struct imap_search_args *out,
                       enum imap_search_refusal *why, struct err *e);
bool imap_sort_parse(struct imap_lexer *l, struct imap_search_args *out,
                     enum imap_search_refusal *why, struct err *e);
bool imap_thread_parse(struct imap_lexer *l, struct imap_search_args *out,
                       enum imap_search_refusal *why, struct err *e);
bool imap_esearch_parse(struct imap_lexer *l, struct imap_search_args *out,
                        enum imap_search_refusal *why, struct err *e);

/* One or more search keys up to the end of the command, as one AND (the part of the above behind
 * the charset). Fills root and the has_... fields that keys decide. ERR_SYNTAX, ERR_LIMIT. */
bool imap_search_keys_parse(struct imap_lexer *l, struct imap_search_args *out, struct err *e);

/* The tags of CANCELUPDATE (RFC 5267 section 4.3.5), at most IMAP_CANCEL_MAX; `tags` has room for
 * that many. ERR_SYNTAX, ERR_LIMIT. */
bool imap_cancelupdate_parse(struct imap_lexer *l, str *tags, size_t *n, struct err *e);

#endif
