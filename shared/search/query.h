/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a word search, and its translation into the text of a tsquery. Pure. The grammar that
 * people type is not here: whoever offers one makes this tree. */
#ifndef SEARCH_QUERY_H
#define SEARCH_QUERY_H

#include "base/base.h"

/* Where a word may stand. The first four are the weights A-D of the index; words of other header
 * fields are lexemes of their own there. */
enum search_field {
    SEARCH_FIELD_SUBJECT = 1,
    SEARCH_FIELD_FROM = 2,
    SEARCH_FIELD_TO = 4,      /* To, Cc and Bcc */
    SEARCH_FIELD_BODY = 8,    /* readable text and names of attachments */
    SEARCH_FIELD_HEADERS = 16 /* all other header fields but trace and signatures */
};
enum {
    SEARCH_FIELD_ANY = 31
};

enum search_op {
    SEARCH_AND,  /* all children; true without any */
    SEARCH_OR,   /* any child; false without any */
    SEARCH_NOT,  /* not its one child */
    SEARCH_WORDS /* a leaf */
};

enum search_match {
    SEARCH_MATCH_ALL,    /* all words of the text, anywhere */
    SEARCH_MATCH_PHRASE, /* its words in this order, next to each other (in HEADERS: all words) */
    SEARCH_MATCH_PREFIX  /* as ALL; the last word may be the beginning of one */
};

struct search_node {
    enum search_op op;
    const struct search_node *first; /* children */
    const struct search_node *next;  /* sibling */
    enum search_match match;         /* of WORDS */
    unsigned fields;                 /* of WORDS: SEARCH_FIELD_*, 0 = any */
    str text;                        /* of WORDS: UTF-8 */
};

enum {
    SEARCH_MAX_NODES = 64,         /* of a tree */
    SEARCH_MAX_DEPTH = 16,         /* of a tree */
    SEARCH_MAX_WORDS = 64,         /* of all leaves together */
    SEARCH_MAX_PREFIXES = 4,       /* of all leaves together: each costs like many words */
    SEARCH_MIN_PREFIX_CHARS = 2,   /* shorter ones are matched as whole words */
    SEARCH_MAX_QUERY_BYTES = 16384 /* of the text of a tsquery */
};

/* Makes the text of a tsquery (for $n::tsquery) of the tree; empty when the tree holds no word, and
 * so matches nothing. ERR_LIMIT when a limit above is passed: the peer's fault. In arena. */
bool search_query_format(struct arena *a, const struct search_node *root, str *out, struct err *e);

/* For search_find_substring: the text of a tsquery that every indexed message matches whose normal
 * text holds the needle in one of `fields`. */
struct search_pattern {
    str tsquery;    /* with `like`: $w stands for the words; empty: the index cannot say */
    str like;       /* pattern that words of the vocabulary have to match first; may be empty */
    bool is_exact;  /* nothing else matches it, but for documents that are marked */
    bool is_phrase; /* positions matter: SEARCH_POSITION_MARK does too */
};

/* Makes the pattern of a needle in normal form. When `like` is not empty, call it again with the
 * `words` (not NULL, may be none: n_words 0) that are like it. In arena. */
void search_pattern_make(struct arena *a, str needle, unsigned fields, const str *words,
                         size_t n_words, struct search_pattern *out);

#endif
