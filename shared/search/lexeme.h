/* SPDX-License-Identifier: Apache-2.0 */
/* Lexemes in the text forms of tsvector and tsquery. Only for the sources of search. */
#ifndef SEARCH_LEXEME_H
#define SEARCH_LEXEME_H

#include "base/base.h"

/* Appends 'mark word' as one quoted lexeme, quotes and backslashes inside doubled. False when `out`
 * is full. */
bool search_lexeme_add(struct buf *out, const char *mark, str word);

/* Appends a question for the folded word, whatever accents it is written with:
 * ('mark word':suffix|'mark fold word':suffix), with the weights and, for a beginning, a star. */
bool search_lexeme_add_folded(struct buf *out, const char *mark, str folded, bool prefix,
                              const char *weights);

/* The weights of SEARCH_FIELD_* as letters, empty when they are all four: "", "A", "BC" ... */
const char *search_lexeme_weights(unsigned fields);

#endif
