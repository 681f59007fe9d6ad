/* SPDX-License-Identifier: Apache-2.0 */
/* Listing and restoring what was expunged, and expunging what is too old for its mailbox. */
#include "store/expunged.h"

#include "store/internal.h"
#include "store/write.h"

static const struct db_stmt list_gone = {
    "SELECT x.expunged_id, x.mailbox_id, coalesce(mailbox_path(x.account_id, x.mailbox_id), x.path),"
    "       x.at, x.idate, x.size, m.from_name, m.from_addr, m.subject"
    "  FROM expunged x LEFT JOIN message m USING (account_id, msg_id)"
    " WHERE x.account_id = $1 AND ($2 = 0 OR x.mailbox_id = $2) AND x.flags & 16 = 0"
    "   AND x.at >= $3 AND x.at < $4 AND x.expunged_id < $5"
    " ORDER BY x.expunged_id DESC LIMIT $6"
};
static const struct db_stmt count_gone = {
    "SELECT count(*), coalesce(sum(size), 0) FROM expunged_select($1, $2, $3, $4, $5, $6)"
};
static const struct db_stmt restore = {
    "SELECT modseq, n, bytes FROM expunged_restore($1, $2, $3, $4, $5, $6)"
};
static const struct db_stmt get_keep = {
    "SELECT coalesce(keep_days, 0) FROM mailbox WHERE account_id = $1 AND mailbox_id = $2"
};
static const struct db_stmt list_keeps = {
    "SELECT mailbox_id, keep_days FROM mailbox WHERE account_id = $1 AND keep_days IS NOT NULL"
};
static const struct db_stmt set_keep = {
    "UPDATE mailbox SET keep_days = nullif($3, 0) WHERE account_id = $1 AND mailbox_id = $2"
    " RETURNING mailbox_id"
};
static const struct db_stmt next_keeping = {
    "SELECT account_id, mailbox_id FROM mailbox"
    " WHERE keep_days IS NOT NULL AND (account_id, mailbox_id) > ($1, $2)"
    " ORDER BY account_id, mailbox_id LIMIT $3"
};
/* Messages whose time in the mailbox is not known count from the date that clients see. */
static const struct db_stmt find_old = {
    "SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)"
    "  FROM (SELECT range_agg(int8range(o.uid, o.uid, '[]')) AS uids"
    "          FROM (SELECT m.uid FROM mbox_msg m, mailbox b"
    "                 WHERE b.account_id = $1 AND b.mailbox_id = $2"
    "                   AND m.account_id = $1 AND m.mailbox_id = $2"
    "                   AND coalesce(m.saved_at, m.idate)"
    "                       < now() - b.keep_days * interval '1 day'"
    "                 ORDER BY m.uid LIMIT $3) o) w, unnest(w.uids) r"
    " HAVING count(*) > 0"
};

enum {
    KEEP_MAILBOXES = 200, /* of one round trip */
    KEEP_MESSAGES = 1000  /* of one EXPUNGE */
};

/* ---- what was expunged ---- */

