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
    str tsvector;     /* "'word':1A,7 'other':3": for $n::tsvector */
    const str *words; /* each once, without marks, in byte order, for the vocabulary */
    size_t n_words;
    bool cut; /* words are missing; SEARCH_CUT_MARK stands in the tsvector */
};

/* Lexemes that no word can be equal to. Words of header fields that have no weight of their own
 * begin with HEADER_MARK; a word that is another one when it is folded stands there twice, once
 * folded behind FOLD_MARK, at the same places; a document that lacks words holds CUT_MARK; one
 * whose words or positions are too many to tell phrases holds POSITION_MARK too. */
#define SEARCH_HEADER_MARK "\x02"
#define SEARCH_FOLD_MARK   "\x03"
#define SEARCH_CUT_MARK \
    "\x01"              \
    "cut"
#define SEARCH_POSITION_MARK \
    "\x01"                   \
    "position"

/* The tsvector of a message that cannot be read: every search looks at it. */
#define SEARCH_UNREADABLE_TSVECTOR "'" SEARCH_CUT_MARK "' '" SEARCH_POSITION_MARK "'"

/* Makes the document of a raw message. Never fails. Linear; in arena. */
void search_document_make(struct arena *a, str message, struct search_document *out);

/* A header field with its name and its value, beside the value alone: for the verification of
 * needles that reach over both, where all fields are asked for. The index has no use for it. */
enum {
    SEARCH_TEXT_WHOLE = 64
};

/* The texts of a message by field, in normal form, as both the index and the verification see
 * them: calls fn for each text, in the order subject, from, to, other headers, headers of parts,
 * body. Other headers and those of parts come with their names; fields with a weight of their own
 * give their name as text of the headers. Tags of signatures and keys are left out. `max_text` is
 * the most bytes of the body (SIZE_MAX: all). False when the body was cut. */
typedef void (*search_text_fn)(unsigned field, str normal_text, void *arg);
bool search_message_texts(str message, size_t max_text, search_text_fn fn, void *arg);

#endif
