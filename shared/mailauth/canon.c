/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical forms. A body is hashed in the longest slices that stay as they are: in the relaxed
 * form only some white space is changed, and the search hops from one such place to the next. Short
 * slices are put together first, since a hash takes blocks. */
#include "mailauth/canon.h"

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- header fields ---- */

/* A field body in relaxed form: folds undone, runs of white space as one space, none at the ends.
 * `is_gap`: a space is due before the next octet; `has_text`: something was written. */
struct relaxing {
    struct crypto_hash *h;
    bool is_gap;
    bool has_text;
};

static void relax(struct relaxing *r, str text)
{
    size_t start = 0;
    for (size_t i = 0; i <= text.n; i++) {
        bool is_end = i == text.n;
        bool is_gap = !is_end && is_wsp(text.p[i]);
        if (!is_end && !is_gap && text.p[i] != '\r' && text.p[i] != '\n')
            continue;
        if (i > start) {
            if (r->is_gap && r->has_text)
                crypto_hash_add(r->h, STR(" "));
            crypto_hash_add(r->h, str_of(text.p + start, i - start));
            r->has_text = true;
            r->is_gap = false;
        }
        r->is_gap |= is_gap;
        start = i + 1;
    }
}

static void add_relaxed_name(struct crypto_hash *h, str name)
{
    char lower[64];
    name = str_trim(name);
    while (name.n) {
        str part = str_slice(name, 0, sizeof(lower));
        crypto_hash_add(h, str_lower(part, lower));
        name = str_skip(name, part.n);
    }
    crypto_hash_add(h, STR(":"));
}

/* `hole` empty: nothing is left out. */
static void add_field(struct crypto_hash *h, enum mailauth_canon canon,
                      const struct mime_field *field, str hole)
{
    size_t before = hole.n ? (size_t)(hole.p - field->body.p) : field->body.n;
    str tail = hole.n ? str_skip(field->body, before + hole.n) : STR_EMPTY;
    if (canon == MAILAUTH_SIMPLE) {
        size_t prefix = (size_t)(field->body.p - field->raw.p);
        crypto_hash_add(h, str_of(field->raw.p, prefix + before));
        crypto_hash_add(h, tail);
        return;
    }
    struct relaxing r = { .h = h };
    add_relaxed_name(h, field->name);
    relax(&r, str_slice(field->body, 0, before));
    relax(&r, tail);
}

void mailauth_canon_add_field(struct crypto_hash *h, enum mailauth_canon canon,
                              const struct mime_field *field)
{
    add_field(h, canon, field, STR_EMPTY);
    crypto_hash_add(h, STR("\r\n"));
}

void mailauth_canon_add_own_field(struct crypto_hash *h, enum mailauth_canon canon,
                                  const struct mime_field *field, str hole)
{
    add_field(h, canon, field, hole);
}

/* ---- bodies ---- */

enum {
    OCTETS_A_TURN = 256 * 1024,
    BLOCK = 16,      /* octets that are looked at together */
    TOGETHER = 2048, /* octets that are hashed together */
    SHORT = 512      /* a longer slice is hashed from where it is */
};

struct bodying {
    struct crypto_hash *h;
    void (*turn)(void);
    uint64_t left;   /* octets that are still hashed */
    uint64_t total;  /* octets of the canonical form so far */
    uint64_t rested; /* of these, when others had their turn */
    size_t n;        /* octets of `together` */
    char together[TOGETHER];
};

static void flush(struct bodying *b)
{
    if (b->n)
        crypto_hash_add(b->h, str_of(b->together, b->n));
    b->n = 0;
}

static void add(struct bodying *b, str octets)
{
    if (b->n + octets.n > TOGETHER)
        flush(b);
    if (octets.n > SHORT) {
        flush(b);
        crypto_hash_add(b->h, octets);
    } else if (octets.n) {
        memcpy(b->together + b->n, octets.p, octets.n);
        b->n += octets.n;
    }
}

static void rest(struct bodying *b)
{
    b->rested = b->total;
    if (b->turn)
        b->turn();
}

