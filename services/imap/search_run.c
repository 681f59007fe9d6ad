/* SPDX-License-Identifier: Apache-2.0 */
/* Searching in three steps: rows, index, bytes. */
#include "services/imap/search_run.h"

#include "config/config.h"
#include "db/db.h"
#include "mime/header.h"
#include "services/imap/progress.h"
#include "services/imap/search_ask.h"
#include "wire/imap_objectid.h"

enum {
    FEW = 24,              /* messages that are read without asking the index */
    HEADERS_AT_ONCE = 250, /* looked at together */
    HEADERS_MOST =
        2 * 1024 * 1024, /* octets of headers that are held, unless one alone is longer */
    PAUSE_EVERY = 64,    /* messages between two looks at the clock */
    SLICE_MS = 5,        /* of the loop's time before others have their turn */
    EARLY_MS = 20        /* the loop's clock may be ahead of time by so much */
};

#define TOO_LONG "the search took too long"

/* ---- beginning ---- */

/* "$" becomes the saved UIDs; numbers become UIDs, so that they stay right when the mailbox changes
 * under an update context (RFC 5267 section 4.3); stars become numbers. */
static void resolve_set(const struct imap_search *search, struct arena *a,
                        struct imap_search_key *key)
{
    const struct imap_view *view = search->view;
    if (key->set.is_saved_result) {
        struct imap_sequence_builder b;
        imap_sequence_build(&b, a);
        for (size_t i = 0; i < view->n_saved; i++)
            imap_sequence_add(&b, view->saved[i]);
        key->set = b.set;
        key->op = IMAP_SEARCH_UID;
        return;
    }
    bool is_uid = key->op == IMAP_SEARCH_UID;
    imap_sequence_resolve(&key->set, is_uid ? imap_view_last_uid(view) : (uint32_t)view->n);
    key->op = IMAP_SEARCH_UID;
    for (size_t i = 0; !is_uid && i < key->set.n; i++) {
        struct imap_range *range = &key->set.ranges[i];
        /* Numbers past the end name nothing: an empty range above all UIDs. */
        bool is_there = range->first <= view->n;
        uint32_t last = range->last < view->n ? range->last : (uint32_t)view->n;
        *range = is_there ? (struct imap_range){ imap_view_row(view, range->first - 1)->uid,
                                                 imap_view_row(view, last - 1)->uid }
                          : (struct imap_range){ UINT32_MAX, UINT32_MAX };
    }
}

/* An id that is none of ours names nothing. */
static void resolve_object(struct imap_search_key *key)
{
    int64_t id = 0;
    bool is_email = key->op == IMAP_SEARCH_EMAILID;
    bool ok =
        imap_objectid_parse(key->text, is_email ? IMAP_OBJECT_EMAIL : IMAP_OBJECT_THREAD, &id);
    key->number = (uint64_t)id;
    if (!ok)
        key->op = IMAP_SEARCH_NONE;
}

int64_t imap_search_deadline(const struct imap_session *s)
{
    return clock_deadline_in(config_int(s->app->config, CONFIG_LIMITS_IMAP_SEARCH_TIME));
}

void imap_search_begin(struct imap_session *s, const struct imap_view *view,
                       struct imap_search_key *root, struct arena *a, struct imap_search *out)
{
    struct imap_search_key *stack[IMAP_SEARCH_STACK];
    size_t depth = 0;
    *out = (struct imap_search){ .s = s,
                                 .view = view,
                                 .root = root,
                                 .now_s = clock_utc_ms() / 1000,
                                 .deadline_ms = imap_search_deadline(s) };
    for (struct imap_search_key *key = root; key; key = imap_search_next_key(key, stack, &depth)) {
        if (key->op == IMAP_SEARCH_SEQUENCE || key->op == IMAP_SEARCH_UID)
            resolve_set(out, a, key);
        if (key->op == IMAP_SEARCH_EMAILID || key->op == IMAP_SEARCH_THREADID)
            resolve_object(key);
    }
}

