/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical forms. A body is hashed in the longest slices that stay as they are: in the relaxed
 * form only white space is ever changed, so the search hops from one space to the next. */
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
        size_t n = name.n < sizeof(lower) ? name.n : sizeof(lower);
        for (size_t i = 0; i < n; i++)
            lower[i] = ascii_lower(name.p[i]);
        crypto_hash_add(h, str_of(lower, n));
        name = str_skip(name, n);
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
    OCTETS_A_TURN = 256 * 1024
};

struct bodying {
    struct crypto_hash *h;
    void (*turn)(void);
    uint64_t left;   /* octets that are still hashed */
    uint64_t total;  /* octets of the canonical form so far */
    uint64_t rested; /* of these, when others had their turn */
};

static void rest(struct bodying *b)
{
    b->rested = b->total;
    if (b->turn)
        b->turn();
}

static void put(struct bodying *b, str octets)
{
    while (octets.n) {
        str piece = str_slice(octets, 0, OCTETS_A_TURN);
        size_t hashed = piece.n > b->left ? (size_t)b->left : piece.n;
        b->total += piece.n;
        b->left -= hashed;
        if (hashed)
            crypto_hash_add(b->h, str_of(piece.p, hashed));
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

/* The offset of the next space or tab at `at` or later, body.n when there is none. *tab remembers
 * where the next tab is, so that few tabs cost nothing. */
static size_t next_wsp(str body, size_t at, size_t *tab)
{
    if (*tab < at || *tab == SIZE_MAX) {
        const char *p = at < body.n ? memchr(body.p + at, '\t', body.n - at) : NULL;
        *tab = p ? (size_t)(p - body.p) : body.n;
    }
    size_t end = *tab;
    const char *p = at < end ? memchr(body.p + at, ' ', end - at) : NULL;
    return p ? (size_t)(p - body.p) : end;
}

static void put_relaxed(struct bodying *b, str body)
{
    size_t start = 0; /* of what is not hashed yet */
    size_t tab = SIZE_MAX;
    size_t at = next_wsp(body, 0, &tab);
    while (at < body.n) {
        size_t end = at;
        while (end < body.n && is_wsp(body.p[end]))
            end++;
        bool is_trailing = end == body.n || has_line_end(body, end);
        bool is_plain = end - at == 1 && body.p[at] == ' ' && !is_trailing;
        if (!is_plain) {
            put(b, str_of(body.p + start, at - start));
            if (!is_trailing)
                put(b, STR(" "));
            start = end;
        }
        at = next_wsp(body, end, &tab);
    }
    put(b, str_skip(body, start));
}

uint64_t mailauth_canon_add_body(struct crypto_hash *h, enum mailauth_canon canon,
                                 const struct mailauth_body *body, uint64_t limit)
{
    struct bodying b = { .h = h, .turn = body->turn, .left = limit };
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
    return b.total;
}
