/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers of people. What is doubtful is not understood: a message that was not meant to go
 * out cannot be called back. */
#include "submit/answer.h"

#include "base/hex.h"
#include "submit/answer_words.h"

#define TAG "+tls-"

enum {
    HALF_DIGITS = 13, /* of 64 bits in base32 */
    DIGITS = 2 * HALF_DIGITS,
    WORD_MAX = 253 /* octets of a word that is looked at: a domain's */
};

/* ---- the address ---- */

str answer_address_make(struct arena *a, str base, const uint8_t secret[QUEUE_TOKEN_SIZE])
{
    uint64_t halves[2];
    char digits[DIGITS];
    ptrdiff_t at = str_rfind_byte(base, '@');
    if (at <= 0)
        return STR_EMPTY;
    str local = str_slice(base, 0, (size_t)at);
    ptrdiff_t plus = str_find_byte(local, '+');
    if (plus > 0)
        local = str_slice(local, 0, (size_t)plus);
    if (local.n + strlen(TAG) + sizeof(digits) > ANSWER_LOCAL_MAX)
        return STR_EMPTY;
    memcpy(halves, secret, sizeof(halves));
    base32_encode(halves[0], digits, HALF_DIGITS);
    base32_encode(halves[1], digits + HALF_DIGITS, HALF_DIGITS);
    return arena_printf(a, "%.*s" TAG "%.*s%.*s", STR_FMT(local), (int)sizeof(digits), digits,
                        STR_FMT(str_skip(base, (size_t)at)));
}

bool answer_address_parse(str address, uint8_t secret[QUEUE_TOKEN_SIZE])
{
    uint64_t halves[2];
    ptrdiff_t at = str_rfind_byte(address, '@');
    str local = str_slice(address, 0, at > 0 ? (size_t)at : 0);
    size_t tail = strlen(TAG) + DIGITS;
    if (local.n <= tail)
        return false;
    str tag = str_skip(local, local.n - tail);
    str digits = str_skip(tag, strlen(TAG));
    if (!str_has_iprefix(tag, STR(TAG)) ||
        !base32_decode(str_slice(digits, 0, HALF_DIGITS), &halves[0], NULL) ||
        !base32_decode(str_skip(digits, HALF_DIGITS), &halves[1], NULL))
        return false;
    memcpy(secret, halves, sizeof(halves));
    return true;
}

/* ---- which line counts ---- */

/* Quotes, dashes and dots beyond ASCII. */
static const str marks[] = {
    STR_INIT("\xe2\x80\x9c"), STR_INIT("\xe2\x80\x9d"), STR_INIT("\xe2\x80\x9e"),
    STR_INIT("\xe2\x80\x98"), STR_INIT("\xe2\x80\x99"), STR_INIT("\xe2\x80\x9a"),
    STR_INIT("\xc2\xab"),     STR_INIT("\xc2\xbb"),     STR_INIT("\xe2\x80\xa6"),
    STR_INIT("\xe2\x80\x93"), STR_INIT("\xe2\x80\x94"),
};

/* Octets of a mark that the word begins or ends with; 0: none. */
static size_t mark_of(str word, bool at_end)
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
    for (size_t n = mark_of(word, false); n > 0; n = mark_of(word, false))
        word = str_skip(word, n);
    for (size_t n = mark_of(word, true); n > 0; n = mark_of(word, true))
        word.n -= n;
    return word;
}

static bool next_word(str *line, str *out)
{
    while (line->n > 0) {
        size_t n = 0;
        while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
            n++;
        *out = bare(str_slice(*line, 0, n));
        *line = str_skip(*line, n < line->n ? n + 1 : n);
        if (out->n > 0)
            return true;
    }
    return false;
}

/* The next word or pair of words (answer_words.h). */
static bool next_meaning(str *line, str *word, enum answer_meaning *out)
{
    str rest;
    str next = STR_EMPTY;
    bool is_pair;
    if (!next_word(line, word))
        return false;
    rest = *line;
    (void)next_word(&rest, &next);
    *out = answer_meaning_of(*word, next, &is_pair);
    if (is_pair)
        *line = rest;
    return true;
}

/* "Hello," and "Dear mail system,": a greeting and nothing that could be an order. */
static bool is_greeting(str line)
{
    str word;
    enum answer_meaning meaning;
    bool greets = false;
    while (next_meaning(&line, &word, &meaning)) {
        greets = greets || meaning == ANSWER_GREETING;
        if (meaning != ANSWER_NOTHING && meaning != ANSWER_GREETING && meaning != ANSWER_MESSAGE)
            return false;
    }
    return greets;
}

static bool find_line(str text, str *out)
{
    str line;
    for (unsigned i = 0; i < ANSWER_LINES_MAX && text.n > 0; i++) {
        (void)str_cut(text, '\n', &line, &text);
        if (str_has_suffix(line, STR("\r")))
            line.n--;
        if (str_eq(line, STR("-- ")) || str_eq(line, STR("--")))
            return false;
        *out = str_trim(line);
        if (out->n > 0 && out->p[0] != '>' && !is_greeting(*out))
            return true;
    }
    return false;
}

/* ---- what it says ---- */

/* A name with a dot, of letters, digits and hyphens; UTF-8 too, as people write such names. */
static bool is_domain(str word)
{
    bool has_dot = false;
    for (size_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i];
        has_dot = has_dot || c == '.';
        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '.' &&
            c != '-' && c < 0x80)
            return false;
    }
    return has_dot && word.n <= WORD_MAX;
}