/* ---- dates of arrival ---- */

static bool has_saved_key(struct imap_search *search)
{
    struct imap_search_key *stack[IMAP_SEARCH_STACK];
    size_t depth = 0;
    for (struct imap_search_key *key = search->root; key;
         key = imap_search_next_key(key, stack, &depth)) {
        if (key->op == IMAP_SEARCH_SAVEDBEFORE || key->op == IMAP_SEARCH_SAVEDON ||
            key->op == IMAP_SEARCH_SAVEDSINCE)
            return true;
    }
    return false;
}

/* When messages came into the mailbox (RFC 8514), by index; only where a key asks for it. */
YIELDS static bool load_saved(struct imap_search *search, const struct imap_found *among,
                              struct err *e)
{
    struct arena *a = &search->s->arena;
    const struct imap_view *v = search->view;
    if (!has_saved_key(search))
        return true;
    uint32_t *uids = ARENA_ARRAY(a, uint32_t, among->n + 1);
    int64_t *saved_s = ARENA_ARRAY(a, int64_t, among->n + 1);
    for (size_t i = 0; i < among->n; i++)
        uids[i] = imap_view_row(v, among->index[i])->uid;
    if (!store_fetch_saved(search->s->app->store, v->account_id, v->mailbox_id, uids, among->n, a,
                           search->deadline_ms, saved_s, e))
        return false;
    search->saved_s = ARENA_ARRAY(a, int64_t, v->n + 1);
    for (size_t i = 0; i < among->n; i++)
        search->saved_s[among->index[i]] = saved_s[i];
    return true;
}

/* ---- step by step ---- */

/* What is decided, and what is not; both ascending. */
struct sorting {
    struct imap_found sure;
    struct imap_found open;
};

/* Gives others a turn when this fiber had the loop for long. */
YIELDS static void pause_at_times(size_t i, int64_t *slice_ends_ms)
{
    if (i % PAUSE_EVERY || clock_monotonic_ms() < *slice_ends_ms)
        return;
    fiber_yield();
    *slice_ends_ms = clock_deadline_in(SLICE_MS);
}

/* Sorts messages by what the rows and the index say of them. */
YIELDS static struct sorting sort_out(const struct imap_search *search,
                                      const struct imap_found *among)
{
    struct arena *a = &search->s->arena;
    struct sorting out = { { ARENA_ARRAY(a, uint32_t, among->n + 1), 0 },
                           { ARENA_ARRAY(a, uint32_t, among->n + 1), 0 } };
    int64_t slice_ends_ms = clock_deadline_in(SLICE_MS);
    for (size_t i = 0; i < among->n; i++) {
        uint32_t index = among->index[i];
        struct imap_looked_at m = { .row = imap_view_row(search->view, index),
                                    .number = index + 1,
                                    .a = a };
        enum imap_truth t = imap_search_eval(search, search->root, &m, IMAP_KNOWS_ROW);
        struct imap_found *list = t == IMAP_TRUE ? &out.sure : &out.open;
        if (t != IMAP_FALSE)
            list->index[list->n++] = index;
        pause_at_times(i, &slice_ends_ms);
    }
    return out;
}

/* Both lists as one. */
static struct imap_found merge(struct arena *a, const struct imap_found *left,
                               const struct imap_found *right)
{
    struct imap_found out = { ARENA_ARRAY(a, uint32_t, left->n + right->n + 1), 0 };
    size_t at = 0;
    for (size_t i = 0; i < right->n; i++) {
        while (at < left->n && left->index[at] < right->index[i])
            out.index[out.n++] = left->index[at++];
        out.index[out.n++] = right->index[i];
    }
    while (at < left->n)
        out.index[out.n++] = left->index[at++];
    return out;
}

/* ---- reading ---- */

static bool is_in_time(const struct imap_search *search, struct err *e)
{
    if (clock_monotonic_ms() < search->deadline_ms)
        return true;
    return ERR(e, ERR_LIMIT, TOO_LONG);
}

