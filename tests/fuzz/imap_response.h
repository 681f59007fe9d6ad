/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a server says, strictly by the grammar of RFC 9051 section 9: values with their lists
 * as trees. Nothing of the writer is used. Header only, for fuzz targets. */
#ifndef FUZZ_IMAP_RESPONSE_H
#define FUZZ_IMAP_RESPONSE_H

#include "base/base.h"

enum said_kind {
    SAID_NIL,
    SAID_ATOM, /* also a number or a flag */
    SAID_TEXT, /* a quoted string or a literal */
    SAID_LIST
};

struct said {
    enum said_kind kind;
    str text;          /* unescaped */
    bool is_after_gap; /* a space stands before it in its list */
    bool is_literal8;
    struct said *first; /* of a list */
    struct said *next;
};

struct said_reader {
    struct arena *a;
    str in;
    size_t at;
    unsigned depth;
};

enum {
    SAID_DEPTH_MAX = 400
};

static inline bool said_try(struct said_reader *r, char c)
{
    bool is = r->at < r->in.n && r->in.p[r->at] == c;
    r->at += is;
    return is;
}

static inline bool said_quoted(struct said_reader *r, str *out)
{
    char *text = arena_alloc(r->a, r->in.n - r->at + 1);
    size_t n = 0;
    while (r->at < r->in.n && r->in.p[r->at] != '"') {
        char c = r->in.p[r->at++];
        bool is_escape = c == '\\';
        if (is_escape && r->at < r->in.n)
            c = r->in.p[r->at++];
        bool is_special = c == '"' || c == '\\';
        if ((unsigned char)c > 127 || c == '\r' || c == '\n' || c == 0 || is_escape != is_special)
            return false;
        text[n++] = c;
    }
    *out = str_of(text, n);
    return said_try(r, '"');
}

/* Behind the brace that opens it. */
static inline bool said_literal(struct said_reader *r, bool is_literal8, str *out)
{
    size_t from = r->at;
    uint64_t n = 0;
    while (r->at < r->in.n && ascii_is_digit(r->in.p[r->at]))
        r->at++;
    if (!str_to_uint(str_slice(r->in, from, r->at - from), r->in.n, &n) || !said_try(r, '}') ||
        !said_try(r, '\r') || !said_try(r, '\n') || n > r->in.n - r->at)
        return false;
    *out = str_slice(r->in, r->at, (size_t)n);
    r->at += (size_t)n;
    return is_literal8 || str_find_byte(*out, '\0') < 0;
}

static inline bool said_atom(struct said_reader *r, str *out)
{
    size_t from = r->at;
    r->at += r->at < r->in.n && r->in.p[r->at] == '\\'; /* a flag */
    while (r->at < r->in.n && (unsigned char)r->in.p[r->at] > 32 &&
           (unsigned char)r->in.p[r->at] < 127 &&
           str_find_byte(STR("(){%*\"\\]"), r->in.p[r->at]) < 0)
        r->at++;
    *out = str_slice(r->in, from, r->at - from);
    return out->n > 0;
}

static inline struct said *said_value(struct said_reader *r);

static inline bool said_list(struct said_reader *r, struct said *list)
{
    struct said **end = &list->first;
    if (++r->depth > SAID_DEPTH_MAX)
        return false;
    while (!said_try(r, ')')) {
        bool has_gap = said_try(r, ' ');
        struct said *item = said_value(r);
        if (!item || (has_gap && !list->first))
            return false;
        /* Only lists may stand side by side (address, body-type-mpart). */
        if (list->first && !has_gap && item->kind != SAID_LIST)
            return false;
        item->is_after_gap = has_gap;
        *end = item;
        end = &item->next;
    }
    r->depth--;
    return true;
}

/* The value that begins here, in the arena; NULL when there is none. Recursive. */
static inline struct said *said_value(struct said_reader *r)
{
    struct said *v = ARENA_NEW(r->a, struct said);
    bool ok;
    v->kind = SAID_TEXT;
    if (said_try(r, '"')) {
        ok = said_quoted(r, &v->text);
    } else if (said_try(r, '{')) {
        ok = said_literal(r, false, &v->text);
    } else if (said_try(r, '~')) {
        v->is_literal8 = true;
        ok = said_try(r, '{') && said_literal(r, true, &v->text);
    } else if (said_try(r, '(')) {
        v->kind = SAID_LIST;
        ok = said_list(r, v);
    } else {
        ok = said_atom(r, &v->text);
        v->kind = str_eq(v->text, STR("NIL")) ? SAID_NIL : SAID_ATOM;
    }
    return ok ? v : NULL;
}

/* The item behind it; NULL behind the last, or when v is NULL. */
static inline const struct said *said_next(const struct said **v)
{
    const struct said *now = *v;
    *v = now ? now->next : NULL;
    return now;
}

#endif
