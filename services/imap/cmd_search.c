/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH (RFC 9051 section 6.4.4, RFC 4731, 5182, 7162). The index narrows texts down; what it is
 * not sure about is read and looked at. */
#include "db/db.h"
#include "services/imap/commands.h"
#include "services/imap/search_eval.h"
#include "services/imap/updates.h"

#include <stdlib.h>

enum {
    SEARCH_MS = 10 * 1000, /* then NO [LIMIT] (ATTACKS I4) */
    BATCH = 250,           /* messages whose headers are read in one statement */
    FLUSH_AT = 32 * 1024   /* octets of the answer */
};

/* What was found: indexes of the view's rows, ascending. */
struct found {
    uint32_t *index;
    size_t n;
};

/* ---- preparing ---- */

/* "$" becomes the saved UIDs; stars become numbers. */
static void resolve_set(struct imap_session *s, struct imap_search_key *key)
{
    const struct imap_view *view = s->view;
    if (key->set.is_saved_result) {
        struct imap_sequence_builder b;
        imap_sequence_build(&b, &s->arena);
        for (size_t i = 0; i < view->n_saved; i++)
            imap_sequence_add(&b, view->saved[i]);
        key->set = b.set;
        key->op = IMAP_SEARCH_UID;
        return;
    }
    bool is_uid = key->op == IMAP_SEARCH_UID;
    uint32_t last_uid = imap_view_last_uid(view);
    imap_sequence_resolve(&key->set, is_uid ? last_uid : (uint32_t)view->n);
}

/* Walks the tree depth first without recursion: `stack` has room for its depth. */
static struct imap_search_key *next_key(struct imap_search_key *key, struct imap_search_key **stack,
                                        size_t *depth)
{
    if (key->first_child) {
        stack[(*depth)++] = key;
        return key->first_child;
    }
    while (!key->next && *depth)
        key = stack[--*depth];
    return *depth || key->next ? key->next : NULL;
}

/* Asks the index about a text key. A question that is too much for it means "look at all". */
static bool ask_index(struct imap_search *search, const struct imap_search_key *key,
                      struct imap_search_hint *hints, struct err *e)
{
    struct imap_session *s = search->s;
    struct imap_search_hint *hint = &hints[search->n_hints];
    struct err why = ERR_CLEAR;
    struct search_needle needle = { .text = key->text };
    if (!imap_search_index_fields(key, &needle.fields, &hint->is_exact) ||
        key->text.n > SEARCH_MAX_NEEDLE)
        return true;
    hint->key = key;
    bool ok = search_find_substring(s->app->db, s->view->account_id, &needle, &s->arena,
                                    search->deadline_ms, &hint->candidates, &why);
    if (!ok && why.kind != ERR_LIMIT) {
        *e = why;
        return false;
    }
    search->n_hints += ok;
    return true;
}

static bool prepare(struct imap_session *s, struct imap_search_key *root,
                    struct imap_search *search, struct err *e)
{
    struct imap_search_key *stack[IMAP_SEARCH_DEPTH_MAX * 2 + 4];
    struct imap_search_hint *hints =
        ARENA_ARRAY(&s->arena, struct imap_search_hint, IMAP_SEARCH_KEYS_MAX);
    size_t depth = 0;
    *search =
        (struct imap_search){ .s = s, .hints = hints, .deadline_ms = clock_deadline_in(SEARCH_MS) };
    for (struct imap_search_key *key = root; key; key = next_key(key, stack, &depth)) {
        if (key->op == IMAP_SEARCH_SEQUENCE || key->op == IMAP_SEARCH_UID) {
            resolve_set(s, key);
        } else if (!ask_index(search, key, hints, e)) {
            return false;
        }
    }
    return true;
}

/* ---- looking ---- */

/* Reads as much of the message as it takes. A message that is gone does not match. */
static bool look_closer(const struct imap_search *search, const struct imap_search_key *root,
                        struct imap_message *m, uint32_t number, bool *matches, struct err *e)
{
    struct err why = ERR_CLEAR;
    str bytes;
    enum imap_truth t = IMAP_MAYBE;
    *matches = false;
    bool ok = imap_message_header(m, &bytes, &why);
    if (ok)
        t = imap_search_eval(search, root, m, number, IMAP_KNOWS_HEADER);
    if (ok && t == IMAP_MAYBE) {
        ok = imap_message_raw(m, &bytes, &why);
        if (ok)
            t = imap_search_eval(search, root, m, number, IMAP_KNOWS_ALL);
    }
    *matches = t == IMAP_TRUE;
    if (ok || why.kind == ERR_NOT_FOUND)
        return true;
    *e = why;
    return false;
}

