/* SPDX-License-Identifier: Apache-2.0 */
/* The tokeniser: one pass over text in normal form. Addresses are looked for once from each place
 * where one may begin, and never twice over the same bytes. */
#include "search/tokens.h"

#include "base/utf8.h"

#include <unictype.h>

enum character {
    CHARACTER_OTHER,
    CHARACTER_WORD,     /* of words with spaces between */
    CHARACTER_UNSPACED, /* of scripts without */
    CHARACTER_EXTENDING /* belongs to the one before: accents, the second half of decomposed kana
                           and Hangul */
};

/* Scripts that put no spaces between words, and Hangul, whose words grow endings. */
static const struct range {
    uint32_t from, to;
} unspaced[] = {
    { 0x0e00, 0x0eff }, { 0x1000, 0x109f },   { 0x1100, 0x11ff }, { 0x1780, 0x17ff },
    { 0x2e80, 0x2fdf }, { 0x3005, 0x3007 },   { 0x3040, 0x30ff }, { 0x3130, 0x318f },
    { 0x31f0, 0x31ff }, { 0x3400, 0x4dbf },   { 0x4e00, 0x9fff }, { 0xac00, 0xd7a3 },
    { 0xf900, 0xfaff }, { 0x20000, 0x3ffff },
};

bool search_is_extending(uint32_t cp)
{
    return search_is_faint(cp) || cp == 0x3099 || cp == 0x309a || (cp >= 0x1160 && cp <= 0x11ff);
}

static enum character classify(uint32_t cp)
{
    if (cp < 128)
        return ascii_is_alnum((char)cp) ? CHARACTER_WORD : CHARACTER_OTHER;
    if (search_is_extending(cp))
        return CHARACTER_EXTENDING;
    if (cp == 0xfffd || !uc_is_general_category_withtable(
                            cp, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_M))
        return CHARACTER_OTHER;
    for (size_t i = 0; i < COUNT_OF(unspaced); i++) {
        if (cp >= unspaced[i].from && cp <= unspaced[i].to)
            return CHARACTER_UNSPACED;
    }
    return CHARACTER_WORD;
}

/* The character at `at`: its length and class; length 0 at the end. */
static size_t look(const struct search_tokenizer *t, size_t at, enum character *class)
{
    uint32_t cp = 0;
    if (at < t->text.n && (unsigned char)t->text.p[at] < 128) {
        *class = ascii_is_alnum(t->text.p[at]) ? CHARACTER_WORD : CHARACTER_OTHER;
        return 1;
    }
    str rest = str_skip(t->text, at);
    size_t n = utf8_decode(rest, &cp);
    *class = n ? classify(cp) : CHARACTER_OTHER;
    return n ? n : rest.n > 0;
}

void search_tokenizer_init(struct search_tokenizer *t, str normal_text)
{
    *t = (struct search_tokenizer){ .text = normal_text };
}

/* ---- addresses ---- */

static bool is_local_mark(char c)
{
    return c == '.' || c == '_' || c == '+' || c == '-';
}

/* End of what may be a local part (or a domain: without '+' and '_') that begins at `at`: words
 * with single marks between. */
static size_t dotted_end(const struct search_tokenizer *t, size_t at, bool local)
{
    size_t end = at;
    while (at < t->text.n) {
        enum character class;
        size_t n = look(t, at, &class);
        char c = t->text.p[at];
        bool mark = local ? is_local_mark(c) : c == '.' || c == '-';
        if (class != CHARACTER_OTHER) {
            end = at + n;
        } else if (!mark || end != at) {
            break;
        }
        at += n;
    }
    return end;
}

static void add_pending(struct search_tokenizer *t, size_t from, size_t to)
{
    if (to - from > SEARCH_MAX_TOKEN_BYTES)
        return;
    t->pending[t->n_pending] = str_slice(t->text, from, to - from);
    t->pending_at[t->n_pending++] = from;
}

static bool has_mark(const struct search_tokenizer *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (is_local_mark(t->text.p[i]))
            return true;
    }
    return false;
}

/* When an address begins at `at`: it, its local part and its domain, where those are more than one
 * word. */
static void find_address(struct search_tokenizer *t, size_t at)
{
    size_t local = dotted_end(t, at, true);
    t->looked_to = local;
    if (local >= t->text.n || t->text.p[local] != '@')
        return;
    size_t end = dotted_end(t, local + 1, false);
    if (end == local + 1)
        return;
    t->looked_to = end;
    add_pending(t, at, end);
    if (has_mark(t, at, local))
        add_pending(t, at, local);
    if (has_mark(t, local + 1, end))
        add_pending(t, local + 1, end);
}

static void drop_first_pending(struct search_tokenizer *t)
{
    t->n_pending--;
    for (unsigned i = 0; i < t->n_pending; i++) {
        t->pending[i] = t->pending[i + 1];
        t->pending_at[i] = t->pending_at[i + 1];
    }
}

/* ---- words ---- */

static size_t extending_end(const struct search_tokenizer *t, size_t at, enum character *class)
{
    size_t n = look(t, at, class);
    while (n && *class == CHARACTER_EXTENDING) {
        at += n;
        n = look(t, at, class);
    }
    return at;
}

/* To the next word or bigram. What extends nothing may begin a word, but is none. */
static size_t skip_separators(const struct search_tokenizer *t, size_t at, enum character *class)
{
    for (;;) {
        size_t n = look(t, at, class);
        if (n == 0 || *class == CHARACTER_WORD || *class == CHARACTER_UNSPACED)
            return at;
        size_t end = *class == CHARACTER_OTHER ? at + n : extending_end(t, at, class);
        if (*class == CHARACTER_WORD)
            return at;
        at = end;
    }
}

static void take_word(struct search_tokenizer *t, struct search_token *out)
{
    size_t start = t->at;
    enum character class;
    for (size_t n = look(t, t->at, &class);
         n && (class == CHARACTER_WORD || class == CHARACTER_EXTENDING); n = look(t, t->at, &class))
        t->at += n;
    str word = str_slice(t->text, start, t->at - start);
    out->kind = SEARCH_TOKEN_WORD;
    out->text = utf8_cut(word, SEARCH_MAX_TOKEN_BYTES);
    out->cut = out->text.n < word.n;
}

static void take_bigram(struct search_tokenizer *t, struct search_token *out)
{
    enum character class;
    size_t start = t->at;
    t->at = extending_end(t, start + look(t, start, &class), &class);
    bool single = t->at >= t->text.n || class != CHARACTER_UNSPACED;
    size_t end = single ? t->at : extending_end(t, t->at + look(t, t->at, &class), &class);
    str text = str_slice(t->text, start, end - start);
    out->kind = single ? SEARCH_TOKEN_SINGLE : SEARCH_TOKEN_BIGRAM;
    out->text = utf8_cut(text, SEARCH_MAX_TOKEN_BYTES);
    out->cut = out->text.n < text.n;
}

bool search_tokenizer_next(struct search_tokenizer *t, struct search_token *out)
{
    enum character class;
    t->at = skip_separators(t, t->at, &class);
    if (t->at >= t->text.n)
        return false;
    if (t->n_pending == 0 && t->at >= t->looked_to)
        find_address(t, t->at);
    *out = (struct search_token){ .position = t->position + 1 };
    if (t->n_pending && t->pending_at[0] <= t->at) {
        out->kind = SEARCH_TOKEN_COMPOUND;
        out->text = t->pending[0];
        drop_first_pending(t);
        return true;
    }
    if (class == CHARACTER_WORD) {
        take_word(t, out);
    } else {
        take_bigram(t, out);
    }
    t->position++;
    return true;
}
