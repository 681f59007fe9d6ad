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
    WORD_MAX = 253,          /* octets of a word that is looked at: a domain's */
    GREETING_UNKNOWN_MAX = 4 /* words: "Sehr geehrte Damen und Herren" */
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

/* ---- words ---- */

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

static bool next_word(str *text, str *out)
{
    while (text->n > 0) {
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

/* The next word or pair of words (answer_words.h), and whether a stop follows. */
static bool next_meaning(str *text, str *word, enum answer_meaning *out, bool *is_end)
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

/* ---- which lines count ---- */

/* "Hello," and "Dear mail system,": a greeting and nothing that could be (the beginning of) an
 * order, as "Hello, I refuse to" is. */
static bool is_greeting(str line, str behind)
{
    str word;
    bool is_whole = mark_of(line, true) > 0;
    enum answer_meaning meaning;
    bool is_end = false;
    bool greets = false;
    bool has_stop = false;
    unsigned unknown = 0;
    while (next_meaning(&line, &word, &meaning, &is_end)) {
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

/* The first paragraph that is neither quoted nor a greeting; it ends at an empty or a quoted
 * line, or a signature. Mailers break lines where they like. */
static bool find_paragraph(str text, str *out)
{
    str line;
    *out = STR_EMPTY;
    for (unsigned i = 0; i < ANSWER_LINES_MAX && text.n > 0; i++) {
        (void)str_cut(text, '\n', &line, &text);
        if (str_has_suffix(line, STR("\r")))
            line.n--;
        bool is_signature = str_eq(line, STR("-- ")) || str_eq(line, STR("--"));
        line = str_trim(line);
        bool is_text = !is_signature && line.n > 0 && line.p[0] != '>';
        if (out->n == 0 && is_text && !is_greeting(line, text)) {
            *out = line;
        } else if (out->n > 0 && is_text) {
            out->n = (size_t)(line.p + line.n - out->p);
        } else if (is_signature || out->n > 0) {
            break;
        }
    }
    return out->n > 0;
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

/* What a text says, word by word. */
struct reading {
    enum answer_meaning said[2 * ANSWER_WORDS_MAX]; /* words and stops; the last one is a stop */
    size_t n_said;
    unsigned n[ANSWER_N_MEANINGS]; /* how often */
    unsigned without_tls;          /* both words in a row */
    str domain;                    /* that was named; empty: none */
    bool is_address;               /* as that of somebody there */
};

/* Another domain than before: it is not said which one is meant. */
static bool note_domain(struct reading *r, str word, enum answer_meaning *out)
{
    ptrdiff_t at = str_rfind_byte(word, '@');
    r->is_address = r->is_address || at >= 0;
    if (at >= 0)
        word = str_skip(word, (size_t)at + 1);
    if (!is_domain(word))
        return at < 0;
    if (r->domain.n > 0 && !str_ieq(r->domain, word))
        return false;
    r->domain = word;
    *out = ANSWER_NAME;
    return true;
}

static void note(struct reading *r, enum answer_meaning meaning)
{
    r->said[r->n_said++] = meaning;
    r->n[meaning]++;
}

/* False: too many words, or domains. */
static bool read_words(str text, struct reading *r)
{
    str word;
    enum answer_meaning meaning;
    bool is_end;
    for (unsigned i = 0; next_meaning(&text, &word, &meaning, &is_end); i++) {
        if (i == ANSWER_WORDS_MAX || (meaning == ANSWER_NOTHING && !note_domain(r, word, &meaning)))
            return false;
        note(r, meaning);
        if (is_end)
            note(r, ANSWER_STOP);
    }
    return r->n_said > 0;
}

/* Whether nothing but a stop is behind the word. */
static bool is_last(const struct reading *r, size_t i)
{
    return i + 2 == r->n_said;
}

/* "without TLS" is followed by nothing that it could belong to, as in "without TLS 1.3", but for
 * the verb at the end as German has it. */
static bool may_follow_tls(const struct reading *r, size_t i)
{
    static const bool harmless[ANSWER_N_MEANINGS] = {
        [ANSWER_STOP] = true, [ANSWER_NAME] = true, [ANSWER_FILLER] = true, [ANSWER_IT] = true
    };
    enum answer_meaning next = r->said[i];
    return harmless[next] || ((next == ANSWER_SEND || next == ANSWER_WHITELIST) && is_last(r, i));
}

/* Each "without" has to be one of TLS, and there is one of them at most. */
static bool read_without(struct reading *r)
{
    for (size_t i = 0; i < r->n_said; i++) {
        if (r->said[i] != ANSWER_WITHOUT)
            continue;
        i++;
        while (r->said[i] == ANSWER_ARTICLE)
            i++;
        if (r->said[i] != ANSWER_TLS || !may_follow_tls(r, i + 1))
            return false;
        r->without_tls++;
    }
    return r->without_tls <= 1;
}

/* "just this", without any verb. */
static bool is_just_this(const struct reading *r)
{
    for (size_t i = 1; i < r->n_said; i++) {
        if (r->said[i - 1] == ANSWER_ONLY && r->said[i] == ANSWER_THIS)
            return r->n[ANSWER_NOT] == 0;
    }
    return false;
}

/* "once" at the end says how often; elsewhere it may begin a condition. */
static bool has_condition(const struct reading *r)
{
    for (size_t i = 0; i < r->n_said; i++) {
        if (r->said[i] == ANSWER_ONCE && !is_last(r, i))
            return true;
    }
    return false;
}

/* "do not send it" is clear, but not what is not to be done in one way only, nor "not that I know,
 * send it": all words are known, and between the two nothing ends or begins. */
static bool is_cancelled(const struct reading *r)
{
    static const bool inside[ANSWER_N_MEANINGS] = { [ANSWER_FILLER] = true,
                                                    [ANSWER_IT] = true,
                                                    [ANSWER_ARTICLE] = true,
                                                    [ANSWER_THIS] = true,
                                                    [ANSWER_MESSAGE] = true };
    static const bool outside[ANSWER_N_MEANINGS] = {
        [ANSWER_GREETING] = true, [ANSWER_NAME] = true, [ANSWER_STOP] = true
    };
    unsigned seen = 0; /* of the two */
    for (size_t i = 0; i < r->n_said; i++) {
        enum answer_meaning one = r->said[i];
        bool is_harmless = inside[one] || (outside[one] && seen != 1);
        bool is_edge = one == ANSWER_NOT || one == ANSWER_SEND;
        if (!is_edge && !is_harmless)
            return false;
        seen += is_edge;
    }
    return seen == 2 && r->n[ANSWER_NOT] == 1;
}

enum {
    N_CHOICES = QUEUE_CHOICE_WHITELIST + 1
};

/* What says more than the choice holds: "send it encrypted", "cancel the hold", "retry without
 * TLS". What gives up protection is done only when each word is known. */
static const bool doubts[N_CHOICES][ANSWER_N_MEANINGS] = {
    [QUEUE_CHOICE_CANCEL] = { [ANSWER_TLS] = true, [ANSWER_SECURE] = true, [ANSWER_HOLD] = true },
    [QUEUE_CHOICE_RETRY] = { [ANSWER_WITHOUT] = true, [ANSWER_ANY] = true, [ANSWER_PLAIN] = true },
    [QUEUE_CHOICE_SEND] = { [ANSWER_NOTHING] = true,
                            [ANSWER_SECURE] = true,
                            [ANSWER_LATER] = true,
                            [ANSWER_HOLD] = true },
    [QUEUE_CHOICE_WHITELIST] = { [ANSWER_NOTHING] = true,
                                 [ANSWER_SECURE] = true,
                                 [ANSWER_LATER] = true,
                                 [ANSWER_HOLD] = true,
                                 [ANSWER_NOW] = true,
                                 [ANSWER_THIS] = true,
                                 [ANSWER_ONCE] = true,
                                 [ANSWER_PLAIN] = true },
};

/* "allow it", "allow one message", "trust any server": of which domain? */
static const bool needs_domain[ANSWER_N_MEANINGS] = {
    [ANSWER_ONLY] = true, [ANSWER_MESSAGE] = true, [ANSWER_IT] = true,
    [ANSWER_ANY] = true,  [ANSWER_ARTICLE] = true, [ANSWER_SEND] = true,
};

static bool is_doubtful(const struct reading *r, enum queue_choice choice)
{
    bool whitelists = choice == QUEUE_CHOICE_WHITELIST;
    for (size_t i = 0; i < r->n_said; i++) {
        if (doubts[choice][r->said[i]] ||
            (whitelists && r->domain.n == 0 && needs_domain[r->said[i]]))
            return true;
    }
    /* "allow shady.net to send" is not "allow shady.net and send". */
    if (whitelists && (r->is_address || (r->n[ANSWER_SEND] > 0 && r->n[ANSWER_AND] == 0)))
        return true;
    return (whitelists || choice == QUEUE_CHOICE_SEND) && r->n[ANSWER_TLS] > r->without_tls;
}

bool answer_parse(str text, struct answer *out)
{
    struct reading r = { .domain = STR_EMPTY };
    str said;
    *out = (struct answer){ .choice = QUEUE_CHOICE_CANCEL };
    if (!find_paragraph(str_slice(text, 0, ANSWER_TEXT_MAX), &said) ||
        str_find_byte(said, '?') >= 0 || !read_words(said, &r) || r.n[ANSWER_DOUBT] > 0 ||
        !read_without(&r) || has_condition(&r))
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
        return sends && is_cancelled(&r);
    out->choice = sends        ? QUEUE_CHOICE_SEND
                  : retries    ? QUEUE_CHOICE_RETRY
                  : whitelists ? QUEUE_CHOICE_WHITELIST
                               : QUEUE_CHOICE_CANCEL;
    return !is_doubtful(&r, out->choice);
}