static bool is_in_time(const struct imap_search *search, struct err *e)
{
    if (clock_monotonic_ms() <= search->deadline_ms)
        return true;
    return ERR(e, ERR_LIMIT, "the search took longer than %d s", SEARCH_MS / 1000);
}

/* Decides the messages of one batch that their rows could not decide. */
static bool look_at_batch(const struct imap_search *search, const struct imap_search_key *root,
                          const struct found *in, bool *matches, struct arena *a, struct err *e)
{
    struct imap_session *s = search->s;
    struct imap_view *v = s->view;
    str *headers = ARENA_ARRAY(a, str, in->n);
    int64_t *ids = ARENA_ARRAY(a, int64_t, in->n);
    for (size_t i = 0; i < in->n; i++)
        ids[i] = imap_view_row(v, in->index[i])->msg_id;
    if (!store_fetch_headers(s->app->store, v->account_id, ids, in->n, a, imap_deadline(), headers,
                             e))
        return false;
    struct arena scratch;
    arena_init(&scratch);
    bool ok = true;
    for (size_t i = 0; ok && i < in->n; i++) {
        struct imap_message m = { .s = s,
                                  .row = imap_view_row(v, in->index[i]),
                                  .a = &scratch,
                                  .header = headers[i],
                                  .has_header = true };
        ok = !headers[i].p || look_closer(search, root, &m, in->index[i] + 1, &matches[i], e);
        arena_reset(&scratch);
        ok = ok && is_in_time(search, e);
    }
    arena_fini(&scratch);
    return ok;
}

/* The open questions, batch by batch, within the time of a search. */
static bool look_at_all(const struct imap_search *search, const struct imap_search_key *root,
                        const struct found *open, bool *matches, struct err *e)
{
    struct arena a;
    bool ok = true;
    arena_init(&a);
    for (size_t at = 0; ok && at < open->n; at += BATCH) {
        size_t left = open->n - at;
        struct found batch = { open->index + at, left < BATCH ? left : BATCH };
        ok = look_at_batch(search, root, &batch, matches + at, &a, e);
        arena_reset(&a);
    }
    arena_fini(&a);
    return ok;
}

static bool find(const struct imap_search *search, const struct imap_search_key *root,
                 struct found *out, struct err *e)
{
    struct imap_session *s = search->s;
    const struct imap_view *v = s->view;
    struct found sure = { ARENA_ARRAY(&s->arena, uint32_t, v->n + 1), 0 };
    struct found open = { ARENA_ARRAY(&s->arena, uint32_t, v->n + 1), 0 };
    for (size_t i = 0; i < v->n; i++) {
        struct imap_message m = { .s = s, .row = imap_view_row(v, i), .a = &s->arena };
        switch (imap_search_eval(search, root, &m, (uint32_t)i + 1, IMAP_KNOWS_ROW)) {
        case IMAP_TRUE:
            sure.index[sure.n++] = (uint32_t)i;
            break;
        case IMAP_MAYBE:
            open.index[open.n++] = (uint32_t)i;
            break;
        case IMAP_FALSE:
            break;
        }
    }
    bool *matches = ARENA_ARRAY(&s->arena, bool, open.n + 1);
    if (!look_at_all(search, root, &open, matches, e))
        return false;
    /* Both lists are ascending: merge them. */
    out->index = ARENA_ARRAY(&s->arena, uint32_t, sure.n + open.n + 1);
    out->n = 0;
    size_t at = 0;
    for (size_t i = 0; i < open.n; i++) {
        if (!matches[i])
            continue;
        while (at < sure.n && sure.index[at] < open.index[i])
            out->index[out->n++] = sure.index[at++];
        out->index[out->n++] = open.index[i];
    }
    while (at < sure.n)
        out->index[out->n++] = sure.index[at++];
    return true;
}

/* ---- answering ---- */

/* One answer in work. */
struct answer {
    struct imap_session *s;
    const struct imap_search_args *args;
    const struct found *found;
    unsigned returns;
    bool is_uid;
    str tag;
};

static uint32_t name_of(const struct answer *a, size_t i)
{
    uint32_t index = a->found->index[i];
    return a->is_uid ? imap_view_row(a->s->view, index)->uid : index + 1;
}

static int64_t modseq_of(const struct answer *a, size_t i)
{
    return imap_view_row(a->s->view, a->found->index[i])->modseq;
}

