/* SPDX-License-Identifier: Apache-2.0 */
/* Reading keys and bringing columns up to date. */
#include "services/imap/order_keys.h"

#include "db/db.h"
#include "services/imap/updates.h"

#include <stdlib.h>

enum {
    HEADERS_AT_ONCE = 250,
    HEADERS_MOST =
        2 * 1024 * 1024,  /* octets of headers that are held, unless one alone is longer */
    DENSE_ABOVE = 5000,   /* messages; fewer are asked for one by one */
    OFFLOAD_ABOVE = 2000, /* messages in all columns that are made */
    GONE_MAX = 1000,      /* messages that a column may know beside twice those that are there */
    ORDER_MS = 30 * 1000  /* of reading keys and of waiting for the pool */
};

/* ---- reading ---- */

/* Headers of messages whose keys are not known. What is gone meanwhile has none. */
YIELDS static bool read_some(const struct imap_search *search, const struct imap_found *open,
                             struct arena *a, struct search_keys *const *keys, struct err *e)
{
    struct arena scratch;
    bool ok = true;
    arena_init(&scratch);
    for (size_t from = 0, done = 0; ok && from < open->n; from += done) {
        arena_reset(&scratch);
        int64_t *ids = ARENA_ARRAY(&scratch, int64_t, open->n - from);
        str *headers = ARENA_ARRAY(&scratch, str, open->n - from);
        struct store_some_texts some = { .msg_ids = ids,
                                         .n = open->n - from,
                                         .most = HEADERS_MOST };
        for (size_t i = 0; i < some.n; i++)
            ids[i] = imap_view_row(search->view, open->index[from + i])->msg_id;
        ok = store_fetch_some_headers(search->s->app->store, search->view->account_id, &some,
                                      &scratch, imap_deadline(), headers, e);
        done = some.done;
        for (size_t i = 0; ok && i < done; i++)
            search_keys_make(a, headers[i], keys[from + i]);
    }
    arena_fini(&scratch);
    if (ok && clock_monotonic_ms() > search->deadline_ms)
        return ERR(e, ERR_LIMIT, "ordering took too long, try again later");
    return ok;
}

YIELDS static bool read_headers(const struct imap_search *search, const struct imap_found *found,
                                struct arena *a, struct search_keys *keys, struct err *e)
{
    struct imap_found open = { ARENA_ARRAY(a, uint32_t, found->n + 1), 0 };
    struct search_keys **of = ARENA_ARRAY(a, struct search_keys *, found->n + 1);
    for (size_t i = 0; i < found->n; i++) {
        if (keys[i].is_known)
            continue;
        of[open.n] = &keys[i];
        open.index[open.n++] = found->index[i];
    }
    for (size_t at = 0; at < open.n; at += HEADERS_AT_ONCE) {
        size_t n = open.n - at < HEADERS_AT_ONCE ? open.n - at : HEADERS_AT_ONCE;
        const struct imap_found some = { open.index + at, n };
        if (!read_some(search, &some, a, of + at, e))
            return false;
    }
    return true;
}

/* Whether so many messages are a good part of the account's. */
YIELDS static bool is_dense(const struct imap_search *search, size_t n, bool *dense, struct err *e)
{
    struct store_quota quota;
    *dense = false;
    if (n <= DENSE_ABOVE)
        return true;
    if (!store_get_quota(search->s->app->store, search->view->account_id, imap_deadline(), &quota,
                         e))
        return false;
    *dense = quota.used_messages <= (int64_t)n * 4;
    return true;
}

YIELDS static bool read_keys(const struct imap_search *search, const struct imap_found *found,
                             unsigned wanted, struct arena *a, struct search_keys *keys,
                             struct err *e)
{
    int64_t *ids = ARENA_ARRAY(a, int64_t, found->n + 1);
    for (size_t i = 0; i < found->n; i++)
        ids[i] = imap_view_row(search->view, found->index[i])->msg_id;
    struct search_keys_query query = {
        .account_id = search->view->account_id, .msg_ids = ids, .n = found->n, .wanted = wanted
    };
    return is_dense(search, found->n, &query.is_dense, e) &&
           search_keys_load(search->s->app->db, &query, a, clock_deadline_in(ORDER_MS), keys, e) &&
           read_headers(search, found, a, keys, e);
}

/* ---- joining ---- */

/* Joins columns, with memory of its own: it may outlive the command in the pool. */
struct joining {
    struct work work;
    struct arena a;
    unsigned lacking;                  /* kinds that lack some */
    struct imap_order_columns former;  /* held */
    struct imap_order_columns columns; /* the new ones, of the kinds that lack some */
    struct imap_column_item *items;
    size_t n;
};

static void run_joining(struct work *work)
{
    struct joining *j = CONTAINER_OF(work, struct joining, work);
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        if (!(j->lacking & 1U << kind))
            continue;
        j->columns.of[kind] = imap_column_join((enum imap_column_kind)kind, j->former.of[kind],
                                               j->items, (uint32_t)j->n);
    }
}

static void end_joining(struct work *work)
{
    struct joining *j = CONTAINER_OF(work, struct joining, work);
    imap_order_columns_drop(&j->former);
    imap_order_columns_drop(&j->columns);
    arena_fini(&j->a);
    free(j);
}

static unsigned keys_of(unsigned kinds)
{
    const unsigned addresses = 1U << IMAP_COLUMN_FROM | 1U << IMAP_COLUMN_TO |
                               1U << IMAP_COLUMN_CC | 1U << IMAP_COLUMN_DISPLAYFROM |
                               1U << IMAP_COLUMN_DISPLAYTO;
    return (kinds & addresses ? SEARCH_KEYS_ADDRESSES : 0) |
           (kinds & 1U << IMAP_COLUMN_SUBJECT ? SEARCH_KEYS_SUBJECT : 0) |
           (kinds & 1U << IMAP_COLUMN_DATE ? SEARCH_KEYS_DATE : 0) |
           (kinds & 1U << IMAP_COLUMN_IDS ? SEARCH_KEYS_THREAD : 0);
}

