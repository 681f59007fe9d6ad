/* SPDX-License-Identifier: Apache-2.0 */
/* What people and their programs put below an order. Only what cannot be a part of the order is
 * left away: "send just this / if they encrypt" keeps both of its lines, and is no order. */
#include "submit/answer_lines.h"
#include "submit/answer_words.h"

enum {
    NAME_WORDS_MAX = 3,
    CLOSE_WORDS_MAX = 8,
    CLOSE_LINES_MAX = 6,
    ATTRIBUTION_LINES_MAX = 3
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Octets of a capital letter of Latin that the text begins with; 0: it begins with none. */
static size_t capital_of(str text)
{
    unsigned char c = text.n > 0 ? (unsigned char)text.p[0] : 0;
    unsigned char next = text.n > 1 ? (unsigned char)text.p[1] : 0;
    if (c >= 'A' && c <= 'Z')
        return 1;
    return c == 0xc3 && next >= 0x80 && next <= 0x9e ? 2 : 0;
}

/* "Mia", "O'Neill", "Ann-Marie", "M"; not "ASAP", "shady.net", "2nd", "TLS-encrypted". */
static bool is_name(str word)
{
    bool has_lower = false;
    size_t n = capital_of(word);
    size_t first = n;
    for (size_t i = n; n > 0 && i < word.n;) {
        char c = word.p[i];
        bool joins = c == '-' || c == '\'';
        n = joins ? capital_of(str_skip(word, i + 1)) : 1;
        has_lower = has_lower || is_lower(c) || (unsigned char)c >= 0x80;
        if (!joins && !is_lower(c) && (unsigned char)c < 0x80 && capital_of(str_skip(word, i)) == 0)
            return false;
        i += joins ? 1 + n : 1;
    }
    return n > 0 && (has_lower || first == word.n);
}

/* Whether the word is one of the author's From field, or of the local part there. */
static bool is_own_name(str word, str who)
{
    static const str apart = STR_INIT(" \t\"<>().@+_,;:");
    size_t from = 0;
    for (size_t i = 0; i <= who.n; i++) {
        if (i < who.n && str_find_byte(apart, who.p[i]) < 0)
            continue;
        if (i > from && str_ieq(str_slice(who, from, i - from), word))
            return true;
        if (i < who.n && who.p[i] == '@') /* what is behind it names no person */
            return false;
        from = i + 1;
    }
    return false;
}

/* "Mia", "Mia Winter", of the author. */
static bool is_own_line(str line, str who)
{
    str word;
    enum answer_meaning meaning;
    bool is_end;
    unsigned n = 0;
    while (answer_next_meaning(&line, &word, &meaning, &is_end)) {
        if (meaning != ANSWER_NOTHING || !is_own_name(word, who))
            return false;
        n++;
    }
    return n > 0;
}

static bool is_name_line(str line)
{
    str word;
    enum answer_meaning meaning;
    bool is_end;
    unsigned n = 0;
    while (answer_next_meaning(&line, &word, &meaning, &is_end)) {
        if (meaning != ANSWER_NOTHING || !is_name(word) || ++n > NAME_WORDS_MAX)
            return false;
    }
    return n > 0;
}

/* "Best regards, Mia", "Thanks", "Sent from my phone". */
static bool is_close_line(str line)
{
    static const bool harmless[ANSWER_N_MEANINGS] = {
        [ANSWER_CLOSE] = true,   [ANSWER_THANKS] = true, [ANSWER_AND] = true,
        [ANSWER_FILLER] = true,  [ANSWER_ASIDE] = true,  [ANSWER_OF] = true,
        [ANSWER_GREETING] = true
    };
    str word;
    enum answer_meaning meaning;
    enum answer_meaning first = ANSWER_NOTHING;
    bool is_end;
    for (unsigned n = 0; answer_next_meaning(&line, &word, &meaning, &is_end); n++) {
        first = n == 0 ? meaning : first;
        bool is_free =
            first == ANSWER_DEVICE &&
            (meaning == ANSWER_DEVICE || meaning == ANSWER_MESSAGE || meaning == ANSWER_NOTHING);
        bool is_good = is_free || harmless[meaning] || (meaning == ANSWER_NOTHING && is_name(word));
        if (n == CLOSE_WORDS_MAX || !is_good)
            return false;
    }
    return first == ANSWER_CLOSE || first == ANSWER_THANKS || first == ANSWER_DEVICE;
}

/* Whether something has to follow: "send just this to", "whitelist the". */
static bool is_open(str text)
{
    static const str to_come[] = {
        STR_INIT("to"),  STR_INIT("of"),  STR_INIT("for"), STR_INIT("on"),    STR_INIT("an"),
        STR_INIT("auf"), STR_INIT("von"), STR_INIT("my"),  STR_INIT("meine"), STR_INIT("put"),
    };
    str word = STR_EMPTY;
    enum answer_meaning meaning = ANSWER_NOTHING;
    bool is_end;
    while (answer_next_meaning(&text, &word, &meaning, &is_end)) {
    }
    for (size_t i = 0; i < COUNT_OF(to_come); i++) {
        if (str_ieq(word, to_come[i]))
            return true;
    }
    return meaning == ANSWER_ARTICLE || meaning == ANSWER_AND || meaning == ANSWER_WITHOUT ||
           meaning == ANSWER_ONLY;
}

/* Takes the last line from the paragraph; false: there is but one. */
static bool take_last(str *paragraph, str *line)
{
    ptrdiff_t at = str_rfind_byte(*paragraph, '\n');
    if (at < 0)
        return false;
    *line = str_trim(str_skip(*paragraph, (size_t)at + 1));
    *paragraph = str_trim(str_slice(*paragraph, 0, (size_t)at));
    return true;
}

str answer_without_close(str paragraph, str who)
{
    str line;
    str left = paragraph;
    for (unsigned i = 0; i < CLOSE_LINES_MAX && take_last(&left, &line); i++) {
        bool is_end = is_close_line(line) || is_own_line(line, who);
        if (!is_end && !is_name_line(line)) /* which may stand below a farewell */
            break;
        if (is_end && !is_open(left))
            paragraph = left;
    }
    return paragraph;
}

/* "On Sat, 21 Nov 2026 at 10:00, ..." */
static bool begins_attribution(str line)
{
    bool has_digit = false;
    for (size_t i = 0; i < line.n; i++)
        has_digit = has_digit || (line.p[i] >= '0' && line.p[i] <= '9');
    return has_digit && (str_has_iprefix(line, STR("On ")) || str_has_iprefix(line, STR("Am ")));
}

str answer_without_attribution(str paragraph)
{
    str line;
    str left = paragraph;
    if (!str_has_suffix(paragraph, STR(":")))
        return paragraph;
    for (unsigned i = 0; i < ATTRIBUTION_LINES_MAX && take_last(&left, &line); i++) {
        if (begins_attribution(line))
            return left;
    }
    return paragraph;
}

/* "On Sat, 21 Nov 2026 at 10:00, ... wrote:", "Mail System <m@example.org> schrieb am ...:". */
bool answer_is_attribution(str paragraph)
{
    str left = paragraph;
    str line;
    unsigned lines = 1;
    while (take_last(&left, &line))
        lines++;
    return lines <= ATTRIBUTION_LINES_MAX && str_has_suffix(paragraph, STR(":")) &&
           (begins_attribution(left) || str_find_byte(left, '@') >= 0) &&
           (str_has_suffix(paragraph, STR("wrote:")) || str_find(paragraph, STR("schrieb")) >= 0);
}
