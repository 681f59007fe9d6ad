/* SPDX-License-Identifier: Apache-2.0 */
/* Reading keys, comparing, and the work of the pool. */
#include "services/imap/order.h"

#include "base/map.h"
#include "db/db.h"
#include "services/imap/updates.h"

#include <stdlib.h>

enum {
    HEADERS_AT_ONCE = 250,
    OFFLOAD_ABOVE = 2000, /* messages */
    DENSE_ABOVE = 5000,   /* messages; fewer are asked for one by one */
    FLUSH_AT = 32 * 1024, /* octets of the answer */
    ORDER_MS = 30 * 1000  /* of reading keys and of waiting for the pool */
};

/* What a message is ordered by. */
struct entry {
    struct search_keys *keys;
    int64_t sent_s;
    int64_t arrived_s;
    uint32_t size;
    uint32_t index; /* in the view */
    unsigned score;
};

/* What is sorted: small, and most comparisons end at `lead`. */
struct rank {
    uint64_t lead; /* the first criterion as a number in its order */
    uint32_t at;   /* in the entries */
};

/* One job, with memory of its own: it may outlive the command in the pool. */
struct order {
    struct work work;
    struct arena a;
    const struct imap_sort_criterion *sort;
    size_t n_sort;
    enum imap_thread_by thread; /* when there is nothing to sort by */
    struct entry *entries;
    struct rank *ranks; /* of a sort: the order in the end */
    size_t n;
    struct imap_threads threads;
};

/* ---- comparing ---- */