/* What is read of some messages at once. */
struct reading {
    const struct imap_search *search;
    const struct imap_found *batch;
    int64_t *ids;
    str *texts;
    enum imap_truth *truths; /* of the batch; MAYBE: still open */
    struct arena *a;
};

/* Looks at the texts that are there: headers, or all. Messages that are gone do not match. */
YIELDS static bool look_at(struct reading *r, size_t from, size_t n, enum imap_knowledge knows,
                           struct err *e)
{
    struct arena scratch;
    int64_t slice_ends_ms = clock_deadline_in(SLICE_MS);
    bool ok = true;
    arena_init(&scratch);
    for (size_t i = from; ok && i < from + n; i++) {
        struct store_row row = *imap_view_row(r->search->view, r->batch->index[i]);
        struct imap_looked_at m = { .row = &row, .number = r->batch->index[i] + 1, .a = &scratch };
        str text = r->texts[i];
        r->truths[i] = IMAP_FALSE;
        if (text.p) {
            m.header = knows == IMAP_KNOWS_ALL ? str_slice(text, 0, mime_header_end(text)) : text;
            m.raw = text;
            r->truths[i] = imap_search_eval(r->search, r->search->root, &m, knows);
        }
        arena_reset(&scratch);
        pause_at_times(0, &slice_ends_ms);
        ok = is_in_time(r->search, e);
    }
    arena_fini(&scratch);
    return ok;
}

YIELDS static bool look_at_headers(struct reading *r, struct err *e)
{
    const struct imap_search *search = r->search;
    bool ok = true;
    for (size_t from = 0; ok && from < r->batch->n;) {
        struct arena texts;
        struct store_some_texts next = { .msg_ids = r->ids + from,
                                         .n = r->batch->n - from,
                                         .most = HEADERS_MOST };
        arena_init(&texts);
        ok = store_fetch_some_headers(search->s->app->store, search->view->account_id, &next,
                                      &texts, search->deadline_ms, r->texts + from, e) &&
             look_at(r, from, next.done, IMAP_KNOWS_HEADER, e);
        arena_fini(&texts);
        from += next.done;
    }
    return ok;
}

/* Reads whole those that are still open. */
YIELDS static bool look_at_bodies(struct reading *r, struct err *e)
{
    const struct imap_search *search = r->search;
    struct imap_found open = { ARENA_ARRAY(r->a, uint32_t, r->batch->n + 1), 0 };
    size_t *places = ARENA_ARRAY(r->a, size_t, r->batch->n + 1);
    for (size_t i = 0; i < r->batch->n; i++) {
        if (r->truths[i] != IMAP_MAYBE)
            continue;
        places[open.n] = i;
        r->ids[open.n] = r->ids[i];
        open.index[open.n++] = r->batch->index[i];
    }
    struct reading some = *r;
    some.batch = &open;
    some.truths = ARENA_ARRAY(r->a, enum imap_truth, open.n + 1);
    for (size_t from = 0; from < open.n;) {
        struct arena texts;
        struct store_some_texts next = { .msg_ids = r->ids + from, .n = open.n - from };
        arena_init(&texts);
        bool ok = store_fetch_bodies(search->s->app->store, search->view->account_id, &next, &texts,
                                     search->deadline_ms, some.texts + from, e) &&
                  look_at(&some, from, next.done, IMAP_KNOWS_ALL, e);
        arena_fini(&texts);
        if (!ok)
            return false;
        from += next.done;
    }
    for (size_t i = 0; i < open.n; i++)
        r->truths[places[i]] = some.truths[i];
    return true;
}

/* Decides one batch; matches are appended to `out` in its order. */
YIELDS static bool read_batch(const struct imap_search *search, const struct imap_found *batch,
                              enum imap_truth *truths, struct err *e)
{
    struct arena a;
    arena_init(&a);
    struct reading r = { .search = search,
                         .batch = batch,
                         .ids = ARENA_ARRAY(&a, int64_t, batch->n),
                         .texts = ARENA_ARRAY(&a, str, batch->n),
                         .a = &a };
    r.truths = truths;
    for (size_t i = 0; i < batch->n; i++)
        r.ids[i] = imap_view_row(search->view, batch->index[i])->msg_id;
    bool ok = look_at_headers(&r, e) && look_at_bodies(&r, e);
    arena_fini(&a);
    return ok;
}

