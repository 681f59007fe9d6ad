/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the index: words are sorted and found again, and no substring is missed by its
 * pattern. */
#include "base/utf8.h"
#include "search/document.h"
#include "search/query.h"
#include "search/search.h"
#include "search/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_words(const struct search_document *d)
{
    for (size_t i = 0; i < d->n_words; i++) {
        INVARIANT(utf8_is_valid(d->words[i]) && d->words[i].n <= SEARCH_MAX_TOKEN_BYTES);
        INVARIANT(i == 0 || str_cmp(d->words[i - 1], d->words[i]) < 0);
    }
    INVARIANT(d->n_words <= SEARCH_MAX_WORDS_PER_DOCUMENT);
    INVARIANT(utf8_is_valid(d->tsvector) && str_find_byte(d->tsvector, '\0') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct search_document d;
    struct search_pattern pattern;
    str message = str_of((const char *)data, n);
    arena_init(&a);
    search_document_make(&a, message, &d);
    check_words(&d);
    str needle = search_normalize(&a, str_slice(message, 0, 200));
    str folded = search_fold(&a, needle);
    INVARIANT(utf8_is_valid(needle) && utf8_is_valid(folded));
    search_pattern_make(&a, needle, SEARCH_FIELD_ANY, d.words, d.n_words < 200 ? d.n_words : 200,
                        &pattern);
    INVARIANT(utf8_is_valid(pattern.tsquery) && utf8_is_valid(pattern.like));
    struct err e = ERR_CLEAR;
    str query = STR_EMPTY;
    struct search_node node = { .op = SEARCH_WORDS, .text = str_slice(message, 0, 100) };
    (void)search_query_format(&a, &node, &query, &e);
    arena_fini(&a);
    return 0;
}
