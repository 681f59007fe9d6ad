/* SPDX-License-Identifier: Apache-2.0 */
/* What people type: the tree keeps its limits or is refused as too wide, and pieces of a text that
 * is shown make the text again. */
#include "base/utf8.h"
#include "services/api/search_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    str in = str_of((const char *)data, size);
    str tsquery;
    struct err ignored = ERR_CLEAR;
    struct search_segment *segments;
    if (size > 4000 || !utf8_is_valid(in))
        return 0;
    arena_init(&a);
    struct search_typed *typed = ARENA_NEW(&a, struct search_typed);
    search_typed_read(&a, in, typed);
    INVARIANT(typed->n_needles <= SEARCH_TYPED_WORDS && typed->n_in <= SEARCH_TYPED_LISTS);
    if (typed->words)
        (void)search_query_format(&a, typed->words, &tsquery, &ignored);
    size_t n = search_segments(&a, typed, SEARCH_FIELD_SUBJECT, in, &segments);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        INVARIANT(segments[i].text.n > 0 && segments[i].text.p == in.p + total);
        total += segments[i].text.n;
    }
    INVARIANT(total == in.n);
    arena_fini(&a);
    return 0;
}
