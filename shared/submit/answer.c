/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers of people. What is doubtful is not understood: a message that was not meant to go
 * out cannot be called back. */
#include "submit/answer.h"

#include "base/address.h"
#include "base/hex.h"
#include "submit/answer_lines.h"
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
    str local;
    str domain;
    if (!address_split(base, &local, &domain) || local.n == 0)
        return STR_EMPTY;
    ptrdiff_t plus = str_find_byte(local, '+');
    if (plus > 0)
        local = str_slice(local, 0, (size_t)plus);
    if (local.n + strlen(TAG) + sizeof(digits) > ANSWER_LOCAL_MAX)
        return STR_EMPTY;
    memcpy(halves, secret, sizeof(halves));
    base32_encode(halves[0], digits, HALF_DIGITS);
    base32_encode(halves[1], digits + HALF_DIGITS, HALF_DIGITS);
    return arena_printf(a, "%.*s" TAG "%.*s@%.*s", STR_FMT(local), (int)sizeof(digits), digits,
                        STR_FMT(domain));
}

bool answer_address_parse(str address, uint8_t secret[QUEUE_TOKEN_SIZE])
{
    uint64_t halves[2];
    str local;
    str domain;
    size_t tail = strlen(TAG) + DIGITS;
    if (!address_split(address, &local, &domain) || local.n <= tail)
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
    bool begins_line[2 * ANSWER_WORDS_MAX];         /* each of them, the first one left aside */
    size_t n_said;
    unsigned n[ANSWER_N_MEANINGS]; /* how often */
    unsigned without_tls;          /* both words in a row */
    str domain;                    /* that was named; empty: none */
    bool is_address;               /* as that of somebody there */
    bool allows;                   /* by a word that needs to say what */
    bool has_place;                /* which may be the domain that the question is about */
};