static int compare_numbers(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

/* The text that a criterion compares by, or NULL when it is a number. */
static const str *text_by(enum imap_sort_by by, const struct search_keys *keys)
{
    switch (by) {
    case IMAP_SORT_CC:
        return &keys->cc;
    case IMAP_SORT_DISPLAYFROM:
        return &keys->display_from;
    case IMAP_SORT_DISPLAYTO:
        return &keys->display_to;
    case IMAP_SORT_FROM:
        return &keys->from;
    case IMAP_SORT_SUBJECT:
        return &keys->subject;
    case IMAP_SORT_TO:
        return &keys->to;
    case IMAP_SORT_ARRIVAL:
    case IMAP_SORT_DATE:
    case IMAP_SORT_RELEVANCY:
    case IMAP_SORT_SIZE:
        break;
    }
    return NULL;
}

static int64_t number_by(enum imap_sort_by by, const struct entry *entry)
{
    if (by == IMAP_SORT_RELEVANCY)
        return -(int64_t)entry->score; /* the highest first (RFC 6203 section 6) */
    if (by == IMAP_SORT_SIZE)
        return entry->size;
    return by == IMAP_SORT_ARRIVAL ? entry->arrived_s : entry->sent_s;
}

static int compare_by(enum imap_sort_by by, const struct entry *l, const struct entry *r)
{
    const str *left = text_by(by, l->keys);
    return left ? str_cmp(*left, *text_by(by, r->keys))
                : compare_numbers(number_by(by, l), number_by(by, r));
}

static int compare(const void *left, const void *right, void *arg)
{
    const struct rank *first = left, *second = right;
    const struct order *order = arg;
    if (first->lead != second->lead)
        return first->lead < second->lead ? -1 : 1;
    const struct entry *l = &order->entries[first->at], *r = &order->entries[second->at];
    for (size_t i = 1; i < order->n_sort; i++) {
        int by = compare_by(order->sort[i].by, l, r);
        if (by)
            return order->sort[i].is_reverse ? -by : by;
    }
    return compare_numbers(l->index, r->index);
}

/* A text that some entries have. */
struct text {
    str text;
    uint64_t place; /* among all texts */
};

static int compare_texts(const void *left, const void *right)
{
    const struct text *const *l = left, *const *r = right;
    return str_cmp((*l)->text, (*r)->text);
}

/* Mail is full of texts that are the same: each is compared once, then its place counts. */
static void lead_by_text(struct order *o)
{
    struct map known;
    struct text **texts = ARENA_ARRAY(&o->a, struct text *, o->n + 1);
    struct text **of = ARENA_ARRAY(&o->a, struct text *, o->n + 1);
    size_t n = 0;
    map_init(&known, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        const str *text = text_by(o->sort[0].by, o->entries[i].keys);
        of[i] = map_find(&known, *text);
        if (of[i])
            continue;
        of[i] = texts[n++] = ARENA_NEW(&o->a, struct text);
        of[i]->text = *text;
        (void)map_put(&known, *text, of[i], NULL);
    }
    map_fini(&known);
    qsort(texts, n, sizeof(struct text *), compare_texts);
    for (size_t i = 0; i < n; i++)
        texts[i]->place = i;
    for (size_t i = 0; i < o->n; i++)
        o->ranks[i] = (struct rank){ of[i]->place, (uint32_t)i };
}

static void lead_by_number(struct order *o)
{
    for (size_t i = 0; i < o->n; i++) {
        uint64_t number = (uint64_t)number_by(o->sort[0].by, &o->entries[i]);
        o->ranks[i] = (struct rank){ number ^ (uint64_t)1 << 63, (uint32_t)i };
    }
}

static void sort_ranks(struct order *o)
{
    o->ranks = ARENA_ARRAY(&o->a, struct rank, o->n + 1);
    if (o->n && text_by(o->sort[0].by, o->entries[0].keys)) {
        lead_by_text(o);
    } else {
        lead_by_number(o);
    }
    for (size_t i = 0; o->sort[0].is_reverse && i < o->n; i++)
        o->ranks[i].lead = ~o->ranks[i].lead;
    qsort_r(o->ranks, o->n, sizeof(*o->ranks), compare, o);
}

static void run_order(struct work *work)
{
    struct order *o = CONTAINER_OF(work, struct order, work);
    if (o->n_sort) {
        sort_ranks(o);
        return;
    }
    struct imap_thread_item *items = ARENA_ARRAY(&o->a, struct imap_thread_item, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        const struct entry *entry = &o->entries[i];
        items[i] = (struct imap_thread_item){ entry->keys, entry->sent_s, entry->arrived_s };
    }
    imap_thread_make(&o->a, o->thread, items, (uint32_t)o->n, &o->threads);
}

static void end_order(struct work *work)
{
    struct order *o = CONTAINER_OF(work, struct order, work);
    arena_fini(&o->a);
    free(o);
}

/* ---- reading keys ---- */

/* Headers of messages whose keys are not known. What is gone meanwhile has none. */
YIELDS static bool read_some(const struct imap_search *search, struct order *o,
                             struct entry *const *open, size_t n, struct err *e)
{
    struct arena scratch;
    arena_init(&scratch);
    int64_t *ids = ARENA_ARRAY(&scratch, int64_t, n);
    str *headers = ARENA_ARRAY(&scratch, str, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = imap_view_row(search->view, open[i]->index)->msg_id;
    bool ok = store_fetch_headers(search->s->app->store, search->view->account_id, ids, n, &scratch,
                                  imap_deadline(), headers, e);
    for (size_t i = 0; ok && i < n; i++)
        search_keys_make(&o->a, headers[i], open[i]->keys);
    arena_fini(&scratch);
    if (ok && clock_monotonic_ms() > search->deadline_ms)
        return ERR(e, ERR_LIMIT, "ordering took too long, try again later");
    return ok;
}

YIELDS static bool read_headers(const struct imap_search *search, struct order *o, struct err *e)
{
    struct entry **open = ARENA_ARRAY(&o->a, struct entry *, o->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        if (!o->entries[i].keys->is_known)
            open[n++] = &o->entries[i];
    }
    for (size_t at = 0; at < n; at += HEADERS_AT_ONCE) {
        size_t some = n - at < HEADERS_AT_ONCE ? n - at : HEADERS_AT_ONCE;
        if (!read_some(search, o, open + at, some, e))
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

YIELDS static bool read_keys(const struct imap_search *search, unsigned wanted, struct order *o,
                             struct err *e)
{
    struct search_keys *keys = ARENA_ARRAY(&o->a, struct search_keys, o->n + 1);
    int64_t *ids = ARENA_ARRAY(&o->a, int64_t, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        o->entries[i].keys = &keys[i];
        ids[i] = imap_view_row(search->view, o->entries[i].index)->msg_id;
    }
    struct search_keys_query query = {
        .account_id = search->view->account_id, .msg_ids = ids, .n = o->n, .wanted = wanted
    };
    if (wanted == 0)
        return true;
    if (!is_dense(search, o->n, &query.is_dense, e) ||
        !search_keys_load(search->s->app->db, &query, &o->a, clock_deadline_in(ORDER_MS), keys,
                          e) ||
        !read_headers(search, o, e))
        return false;
    for (size_t i = 0; i < o->n; i++) {
        if (keys[i].has_sent)
            o->entries[i].sent_s = keys[i].sent_s;
    }
    return true;
}

/* ---- the job ---- */

static unsigned wanted_by(const struct order *o)
{
    static const unsigned wanted[] = {
        [IMAP_SORT_ARRIVAL] = 0,
        [IMAP_SORT_CC] = SEARCH_KEYS_ADDRESSES,
        [IMAP_SORT_DATE] = SEARCH_KEYS_DATE,
        [IMAP_SORT_DISPLAYFROM] = SEARCH_KEYS_ADDRESSES,
        [IMAP_SORT_DISPLAYTO] = SEARCH_KEYS_ADDRESSES,
        [IMAP_SORT_FROM] = SEARCH_KEYS_ADDRESSES,
        [IMAP_SORT_RELEVANCY] = 0,
        [IMAP_SORT_SIZE] = 0,
        [IMAP_SORT_SUBJECT] = SEARCH_KEYS_SUBJECT,
        [IMAP_SORT_TO] = SEARCH_KEYS_ADDRESSES,
    };
    unsigned all = 0;
    for (size_t i = 0; i < o->n_sort; i++)
        all |= wanted[o->sort[i].by];
    if (o->n_sort)
        return all;
    return o->thread == IMAP_THREAD_ORDEREDSUBJECT ? SEARCH_KEYS_SUBJECT : SEARCH_KEYS_THREAD;
}

static struct order *new_order(const struct imap_search *search, const struct imap_found *found)
{
    struct order *o = HEAP_NEW(struct order);
    arena_init(&o->a);
    o->work = (struct work){ .run = run_order, .done = end_order };
    o->n = found->n;
    o->entries = ARENA_ARRAY(&o->a, struct entry, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        const struct store_row *row = imap_view_row(search->view, found->index[i]);
        o->entries[i] = (struct entry){ .sent_s = row->idate_s,
                                        .arrived_s = row->idate_s,
                                        .size = row->size,
                                        .index = found->index[i],
                                        .score = imap_search_score(search, row) };
    }
    return o;
}

/* Reads and orders. False: the job is gone. */
YIELDS static bool finish_order(const struct imap_search *search, struct order *o, struct err *e)
{
    if (!read_keys(search, wanted_by(o), o, e)) {
        end_order(&o->work);
        return false;
    }
    if (o->n <= OFFLOAD_ABOVE) {
        run_order(&o->work);
        return true;
    }
    if (work_run(&o->work, clock_deadline_in(ORDER_MS), e))
        return true;
    return false;
}

/* Ends a job that was finished. */
static void drop_order(struct order *o, bool was_offloaded)
{
    if (was_offloaded) {
        work_finish(&o->work);
    } else {
        end_order(&o->work);
    }
}

bool imap_order_sort(const struct imap_search *search, const struct imap_search_args *args,
                     struct imap_found *found, struct err *e)
{
    struct order *o = new_order(search, found);
    struct imap_sort_criterion *sort = ARENA_ARRAY(&o->a, struct imap_sort_criterion, args->n_sort);
    memcpy(sort, args->sort, args->n_sort * sizeof(*sort));
    o->sort = sort;
    o->n_sort = args->n_sort;
    if (!finish_order(search, o, e))
        return false;
    for (size_t i = 0; i < o->n; i++)
        found->index[i] = o->entries[o->ranks[i].at].index;
    drop_order(o, o->n > OFFLOAD_ABOVE);
    return true;
}

/* ---- THREAD ---- */

YIELDS static void send_threads(struct imap_session *s, const struct imap_threads *threads,
                                const uint32_t *names)
{
    bool ok =
        buf_add(&s->out, threads->first == IMAP_THREAD_NONE ? STR("* THREAD") : STR("* THREAD "));
    for (uint32_t at = threads->first; ok && at != IMAP_THREAD_NONE; at = threads->nodes[at].next) {
        ok = imap_thread_format(threads, at, names, &s->out);
        if (ok && s->out.n > FLUSH_AT)
            ok = imap_send_out(s);
    }
    (void)(ok && buf_add(&s->out, STR("\r\n")) && imap_send_out(s));
}

bool imap_order_thread(const struct imap_search *search, enum imap_thread_by by, bool is_uid,
                       const struct imap_found *found, struct err *e)
{
    struct order *o = new_order(search, found);
    o->thread = by;
    if (!finish_order(search, o, e))
        return false;
    uint32_t *names = ARENA_ARRAY(&o->a, uint32_t, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        uint32_t index = o->entries[i].index;
        names[i] = is_uid ? imap_view_row(search->view, index)->uid : index + 1;
    }
    send_threads(search->s, &o->threads, names);
    drop_order(o, o->n > OFFLOAD_ABOVE);
    return true;
}
