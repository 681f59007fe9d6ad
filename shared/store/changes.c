/* SPDX-License-Identifier: Apache-2.0 */
/* What changed in an account since a modseq, from the change log: the log has UIDs, people want
 * messages. */
#include "store/mail.h"

#include "store/internal.h"

/* One row an object, in the order of `what`; the first row holds the state that is reached and the
 * floor of the log. Rows of the log with one modseq belong together. A message that came into a
 * mailbox is new, unless the same step took it out of another one (kind 2 without ids) or it is in
 * a further mailbox. */
static const struct db_stmt changes = {
    "WITH log AS MATERIALIZED ("
    " SELECT c.mailbox_id, c.modseq, c.kind, c.uids, c.msg_ids,"
    "        sum((SELECT coalesce(sum(upper(r) - lower(r)), 1) FROM unnest(c.uids) r))"
    "          OVER (ORDER BY c.modseq) AS running"
    "   FROM change c WHERE c.account_id = $1 AND c.modseq > $2),"
    " step AS MATERIALIZED (SELECT coalesce(max(modseq), 0) AS upto FROM log"
    "   WHERE running <= $3 OR modseq = (SELECT min(modseq) FROM log)),"
    " part AS MATERIALIZED (SELECT * FROM log WHERE modseq <= (SELECT upto FROM step)),"
    " came AS ("
    "  SELECT m.msg_id, bool_or(p.kind = 3 AND NOT EXISTS (SELECT 1 FROM part o"
    "           WHERE o.modseq = p.modseq AND o.kind = 2 AND o.msg_ids IS NULL)"
    "         AND NOT EXISTS (SELECT 1 FROM mbox_msg o WHERE o.account_id = $1"
    "           AND o.msg_id = m.msg_id AND (o.mailbox_id, o.uid) <> (m.mailbox_id, m.uid))) AS new"
    "    FROM part p, unnest(p.uids) r"
    "    JOIN mbox_msg m ON m.account_id = $1 AND m.uid BETWEEN lower(r) AND upper(r) - 1"
    "   WHERE p.kind IN (1, 3) AND m.mailbox_id = p.mailbox_id GROUP BY 1),"
    " went AS (SELECT DISTINCT i AS msg_id FROM part p, unnest(p.msg_ids) i"
    "   WHERE p.kind = 2 AND NOT EXISTS (SELECT 1 FROM mbox_msg m"
    "     WHERE m.account_id = $1 AND m.msg_id = i))"
    " SELECT 0, a.modseq, a.chg_floor, s.upto,"
    "        (SELECT count(*) FROM log WHERE modseq > s.upto)"
    "   FROM account_state a, step s WHERE a.account_id = $1"
    " UNION ALL"
    " SELECT CASE WHEN b.mailbox_id IS NULL THEN 3 WHEN b.created_modseq > $2 THEN 1 ELSE 2 END,"
    "        p.mailbox_id, 0, 0, 0 FROM (SELECT DISTINCT mailbox_id FROM part) p"
    "   LEFT JOIN mailbox b ON b.account_id = $1 AND b.mailbox_id = p.mailbox_id"
    " UNION ALL"
    " SELECT CASE WHEN c.new THEN 4 ELSE 5 END, c.msg_id, h.thread_id, 0, 0 FROM came c"
    "   JOIN message h ON h.account_id = $1 AND h.msg_id = c.msg_id"
    " UNION ALL"
    " SELECT 6, w.msg_id, coalesce(h.thread_id, 0), (EXISTS (SELECT 1 FROM message o"
    "          JOIN mbox_msg m ON m.account_id = $1 AND m.msg_id = o.msg_id"
    "         WHERE o.account_id = $1 AND o.thread_id = h.thread_id))::int, 0 FROM went w"
    "   LEFT JOIN message h ON h.account_id = $1 AND h.msg_id = w.msg_id"
    " ORDER BY 1, 2"
};

enum what {
    WHAT_STATE,
    WHAT_MAILBOX_CREATED,
    WHAT_MAILBOX_UPDATED,
    WHAT_MAILBOX_GONE,
    WHAT_MAIL_CREATED,
    WHAT_MAIL_UPDATED,
    WHAT_MAIL_GONE,
    WHAT_COUNT
};