/* Reads the keys of the messages that some columns lack. */
YIELDS static bool read_items(const struct imap_search *search, const struct imap_found *lacked,
                              struct joining *j, struct err *e)
{
    struct search_keys *keys = ARENA_ARRAY(&j->a, struct search_keys, lacked->n + 1);
    if (!read_keys(search, lacked, keys_of(j->lacking), &j->a, keys, e))
        return false;
    j->n = lacked->n;
    j->items = ARENA_ARRAY(&j->a, struct imap_column_item, lacked->n + 1);
    for (size_t i = 0; i < lacked->n; i++) {
        const struct store_row *row = imap_view_row(search->view, lacked->index[i]);
        j->items[i] = (struct imap_column_item){ row->uid, row->idate_s, &keys[i] };
    }
    return true;
}

static bool is_long(const struct joining *j)
{
    size_t n = 0;
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        const struct imap_column *former = j->former.of[kind];
        if (j->lacking & 1U << kind)
            n += j->n + (former ? former->n : 0);
    }
    return n > OFFLOAD_ABOVE;
}

/* Makes the columns and keeps them beside the rows. Takes the job. */
YIELDS static bool join(const struct imap_search *search, struct joining *j,
                        struct imap_order_columns *columns, struct err *e)
{
    bool offloads = is_long(j);
    if (!offloads) {
        run_joining(&j->work);
    } else if (!work_run(&j->work, clock_deadline_in(ORDER_MS), e)) {
        return false;
    }
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        if (!j->columns.of[kind])
            continue;
        imap_column_drop(&columns->of[kind]);
        columns->of[kind] = imap_column_hold(j->columns.of[kind]);
        imap_columns_put(&search->view->box->columns, columns->of[kind]);
    }
    if (offloads) {
        work_finish(&j->work);
    } else {
        end_joining(&j->work);
    }
    return true;
}

/* Marks the found messages that the column (NULL: none) does not know; whether there are any. */
static bool mark_lacked(const struct imap_search *search, const struct imap_found *found,
                        const struct imap_column *c, bool *lacks)
{
    bool any = false;
    uint32_t place = 0;
    for (size_t i = 0; i < found->n; i++) {
        uint32_t uid = imap_view_row(search->view, found->index[i])->uid;
        place = c ? imap_column_find(c, uid, place) : 0;
        if (c && place < c->n && c->uids[place] == uid)
            continue;
        lacks[i] = any = true;
    }
    return any;
}

/* What the kept columns lack of the wanted kinds. */
static struct imap_found find_lacked(const struct imap_search *search,
                                     const struct imap_found *found, unsigned wanted,
                                     const struct imap_order_columns *columns, unsigned *lacking)
{
    struct arena *a = &search->s->arena;
    struct imap_found lacked = { ARENA_ARRAY(a, uint32_t, found->n + 1), 0 };
    bool *lacks = ARENA_ARRAY(a, bool, found->n + 1);
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        if ((wanted & 1U << kind) && mark_lacked(search, found, columns->of[kind], lacks))
            *lacking |= 1U << kind;
    }
    for (size_t i = 0; *lacking && i < found->n; i++) {
        if (lacks[i])
            lacked.index[lacked.n++] = found->index[i];
    }
    return lacked;
}

static struct joining *new_joining(const struct imap_order_columns *columns, unsigned lacking)
{
    struct joining *j = HEAP_NEW(struct joining);
    arena_init(&j->a);
    j->work = (struct work){ .run = run_joining, .done = end_joining };
    j->lacking = lacking;
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        if (columns->of[kind] && (lacking & 1U << kind))
            j->former.of[kind] = imap_column_hold(columns->of[kind]);
    }
    return j;
}

YIELDS static bool bring_up(const struct imap_search *search, const struct imap_found *lacked,
                            unsigned lacking, struct imap_order_columns *columns, struct err *e)
{
    struct joining *j = new_joining(columns, lacking);
    if (!read_items(search, lacked, j, e)) {
        end_joining(&j->work);
        return false;
    }
    return join(search, j, columns, e);
}

/* Messages of the mailbox, or of the view when that knows more: one that was not told of new mail
 * yet says nothing about how much of a column is gone. */
static size_t messages_of(const struct imap_view *v)
{
    size_t newest = v->box->rows ? v->box->rows->n : 0;
    return newest > v->n ? newest : v->n;
}

bool imap_order_columns_get(const struct imap_search *search, const struct imap_found *found,
                            unsigned wanted, struct imap_order_columns *out, struct err *e)
{
    struct imap_columns *kept = &search->view->box->columns;
    size_t most = messages_of(search->view) * 2 + GONE_MAX;
    unsigned lacking = 0;
    *out = (struct imap_order_columns){ { NULL } };
    for (unsigned kind = 0; kind < IMAP_COLUMN_COUNT; kind++) {
        if (wanted & 1U << kind)
            out->of[kind] = imap_columns_get(kept, (enum imap_column_kind)kind, most);
    }
    struct imap_found lacked = find_lacked(search, found, wanted, out, &lacking);
    if (!lacking || bring_up(search, &lacked, lacking, out, e))
        return true;
    imap_order_columns_drop(out);
    return false;
}

void imap_order_columns_drop(struct imap_order_columns *columns)
{
    for (size_t i = 0; i < IMAP_COLUMN_COUNT; i++)
        imap_column_drop(&columns->of[i]);
}
