/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines of an answer count. */
#include "submit/answer_lines.h"

#include "submit/answer.h"
#include "submit/answer_words.h"

enum {
    GREETING_UNKNOWN_MAX = 4, /* words: "Sehr geehrte Damen und Herren" */
    TURN_WORDS = 3            /* that may begin what takes an order back: "Actually, do not" */
};

/* "Hello," and "Dear mail system,": a greeting and nothing that could be (the beginning of) an
 * order, as "Hello, I refuse to" is. */
static bool is_greeting(str line, str behind)
{
    str word;
    bool is_whole = answer_mark_of(line, true) > 0;
    enum answer_meaning meaning;
    bool is_end = false;
    bool greets = false;
    bool has_stop = false;
    unsigned unknown = 0;
    while (answer_next_meaning(&line, &word, &meaning, &is_end)) {
        greets = greets || meaning == ANSWER_GREETING;
        if (meaning == ANSWER_NOTHING && (has_stop || ++unknown > GREETING_UNKNOWN_MAX))
            return false;
        if (meaning != ANSWER_NOTHING && meaning != ANSWER_GREETING && meaning != ANSWER_MESSAGE &&
            meaning != ANSWER_AND)
            return false;
        has_stop = has_stop || is_end;
    }
    (void)str_cut(behind, '\n', &behind, &word);
    return greets && (unknown == 0 || is_whole || str_trim(behind).n == 0);
}

static bool is_quoted(str text)
{
    text = str_trim(text);
    return text.n > 0 && text.p[0] == '>';
}

/* The fields that programs put above what they quote without marks. */
static bool is_field(str line, const str names[], size_t n)
{
    while (line.n > 0 && line.p[0] == '*')
        line = str_skip(line, 1);
    for (size_t i = 0; i < n; i++) {
        if (str_has_iprefix(line, names[i]))
            return true;
    }
    return false;
}

/* "-- ", or what stands above a quotation without marks: "________", "-----Original Message-----",
 * "From: ..." with "Sent: ..." behind it. */
static bool ends_answer(str line, str behind)
{
    static const str authors[] = { STR_INIT("From:"), STR_INIT("Von:") };
    static const str others[] = { STR_INIT("Sent:"), STR_INIT("Date:"),     STR_INIT("To:"),
                                  STR_INIT("An:"),   STR_INIT("Gesendet:"), STR_INIT("Datum:") };
    str next;
    str rest;
    line = str_trim(line);
    if (str_eq(line, STR("--")) || str_has_prefix(line, STR("-----")) ||
        str_has_prefix(line, STR("_____")))
        return true;
    (void)str_cut(behind, '\n', &next, &rest);
    return is_field(line, authors, COUNT_OF(authors)) && is_field(next, others, COUNT_OF(others));
}

/* "Send it", and in a paragraph of its own: "But only if it is encrypted". What people and programs
 * put there otherwise does not begin so; a question decides nothing. */
static bool takes_back(str text)
{
    static const bool turns[ANSWER_N_MEANINGS] = { [ANSWER_DOUBT] = true,
                                                   [ANSWER_NOT] = true,
                                                   [ANSWER_NO] = true,
                                                   [ANSWER_ONLY] = true,
                                                   [ANSWER_WITHOUT] = true };
    str line = STR_EMPTY;
    str word;
    enum answer_meaning meaning;
    bool is_end;
    while (line.n == 0 && text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        line = str_trim(line);
    }
    if (line.n == 0 || line.p[0] == '>' || ends_answer(line, text) || str_find_byte(line, '?') >= 0)
        return false;
    for (unsigned i = 0; i < TURN_WORDS && answer_next_meaning(&line, &word, &meaning, &is_end);
         i++) {
        if (i == 0 ? turns[meaning] : meaning == ANSWER_NOT)
            return true;
    }
    return false;
}

bool answer_find_paragraph(str text, str who, str *out)
{
    str line;
    str from = text; /* with the line that ended it */
    *out = STR_EMPTY;
    for (unsigned i = 0; i < ANSWER_LINES_MAX && text.n > 0; i++) {
        from = text;
        (void)str_cut(text, '\n', &line, &text);
        bool is_over = ends_answer(line, text);
        line = str_trim(line);
        bool is_text = !is_over && line.n > 0 && line.p[0] != '>';
        if (out->n == 0 && is_text && !is_greeting(line, text)) {
            *out = line;
        } else if (out->n > 0 && is_text) {
            out->n = (size_t)(line.p + line.n - out->p);
        } else if (!is_over && out->n > 0 && answer_is_attribution(*out)) {
            *out = STR_EMPTY; /* who answers below writes after what is quoted */
        } else if (is_over || out->n > 0) {
            if (!is_over && line.n == 0 && takes_back(text))
                return false;
            break;
        }
    }
    if (is_quoted(from))
        *out = answer_without_attribution(*out);
    *out = answer_without_close(*out, who);
    return out->n > 0;
}