/* The ids of the rows of one kind; rows are ordered. */
static struct store_ids read_ids(const struct db_rows *rows, enum what what, struct arena *a)
{
    int64_t *ids = ARENA_ARRAY(a, int64_t, db_row_count(rows));
    size_t n = 0;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (db_int(rows, i, 0) == (int64_t)what)
            ids[n++] = db_int(rows, i, 1);
    }
    return (struct store_ids){ ids, n };
}

enum fate {
    FATE_CREATED,
    FATE_UPDATED,
    FATE_GONE,
    FATE_NONE
};

/* What the row of a message says of its conversation. One begins with the message whose id it has;
 * one is gone when its last message is. */
static enum fate fate_of(const struct db_rows *rows, size_t i)
{
    int64_t thread = db_int(rows, i, 2);
    switch (db_int(rows, i, 0)) {
    case WHAT_MAIL_CREATED:
        return db_int(rows, i, 1) == thread ? FATE_CREATED : FATE_UPDATED;
    case WHAT_MAIL_UPDATED:
        return FATE_UPDATED;
    case WHAT_MAIL_GONE:
        if (thread == 0)
            return FATE_NONE;
        return db_int(rows, i, 3) ? FATE_UPDATED : FATE_GONE;
    default:
        return FATE_NONE;
    }
}

static bool has_id(const struct store_ids *ids, int64_t id)
{
    size_t low = 0;
    size_t high = ids->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->list[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ids->n && ids->list[low] == id;
}

/* Conversations of one fate, each once, without those in `but`. */
static struct store_ids read_threads(const struct db_rows *rows, enum fate fate,
                                     const struct store_ids *but, struct arena *a)
{
    int64_t *ids = ARENA_ARRAY(a, int64_t, db_row_count(rows));
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (fate_of(rows, i) == fate)
            ids[n++] = db_int(rows, i, 2);
    }
    store_sort_ids(ids, n);
    for (size_t i = 0; i < n; i++) {
        if ((kept == 0 || ids[i] != ids[kept - 1]) && !has_id(but, ids[i]))
            ids[kept++] = ids[i];
    }
    return (struct store_ids){ ids, kept };
}

/* NOLINTNEXTLINE(readability-function-size): a step of changes is two numbers. */
bool store_changes_load(struct store *s, int64_t account_id, int64_t since, size_t limit,
                        struct arena *a, int64_t deadline_ms, struct store_changes *out,
                        struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(since),
                                       DB_INT8((int64_t)limit) };
    *out = (struct store_changes){ 0 };
    if (!db_query(s->options.db, DB_READ, &changes, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    if (db_row_count(rows) == 0 || db_int(rows, 0, 0) != WHAT_STATE)
        return ERR(e, ERR_NOT_FOUND, "there is no account %lld", (long long)account_id);
    out->modseq = db_int(rows, 0, 1);
    out->is_too_old = since < db_int(rows, 0, 2) || since > out->modseq;
    if (out->is_too_old)
        return true;
    out->has_more = db_int(rows, 0, 4) > 0;
    if (out->has_more)
        out->modseq = db_int(rows, 0, 3);
    struct store_ids *const lists[WHAT_COUNT] = {
        [WHAT_MAILBOX_CREATED] = &out->mailboxes_created,
        [WHAT_MAILBOX_UPDATED] = &out->mailboxes_updated,
        [WHAT_MAILBOX_GONE] = &out->mailboxes_gone,
        [WHAT_MAIL_CREATED] = &out->mails_created,
        [WHAT_MAIL_UPDATED] = &out->mails_updated,
        [WHAT_MAIL_GONE] = &out->mails_gone,
    };
    for (int what = WHAT_MAILBOX_CREATED; what < WHAT_COUNT; what++)
        *lists[what] = read_ids(rows, (enum what)what, a);
    const struct store_ids none = { NULL, 0 };
    out->threads_gone = read_threads(rows, FATE_GONE, &none, a);
    out->threads_created = read_threads(rows, FATE_CREATED, &out->threads_gone, a);
    out->threads_updated = read_threads(rows, FATE_UPDATED, &out->threads_created, a);
    return true;
}
