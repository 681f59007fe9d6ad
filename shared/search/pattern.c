/* SPDX-License-Identifier: Apache-2.0 */
/* Substrings by words. In text that holds the needle, its inner words stand as they are, its first
 * word may be the end of one, its last word the beginning of one, and an only word the middle of
 * one. Ends and middles are looked up in the vocabulary; beginnings the index finds by itself. The
 * README of this folder tells why this never misses. */
#include "base/utf8.h"
#include "search/document.h"
#include "search/lexeme.h"
#include "search/query.h"
#include "search/search.h"
#include "search/tokens.h"

enum {
    MAX_QUERY = 1024 * 1024 /* PostgreSQL takes that much; longer ones are left to reading */
};

struct item {
    str text;
    unsigned position;
    bool open_left;  /* may be the end of a longer word */
    bool open_right; /* may be the beginning of one */
    bool is_word;    /* else bigram or single */
};

struct pattern {
    struct item items[SEARCH_MAX_WORDS];
    size_t n;
    bool has_colon;
    bool has_separators; /* something in the needle is no word: positions alone cannot tell */
    bool is_mixed;       /* words and bigrams without a separator */
};

static bool is_last(str needle, const struct search_token *token)
{
    return token->text.p + token->text.n == needle.p + needle.n;
}

/* A single that ends a run of bigrams is there in texts that go on as well, as part of a bigram, so
 * it says nothing; one that stands alone may begin a bigram. The last character of all may go on
 * with a mark in the text. */
static void add_token(struct pattern *p, str needle, const struct search_token *token)
{
    const struct item *before = p->n ? &p->items[p->n - 1] : NULL;
    bool ends = is_last(needle, token);
    bool goes_on = before && !before->is_word && before->position + 1 == token->position &&
                   token->text.p < before->text.p + before->text.n;
    if (token->kind == SEARCH_TOKEN_SINGLE && goes_on && ends)
        return;
    bool is_word = token->kind == SEARCH_TOKEN_WORD;
    p->is_mixed = p->is_mixed || (before && before->is_word != is_word);
    p->items[p->n++] = (struct item){
        .text = token->text,
        .position = token->position,
        .is_word = is_word,
        .open_left = is_word && token->text.p == needle.p,
        .open_right = ends,
    };
}

static size_t extending_at_start(str needle)
{
    uint32_t cp = 0;
    size_t at = 0;
    for (size_t n = utf8_decode(needle, &cp); n && search_is_extending(cp);
         n = utf8_decode(str_skip(needle, at), &cp))
        at += n;
    return at;
}

static void split(struct pattern *p, str needle)
{
    struct search_tokenizer t;
    struct search_token token;
    size_t covered = 0;
    p->has_colon = str_find_byte(needle, ':') >= 0;
    size_t marks = extending_at_start(needle);
    p->has_separators = marks > 0; /* they belong to a character before the needle */
    needle = str_skip(needle, marks);
    search_tokenizer_init(&t, needle);
    while (p->n < COUNT_OF(p->items) && search_tokenizer_next(&t, &token)) {
        if (token.kind == SEARCH_TOKEN_COMPOUND)
            continue;
        size_t start = (size_t)(token.text.p - needle.p);
        p->has_separators = p->has_separators || start > covered || token.cut;
        covered = start + token.text.n > covered ? start + token.text.n : covered;
        add_token(p, needle, &token);
    }
    p->has_separators = p->has_separators || covered < needle.n;
}

/* Items that are not worth to be looked up (too short for the vocabulary's trigrams, or a beginning
 * that nearly every word has) are left out where others are left: then more is found, and verified.
 */
static void drop_weak(struct pattern *p)
{
    struct item *first = &p->items[0];
    if (p->n < 2)
        return;
    const struct item *last = &p->items[p->n - 1];
    if (last->open_right && last->is_word && !last->open_left &&
        utf8_count(last->text) < SEARCH_MIN_PREFIX_CHARS)
        p->n--;
    if (first->open_left && utf8_count(first->text) < SEARCH_MIN_SUBSTRING) {
        p->n--;
        memmove(first, first + 1, p->n * sizeof(*first));
    }
}

static str like_pattern(struct arena *a, const struct item *item)
{
    char *text = arena_alloc(a, item->text.n * 2 + 2);
    size_t n = 0;
    text[n++] = '%';
    for (size_t i = 0; i < item->text.n; i++) {
        char c = item->text.p[i];
        if (c == '%' || c == '_' || c == '\\')
            text[n++] = '\\';
        text[n++] = c;
    }
    if (item->open_right)
        text[n++] = '%';
    return str_of(text, n);
}