/* NOLINTNEXTLINE(readability-function-size): which ones, and where the page begins and ends. */
bool store_gone_list(struct store *s, const struct store_gone_query *query, int64_t before_id,
                     size_t limit, struct arena *a, int64_t deadline_ms,
                     struct store_gone_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(query->account_id), DB_INT4(query->mailbox_id),
                                       DB_TIME_US(query->from_us), DB_TIME_US(query->to_us),
                                       DB_INT8(before_id),         DB_INT8((int64_t)limit) };
    if (!db_query(s->options.db, DB_READ, &list_gone, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    struct store_gone *list = ARENA_ARRAY(a, struct store_gone, db_row_count(rows) + 1);
    *out = (struct store_gone_list){ list, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++) {
        list[i] = (struct store_gone){ .id = db_int(rows, i, 0),
                                       .mailbox_id = (int)db_int(rows, i, 1),
                                       .mailbox = db_str(rows, i, 2),
                                       .gone_us = db_time_us(rows, i, 3),
                                       .received_us = db_time_us(rows, i, 4),
                                       .size = (size_t)db_int(rows, i, 5),
                                       .from_name = db_str(rows, i, 6),
                                       .from_addr = db_str(rows, i, 7),
                                       .subject = db_str(rows, i, 8) };
    }
    return true;
}

/* How many the query finds, of as many as there may be. */
YIELDS static bool count(struct store *s, struct db_param *params, size_t n, struct arena *a,
                         int64_t deadline_ms, struct store_restored *found, struct err *e)
{
    struct db_rows *rows = NULL;
    params[n - 1] = DB_NULL;
    if (!db_query(s->options.db, DB_READ, &count_gone, params, n, a, deadline_ms, &rows, e))
        return false;
    *found = (struct store_restored){ .messages = db_int(rows, 0, 0), .bytes = db_int(rows, 0, 1) };
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): which ones, by two ways to say it. */
bool store_gone_restore(struct store *s, const struct store_gone_query *query, const int64_t *ids,
                        size_t n, bool dry_run, int64_t deadline_ms, struct store_restored *out,
                        struct err *e)
{
    struct db_rows *rows = NULL;
    struct store_restored left;
    struct arena a;
    struct db_param params[] = { DB_INT8(query->account_id), n > 0 ? DB_INT8S(ids, n) : DB_NULL,
                                 DB_INT4(query->mailbox_id), DB_TIME_US(query->from_us),
                                 DB_TIME_US(query->to_us),   DB_INT4(STORE_MAX_RESTORE) };
    const struct write_call call = { &restore, params, COUNT_OF(params), deadline_ms };
    bool ok;
    arena_init(&a);
    if (dry_run) {
        ok = count(s, params, COUNT_OF(params), &a, deadline_ms, out, e);
    } else {
        ok = store_write(s, &call, &a, &rows, e);
        if (ok) {
            *out = (struct store_restored){ .messages = db_int(rows, 0, 1),
                                            .bytes = db_int(rows, 0, 2) };
            store_publish(s, query->account_id, db_int(rows, 0, 0));
        }
        if (ok && out->messages == STORE_MAX_RESTORE) {
            ok = count(s, params, COUNT_OF(params), &a, deadline_ms, &left, e);
            out->left = ok ? left.messages : 0;
        }
    }
    arena_fini(&a);
    return ok;
}

/* ---- how long mailboxes keep their messages ---- */

bool store_keep_get(struct store *s, int64_t account_id, int mailbox_id, int64_t deadline_ms,
                    int *days, struct err *e)
{
    struct db_rows *rows = NULL;
    struct arena a;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    arena_init(&a);
    bool ok = db_query(s->options.db, DB_READ, &get_keep, params, COUNT_OF(params), &a, deadline_ms,
                       &rows, e);
    if (ok && db_row_count(rows) == 0) {
        ok = ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    } else if (ok) {
        *days = (int)db_int(rows, 0, 0);
    }
    arena_fini(&a);
    return ok;
}

bool store_keep_list(struct store *s, int64_t account_id, struct arena *a, int64_t deadline_ms,
                     struct store_keeps *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(s->options.db, DB_READ, &list_keeps, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    struct store_keep *list = ARENA_ARRAY(a, struct store_keep, db_row_count(rows) + 1);
    *out = (struct store_keeps){ list, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++)
        list[i] = (struct store_keep){ (int)db_int(rows, i, 0), (int)db_int(rows, i, 1) };
    return true;
}

bool store_keep_set(struct store *s, int64_t account_id, int mailbox_id, int days,
                    int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    struct arena a;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id), DB_INT4(days) };
    arena_init(&a);
    bool ok = db_query(s->options.db, DB_DELIVER, &set_keep, params, COUNT_OF(params), &a,
                       deadline_ms, &rows, e);
    if (ok && db_row_count(rows) == 0)
        ok = ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    arena_fini(&a);
    return ok;
}

