/* SPDX-License-Identifier: Apache-2.0 */
/* \Seen of readers who do not own the mailbox. */
#include "store/seen.h"

#include "store/viewer.h"
#include "store/write.h"

static const struct db_stmt mark_some = {
    "SELECT modseq FROM seen_mark($1, $2, $3, $4, $5, true)"
};

/* Both changes in one statement, for nobody to come between: the first one locks the account. Each
 * function looks anew, so the second one sees what the first one did, and with no UIDs only tells
 * what the viewer has read. */
static const struct db_stmt change_both = {
    "SELECT m.*, s.modseq, s.former, s.uids, s.firsts, s.lasts"
    "  FROM mailbox_store_flags($1, $2, $3, $4, $5, $6, $7, $8, $9) m,"
    " LATERAL (SELECT CASE WHEN $11::boolean IS NULL THEN '{}' ELSE m.uids END AS uids) u,"
    " LATERAL seen_mark($10, $1, $2, u.uids, u.uids, coalesce($11, true)) s"
};

/* Behind the columns of mailbox_store_flags. */
enum both_column {
    BOTH_MODSEQ = STORE_FLAG_COLUMNS, /* of the marks; 0: none was new */
    BOTH_FORMER,
    BOTH_UIDS,  /* that got or lost the mark */
    BOTH_FIRSTS /* and lasts: all that the viewer has read */
};

enum {
    BOTH_PARAMS = STORE_FLAG_PARAMS + 2
};

void store_put_seen(const struct store_viewed *of, const struct db_rows *rows, size_t column,
                    struct arena *a, struct store_row *list, size_t n)
{
    if (store_is_owner(of))
        return;
    struct store_ranges seen = store_read_ranges(rows, 0, column, a);
    for (size_t i = 0, at = 0; i < n; i++) {
        while (at < seen.n && seen.list[at].last < list[i].uid)
            at++;
        bool is_seen = at < seen.n && seen.list[at].first <= list[i].uid;
        list[i].flags = (uint8_t)((list[i].flags & ~STORE_SEEN) | (is_seen ? STORE_SEEN : 0));
    }
}

bool store_seen_mark(struct store *s, const struct store_viewed *of, const struct store_ranges *set,
                     int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    struct db_param params[5] = { DB_INT8(of->viewer_id), DB_INT8(of->account_id),
                                  DB_INT4(of->mailbox_id) };
    const struct write_call call = { &mark_some, params, COUNT_OF(params), deadline_ms };
    if (store_is_owner(of) || set->n == 0)
        return true;
    arena_init(&a);
    store_range_params(&a, set, params + 3);
    bool ok = store_write(s, &call, &a, &rows, e);
    if (ok)
        store_publish(s, of->account_id, db_int(rows, 0, 0));
    arena_fini(&a);
    return ok;
}

/* Takes the marks into a result whose rows have the other flags. */
static void take_marks(const struct store_viewed *of, const struct db_rows *rows, struct arena *a,
                       struct store_flag_result *out)
{
    int64_t *uids;
    int64_t modseq = db_int(rows, 0, BOTH_MODSEQ);
    size_t n = store_ints(rows, 0, BOTH_UIDS, a, &uids);
    store_put_seen(of, rows, BOTH_FIRSTS, a, out->rows, out->n);
    for (size_t i = 0, at = 0; i < out->n; i++) {
        while (at < n && uids[at] < out->rows[i].uid)
            at++;
        if (at < n && uids[at] == out->rows[i].uid)
            out->rows[i].modseq = modseq;
    }
    if (modseq == 0)
        return;
    if (out->modseq == 0)
        out->former = db_int(rows, 0, BOTH_FORMER);
    out->modseq = modseq;
}

/* What of the change is the viewer's alone. */
static bool touches_seen(const struct store_flag_change *change)
{
    return (change->flags & STORE_SEEN) ||
           (change->mode == STORE_FLAGS_REPLACE && !(change->keep & STORE_SEEN));
}

/* NOLINTNEXTLINE(readability-function-size): who, what and how, as everywhere here. */
bool store_seen_change_flags(struct store *s, const struct store_viewed *of,
                             const struct store_ranges *set, const struct store_flag_change *change,
                             struct arena *a, int64_t deadline_ms, struct store_flag_result *out,
                             struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param params[BOTH_PARAMS];
    struct store_flag_change shared = *change;
    const struct write_call call = { &change_both, params, COUNT_OF(params), deadline_ms };
    if (store_is_owner(of)) {
        return store_change_flags(s, of->account_id, of->mailbox_id, set, change, a, deadline_ms,
                                  out, e);
    }
    shared.flags &= ~(unsigned)STORE_SEEN;
    shared.keep |= STORE_SEEN;
    bool seen = change->mode != STORE_FLAGS_REMOVE && (change->flags & STORE_SEEN);
    params[STORE_FLAG_PARAMS] = DB_INT8(of->viewer_id);
    params[STORE_FLAG_PARAMS + 1] = touches_seen(change) ? DB_BOOL(seen) : DB_NULL;
    if (!store_flag_params(of, set, &shared, a, params, e) || !store_write(s, &call, a, &rows, e) ||
        !store_flag_read(rows, a, out, e))
        return false;
    take_marks(of, rows, a, out);
    store_publish(s, of->account_id, out->modseq);
    return true;
}