struct writer {
    struct buf *out;
    const char *mark;
    bool or_plain; /* the same word without its mark will do too */
    const char *weights;
    const str *words;
    size_t n_words;
    bool fits;
};

static void write_lexeme(struct writer *w, str word, bool prefix)
{
    w->fits = w->fits && search_lexeme_add(w->out, w->mark, word);
    if (prefix || w->weights[0])
        w->fits = w->fits && buf_addf(w->out, ":%s%s", prefix ? "*" : "", w->weights);
}

static void write_item(struct writer *w, const struct item *item);

/* A needle with a colon may reach from the name of a field into its value, and the words of values
 * with a weight of their own have no mark. */
static void write_either(struct writer *w, const struct item *item)
{
    const char *mark = w->mark;
    w->or_plain = false;
    w->fits = w->fits && buf_add_byte(w->out, '(');
    write_item(w, item);
    w->mark = "";
    w->fits = w->fits && buf_add_byte(w->out, '|');
    write_item(w, item);
    w->fits = w->fits && buf_add_byte(w->out, ')');
    w->mark = mark;
    w->or_plain = true;
}

static void write_item(struct writer *w, const struct item *item) // NOLINT(misc-no-recursion)
{
    if (w->or_plain) {
        write_either(w, item);
        return;
    }
    if (!item->open_left) {
        write_lexeme(w, item->text, item->open_right);
        return;
    }
    w->fits = w->fits && buf_add_byte(w->out, '(');
    for (size_t i = 0; i < w->n_words; i++) {
        w->fits = w->fits && (i == 0 || buf_add(w->out, STR("|")));
        write_lexeme(w, w->words[i], false);
    }
    w->fits = w->fits && buf_add_byte(w->out, ')');
}

/* All items: as a phrase, or, for words without positions, together. */
static void write_items(struct writer *w, const struct pattern *p, bool phrase)
{
    w->fits = w->fits && buf_add_byte(w->out, '(');
    for (size_t i = 0; i < p->n; i++) {
        if (i && phrase) {
            w->fits = w->fits &&
                      buf_addf(w->out, " <%u> ", p->items[i].position - p->items[i - 1].position);
        } else if (i) {
            w->fits = w->fits && buf_add(w->out, STR(" & "));
        }
        write_item(w, &p->items[i]);
    }
    w->fits = w->fits && buf_add_byte(w->out, ')');
}

static str write_pattern(struct arena *a, const struct pattern *p, unsigned fields,
                         const str *words, size_t n_words)
{
    struct buf out;
    buf_init(&out, MAX_QUERY);
    struct writer w = { .out = &out, .words = words, .n_words = n_words, .fits = true };
    bool in_text = (fields & 15) != 0;
    if (in_text) {
        w.mark = "";
        w.weights = search_lexeme_weights(fields);
        write_items(&w, p, true);
    }
    if (fields & SEARCH_FIELD_HEADERS) {
        w.mark = SEARCH_HEADER_MARK;
        w.weights = "";
        w.or_plain = in_text && p->has_colon;
        w.fits = w.fits && buf_add(&out, in_text ? STR(" | ") : STR_EMPTY);
        write_items(&w, p, false);
    }
    str text = w.fits ? arena_str(a, buf_str(&out)) : STR_EMPTY;
    buf_fini(&out);
    return text;
}

/* The pattern when no word of the index is like the needle's first one. */
static str nothing(struct arena *a)
{
    return arena_printf(a, "'%s'", SEARCH_HEADER_MARK);
}

void search_pattern_make(struct arena *a, str needle, unsigned fields, const str *words,
                         size_t n_words, struct search_pattern *out)
{
    struct pattern *p = ARENA_NEW(a, struct pattern);
    *out = (struct search_pattern){ 0 };
    split(p, needle);
    size_t whole = p->n;
    if (p->n)
        drop_weak(p);
    if (p->n == 0 || fields == 0)
        return;
    if (p->items[0].open_left)
        out->like = like_pattern(a, &p->items[0]);
    if (out->like.n && !words)
        return;
    bool one_kind = !p->has_separators && !p->is_mixed && p->n == whole;
    out->is_phrase = p->n > 1;
    out->is_exact = one_kind && !(p->n > 1 && (fields & SEARCH_FIELD_HEADERS));
    out->tsquery =
        out->like.n && n_words == 0 ? nothing(a) : write_pattern(a, p, fields, words, n_words);
}
