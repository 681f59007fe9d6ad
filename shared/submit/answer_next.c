/* SPDX-License-Identifier: Apache-2.0 */
/* Takes an answer apart: words, marks around them, stops between them. */
#include "submit/answer_words.h"

/* Quotes, dashes and dots beyond ASCII. */
static const str marks[] = {
    STR_INIT("\xe2\x80\x9c"), STR_INIT("\xe2\x80\x9d"), STR_INIT("\xe2\x80\x9e"),
    STR_INIT("\xe2\x80\x98"), STR_INIT("\xe2\x80\x99"), STR_INIT("\xe2\x80\x9a"),
    STR_INIT("\xc2\xab"),     STR_INIT("\xc2\xbb"),     STR_INIT("\xe2\x80\xa6"),
    STR_INIT("\xe2\x80\x93"), STR_INIT("\xe2\x80\x94"),
};

size_t answer_mark_of(str word, bool at_end)
{
    static const str around = STR_INIT("\"'`*_.,;:!?()[]<>-");
    if (word.n > 0 && str_find_byte(around, word.p[at_end ? word.n - 1 : 0]) >= 0)
        return 1;
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (at_end ? str_has_suffix(word, marks[i]) : str_has_prefix(word, marks[i]))
            return marks[i].n;
    }
    return 0;
}

/* Without the quotes, stars and dots that people and their programs put around words. */
static str bare(str word)
{
    for (size_t n = answer_mark_of(word, false); n > 0; n = answer_mark_of(word, false))
        word = str_skip(word, n);
    for (size_t n = answer_mark_of(word, true); n > 0; n = answer_mark_of(word, true))
        word.n -= n;
    return word;
}

/* What separates words inside of a line, and its lines; "-", "." and "@" are parts of names. */
static const str separators[] = {
    STR_INIT(" "),
    STR_INIT("\t"),
    STR_INIT("\r"),
    STR_INIT("\n"),
    STR_INIT("/"),
    STR_INIT(","),
    STR_INIT(";"),
    STR_INIT("!"),
    STR_INIT("<"),
    STR_INIT("("),
    STR_INIT("\xc2\xa0"),
    STR_INIT("\xe2\x80\xaf"),
    STR_INIT("\xe2\x80\x89"),
    STR_INIT("\xe2\x80\xa6"),
    STR_INIT("\xe2\x80\x93"),
    STR_INIT("\xe2\x80\x94"),
};

/* What, between two words, ends the sentence or a part of it. */
static const str stops[] = {
    STR_INIT(","),
    STR_INIT(";"),
    STR_INIT("!"),
    STR_INIT("."),
    STR_INIT(":"),
    STR_INIT("("),
    STR_INIT(")"),
    STR_INIT("-"),
    STR_INIT("/"),
    STR_INIT("<"),
    STR_INIT("\xe2\x80\xa6"),
    STR_INIT("\xe2\x80\x93"),
    STR_INIT(">"),
    STR_INIT("["),
    STR_INIT("\xe2\x80\x94"),
    STR_INIT("]"),
};

/* Octets of a separator that the text begins with; 0: none. */
static size_t separator_of(str text)
{
    for (size_t i = 0; i < COUNT_OF(separators); i++) {
        if (str_has_prefix(text, separators[i]))
            return separators[i].n;
    }
    return 0;
}

/* Programs for mail make links of names: "shady.net <http://shady.net/>". */
static str without_scheme(str text)
{
    static const str schemes[] = { STR_INIT("http://"), STR_INIT("https://") };
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (str_has_iprefix(text, schemes[i]))
            return str_skip(text, schemes[i].n);
    }
    return text;
}

static bool next_word(str *text, str *out)
{
    while (text->n > 0) {
        *text = without_scheme(*text);
        size_t n = 0;
        size_t taken = 0;
        while (n < text->n && taken == 0) {
            taken = separator_of(str_skip(*text, n));
            n += taken == 0;
        }
        *out = bare(str_slice(*text, 0, n));
        *text = str_skip(*text, n + taken);
        if (out->n > 0)
            return true;
    }
    return false;
}

/* The word behind `word`, without taking it, unless a stop or the end of the text comes first. */
static bool next_goes_on(str text, str word, str *next)
{
    if (!next_word(&text, next))
        return false;
    const char *end = word.p + word.n;
    str gap = str_of(end, (size_t)(next->p - end));
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        if (str_find(gap, stops[i]) >= 0)
            return false;
    }
    return true;
}

bool answer_next_meaning(str *text, str *word, enum answer_meaning *out, bool *is_end)
{
    str next = STR_EMPTY;
    bool is_pair;
    if (!next_word(text, word))
        return false;
    *is_end = !next_goes_on(*text, *word, &next);
    *out = answer_meaning_of(*word, *is_end ? STR_EMPTY : next, &is_pair);
    if (is_pair) {
        str second = next;
        (void)next_word(text, &second);
        *is_end = !next_goes_on(*text, second, &next);
    }
    return true;
}
