/* SPDX-License-Identifier: Apache-2.0 */
/* The normal form of text, and what is left of it without accents. ASCII, most of all text, takes a
 * short way; the rest goes through libunistring run by run. */
#include "base/utf8.h"
#include "search/tokens.h"

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

/* Combining marks that people leave out when they search. Vowel signs of Indic scripts and the
 * voicing marks of kana are not among them: they tell words apart. */
static const struct range {
    uint32_t from, to;
} accents[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0487 }, { 0x0591, 0x05c7 }, { 0x0610, 0x061a },
    { 0x064b, 0x065f }, { 0x0670, 0x0670 }, { 0x06d6, 0x06ed }, { 0x1ab0, 0x1aff },
    { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0xfe20, 0xfe2f },
};

/* Characters that show nothing: soft hyphens, joiners, marks of direction, variation selectors. */
static const struct range invisible[] = {
    { 0x00ad, 0x00ad }, { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x202a, 0x202e },
    { 0x2060, 0x2064 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef },
};

static bool is_in(const struct range *ranges, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++) {
        if (cp >= ranges[i].from && cp <= ranges[i].to)
            return true;
    }
    return false;
}

static bool is_space(uint32_t cp)
{
    return cp <= ' ' || (cp >= 0x7f && cp <= 0xa0) || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000;
}

/* ---- i;unicode-casemap ---- */

/* u8_normalize, in the C library's heap; the text itself should it fail. */
static str normalized(uninorm_t form, str text, uint8_t **owned)
{
    size_t n = 0;
    *owned = u8_normalize(form, (const uint8_t *)text.p, text.n, NULL, &n);
    return *owned ? str_of((const char *)*owned, n) : text;
}

static bool is_ascii(str text)
{
    unsigned char any = 0;
    for (size_t i = 0; i < text.n; i++)
        any |= (unsigned char)text.p[i];
    return any < 128;
}

static str ascii_to_upper(struct arena *a, str text)
{
    char *p = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = ascii_upper(text.p[i]);
    return str_of(p, text.n);
}

static void add_titlecase(str text, struct buf *out)
{
    while (text.n) {
        char bytes[4];
        uint32_t cp = 0;
        size_t n = utf8_decode(text, &cp);
        text = str_skip(text, n ? n : 1);
        if (n)
            (void)buf_add(out, str_of(bytes, utf8_encode(uc_totitle(cp), bytes)));
    }
}

str search_casemap(struct arena *a, str text)
{
    if (is_ascii(text))
        return ascii_to_upper(a, text);
    struct buf title;
    uint8_t *decomposed = NULL;
    buf_init(&title, text.n * 4 + 16);
    add_titlecase(text, &title);
    str out = arena_str(a, normalized(UNINORM_NFKD, buf_str(&title), &decomposed));
    free(decomposed);
    buf_fini(&title);
    return out;
}

/* ---- the normal form ---- */

bool search_is_faint(uint32_t cp)
{
    return is_in(accents, COUNT_OF(accents), cp) || is_in(invisible, COUNT_OF(invisible), cp);
}

static void add_character(uint32_t cp, struct buf *out)
{
    char bytes[4];
    if (is_space(cp)) {
        if (out->n == 0 || out->p[out->n - 1] != ' ')
            (void)buf_add_byte(out, ' ');
        return;
    }
    (void)buf_add(out, str_of(bytes, utf8_encode(cp, bytes)));
}

/* Changes a title case letter for its small one and the other way round, where the two are a pair:
 * what differed differs still, and most text stands there as people write it. */
static uint32_t swap_case(uint32_t cp)
{
    uint32_t small = uc_tolower(cp);
    uint32_t title = uc_totitle(cp);
    if (small != cp && uc_totitle(small) == cp)
        return small;
    return title != cp && uc_tolower(title) == cp ? title : cp;
}

/* A run that is not ASCII. */
static void add_run(str run, struct arena *scratch, struct buf *out)
{
    str rest = search_casemap(scratch, run);
    while (rest.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(rest, &cp);
        rest = str_skip(rest, n ? n : 1);
        if (n)
            add_character(swap_case(cp), out);
    }
    arena_reset(scratch);
}

static size_t run_length(str s, size_t at, bool ascii)
{
    size_t n = at;
    while (n < s.n && ((unsigned char)s.p[n] < 128) == ascii)
        n++;
    return n - at;
}

/* A run of ASCII: the form of most text, so without a call for each byte. */
static void add_ascii(str run, struct buf *out)
{
    char *p = buf_reserve(out, run.n);
    if (!p)
        return;
    bool after_space = out->n && out->p[out->n - 1] == ' ';
    size_t n = 0;
    for (size_t i = 0; i < run.n; i++) {
        unsigned char c = (unsigned char)run.p[i];
        bool space = c <= ' ' || c == 127;
        if (!space) {
            p[n++] = ascii_lower((char)c);
        } else if (!after_space) {
            p[n++] = ' ';
        }
        after_space = space;
    }
    buf_commit(out, n);
}

static void add_text(str text, struct arena *scratch, struct buf *out)
{
    for (size_t at = 0; at < text.n;) {
        bool ascii = (unsigned char)text.p[at] < 128;
        size_t n = run_length(text, at, ascii);
        if (ascii) {
            add_ascii(str_slice(text, at, n), out);
        } else {
            add_run(str_slice(text, at, n), scratch, out);
        }
        at += n;
    }
}

str search_normalize(struct arena *a, str text)
{
    struct buf repaired, out;
    struct arena scratch;
    /* One character may become many when it is decomposed: U+FDFA becomes 18. */
    size_t most = text.n * 12 + 64;
    buf_init(&repaired, text.n * 3 + 1);
    arena_init(&scratch);
    buf_init(&out, most);
    if (!utf8_is_valid(text)) {
        (void)utf8_repair(text, &repaired);
        text = buf_str(&repaired);
    }
    add_text(text, &scratch, &out);
    str normal = arena_str(a, buf_str(&out));
    buf_fini(&out);
    arena_fini(&scratch);
    buf_fini(&repaired);
    return normal;
}

/* ---- what is left without accents ---- */

/* Capitals are there in normal text where no small letter has them as its title case. */
static bool is_folded(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] > 127 || ascii_lower(text.p[i]) != text.p[i])
            return false;
    }
    return true;
}

/* Hangul and kana are put together again after the accents are gone. */
str search_fold(struct arena *a, str normal_text)
{
    if (is_folded(normal_text))
        return normal_text;
    struct buf plain;
    uint8_t *composed = NULL;
    buf_init(&plain, normal_text.n * 4 + 16);
    for (str rest = normal_text; rest.n;) {
        char bytes[4];
        uint32_t cp = 0;
        size_t n = utf8_decode(rest, &cp);
        rest = str_skip(rest, n ? n : 1);
        if (n && !search_is_faint(cp))
            (void)buf_add(&plain, str_of(bytes, utf8_encode(uc_tolower(cp), bytes)));
    }
    str folded = arena_str(a, normalized(UNINORM_NFC, buf_str(&plain), &composed));
    free(composed);
    buf_fini(&plain);
    return folded;
}
