/* SPDX-License-Identifier: Apache-2.0 */
/* What people type into the search box: words, "phrases", -words, OR and operators like from: and
 * before:. Pure. Names of mailboxes are only noted: what they mean is for the caller. */
#ifndef API_SEARCH_QUERY_H
#define API_SEARCH_QUERY_H

#include "search/mail_search.h"

enum {
    SEARCH_TYPED_WORDS = 32, /* words, phrases and operators that are read; the rest is left out */
    SEARCH_TYPED_LISTS = 8   /* mailboxes, labels */
};

/* A text that is shown as found: folded (search/tokens.h). */
struct search_needle_typed {
    str text;
    unsigned fields; /* SEARCH_FIELD_*; 0 any */
    bool is_prefix;
};

struct search_typed {
    const struct search_node *words;  /* NULL: none were typed */
    struct search_mail_filter filter; /* without in and not_in */
    str in[SEARCH_TYPED_LISTS];       /* names of mailboxes as typed */
    size_t n_in;
    str not_in[SEARCH_TYPED_LISTS];
    size_t n_not_in;
    str labels[SEARCH_TYPED_LISTS]; /* filter.labels point here */
    struct search_needle_typed needles[SEARCH_TYPED_WORDS];
    size_t n_needles;
};

/* Reads what was typed (UTF-8). Never fails: what is no operator is a word. The last word may be
 * the beginning of one, unless a space follows it. In arena; keeps nothing of `typed`. */
void search_typed_read(struct arena *a, str typed, struct search_typed *out);

/* ---- showing what was found ---- */

/* A piece of a text. */
struct search_segment {
    str text;
    bool is_match;
};

/* Cuts `text` where words of it are what was searched for in `field`. Gives how many pieces. In
 * arena; pieces borrow `text`. */
size_t search_segments(struct arena *a, const struct search_typed *typed, unsigned field, str text,
                       struct search_segment **out);

#endif