/* Another domain than before: it is not said which one is meant. */
static bool note_domain(struct reading *r, str word, enum answer_meaning *out)
{
    bool is_address = str_find_byte(word, '@') >= 0;
    r->is_address = r->is_address || is_address;
    word = address_domain_or_all(word);
    if (!is_domain(word))
        return !is_address;
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

/* What the word stands for, besides what it says of what is allowed. */
static enum answer_meaning note_other(struct reading *r, enum answer_meaning meaning)
{
    r->allows = r->allows || meaning == ANSWER_ALLOW;
    r->has_place = r->has_place || meaning == ANSWER_PLACE;
    return meaning == ANSWER_ALLOW ? ANSWER_WHITELIST : ANSWER_ASIDE;
}

/* False: too many words, or domains. */
static bool read_words(str text, struct reading *r)
{
    str word;
    const char *behind = text.p; /* the word before */
    enum answer_meaning meaning;
    bool is_end;
    for (unsigned i = 0; answer_next_meaning(&text, &word, &meaning, &is_end); i++) {
        bool begins = str_find_byte(str_of(behind, (size_t)(word.p - behind)), '\n') >= 0;
        behind = word.p + word.n;
        if (meaning == ANSWER_CLOSE || meaning == ANSWER_DEVICE)
            meaning = ANSWER_NOTHING;
        if (meaning == ANSWER_THANKS)
            meaning = ANSWER_ASIDE;
        if (meaning == ANSWER_ALLOW || meaning == ANSWER_PLACE)
            meaning = note_other(r, meaning);
        if (meaning == ANSWER_WITHOUT && is_end && str_ieq(word, STR("no")))
            meaning = ANSWER_NO;
        if (i == ANSWER_WORDS_MAX || (meaning == ANSWER_NOTHING && !note_domain(r, word, &meaning)))
            return false;
        r->begins_line[r->n_said] = begins;
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
        [ANSWER_STOP] = true,  [ANSWER_NAME] = true, [ANSWER_FILLER] = true,
        [ANSWER_ASIDE] = true, [ANSWER_OF] = true,   [ANSWER_IT] = true
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

/* What the order is about, when it is about the message. */
static bool is_object(enum answer_meaning one)
{
    return one == ANSWER_IT || one == ANSWER_ARTICLE || one == ANSWER_THIS || one == ANSWER_MESSAGE;
}

/* Whether the word may stand where it does beside "not" and "send", of which `seen` have been. A
 * line may end behind "not", but "not this" above "send it" is something else. */
static bool fits_not_send(const struct reading *r, size_t i, unsigned seen)
{
    static const bool outside[ANSWER_N_MEANINGS] = {
        [ANSWER_GREETING] = true, [ANSWER_NAME] = true, [ANSWER_STOP] = true, [ANSWER_NO] = true,
        [ANSWER_CANCEL] = true,   [ANSWER_OF] = true,   [ANSWER_ASIDE] = true
    };
    enum answer_meaning one = r->said[i];
    bool is_inside =
        one == ANSWER_NOT || one == ANSWER_SEND || one == ANSWER_FILLER || is_object(one);
    if (seen == 1 && r->begins_line[i] && r->said[i - 1] != ANSWER_NOT)
        return false;
    return is_inside || (outside[one] && seen != 1);
}

/* Whether a part of a sentence says something of these three, and something else: "cancel not
 * send", "send it not cancel", "sure not send it", "not send it my risk". */
static bool has_mixed_parts(const struct reading *r)
{
    static const enum answer_meaning kinds[ANSWER_N_MEANINGS] = {
        [ANSWER_NOT] = ANSWER_NOT,
        [ANSWER_SEND] = ANSWER_NOT,
        [ANSWER_CANCEL] = ANSWER_CANCEL,
        [ANSWER_ASIDE] = ANSWER_ASIDE,
    };
    enum answer_meaning part = ANSWER_NOTHING;
    for (size_t i = 0; i < r->n_said; i++) {
        enum answer_meaning kind = kinds[r->said[i]];
        if (r->said[i] == ANSWER_STOP) {
            part = ANSWER_NOTHING;
        } else if (kind != ANSWER_NOTHING && part != ANSWER_NOTHING && kind != part) {
            return true;
        } else if (kind != ANSWER_NOTHING) {
            part = kind;
        }
    }
    return false;
}

/* "do not send it" is clear, also beside "cancel", but not what is not to be done in one way only,
 * nor "not that I know, send it", "not sure, send it", "not this, send it" and "do not cancel, send
 * it": all words are known, between the two nothing ends or begins, and one thing is named. */
static bool is_cancelled(const struct reading *r)
{
    unsigned seen = 0; /* of the two */
    bool has_object = false;
    for (size_t i = 0; i < r->n_said; i++) {
        if (!fits_not_send(r, i, seen) || (seen == 2 && has_object && is_object(r->said[i])))
            return false;
        has_object = has_object || (seen == 1 && is_object(r->said[i]));
        seen += r->said[i] == ANSWER_NOT || r->said[i] == ANSWER_SEND;
    }
    return seen == 2 && r->n[ANSWER_NOT] == 1 && !has_mixed_parts(r);
}

/* "No" is an answer to nothing that was asked, unless the order says the same, as in "no, cancel".
 */
static bool is_no_clear(const struct reading *r)
{
    static const bool before[ANSWER_N_MEANINGS] = {
        [ANSWER_GREETING] = true, [ANSWER_STOP] = true
    };
    size_t i = 0;
    while (i < r->n_said && before[r->said[i]])
        i++;
    return r->n[ANSWER_NO] == 1 && r->said[i] == ANSWER_NO && r->n[ANSWER_NOTHING] == 0 &&
           (r->n[ANSWER_NOT] > 0 || r->said[i + 1] == ANSWER_STOP);
}

/* What may be about something else: "I have to cancel my flight", "you mustn't delete it", "delete
 * the domain". With words that are not known, or a place, the order names the message and ends
 * there, before them: "Cancel it, they are insecure". */
static bool cancels_something(const struct reading *r)
{
    size_t i = 0;
    size_t n_objects = 0;
    if (r->n[ANSWER_NOTHING] == 0 && !r->has_place)
        return false;
    for (; r->said[i] != ANSWER_CANCEL; i++) {
        if (r->said[i] == ANSWER_NOTHING)
            return true;
    }
    for (i++; is_object(r->said[i]) || r->said[i] == ANSWER_FILLER || r->said[i] == ANSWER_OF; i++)
        n_objects += is_object(r->said[i]);
    return n_objects == 0 || r->said[i] != ANSWER_STOP;
}

/* "off the whitelist", as some write it, and German has it. */
static bool is_of_whitelist(const struct reading *r)
{
    bool is_of = false;
    for (size_t i = 0; i < r->n_said; i++) {
        enum answer_meaning one = r->said[i];
        if (is_of && one == ANSWER_WHITELIST)
            return true;
        is_of = one == ANSWER_OF || (is_of && (one == ANSWER_ARTICLE || one == ANSWER_THIS ||
                                               one == ANSWER_FILLER || one == ANSWER_ASIDE));
    }
    return false;
}

enum {
    N_CHOICES = QUEUE_CHOICE_WHITELIST + 1
};

/* What says more than the choice holds: "send it encrypted", "cancel the hold", "retry without
 * TLS". What gives up protection is done only when each word is known. */
static const bool doubts[N_CHOICES][ANSWER_N_MEANINGS] = {
    [QUEUE_CHOICE_CANCEL] = { [ANSWER_TLS] = true,
                              [ANSWER_SECURE] = true,
                              [ANSWER_LATER] = true,
                              [ANSWER_HOLD] = true },
    [QUEUE_CHOICE_RETRY] = { [ANSWER_WITHOUT] = true, [ANSWER_ANY] = true, [ANSWER_PLAIN] = true },
    [QUEUE_CHOICE_SEND] = { [ANSWER_NOTHING] = true,
                            [ANSWER_SECURE] = true,
                            [ANSWER_LATER] = true,
                            [ANSWER_HOLD] = true },
    [QUEUE_CHOICE_WHITELIST] = { [ANSWER_NOTHING] = true,
                                 [ANSWER_SECURE] = true,
                                 [ANSWER_LATER] = true,
                                 [ANSWER_HOLD] = true,
                                 [ANSWER_OUT] = true,
                                 [ANSWER_NOW] = true,
                                 [ANSWER_THIS] = true,
                                 [ANSWER_ONCE] = true,
                                 [ANSWER_PLAIN] = true },
};

/* "allow it", "allow one message", "trust any server": of which domain? */
static const bool needs_domain[ANSWER_N_MEANINGS] = {
    [ANSWER_ONLY] = true,    [ANSWER_MESSAGE] = true, [ANSWER_IT] = true,    [ANSWER_ANY] = true,
    [ANSWER_ARTICLE] = true, [ANSWER_SEND] = true,    [ANSWER_RETRY] = true,
};

/* "allow shady.net for one mail": it is to go on; in "and send the mail" the verb comes first. */
static bool is_about_message(const struct reading *r)
{
    for (size_t i = 0; i < r->n_said && r->said[i] != ANSWER_SEND; i++) {
        if (r->said[i] == ANSWER_MESSAGE)
            return true;
    }
    return false;
}

static bool is_doubtful(const struct reading *r, enum queue_choice choice)
{
    bool whitelists = choice == QUEUE_CHOICE_WHITELIST;
    for (size_t i = 0; i < r->n_said; i++) {
        if (doubts[choice][r->said[i]] ||
            (whitelists && r->domain.n == 0 && needs_domain[r->said[i]]))
            return true;
    }
    if (whitelists && (is_of_whitelist(r) || is_about_message(r) ||
                       (r->allows && r->domain.n == 0 && !r->has_place)))
        return true;
    /* "allow shady.net to send" is not "allow shady.net and send". */
    if (whitelists && r->n[ANSWER_SEND] > 0 && r->n[ANSWER_AND] == 0)
        return true;
    if (choice == QUEUE_CHOICE_CANCEL && cancels_something(r))
        return true;
    return (whitelists || choice == QUEUE_CHOICE_SEND) && r->n[ANSWER_TLS] > r->without_tls;
}

/* What of the orders is meant: to send again is to try again; who trusts the destination wants the
 * message sent, too, and may say that it is to be tried. False: none, or several. */
static bool find_choice(const struct reading *r, enum queue_choice *out)
{
    bool cancels = r->n[ANSWER_CANCEL] > 0;
    bool whitelists = r->n[ANSWER_WHITELIST] > 0;
    bool retries = r->n[ANSWER_RETRY] > 0 && !(whitelists && r->n[ANSWER_AND] > 0);
    bool sends = r->n[ANSWER_SEND] > 0 && !retries && !whitelists;
    if (!cancels && !retries && !whitelists && r->n[ANSWER_AWARE] == 0 && is_just_this(r))
        sends = true;
    *out = sends        ? QUEUE_CHOICE_SEND
           : retries    ? QUEUE_CHOICE_RETRY
           : whitelists ? QUEUE_CHOICE_WHITELIST
                        : QUEUE_CHOICE_CANCEL;
    return cancels + retries + sends + whitelists == 1;
}

bool answer_parse(str text, str who, struct answer *out)
{
    struct reading r = { .domain = STR_EMPTY };
    str said;
    *out = (struct answer){ .choice = QUEUE_CHOICE_CANCEL };
    if (!answer_find_paragraph(str_slice(text, 0, ANSWER_TEXT_MAX), who, &said) ||
        str_find_byte(said, '?') >= 0 || !read_words(said, &r) || r.n[ANSWER_DOUBT] > 0 ||
        !read_without(&r) || has_condition(&r) || (r.n[ANSWER_NO] > 0 && !is_no_clear(&r)))
        return false;
    out->domain = r.domain;
    out->any = r.without_tls > 0 || r.n[ANSWER_ANY] > 0;
    if (r.n[ANSWER_NOT] > 0)
        return !r.is_address && is_cancelled(&r);
    if (!find_choice(&r, &out->choice))
        return false;
    /* Mail is held by domain, not by recipient. */
    if (r.is_address && out->choice != QUEUE_CHOICE_RETRY)
        return false;
    return (r.n[ANSWER_NO] == 0 || out->choice == QUEUE_CHOICE_CANCEL) &&
           !is_doubtful(&r, out->choice);
}