/* Those of one mailbox. One that was deleted since it was found has nothing to do. */
YIELDS static bool expunge_old(struct store *s, int64_t account_id, int mailbox_id,
                               int64_t deadline_ms, int64_t *expunged, struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id),
                                       DB_INT8(KEEP_MESSAGES) };
    struct arena a;
    struct err why = ERR_CLEAR;
    size_t n = KEEP_MESSAGES;
    bool ok = true;
    arena_init(&a);
    while (ok && n == KEEP_MESSAGES && clock_monotonic_ms() < deadline_ms) {
        struct db_rows *rows = NULL;
        struct store_expunged gone = { .n = 0 };
        arena_reset(&a);
        ok = db_query(s->options.db, DB_SEARCH, &find_old, params, COUNT_OF(params), &a,
                      deadline_ms, &rows, &why);
        if (!ok || db_row_count(rows) == 0)
            break;
        const struct store_ranges set = store_read_ranges(rows, 0, 0, &a);
        ok = store_expunge(s, account_id, mailbox_id, &set, false, &a, deadline_ms, &gone, &why);
        n = ok ? gone.n : 0;
        *expunged += (int64_t)n;
    }
    arena_fini(&a);
    if (ok || why.kind == ERR_NOT_FOUND)
        return true;
    *e = why;
    return false;
}

/* The next mailboxes; *n is how many there were, more than there can be when that is not known. One
 * that fails does not keep the others from being seen to, one that is interrupted by the deadline
 * comes first the next time. Of errors the first is told. */
YIELDS static bool keep_some(struct store *s, int64_t deadline_ms, int64_t *expunged, size_t *n,
                             struct err *e)
{
    const struct db_param params[] = { DB_INT8(s->keep_after), DB_INT4(s->keep_mailbox_after),
                                       DB_INT8(KEEP_MAILBOXES) };
    struct db_rows *rows = NULL;
    struct arena a;
    struct err first = ERR_CLEAR;
    arena_init(&a);
    size_t found = 0;
    *n = KEEP_MAILBOXES + 1;
    if (db_query(s->options.db, DB_SEARCH, &next_keeping, params, COUNT_OF(params), &a, deadline_ms,
                 &rows, &first))
        *n = found = db_row_count(rows);
    for (size_t i = 0; i < found && clock_monotonic_ms() < deadline_ms; i++) {
        struct err why = ERR_CLEAR;
        int64_t account_id = db_int(rows, i, 0);
        int mailbox_id = (int)db_int(rows, i, 1);
        if (!expunge_old(s, account_id, mailbox_id, deadline_ms, expunged, &why) &&
            first.kind == ERR_NONE)
            first = why;
        if (clock_monotonic_ms() < deadline_ms) {
            s->keep_after = account_id;
            s->keep_mailbox_after = mailbox_id;
        }
    }
    arena_fini(&a);
    if (first.kind == ERR_NONE)
        return true;
    *e = first;
    return false;
}

bool store_keep_apply(struct store *s, int64_t deadline_ms, int64_t *expunged, struct err *e)
{
    struct err first = ERR_CLEAR;
    size_t n = KEEP_MAILBOXES;
    *expunged = 0;
    while (n == KEEP_MAILBOXES && clock_monotonic_ms() < deadline_ms) {
        struct err why = ERR_CLEAR;
        if (!keep_some(s, deadline_ms, expunged, &n, &why) && first.kind == ERR_NONE)
            first = why;
    }
    if (n < KEEP_MAILBOXES && clock_monotonic_ms() < deadline_ms)
        s->keep_after = s->keep_mailbox_after = 0; /* the next run begins anew */
    if (first.kind == ERR_NONE)
        return true;
    *e = first;
    return false;
}
