/* SPDX-License-Identifier: Apache-2.0 */
/* \Seen of readers who do not own the mailbox. */
#include "store/seen.h"

#include "store/internal.h"
#include "store/write.h"

static const struct db_stmt load_seen = {
    "SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)"
    "  FROM mailbox_seen s, unnest(s.uids) r"
    " WHERE s.viewer = $1 AND s.account_id = $2 AND s.mailbox_id = $3"
};
static const struct db_stmt mark_some = { "SELECT * FROM seen_mark($1, $2, $3, $4, $5, $6)" };

enum mark_column {
    MARK_MODSEQ,
    MARK_FORMER,
    MARK_UIDS,
    MARK_FIRSTS /* and lasts */
};

static bool is_owner(const struct store_viewed *of)
{
    return of->viewer_id == of->account_id;
}

/* Both ascending. */
static void put_seen(const struct store_ranges *seen, struct store_row *rows, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        while (at < seen->n && seen->list[at].last < rows[i].uid)
            at++;
        bool is_seen = at < seen->n && seen->list[at].first <= rows[i].uid;
        rows[i].flags = (uint8_t)((rows[i].flags & ~STORE_SEEN) | (is_seen ? STORE_SEEN : 0));
    }
}

bool store_seen_apply(struct store *s, const struct store_viewed *of, struct store_row *rows,
                      size_t n, struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct db_rows *found = NULL;
    const struct db_param params[] = { DB_INT8(of->viewer_id), DB_INT8(of->account_id),
                                       DB_INT4(of->mailbox_id) };
    if (is_owner(of) || n == 0)
        return true;
    if (!db_query(s->options.db, DB_READ, &load_seen, params, COUNT_OF(params), a, deadline_ms,
                  &found, e))
        return false;
    struct store_ranges seen = store_read_ranges(found, 0, 0, a);
    put_seen(&seen, rows, n);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): who, what and how, as everywhere here. */
static YIELDS bool mark(struct store *s, const struct store_viewed *of,
                        const struct store_ranges *set, bool seen, struct arena *a,
                        int64_t deadline_ms, struct db_rows **rows, struct err *e)
{
    struct db_param ranges[2];
    store_range_params(a, set, ranges);
    const struct db_param params[] = { DB_INT8(of->viewer_id),
                                       DB_INT8(of->account_id),
                                       DB_INT4(of->mailbox_id),
                                       ranges[0],
                                       ranges[1],
                                       DB_BOOL(seen) };
    const struct write_call call = { &mark_some, params, COUNT_OF(params), deadline_ms };
    if (!store_write(s, &call, a, rows, e))
        return false;
    store_publish(s, of->account_id, db_int(*rows, 0, MARK_MODSEQ));
    return true;
}

bool store_seen_mark(struct store *s, const struct store_viewed *of, const struct store_ranges *set,
                     int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    if (is_owner(of) || set->n == 0)
        return true;
    arena_init(&a);
    bool ok = mark(s, of, set, true, &a, deadline_ms, &rows, e);
    arena_fini(&a);
    return ok;
}

/* Takes the marks into a result whose rows have the other flags. The two changes are one only when
 * nobody came between; else `former` fits no picture, and what is shown is read again. */
static void take_marks(const struct db_rows *rows, struct arena *a, struct store_flag_result *out)
{
    int64_t *uids;
    int64_t modseq = db_int(rows, 0, MARK_MODSEQ);
    int64_t former = db_int(rows, 0, MARK_FORMER);
    struct store_ranges seen = store_read_ranges(rows, 0, MARK_FIRSTS, a);
    size_t n = store_ints(rows, 0, MARK_UIDS, a, &uids);
    put_seen(&seen, out->rows, out->n);
    for (size_t i = 0, at = 0; i < out->n; i++) {
        while (at < n && uids[at] < out->rows[i].uid)
            at++;
        if (at < n && uids[at] == out->rows[i].uid)
            out->rows[i].modseq = modseq;
    }
    if (modseq == 0)
        return;
    if (out->modseq == 0) {
        out->former = former;
    } else if (former != out->modseq) {
        out->former = -1;
    }
    out->modseq = modseq;
}

/* What of the change is the viewer's alone. */
static bool touches_seen(const struct store_flag_change *change)
{
    return (change->flags & STORE_SEEN) ||
           (change->mode == STORE_FLAGS_REPLACE && !(change->keep & STORE_SEEN));
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_seen_change_flags(struct store *s, const struct store_viewed *of,
                             const struct store_ranges *set, const struct store_flag_change *change,
                             struct arena *a, int64_t deadline_ms, struct store_flag_result *out,
                             struct err *e)
{
    struct db_rows *rows = NULL;
    struct store_flag_change shared = *change;
    if (is_owner(of)) {
        return store_change_flags(s, of->account_id, of->mailbox_id, set, change, a, deadline_ms,
                                  out, e);
    }
    shared.flags &= ~(unsigned)STORE_SEEN;
    shared.keep |= STORE_SEEN;
    if (!store_change_flags(s, of->account_id, of->mailbox_id, set, &shared, a, deadline_ms, out,
                            e))
        return false;
    if (!touches_seen(change) || out->n == 0)
        return store_seen_apply(s, of, out->rows, out->n, a, deadline_ms, e);
    uint32_t *uids = ARENA_ARRAY(a, uint32_t, out->n);
    for (size_t i = 0; i < out->n; i++)
        uids[i] = out->rows[i].uid;
    struct store_ranges marked = store_ranges_of(a, uids, out->n);
    bool seen = change->mode != STORE_FLAGS_REMOVE && (change->flags & STORE_SEEN);
    if (!mark(s, of, &marked, seen, a, deadline_ms, &rows, e))
        return false;
    take_marks(rows, a, out);
    return true;
}