/* How many of the sure ones are not below the index. */
static size_t count_from(const struct imap_found *sure, uint32_t index)
{
    size_t n = 0;
    while (n < sure->n && sure->index[sure->n - 1 - n] >= index)
        n++;
    return n;
}

/* Reads what is open, newest first, until all is decided or enough was found. */
YIELDS static bool read_open(const struct imap_search *search, const struct sorting *sorted,
                             struct imap_found *out, struct err *e)
{
    struct arena *a = &search->s->arena;
    const struct imap_found *open = &sorted->open;
    enum imap_truth *truths = ARENA_ARRAY(a, enum imap_truth, open->n + 1);
    size_t n_found = 0;
    size_t at = open->n;
    while (at > 0) {
        size_t n = at < HEADERS_AT_ONCE ? at : HEADERS_AT_ONCE;
        struct imap_found batch = { open->index + at - n, n };
        if (!read_batch(search, &batch, truths + at - n, e))
            return false;
        at -= n;
        if (!imap_session_stands(search->s))
            return ERR(e, ERR_CLOSED, "the account has ended");
        imap_progress_set(search->s, open->n - at, open->n);
        for (size_t i = at; i < at + n; i++)
            n_found += truths[i] == IMAP_TRUE;
        size_t so_far = n_found + (search->enough ? count_from(&sorted->sure, batch.index[0]) : 0);
        if (search->enough && so_far >= search->enough)
            break;
    }
    struct imap_found matched = { ARENA_ARRAY(a, uint32_t, n_found + 1), 0 };
    for (size_t i = at; i < open->n; i++) {
        if (truths[i] == IMAP_TRUE)
            matched.index[matched.n++] = open->index[i];
    }
    *out = merge(a, &sorted->sure, &matched);
    return true;
}

/* ---- the whole ---- */

YIELDS static bool find_among(struct imap_search *search, const struct imap_found *among,
                              struct imap_found *out, struct err *e)
{
    struct arena *a = &search->s->arena;
    if (!load_saved(search, among, e) || !imap_search_ask_needed(search, e))
        return false;
    struct sorting sorted = sort_out(search, among);
    if (sorted.open.n > FEW) {
        if (!imap_search_ask(search, &sorted.open, e))
            return false;
        struct sorting better = sort_out(search, &sorted.open);
        sorted.sure = merge(a, &sorted.sure, &better.sure);
        sorted.open = better.open;
    }
    return read_open(search, &sorted, out, e);
}

bool imap_search_find_among(struct imap_search *search, const struct imap_found *among,
                            struct imap_found *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (find_among(search, among, out, &why))
        return true;
    /* A statement that waits ends with the search's time, too. */
    if (why.kind == ERR_TIMEOUT && clock_monotonic_ms() + EARLY_MS >= search->deadline_ms)
        return ERR(e, ERR_LIMIT, TOO_LONG);
    *e = why;
    return false;
}

bool imap_search_find(struct imap_search *search, struct imap_found *out, struct err *e)
{
    size_t n = search->view->n;
    struct imap_found all = { ARENA_ARRAY(&search->s->arena, uint32_t, n + 1), n };
    for (size_t i = 0; i < n; i++)
        all.index[i] = (uint32_t)i;
    return imap_search_find_among(search, &all, out, e);
}

struct imap_sequence imap_found_uids(const struct imap_search *search,
                                     const struct imap_found *found)
{
    struct imap_sequence_builder b;
    imap_sequence_build(&b, &search->s->arena);
    for (size_t i = 0; i < found->n; i++)
        imap_sequence_add(&b, imap_view_row(search->view, found->index[i])->uid);
    return b.set;
}
