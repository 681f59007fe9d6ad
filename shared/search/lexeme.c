/* SPDX-License-Identifier: Apache-2.0 */
/* Quoting of lexemes (PostgreSQL manual, section 8.11). */
#include "search/lexeme.h"

#include "search/document.h"

bool search_lexeme_add(struct buf *out, const char *mark, str word)
{
    bool fits = buf_add_byte(out, '\'') && buf_add(out, str_from_cstr(mark));
    if (str_find_byte(word, '\'') < 0 && str_find_byte(word, '\\') < 0)
        return fits && buf_add(out, word) && buf_add_byte(out, '\'');
    for (size_t i = 0; i < word.n && fits; i++) {
        if (word.p[i] == '\'' || word.p[i] == '\\')
            fits = buf_add_byte(out, word.p[i]);
        fits = fits && buf_add_byte(out, word.p[i]);
    }
    return fits && buf_add_byte(out, '\'');
}

static bool add_suffix(struct buf *out, bool prefix, const char *weights)
{
    return (!prefix && !weights[0]) || buf_addf(out, ":%s%s", prefix ? "*" : "", weights);
}

bool search_lexeme_add_folded(struct buf *out, const char *mark, str folded, bool prefix,
                              const char *weights)
{
    const char *fold_mark = mark[0] ? SEARCH_HEADER_MARK SEARCH_FOLD_MARK : SEARCH_FOLD_MARK;
    return buf_add_byte(out, '(') && search_lexeme_add(out, mark, folded) &&
           add_suffix(out, prefix, weights) && buf_add_byte(out, '|') &&
           search_lexeme_add(out, fold_mark, folded) && add_suffix(out, prefix, weights) &&
           buf_add_byte(out, ')');
}

const char *search_lexeme_weights(unsigned fields)
{
    /* SEARCH_FIELD_SUBJECT, FROM, TO and BODY are bits 1, 2, 4 and 8. */
    static const char *const letters[16] = { "",  "A",  "B",  "AB",  "C",  "AC",  "BC",  "ABC",
                                             "D", "AD", "BD", "ABD", "CD", "ACD", "BCD", "" };
    return letters[fields & 15];
}
