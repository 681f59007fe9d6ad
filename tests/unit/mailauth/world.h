/* SPDX-License-Identifier: Apache-2.0 */
/* A table of DNS answers as the resolver of the verifiers, and messages with CRLF from vectors. */
#ifndef UNIT_MAILAUTH_WORLD_H
#define UNIT_MAILAUTH_WORLD_H

#include "mailauth/mailauth.h"
#include "support/vectors.h"

enum {
    WORLD_RECORDS = 256
};

struct world_record {
    str name; /* lower case */
    enum dns_type type;
    str rdata;
};

struct world {
    struct arena a;
    struct world_record records[WORLD_RECORDS];
    size_t n;
    str failing[32]; /* names whose questions are not answered */
    size_t n_failing;
    unsigned questions;
    struct mailauth_keys *keys; /* NULL: none are kept */
};

static inline bool world_query(void *arg, str name, enum dns_type type, struct arena *a,
                               int64_t deadline_ms, struct dns_answer *out, struct err *e)
{
    struct world *w = arg;
    bool is_there = false;
    (void)deadline_ms;
    (void)e;
    w->questions++;
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    *out = (struct dns_answer){ .ttl = 300 };
    out->rdata = ARENA_ARRAY(a, str, w->n + 1);
    for (size_t i = 0; i < w->n_failing; i++) {
        if (str_ieq(w->failing[i], name)) {
            out->status = DNS_TEMPFAIL;
            return true;
        }
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct world_record *r = &w->records[i];
        bool is_it = str_ieq(r->name, name);
        bool is_below = r->name.n > name.n && str_has_isuffix(r->name, name) &&
                        r->name.p[r->name.n - name.n - 1] == '.';
        is_there |= is_it || is_below;
        if (is_it && r->type == type)
            out->rdata[out->n++] = r->rdata;
    }
    out->status = out->n ? DNS_OK : is_there ? DNS_NODATA : DNS_NXDOMAIN;
    return true;
}

static inline struct mailauth_resolver world_resolver(struct world *w)
{
    return (struct mailauth_resolver){ .query = world_query, .arg = w, .keys = w->keys };
}

static inline void world_add(struct world *w, str name, enum dns_type type, str rdata)
{
    assert_true(w->n < WORLD_RECORDS);
    w->records[w->n++] = (struct world_record){ arena_str(&w->a, name), type, rdata };
}

/* A TXT record of one text, cut into strings of 255 octets. */
static inline str world_txt(struct world *w, str text)
{
    char *p = arena_alloc(&w->a, text.n + text.n / 255 + 2);
    size_t n = 0;
    do {
        str piece = str_slice(text, 0, 255);
        p[n++] = (char)(unsigned char)piece.n;
        memcpy(p + n, piece.p, piece.n);
        n += piece.n;
        text = str_skip(text, piece.n);
    } while (text.n);
    return str_of(p, n);
}

static inline void world_add_txt(struct world *w, str name, str text)
{
    world_add(w, name, DNS_TXT, world_txt(w, text));
}

/* A domain name as in RDATA. */
static inline str world_name(struct world *w, str name)
{
    char *p = arena_alloc(&w->a, name.n + 2);
    size_t n = 0;
    str label;
    while (name.n) {
        (void)str_cut(name, '.', &label, &name);
        p[n++] = (char)label.n;
        memcpy(p + n, label.p, label.n);
        n += label.n;
    }
    p[n++] = '\0';
    return str_of(p, n);
}

static inline int world_setup(void **state)
{
    struct world *w = HEAP_NEW(struct world);
    arena_init(&w->a);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *w = *state;
    arena_fini(&w->a);
    free(w);
    return 0;
}

/* A file of tests/vectors with CRLF line ends. */
static inline str world_message(struct world *w, const char *path)
{
    return vectors_line_ends(&w->a, vectors_read(&w->a, path), true);
}

#endif