/* The highest modseq of what is told (RFC 7162 sections 3.1.5 and 3.1.10). */
static int64_t told_modseq(const struct answer *a)
{
    const struct found *found = a->found;
    int64_t first = modseq_of(a, 0);
    int64_t last = modseq_of(a, found->n - 1);
    unsigned few = a->returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX);
    if (few && !(a->returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))) {
        if (few == IMAP_RETURN_MIN)
            return first;
        return few == IMAP_RETURN_MAX || last > first ? last : first;
    }
    int64_t highest = 0;
    for (size_t i = 0; i < found->n; i++)
        highest = modseq_of(a, i) > highest ? modseq_of(a, i) : highest;
    return highest;
}

static bool send_plain(const struct answer *a)
{
    struct buf *out = &a->s->out;
    bool ok = buf_add(out, STR("* SEARCH"));
    for (size_t i = 0; ok && i < a->found->n; i++) {
        ok = buf_addf(out, " %u", (unsigned)name_of(a, i));
        if (ok && out->n > FLUSH_AT)
            ok = imap_send_out(a->s);
    }
    if (a->args->has_modseq && a->found->n)
        ok = ok && buf_addf(out, " (MODSEQ %lld)", (long long)told_modseq(a));
    return ok && buf_add(out, STR("\r\n")) && imap_send_out(a->s);
}

static bool put_set(const struct answer *a)
{
    struct imap_sequence_builder b;
    imap_sequence_build(&b, &a->s->arena);
    for (size_t i = 0; i < a->found->n; i++)
        imap_sequence_add(&b, name_of(a, i));
    return buf_add(&a->s->out, STR(" ALL ")) && imap_sequence_format(&a->s->out, &b.set);
}

static bool send_extended(const struct answer *a)
{
    struct buf *out = &a->s->out;
    size_t n = a->found->n;
    bool ok = buf_addf(out, "* ESEARCH (TAG \"%.*s\")%s", STR_FMT(a->tag), a->is_uid ? " UID" : "");
    if (n && (a->returns & IMAP_RETURN_MIN))
        ok = ok && buf_addf(out, " MIN %u", (unsigned)name_of(a, 0));
    if (n && (a->returns & IMAP_RETURN_MAX))
        ok = ok && buf_addf(out, " MAX %u", (unsigned)name_of(a, n - 1));
    if (a->returns & IMAP_RETURN_COUNT)
        ok = ok && buf_addf(out, " COUNT %zu", n);
    if (n && (a->returns & IMAP_RETURN_ALL))
        ok = ok && put_set(a);
    if (n && a->args->has_modseq)
        ok = ok && buf_addf(out, " MODSEQ %lld", (long long)told_modseq(a));
    return ok && buf_add(out, STR("\r\n")) && imap_send_out(a->s);
}

static void forget_saved(struct imap_view *view)
{
    free(view->saved);
    view->saved = NULL;
    view->n_saved = 0;
}

/* RETURN (SAVE): all that was found, or only MIN and MAX when nothing else was asked for (RFC 5182
 * section 2.4). */
static void save(const struct answer *a)
{
    struct imap_view *view = a->s->view;
    size_t n = a->found->n;
    unsigned few = a->returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX);
    forget_saved(view);
    if (n == 0)
        return;
    view->saved = heap_zalloc(n * sizeof(*view->saved));
    bool is_few = few && !(a->returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT));
    for (size_t i = 0; i < n; i++) {
        bool is_min = i == 0 && (few & IMAP_RETURN_MIN);
        bool is_max = i == n - 1 && (few & IMAP_RETURN_MAX);
        if (!is_few || is_min || is_max)
            view->saved[view->n_saved++] = imap_view_row(view, a->found->index[i])->uid;
    }
}

static void send_answer(struct answer *a)
{
    bool is_extended = a->args->has_return || a->s->is_rev2;
    a->returns = a->args->has_return ? a->args->returns : IMAP_RETURN_ALL;
    a->s->is_condstore |= a->args->has_modseq;
    if (a->returns & IMAP_RETURN_SAVE)
        save(a);
    if (a->returns == IMAP_RETURN_SAVE)
        return;
    (void)(is_extended ? send_extended(a) : send_plain(a));
}

bool imap_cmd_search(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_search_args args;
    struct imap_search search;
    struct found found;
    bool bad_charset = false;
    if (!imap_search_parse(&c->args, &args, &bad_charset, e)) {
        if (bad_charset)
            return imap_reply(s, IMAP_NO, STR("BADCHARSET (US-ASCII UTF-8)"), "No such charset");
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such option");
        return false;
    }
    if (!prepare(s, args.root, &search, e) || !find(&search, args.root, &found, e)) {
        if (args.returns & IMAP_RETURN_SAVE)
            forget_saved(s->view);
        return false;
    }
    struct answer a = {
        .s = s, .args = &args, .found = &found, .is_uid = c->is_uid, .tag = c->tag
    };
    send_answer(&a);
    return true;
}
