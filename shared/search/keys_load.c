/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the keys that the indexer has written. All SQL that reads sort_key is here. */
#include "db/db.h"
#include "search/keys.h"

#include <stdlib.h>

enum {
    PAUSE_EVERY = 8192, /* rows: then others have a turn */
    AT_ONCE = 2000,     /* ids of one question of a sparse reading */
    ID_BYTES = 8        /* of one id in `refs` */
};

/* Each pair: all of an account, in the order of the table (that of the ids takes three times as
 * long), and the ids that are asked for. */
#define STATEMENTS(columns)                                                         \
    {                                                                               \
        { "SELECT msg_id, sent_s" columns " FROM sort_key WHERE account_id = $1" }, \
        {                                                                           \
            "SELECT msg_id, sent_s" columns " FROM sort_key WHERE account_id = $1"  \
            " AND msg_id = ANY ($2::bigint[]) ORDER BY msg_id"                      \
        }                                                                           \
    }

enum variant {
    VARIANT_DATE,
    VARIANT_SUBJECT,
    VARIANT_TEXTS,
    VARIANT_THREAD
};

static const struct db_stmt statements[][2] = {
    [VARIANT_DATE] = STATEMENTS(""),
    [VARIANT_SUBJECT] = STATEMENTS(", subject, is_reply"),
    [VARIANT_TEXTS] =
        STATEMENTS(", subject, is_reply, from_key, to_key, cc_key, display_from, display_to"),
    [VARIANT_THREAD] = STATEMENTS(", subject, is_reply, id_key, refs"),
};

static enum variant variant_of(unsigned wanted)
{
    if (wanted & SEARCH_KEYS_THREAD)
        return VARIANT_THREAD;
    if (wanted & SEARCH_KEYS_ADDRESSES)
        return VARIANT_TEXTS;
    return wanted & SEARCH_KEYS_SUBJECT ? VARIANT_SUBJECT : VARIANT_DATE;
}

/* Where the keys of an id go. */
struct place {
    int64_t id;
    size_t index; /* in the caller's lists */
};

struct reading {
    struct db *db;
    const struct search_keys_query *query;
    enum variant variant;
    struct place *places; /* by id */
    size_t at;            /* the place that most likely comes next */
    struct arena *a;
    int64_t deadline_ms;
    struct search_keys *out;
};

static int by_id(const void *left, const void *right)
{
    const struct place *l = left, *r = right;
    return (l->id > r->id) - (l->id < r->id);
}

static int64_t id_at(str refs, size_t i)
{
    uint64_t value = 0;
    for (size_t k = 0; k < ID_BYTES; k++)
        value = value << 8 | (unsigned char)refs.p[i * ID_BYTES + k];
    int64_t id;
    memcpy(&id, &value, sizeof(id));
    return id;
}

static void take_thread(const struct db_rows *rows, size_t row, struct arena *a,
                        struct search_keys *out)
{
    str refs = db_str(rows, row, 5);
    out->has_id = !db_is_null(rows, row, 4);
    out->id = db_int_or(rows, row, 4, 0);
    out->n_refs = refs.n / ID_BYTES;
    int64_t *ids = ARENA_ARRAY(a, int64_t, out->n_refs + 1);
    for (size_t i = 0; i < out->n_refs; i++)
        ids[i] = id_at(refs, i);
    out->refs = ids;
}

static void take_row(const struct reading *r, const struct db_rows *rows, size_t row,
                     struct search_keys *out)
{
    *out = (struct search_keys){ .is_known = true };
    out->has_sent = !db_is_null(rows, row, 1);
    out->sent_s = db_int_or(rows, row, 1, 0);
    if (r->variant == VARIANT_DATE)
        return;
    out->subject = db_str(rows, row, 2);
    out->is_reply = db_int(rows, row, 3) != 0;
    if (r->variant == VARIANT_THREAD)
        take_thread(rows, row, r->a, out);
    if (r->variant != VARIANT_TEXTS)
        return;
    out->from = db_str(rows, row, 4);
    out->to = db_str(rows, row, 5);
    out->cc = db_str(rows, row, 6);
    out->display_from = db_str(rows, row, 7);
    out->display_to = db_str(rows, row, 8);
}