static void put(struct bodying *b, str octets)
{
    if (octets.n <= b->left && b->total - b->rested + octets.n < OCTETS_A_TURN) {
        b->total += octets.n; /* as nearly always */
        b->left -= octets.n;
        add(b, octets);
        return;
    }
    while (octets.n) {
        str piece = str_slice(octets, 0, OCTETS_A_TURN);
        size_t hashed = piece.n > b->left ? (size_t)b->left : piece.n;
        b->total += piece.n;
        b->left -= hashed;
        add(b, str_of(piece.p, hashed));
        if (b->total - b->rested >= OCTETS_A_TURN)
            rest(b);
        octets = str_skip(octets, piece.n);
    }
}

static bool has_line_end(str body, size_t at)
{
    return at + 1 < body.n && body.p[at] == '\r' && body.p[at + 1] == '\n';
}

/* The body without its empty lines at the end and without the last line end; in the relaxed form a
 * line of white space is empty too. */
static str cut_empty_end(str body, bool relaxed)
{
    while (body.n) {
        size_t n = body.n;
        if (relaxed) {
            while (n && is_wsp(body.p[n - 1]))
                n--;
        }
        if (n >= 2 && body.p[n - 2] == '\r' && body.p[n - 1] == '\n') {
            body.n = n - 2;
            continue;
        }
        if (relaxed && n < body.n && n == 0)
            body.n = 0;
        break;
    }
    return body;
}

static bool is_odd_at(str body, size_t at)
{
    char c = body.p[at];
    if (c != ' ')
        return c == '\t';
    return at + 1 == body.n || is_wsp(body.p[at + 1]) || body.p[at + 1] == '\r';
}

/* Which octet in memory the lowest one that is not 0 of a word is. */
static size_t first_in(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(word) / 8;
#else
    return (size_t)__builtin_clzll(word) / 8;
#endif
}

/* Marks the odd ones of a block's octets: a loop without branches, which compilers make wide. Gives
 * the offset of the first one, BLOCK when there is none. One octet more can be read. */
static size_t first_odd(const char *p)
{
    unsigned char odd[BLOCK];
    uint64_t words[BLOCK / 8];
    for (size_t i = 0; i < BLOCK; i++) {
        char c = p[i];
        char next = p[i + 1];
        odd[i] = (unsigned char)((c == '\t') |
                                 ((c == ' ') & ((next == ' ') | (next == '\t') | (next == '\r'))));
    }
    memcpy(words, odd, sizeof(words));
    if (words[0])
        return first_in(words[0]);
    return words[1] ? 8 + first_in(words[1]) : BLOCK;
}

/* The offset of the next white space at `at` or later that may not stay as it is; body.n when there
 * is none. A tab, or a space with white space, a CR or nothing behind it. Whole blocks are looked
 * at first. */
static size_t next_odd(str body, size_t at)
{
    while (at + BLOCK < body.n) {
        size_t found = first_odd(body.p + at);
        at += found;
        if (found < BLOCK)
            return at;
    }
    while (at < body.n && !is_odd_at(body, at))
        at++;
    return at;
}

static void put_relaxed(struct bodying *b, str body)
{
    size_t start = 0; /* of what is not hashed yet */
    size_t at = next_odd(body, 0);
    while (at < body.n) {
        size_t end = at;
        while (end < body.n && is_wsp(body.p[end]))
            end++;
        bool is_trailing = end == body.n || has_line_end(body, end);
        bool has_space = !is_trailing && body.p[at] == ' '; /* one that can stay */
        put(b, str_of(body.p + start, at - start + has_space));
        if (!is_trailing && !has_space)
            put(b, STR(" "));
        start = end;
        at = next_odd(body, end);
    }
    put(b, str_skip(body, start));
}

uint64_t mailauth_canon_add_body(struct crypto_hash *h, enum mailauth_canon canon,
                                 const struct mailauth_body *body, uint64_t limit)
{
    struct bodying b;
    b.h = h;
    b.turn = body->turn;
    b.left = limit;
    b.total = 0;
    b.n = 0;
    bool relaxed = canon == MAILAUTH_RELAXED;
    str text = cut_empty_end(body->text, relaxed);
    rest(&b);
    if (relaxed) {
        put_relaxed(&b, text);
    } else {
        put(&b, text);
    }
    /* An empty body is one line end in the simple form and nothing in the relaxed one. */
    if (text.n || !relaxed)
        put(&b, STR("\r\n"));
    flush(&b);
    return b.total;
}
