/* SPDX-License-Identifier: Apache-2.0 */
/* A message as a document of the index: the text of its tsvector and the words for the vocabulary.
 * Pure. */
#ifndef SEARCH_DOCUMENT_H
#define SEARCH_DOCUMENT_H

#include "base/base.h"

enum {
    SEARCH_MAX_POSITION = 16383,           /* PostgreSQL keeps no higher one */
    SEARCH_MAX_POSITIONS = 255,            /* of one word in one document, likewise */
    SEARCH_MAX_WORDS_PER_DOCUMENT = 20000, /* different ones; further ones are left out */
    SEARCH_MAX_DOCUMENT_BYTES = 900 * 1024 /* of lexemes and positions; PostgreSQL allows 1 MB */
};

struct search_document {
    str tsvector;     /* "'word':1A,7 'other'": for $n::tsvector */
    const str *words; /* each once, in byte order */
    size_t n_words;
    bool cut; /* not all of the message is in it; the word SEARCH_CUT_MARK is then among the lexemes
               */
};

/* Stands in the tsvector of a document that is not whole, so that searches can ask for it. No token
 * can be equal to it. */
#define SEARCH_CUT_MARK \
    "\x01"              \
    "cut"

/* Makes the document of a raw message. Never fails. Linear; in arena. */
void search_document_make(struct arena *a, str message, struct search_document *out);

#endif