/* The first place of the id or of a greater one. */
static size_t find_place(const struct reading *r, int64_t id)
{
    size_t low = 0, high = r->query->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->places[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Mostly the rows are in the order of ids, as the places are; an id may have several places. */
YIELDS static void take_rows(struct reading *r, const struct db_rows *rows)
{
    for (size_t row = 0; row < db_row_count(rows); row++) {
        if (row % PAUSE_EVERY == PAUSE_EVERY - 1)
            fiber_yield();
        int64_t id = db_int(rows, row, 0);
        if (r->at == r->query->n || r->places[r->at].id != id)
            r->at = find_place(r, id);
        for (; r->at < r->query->n && r->places[r->at].id == id; r->at++)
            take_row(r, rows, row, &r->out[r->places[r->at].index]);
    }
}

YIELDS static bool read_dense(struct reading *r, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(r->query->account_id) };
    if (!db_query(r->db, DB_READ, &statements[r->variant][0], params, COUNT_OF(params), r->a,
                  r->deadline_ms, &rows, e))
        return false;
    take_rows(r, rows);
    return true;
}

YIELDS static bool read_sparse(struct reading *r, struct err *e)
{
    int64_t *ids = ARENA_ARRAY(r->a, int64_t, AT_ONCE);
    for (size_t from = 0; from < r->query->n; from += AT_ONCE) {
        struct db_rows *rows = NULL;
        size_t left = r->query->n - from;
        size_t n = left < AT_ONCE ? left : AT_ONCE;
        for (size_t i = 0; i < n; i++)
            ids[i] = r->places[from + i].id;
        const struct db_param params[] = { DB_INT8(r->query->account_id), DB_INT8S(ids, n) };
        if (!db_query(r->db, DB_READ, &statements[r->variant][1], params, COUNT_OF(params), r->a,
                      r->deadline_ms, &rows, e))
            return false;
        take_rows(r, rows);
    }
    return true;
}

bool search_keys_load(struct db *db, const struct search_keys_query *query, struct arena *a,
                      int64_t deadline_ms, struct search_keys *out, struct err *e)
{
    struct reading r = { .db = db,
                         .query = query,
                         .variant = variant_of(query->wanted),
                         .places = ARENA_ARRAY(a, struct place, query->n + 1),
                         .a = a,
                         .deadline_ms = deadline_ms,
                         .out = out };
    bool is_sorted = true;
    for (size_t i = 0; i < query->n; i++) {
        out[i] = (struct search_keys){ .is_known = false };
        r.places[i] = (struct place){ query->msg_ids[i], i };
        is_sorted = is_sorted && (i == 0 || query->msg_ids[i - 1] <= query->msg_ids[i]);
    }
    if (query->n == 0)
        return true;
    if (!is_sorted)
        qsort(r.places, query->n, sizeof(*r.places), by_id);
    return (query->is_dense ? read_dense(&r, e) : read_sparse(&r, e)) ||
           err_wrap(e, "read sort keys");
}

/* ---- threads ---- */

static const struct db_stmt stmt_thread = {
    "SELECT msg_id FROM message WHERE account_id = $1 AND thread_id = $2 ORDER BY msg_id"
};

bool search_find_thread(struct db *db, int64_t account_id, int64_t thread_id, struct arena *a,
                        int64_t deadline_ms, struct search_ids *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(thread_id) };
    if (!db_query(db, DB_READ, &stmt_thread, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "find a thread");
    size_t n = db_row_count(rows);
    int64_t *ids = ARENA_ARRAY(a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = db_int(rows, i, 0);
    *out = (struct search_ids){ ids, n };
    return true;
}
