/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers of people. What is doubtful is not understood: a message that was not meant to go
 * out cannot be called back. */
#include "submit/answer.h"

#include "base/hex.h"

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

/* Without the quotes, stars and dots that people and their programs put around words. */
static str bare(str word)
{
    static const str around = STR_INIT("\"'`*_.,;:!?()[]<>-");
    while (word.n > 0 && str_find_byte(around, word.p[0]) >= 0)
        word = str_skip(word, 1);
    while (word.n > 0 && str_find_byte(around, word.p[word.n - 1]) >= 0)
        word.n--;
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

/* What a word can be about. */
enum meaning {
    MEANS_NOTHING,
    MEANS_GREETING,
    MEANS_NOT,
    MEANS_CANCEL,
    MEANS_RETRY,
    MEANS_AGAIN, /* "send again" is to try again */
    MEANS_SEND,
    MEANS_WHITELIST,
    MEANS_WITHOUT, /* "without TLS", "no TLS" */
    MEANS_TLS,
    MEANS_ANY,
    N_MEANINGS
};

static enum meaning meaning_of(str word)
{
    static const struct {
        str word;
        enum meaning meaning;
    } words[] = {
        { STR_INIT("hi"), MEANS_GREETING },
        { STR_INIT("hello"), MEANS_GREETING },
        { STR_INIT("dear"), MEANS_GREETING },
        { STR_INIT("hey"), MEANS_GREETING },
        { STR_INIT("not"), MEANS_NOT },
        { STR_INIT("don't"), MEANS_NOT },
        { STR_INIT("don\xe2\x80\x99t"), MEANS_NOT },
        { STR_INIT("dont"), MEANS_NOT },
        { STR_INIT("never"), MEANS_NOT },
        { STR_INIT("neither"), MEANS_NOT },
        { STR_INIT("cancel"), MEANS_CANCEL },
        { STR_INIT("abort"), MEANS_CANCEL },
        { STR_INIT("discard"), MEANS_CANCEL },
        { STR_INIT("delete"), MEANS_CANCEL },
        { STR_INIT("drop"), MEANS_CANCEL },
        { STR_INIT("withdraw"), MEANS_CANCEL },
        { STR_INIT("stop"), MEANS_CANCEL },
        { STR_INIT("retry"), MEANS_RETRY },
        { STR_INIT("try"), MEANS_RETRY },
        { STR_INIT("again"), MEANS_AGAIN },
        { STR_INIT("send"), MEANS_SEND },
        { STR_INIT("deliver"), MEANS_SEND },
        { STR_INIT("whitelist"), MEANS_WHITELIST },
        { STR_INIT("allowlist"), MEANS_WHITELIST },
        { STR_INIT("allow"), MEANS_WHITELIST },
        { STR_INIT("trust"), MEANS_WHITELIST },
        { STR_INIT("without"), MEANS_WITHOUT },
        { STR_INIT("no"), MEANS_WITHOUT },
        { STR_INIT("tls"), MEANS_TLS },
        { STR_INIT("encryption"), MEANS_TLS },
        { STR_INIT("any"), MEANS_ANY },
        { STR_INIT("unencrypted"), MEANS_ANY },
        { STR_INIT("insecure"), MEANS_ANY },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_ieq(word, words[i].word))
            return words[i].meaning;
    }
    return MEANS_NOTHING;
}

/* "Hello," and "Dear mail system,": a greeting and nothing that could be an order. */
static bool is_greeting(str line)
{
    str word;
    bool greets = false;
    while (next_word(&line, &word)) {
        enum meaning meaning = meaning_of(word);
        greets = greets || meaning == MEANS_GREETING;
        if (meaning != MEANS_NOTHING && meaning != MEANS_GREETING)
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

/* Counts what the words mean. False: too many of them, or of domains. */
static bool read_words(str line, unsigned n[N_MEANINGS], str *domain)
{
    str word;
    for (unsigned i = 0; next_word(&line, &word); i++) {
        enum meaning meaning = meaning_of(word);
        if (i == ANSWER_WORDS_MAX)
            return false;
        n[meaning]++;
        if (meaning != MEANS_NOTHING || !is_domain(word))
            continue;
        if (domain->n > 0 && !str_ieq(*domain, word))
            return false;
        *domain = word;
    }
    return true;
}

bool answer_parse(str text, struct answer *out)
{
    unsigned n[N_MEANINGS] = { 0 };
    str line;
    *out = (struct answer){ .choice = QUEUE_CHOICE_CANCEL };
    if (!find_line(str_slice(text, 0, ANSWER_TEXT_MAX), &line) || str_find_byte(line, '?') >= 0 ||
        !read_words(line, n, &out->domain))
        return false;
    bool without_tls = n[MEANS_WITHOUT] == 1 && n[MEANS_TLS] == 1;
    if (n[MEANS_WITHOUT] > 0 && !without_tls)
        return false;
    out->any = without_tls || n[MEANS_ANY] > 0;
    bool retries = n[MEANS_RETRY] > 0 || n[MEANS_AGAIN] > 0;
    /* Who trusts the destination wants the message sent, too. */
    bool sends = n[MEANS_SEND] > 0 && !retries && n[MEANS_WHITELIST] == 0;
    int choices = (n[MEANS_CANCEL] > 0) + retries + sends + (n[MEANS_WHITELIST] > 0);
    if (n[MEANS_NOT] > 0) /* "do not send it" is clear, everything else is not */
        return n[MEANS_NOT] == 1 && choices == 1 && sends;
    if (choices != 1)
        return false;
    out->choice = sends                    ? QUEUE_CHOICE_SEND
                  : retries                ? QUEUE_CHOICE_RETRY
                  : n[MEANS_WHITELIST] > 0 ? QUEUE_CHOICE_WHITELIST
                                           : QUEUE_CHOICE_CANCEL;
    return true;
}
