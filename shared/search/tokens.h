/* SPDX-License-Identifier: Apache-2.0 */
/* Text to the words of the index: the normal form, and the tokeniser. Pure, linear; used alike for
 * messages and for questions. The essay on the rules is in README.md of this folder. */
#ifndef SEARCH_TOKENS_H
#define SEARCH_TOKENS_H

#include "base/base.h"

enum {
    SEARCH_MAX_TOKEN_BYTES = 256 /* longer words are cut there; PostgreSQL refuses 2 KB */
};

/* `text` (UTF-8; wrong bytes become U+FFFD) in NFKC, lower case, combining marks removed. In
 * arena. */
str search_normalize(struct arena *a, str text);

enum search_token_kind {
    SEARCH_TOKEN_WORD,    /* letters and digits */
    SEARCH_TOKEN_PART,    /* of the address that came before: at the same or a later position */
    SEARCH_TOKEN_ADDRESS, /* local@domain as a whole */
    SEARCH_TOKEN_BIGRAM,  /* two neighbours of CJK text, overlapping; one alone at the end of a run
                           */
};

struct search_token {
    enum search_token_kind kind;
    str text;          /* normal form, 1 to SEARCH_MAX_TOKEN_BYTES bytes; in the normal text */
    unsigned position; /* 1-based count of words; not capped */
    bool cut;          /* the word was longer */
};

/* Walks the tokens of a text in normal form. */
struct search_tokenizer {
    str text;          /* private */
    size_t at;         /* private */
    size_t part_at;    /* private: where the parts of an address go on */
    size_t part_end;   /* private */
    unsigned position; /* position of the last token; texts may be chained by setting it */
    struct search_token address; /* private */
};
void search_tokenizer_init(struct search_tokenizer *t, str normal_text);
/* The next token; false at the end. */
bool search_tokenizer_next(struct search_tokenizer *t, struct search_token *out);

#endif