/* What a line says, word by word. */
struct reading {
    unsigned n[ANSWER_N_MEANINGS]; /* how often */
    unsigned without_tls;          /* both words in a row */
    unsigned just_this;            /* likewise */
    str domain;                    /* that was named; empty: none */
    bool is_address;               /* as that of somebody there */
};

/* Another domain than before: it is not said which one is meant. */
static bool note_domain(struct reading *r, str word)
{
    ptrdiff_t at = str_rfind_byte(word, '@');
    r->is_address = r->is_address || at >= 0;
    if (at >= 0)
        word = str_skip(word, (size_t)at + 1);
    if (!is_domain(word)) {
        r->n[ANSWER_NOTHING]++;
        return at < 0;
    }
    if (r->domain.n > 0 && !str_ieq(r->domain, word))
        return false;
    r->domain = word;
    return true;
}

/* False: too many words, or domains. */
static bool read_words(str line, struct reading *r)
{
    str word;
    enum answer_meaning before = ANSWER_NOTHING;
    enum answer_meaning meaning;
    for (unsigned i = 0; next_meaning(&line, &word, &meaning); i++) {
        if (i == ANSWER_WORDS_MAX)
            return false;
        if (meaning == ANSWER_NOTHING) {
            if (!note_domain(r, word))
                return false;
        } else {
            r->n[meaning]++;
        }
        r->without_tls += before == ANSWER_WITHOUT && meaning == ANSWER_TLS;
        r->just_this += before == ANSWER_ONLY && meaning == ANSWER_THIS;
        if (meaning != ANSWER_ARTICLE && meaning != ANSWER_ANY)
            before = meaning;
    }
    return true;
}

/* "just this", without any verb. */
static bool is_just_this(const struct reading *r)
{
    return r->just_this > 0 && r->n[ANSWER_NOTHING] == 0 && r->n[ANSWER_NOT] == 0;
}

/* "do not send it" is clear, but not what is not to be done in one way only. */
static bool is_cancelled(const struct reading *r, bool any)
{
    return r->n[ANSWER_NOT] == 1 && r->n[ANSWER_SEND] > 0 && !any && r->n[ANSWER_ONLY] == 0 &&
           r->n[ANSWER_SECURE] == 0 && r->n[ANSWER_TLS] == 0 && r->n[ANSWER_NOW] == 0 &&
           r->n[ANSWER_LATER] == 0;
}

/* Whether more is said than the choice holds: "send it encrypted", "allow just this", "retry
 * without TLS". */
static bool is_doubtful(const struct reading *r, enum queue_choice choice, bool any)
{
    bool is_one = r->n[ANSWER_THIS] > 0 && (r->n[ANSWER_ONLY] > 0 || r->n[ANSWER_MESSAGE] > 0);
    bool is_some = r->n[ANSWER_THIS] > 0 || r->n[ANSWER_ONLY] > 0 || r->n[ANSWER_MESSAGE] > 0;
    switch (choice) {
    case QUEUE_CHOICE_CANCEL:
        return false;
    case QUEUE_CHOICE_RETRY:
        return any;
    case QUEUE_CHOICE_SEND:
        return r->n[ANSWER_SECURE] > 0 || r->n[ANSWER_LATER] > 0 ||
               r->n[ANSWER_TLS] > r->without_tls;
    case QUEUE_CHOICE_WHITELIST:
        return r->n[ANSWER_SECURE] > 0 || r->n[ANSWER_LATER] > 0 || r->is_address ||
               (r->domain.n > 0 ? is_one : is_some);
    }
    return true;
}

bool answer_parse(str text, struct answer *out)
{
    struct reading r = { .domain = STR_EMPTY };
    str line;
    *out = (struct answer){ .choice = QUEUE_CHOICE_CANCEL };
    if (!find_line(str_slice(text, 0, ANSWER_TEXT_MAX), &line) || str_find_byte(line, '?') >= 0 ||
        !read_words(line, &r) || r.n[ANSWER_DOUBT] > 0 || r.n[ANSWER_WITHOUT] != r.without_tls ||
        r.without_tls > 1)
        return false;
    out->domain = r.domain;
    out->any = r.without_tls > 0 || r.n[ANSWER_ANY] > 0;
    bool cancels = r.n[ANSWER_CANCEL] > 0;
    bool retries = r.n[ANSWER_RETRY] > 0;
    bool whitelists = r.n[ANSWER_WHITELIST] > 0;
    /* To send again is to try again; who trusts the destination wants the message sent, too. */
    bool sends = r.n[ANSWER_SEND] > 0 && !retries && !whitelists;
    if (!cancels && !retries && !whitelists && is_just_this(&r))
        sends = true;
    if (cancels + retries + sends + whitelists != 1)
        return false;
    if (r.n[ANSWER_NOT] > 0)
        return sends && is_cancelled(&r, out->any);
    out->choice = sends        ? QUEUE_CHOICE_SEND
                  : retries    ? QUEUE_CHOICE_RETRY
                  : whitelists ? QUEUE_CHOICE_WHITELIST
                               : QUEUE_CHOICE_CANCEL;
    return !is_doubtful(&r, out->choice, out->any);
}
