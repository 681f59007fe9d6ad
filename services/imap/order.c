/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting by numbers, and the work of the pool. */
#include "services/imap/order.h"

#include "services/imap/order_keys.h"
#include "services/imap/ranks.h"
#include "services/imap/updates.h"

#include <stdlib.h>

enum {
    OFFLOAD_ABOVE = 30000,        /* messages times criteria */
    OFFLOAD_THREADS_ABOVE = 2000, /* messages */
    FLUSH_AT = 32 * 1024,         /* octets of the answer */
    ORDER_MS = 30 * 1000          /* of waiting for the pool */
};

/* ---- sorting ---- */

/* A SORT, with memory of its own: it may outlive the command in the pool. */
struct sorting {
    struct work work;
    struct arena a;
    size_t n;
    size_t n_criteria;
    uint64_t *values[IMAP_SORT_MAX]; /* of each message, by each criterion */
    bool is_reverse[IMAP_SORT_MAX];
    struct imap_rank *ranks; /* the order in the end */
};

/* The last criterion first: what comes after it keeps its order where it is equal. So ties stand in
 * the order of the mailbox in the end (RFC 5256 section 3). */
static void run_sorting(struct work *work)
{
    struct sorting *o = CONTAINER_OF(work, struct sorting, work);
    struct imap_rank *spare = ARENA_ARRAY(&o->a, struct imap_rank, o->n + 1);
    o->ranks = ARENA_ARRAY(&o->a, struct imap_rank, o->n + 1);
    for (size_t i = 0; i < o->n; i++)
        o->ranks[i].at = (uint32_t)i;
    for (size_t c = o->n_criteria; c-- > 0;) {
        for (size_t i = 0; i < o->n; i++) {
            uint64_t value = o->values[c][o->ranks[i].at];
            o->ranks[i].value = o->is_reverse[c] ? ~value : value;
        }
        imap_ranks_sort(o->ranks, spare, o->n);
    }
}

static void end_sorting(struct work *work)
{
    struct sorting *o = CONTAINER_OF(work, struct sorting, work);
    arena_fini(&o->a);
    free(o);
}

/* ---- what is sorted by ---- */

/* Columns of keys; IMAP_COLUMN_COUNT: it stands in the rows, or is made by the search. */
static enum imap_column_kind column_by(enum imap_sort_by by)
{
    static const enum imap_column_kind columns[] = {
        [IMAP_SORT_ARRIVAL] = IMAP_COLUMN_COUNT,
        [IMAP_SORT_CC] = IMAP_COLUMN_CC,
        [IMAP_SORT_DATE] = IMAP_COLUMN_DATE,
        [IMAP_SORT_DISPLAYFROM] = IMAP_COLUMN_DISPLAYFROM,
        [IMAP_SORT_DISPLAYTO] = IMAP_COLUMN_DISPLAYTO,
        [IMAP_SORT_FROM] = IMAP_COLUMN_FROM,
        [IMAP_SORT_RELEVANCY] = IMAP_COLUMN_COUNT,
        [IMAP_SORT_SIZE] = IMAP_COLUMN_COUNT,
        [IMAP_SORT_SUBJECT] = IMAP_COLUMN_SUBJECT,
        [IMAP_SORT_TO] = IMAP_COLUMN_TO,
    };
    return columns[by];
}

static uint64_t value_by(const struct imap_search *search, enum imap_sort_by by,
                         const struct store_row *row)
{
    if (by == IMAP_SORT_RELEVANCY) /* the highest first (RFC 6203 section 6) */
        return UINT32_MAX - imap_search_score(search, row);
    return by == IMAP_SORT_SIZE ? row->size : (uint64_t)row->idate_s ^ (uint64_t)1 << 63;
}

static uint64_t *values_by(const struct imap_search *search, const struct imap_found *found,
                           enum imap_sort_by by, const struct imap_column *column, struct arena *a)
{
    uint64_t *values = ARENA_ARRAY(a, uint64_t, found->n + 1);
    uint32_t place = 0;
    for (size_t i = 0; i < found->n; i++) {
        const struct store_row *row = imap_view_row(search->view, found->index[i]);
        if (column) {
            place = imap_column_find(column, row->uid, place);
            values[i] = imap_column_value(column, place);
        } else {
            values[i] = value_by(search, by, row);
        }
    }
    return values;
}

static struct sorting *new_sorting(const struct imap_search *search,
                                   const struct imap_search_args *args,
                                   const struct imap_found *found,
                                   const struct imap_order_columns *columns)
{
    struct sorting *o = HEAP_NEW(struct sorting);
    arena_init(&o->a);
    o->work = (struct work){ .run = run_sorting, .done = end_sorting };
    o->n = found->n;
    o->n_criteria = args->n_sort;
    for (size_t i = 0; i < args->n_sort; i++) {
        enum imap_sort_by by = args->sort[i].by;
        enum imap_column_kind kind = column_by(by);
        const struct imap_column *column = kind < IMAP_COLUMN_COUNT ? columns->of[kind] : NULL;
        o->values[i] = values_by(search, found, by, column, &o->a);
        o->is_reverse[i] = args->sort[i].is_reverse;
    }
    return o;
}

static unsigned wanted_by(const struct imap_search_args *args)
{
    unsigned wanted = 0;
    for (size_t i = 0; i < args->n_sort; i++) {
        enum imap_column_kind kind = column_by(args->sort[i].by);
        wanted |= kind < IMAP_COLUMN_COUNT ? 1U << kind : 0;
    }
    return wanted;
}

