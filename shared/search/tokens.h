/* SPDX-License-Identifier: Apache-2.0 */
/* Text to the words of the index: the normal form, and the tokeniser. Pure, linear; used alike for
 * messages and for questions. The essay on the rules is in README.md of this folder. */
#ifndef SEARCH_TOKENS_H
#define SEARCH_TOKENS_H

#include "base/base.h"

enum {
    SEARCH_MAX_TOKEN_BYTES = 256 /* longer words are cut there; PostgreSQL refuses 2 KB */
};

/* Text in the form in which i;unicode-casemap (RFC 5051) compares octets: title case, decomposed.
 * In arena. */
str search_casemap(struct arena *a, str text);

/* `text` (UTF-8; wrong bytes become U+FFFD) in the form in which it is compared octet by octet:
 * i;unicode-casemap (RFC 5051: title case of each character, then its full decomposition; accents
 * stay), with small letters in place of those title case ones that they are a pair with, and runs
 * of white space and controls as one space, also at the ends. Once for each text: the form of a
 * form may be another one. In arena. */
str search_normalize(struct arena *a, str text);

/* What a text in normal form says to those who do not care: lower case, composed, without accents
 * and invisible characters. In arena, or the text itself. */
str search_fold(struct arena *a, str normal_text);

/* Whether folding leaves the character out. */
bool search_is_faint(uint32_t cp);

/* Whether the character belongs to the one before it, in words and in bigrams: accents, invisible
 * ones, the voicing marks of kana, vowels and finals of Hangul. */
bool search_is_extending(uint32_t cp);

enum search_token_kind {
    SEARCH_TOKEN_WORD,    /* letters, digits and marks */
    SEARCH_TOKEN_BIGRAM,  /* two neighbours in text without spaces between words (CJK, Thai ...) */
    SEARCH_TOKEN_SINGLE,  /* the last one of such a run */
    SEARCH_TOKEN_COMPOUND /* an address, its local part or its domain, as a whole: stands at the
                             position of its first word, and before it */
};

struct search_token {
    enum search_token_kind kind;
    str text;          /* in the normal text; 1 to SEARCH_MAX_TOKEN_BYTES bytes */
    unsigned position; /* 1-based count of words, bigrams and singles; not capped */
    bool cut;          /* the word was longer */
};

/* Walks the tokens of a text in normal form. */
struct search_tokenizer {
    str text;             /* private */
    size_t at;            /* private */
    unsigned position;    /* of the last word; may be set, to chain texts */
    size_t looked_to;     /* private: no address begins before this offset */
    str pending[3];       /* private: compounds to give before the next word */
    size_t pending_at[3]; /* private: offsets of the words they stand at */
    unsigned n_pending;   /* private */
};
void search_tokenizer_init(struct search_tokenizer *t, str normal_text);
/* The next token; false at the end. */
bool search_tokenizer_next(struct search_tokenizer *t, struct search_token *out);

#endif