static int by_index(const void *left, const void *right)
{
    const uint32_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

/* Into the order of the mailbox, which what was found mostly has. */
static void put_in_mailbox_order(struct imap_found *found)
{
    size_t i = 1;
    while (i < found->n && found->index[i - 1] < found->index[i])
        i++;
    if (i < found->n)
        qsort(found->index, found->n, sizeof(*found->index), by_index);
}

bool imap_order_sort(const struct imap_search *search, const struct imap_search_args *args,
                     struct imap_found *found, struct err *e)
{
    struct imap_order_columns columns;
    uint32_t *former = ARENA_ARRAY(&search->s->arena, uint32_t, found->n + 1);
    put_in_mailbox_order(found);
    if (!imap_order_columns_get(search, found, wanted_by(args), &columns, e))
        return false;
    struct sorting *o = new_sorting(search, args, found, &columns);
    imap_order_columns_drop(&columns);
    bool offloads = o->n * o->n_criteria > OFFLOAD_ABOVE;
    if (!offloads) {
        run_sorting(&o->work);
    } else if (!work_run(&o->work, clock_deadline_in(ORDER_MS), e)) {
        return false;
    }
    if (found->n)
        memcpy(former, found->index, found->n * sizeof(*former));
    for (size_t i = 0; i < found->n; i++)
        found->index[i] = former[o->ranks[i].at];
    if (offloads) {
        work_finish(&o->work);
    } else {
        end_sorting(&o->work);
    }
    return true;
}

/* ---- THREAD ---- */

/* A THREAD, likewise. */
struct threading {
    struct work work;
    struct arena a;
    enum imap_thread_by by;
    struct imap_order_columns columns; /* the ids of items stand in them */
    struct imap_thread_item *items;
    struct imap_thread_input input;
    struct imap_threads threads;
};

static void run_threading(struct work *work)
{
    struct threading *o = CONTAINER_OF(work, struct threading, work);
    imap_thread_make(&o->a, o->by, &o->input, &o->threads);
}

static void end_threading(struct work *work)
{
    struct threading *o = CONTAINER_OF(work, struct threading, work);
    imap_order_columns_drop(&o->columns);
    arena_fini(&o->a);
    free(o);
}

static void take_ids(const struct imap_column *c, uint32_t place, struct imap_thread_item *item)
{
    item->id = c->own[place];
    item->refs = c->refs + c->refs_at[place];
    item->n_refs = c->refs_at[place + 1] - c->refs_at[place];
    item->is_reply = c->is_reply[place];
}

/* Empty texts are the first ones. */
static void take_subject(const struct imap_column *c, uint32_t place, struct imap_thread_item *item)
{
    item->subject = c->ranks[place];
    item->has_subject = c->texts[item->subject].n > 0;
}

/* What the columns say of each message. */
static void take_items(const struct imap_search *search, const struct imap_found *found,
                       struct threading *o)
{
    const struct imap_column *dates = o->columns.of[IMAP_COLUMN_DATE];
    const struct imap_column *subjects = o->columns.of[IMAP_COLUMN_SUBJECT];
    const struct imap_column *ids = o->columns.of[IMAP_COLUMN_IDS];
    uint32_t date = 0, subject = 0, id = 0;
    o->items = ARENA_ARRAY(&o->a, struct imap_thread_item, found->n + 1);
    for (size_t i = 0; i < found->n; i++) {
        const struct store_row *row = imap_view_row(search->view, found->index[i]);
        date = imap_column_find(dates, row->uid, date);
        o->items[i].arrived_s = row->idate_s;
        o->items[i].sent_s = dates->sent_s[date];
        if (subjects) {
            subject = imap_column_find(subjects, row->uid, subject);
            take_subject(subjects, subject, &o->items[i]);
        }
        if (ids) {
            id = imap_column_find(ids, row->uid, id);
            take_ids(ids, id, &o->items[i]);
        }
    }
    o->input = (struct imap_thread_input){ .items = o->items,
                                           .n = (uint32_t)found->n,
                                           .n_ids = ids ? ids->n_ids : 0,
                                           .n_subjects = subjects ? subjects->n_texts : 0 };
}

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

static unsigned threading_wants(enum imap_thread_by by)
{
    static const unsigned wanted[] = {
        [IMAP_THREAD_ORDEREDSUBJECT] = 1U << IMAP_COLUMN_DATE | 1U << IMAP_COLUMN_SUBJECT,
        [IMAP_THREAD_REFERENCES] =
            1U << IMAP_COLUMN_DATE | 1U << IMAP_COLUMN_SUBJECT | 1U << IMAP_COLUMN_IDS,
        [IMAP_THREAD_REFS] = 1U << IMAP_COLUMN_DATE | 1U << IMAP_COLUMN_IDS,
    };
    return wanted[by];
}

bool imap_order_thread(const struct imap_search *search, enum imap_thread_by by, bool is_uid,
                       const struct imap_found *found, struct err *e)
{
    struct threading *o = HEAP_NEW(struct threading);
    arena_init(&o->a);
    o->work = (struct work){ .run = run_threading, .done = end_threading };
    o->by = by;
    if (!imap_order_columns_get(search, found, threading_wants(by), &o->columns, e)) {
        end_threading(&o->work);
        return false;
    }
    take_items(search, found, o);
    bool offloads = found->n > OFFLOAD_THREADS_ABOVE;
    if (!offloads) {
        run_threading(&o->work);
    } else if (!work_run(&o->work, clock_deadline_in(ORDER_MS), e)) {
        return false;
    }
    uint32_t *names = ARENA_ARRAY(&o->a, uint32_t, found->n + 1);
    for (size_t i = 0; i < found->n; i++) {
        uint32_t index = found->index[i];
        names[i] = is_uid ? imap_view_row(search->view, index)->uid : index + 1;
    }
    send_threads(search->s, &o->threads, names);
    if (offloads) {
        work_finish(&o->work);
    } else {
        end_threading(&o->work);
    }
    return true;
}
