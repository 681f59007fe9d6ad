/* SPDX-License-Identifier: Apache-2.0 */
/* What operators do with the queue: look, try again, delete. Each act and its audit row are one
 * transaction. */
#include "audit/audit.h"
#include "queue/private.h"

#include <assert.h>

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000
};

static const char *const status_names[] = {
    [QUEUE_STATUS_PENDING] = "pending", [QUEUE_STATUS_DEFERRED] = "deferred",
    [QUEUE_STATUS_FAILED] = "failed",   [QUEUE_STATUS_HELD] = "held",
    [QUEUE_STATUS_ANY] = "any",         [QUEUE_STATUS_ASKED] = "asked",
};

const char *queue_status_name(enum queue_status status)
{
    return status_names[status];
}

/* ---- looking ---- */

#define ROW_COLUMNS \
    "SELECT" QUEUE_ROW_COLUMNS " FROM q_rcpt r JOIN q_msg m USING (queue_id)" QUEUE_DESTINATION

static const struct db_stmt select_list = {
    ROW_COLUMNS " WHERE" QUEUE_FILTER
                " AND (r.queue_id > $5 OR (r.queue_id = $5 AND $6 <> '' AND r.rcpt > $6))"
                " ORDER BY r.queue_id, r.rcpt LIMIT $7"
};
static const struct db_stmt select_some = {
    ROW_COLUMNS " WHERE r.queue_id = ANY ($1::bigint[]) AND r.status IN (-3, -1, 0, 1)"
                " ORDER BY r.queue_id, r.rcpt"
};

static_assert(QUEUE_BREAKER_OPEN == 1 && QUEUE_BREAKER_HALF_OPEN == 2, "of select_domains");
/* Codes and ids in answers differ from mail to mail: without them the same reason looks the same.
 */
static const struct db_stmt select_domains = {
    "WITH found AS (SELECT r.domain, r.queue_id, r.status, r.reply,"
    " CASE WHEN r.status = 0 OR (r.status = -3 AND NOT r.kept) THEN" QUEUE_NEXT
    " END AS due," QUEUE_WAITS " AS waits,"
    " regexp_replace(r.reply, '[0-9A-Fa-f]{8,}', '', 'g') AS shape"
    " FROM q_rcpt r JOIN q_msg m USING (queue_id)" QUEUE_DESTINATION " WHERE" QUEUE_FILTER "),"
    " many AS (SELECT domain, count(*) AS n, count(DISTINCT queue_id) AS messages,"
    " count(*) FILTER (WHERE status = 1) AS failed,"
    " count(*) FILTER (WHERE status IN (-3, -1)) AS held, min(due) AS due,"
    " min(waits) FILTER (WHERE waits <> '') AS waits,"
    " mode() WITHIN GROUP (ORDER BY shape) FILTER (WHERE reply <> '') AS shape"
    " FROM found GROUP BY domain)"
    " SELECT g.domain, g.n, g.messages, g.failed, g.due, coalesce(f.reply, ''), f.n,"
    " count(*) OVER (), g.held, coalesce(g.waits, ''), CASE WHEN NOT coalesce(d.breaker_open, false)"
    " THEN 0 WHEN d.breaker_until > now() THEN 1 ELSE 2 END, d.breaker_until"
    " FROM many g LEFT JOIN q_domain d ON d.domain = g.domain,"
    " LATERAL (SELECT min(reply) AS reply, count(*) AS n FROM found"
    " WHERE found.domain = g.domain AND found.shape = g.shape AND found.reply <> '') f"
    " ORDER BY g.n DESC, g.domain LIMIT $5"
};

static enum queue_status read_status(int64_t status, bool was_tried)
{
    if (status == RCPT_HELD || status == RCPT_WAITING)
        return QUEUE_STATUS_HELD;
    if (status != RCPT_PENDING)
        return QUEUE_STATUS_FAILED;
    return was_tried ? QUEUE_STATUS_DEFERRED : QUEUE_STATUS_PENDING;
}

struct queue_row queue_row_read(const struct db_rows *r, size_t i)
{
    bool is_waiting = db_int(r, i, 4) == RCPT_WAITING && db_int(r, i, 13) == 0;
    bool is_by_hand = db_int(r, i, 16) != 0;
    return (struct queue_row){
        .queue_id = db_int(r, i, 0),
        .envelope_from = db_str(r, i, 1),
        .recipient = db_str(r, i, 2),
        .domain = db_str(r, i, 3),
        .status = read_status(db_int(r, i, 4), db_int(r, i, 5) > 0),
        .attempts = (unsigned)db_int(r, i, 5),
        .due_us = is_waiting || db_int(r, i, 4) == RCPT_PENDING ? db_time_us(r, i, 6) : 0,
        .is_waiting = is_waiting,
        .is_asked = db_int(r, i, 4) == RCPT_HELD && db_int(r, i, 13) == 0,
        .last_attempt_us = db_time_us_or(r, i, 7, 0),
        .code = db_str(r, i, 8),
        .reply = db_str(r, i, 9),
        .created_us = db_time_us(r, i, 10),
        .expires_us = is_by_hand ? 0 : db_time_us(r, i, 11),
        .size = db_int(r, i, 12),
        .transport = db_str(r, i, 14),
        .is_verp = db_int(r, i, 15) != 0,
        .waits = db_str(r, i, 17),
    };
}

static void read_rows(const struct db_rows *r, struct arena *a, struct queue_rows *out)
{
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct queue_row, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = queue_row_read(r, i);
}

static unsigned rows_wanted(const struct queue_filter *filter)
{
    unsigned limit = filter->limit ? filter->limit : LIST_DEFAULT;
    return limit < LIST_MAX ? limit : LIST_MAX;
}

bool queue_list(struct queue *q, const struct queue_filter *filter, struct arena *a,
                int64_t deadline_ms, struct queue_rows *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { QUEUE_FILTER_PARAMS(filter), DB_INT8(filter->after_id),
                                       DB_TEXT(filter->after_rcpt), DB_INT8(rows_wanted(filter)) };
    if (!db_query(q->db, DB_READ, &select_list, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    read_rows(r, a, out);
    return true;
}

bool queue_get(struct queue *q, int64_t queue_id, struct arena *a, int64_t deadline_ms,
               struct queue_rows *out, struct err *e)
{
    return queue_get_some(q, &queue_id, 1, a, deadline_ms, out, e) &&
           (out->n > 0 || ERR(e, ERR_NOT_FOUND, "no such message in the queue"));
}

bool queue_get_some(struct queue *q, const int64_t *queue_ids, size_t n, struct arena *a,
                    int64_t deadline_ms, struct queue_rows *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param ids = DB_INT8S(queue_ids, n);
    if (!db_query(q->db, DB_READ, &select_some, &ids, 1, a, deadline_ms, &r, e))
        return false;
    read_rows(r, a, out);
    return true;
}

bool queue_list_domains(struct queue *q, const struct queue_filter *filter, struct arena *a,
                        int64_t deadline_ms, struct queue_groups *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { QUEUE_FILTER_PARAMS(filter), DB_INT8(rows_wanted(filter)) };
    if (!db_query(q->db, DB_READ, &select_domains, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    out->total = out->n ? db_int(r, 0, 7) : 0;
    out->list = ARENA_ARRAY(a, struct queue_group, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct queue_group){
            .domain = db_str(r, i, 0),
            .recipients = db_int(r, i, 1),
            .messages = db_int(r, i, 2),
            .failed = db_int(r, i, 3),
            .held = db_int(r, i, 8),
            .due_us = db_time_us_or(r, i, 4, 0),
            .reply = db_str(r, i, 5),
            .replies = db_int(r, i, 6),
            .waits = db_str(r, i, 9),
            .breaker = (enum queue_breaker_state)db_int(r, i, 10),
            .until_us = db_int(r, i, 10) == QUEUE_BREAKER_OPEN ? db_time_us(r, i, 11) : 0,
        };
    }
    return true;
}

static const struct db_stmt select_stats = {
    "SELECT (SELECT count(*) FROM q_msg), count(*) FILTER (WHERE status = 0 AND attempts = 0),"
    " count(*) FILTER (WHERE status = 0 AND attempts > 0), count(*) FILTER (WHERE status = 1),"
    " count(*) FILTER (WHERE status = 0 AND due <= now()),"
    " (SELECT coalesce(sum(size), 0)::int8 FROM q_msg), (SELECT min(created) FROM q_msg WHERE release_at IS NULL),"
    " (SELECT count(*) FROM q_domain WHERE breaker_open),"
    " (SELECT count(*) FROM q_domain WHERE lease_until > now()),"
    " count(*) FILTER (WHERE status IN (-3, -1)),"
    " min(due) FILTER (WHERE status = 0 AND due <= now()) FROM q_rcpt"
};

bool queue_get_stats(struct queue *q, int64_t deadline_ms, struct queue_stats *out, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    arena_init(&a);
    bool ok = db_query(q->db, DB_READ, &select_stats, NULL, 0, &a, deadline_ms, &r, e);
    if (ok) {
        *out = (struct queue_stats){
            .messages = db_int(r, 0, 0),
            .pending = db_int(r, 0, 1),
            .deferred = db_int(r, 0, 2),
            .failed = db_int(r, 0, 3),
            .due = db_int(r, 0, 4),
            .bytes = db_int(r, 0, 5),
            .oldest_us = db_time_us_or(r, 0, 6, 0),
            .open_breakers = db_int(r, 0, 7),
            .leased = db_int(r, 0, 8),
            .held = db_int(r, 0, 9),
            .due_since_us = db_time_us_or(r, 0, 10, 0),
        };
    }
    arena_fini(&a);
    return ok;
}

/* ---- acting: rows of q_domain are locked before those of q_rcpt, as everywhere ---- */

/* $5 is one queue id, 0 for all. What is held is selected by name only, and never what is kept: to
 * try something once more is not to release it. */
#define SELECTED                                                                       \
    " (r.status = 0 OR (r.status IN (-3, -1) AND NOT r.kept AND ($5 <> 0 OR $4 = 3)))" \
    " AND ($5 = 0 OR r.queue_id = $5) AND" QUEUE_FILTER

static const struct db_stmt wake_selected_domains = {
    "UPDATE q_domain d SET next_due = now(), breaker_open = false, failures = 0, successes = 0,"
    " breaker_until = '-infinity' FROM (SELECT domain FROM q_domain WHERE domain IN"
    " (SELECT r.domain FROM q_rcpt r JOIN q_msg m USING (queue_id) WHERE" SELECTED ")"
    " ORDER BY domain FOR UPDATE) s WHERE d.domain = s.domain"
};
static const struct db_stmt make_due = {
    "UPDATE q_rcpt u SET due = now(), status = CASE u.status WHEN -3 THEN -3 ELSE 0 END,"
    " planned = CASE u.status WHEN 0 THEN coalesce(u.planned, u.due) ELSE now() END FROM q_rcpt r JOIN q_msg m USING (queue_id)"
    " WHERE u.queue_id = r.queue_id AND u.rcpt = r.rcpt AND" SELECTED
};
static const struct db_stmt note_deletion = { NOTE_ENDING(
    "4", "''",
    "'an administrator removed it from the queue'") "q_rcpt r JOIN q_msg m USING (queue_id) WHERE r.queue_id = $1 AND r.status IN (-3, -1, 0)"
                                                    " ON CONFLICT DO NOTHING" };
static const struct db_stmt delete_rcpts = { "DELETE FROM q_rcpt WHERE queue_id = $1" };
static const struct db_stmt delete_msg = { "DELETE FROM q_msg WHERE queue_id = $1" };

static void send_audit(struct db_tx *tx, const struct queue_actor *actor, str action, str object,
                       str detail)
{
    audit_send(tx, &(struct audit_entry){ .actor_id = actor->account_id,
                                          .actor = actor->name,
                                          .ip = actor->ip,
                                          .action = action,
                                          .object = object,
                                          .detail = detail });
}

/* The two statements that make the selected recipients due; *count of them. */
YIELDS static bool make_selected_due(struct db_tx *tx, const struct queue_filter *filter,
                                     int64_t queue_id, struct arena *a, int64_t *count,
                                     struct err *e)
{
    struct db_rows *rows[2] = { NULL };
    const struct db_param params[] = { QUEUE_FILTER_PARAMS(filter), DB_INT8(queue_id) };
    db_tx_send(tx, &wake_selected_domains, params, COUNT_OF(params));
    db_tx_send(tx, &make_due, params, COUNT_OF(params));
    if (!db_tx_flush(tx, a, rows, COUNT_OF(rows), NULL, e))
        return false;
    *count = db_affected(rows[1]);
    return true;
}

static void wake_workers(struct queue *q)
{
    if (q->notify)
        notify_tell(q->notify, NOTIFY_QUEUE, 0);
}

bool queue_retry_all(struct queue *q, const struct queue_actor *actor,
                     const struct queue_filter *filter, int64_t deadline_ms, int64_t *count,
                     struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              make_selected_due(tx, filter, 0, &a, count, e);
    if (ok) {
        str object = str_is_empty(filter->domain) ? STR("*") : filter->domain;
        send_audit(tx, actor, STR("queue.retry_all"), object,
                   arena_printf(&a, "%lld recipients", (long long)*count));
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    arena_fini(&a);
    if (ok)
        wake_workers(q);
    return ok;
}

static bool is_held(const struct queue_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->list[i].status == QUEUE_STATUS_HELD)
            return true;
    }
    return false;
}

bool queue_retry(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                 int64_t deadline_ms, struct err *e)
{
    static const struct queue_filter all = { .status = QUEUE_STATUS_ANY };
    struct arena a;
    struct db_tx *tx = NULL;
    struct queue_rows rows;
    int64_t count = 0;
    char id[QUEUE_ID_TEXT];
    arena_init(&a);
    bool ok = queue_get(q, queue_id, &a, deadline_ms, &rows, e) &&
              db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e) &&
              make_selected_due(tx, &all, queue_id, &a, &count, e);
    if (ok && count == 0 && is_held(&rows))
        ok = ERR(e, ERR_CONFLICT, "it is held: to try it, release it (queue release)");
    if (ok) {
        send_audit(tx, actor, STR("queue.retry"), queue_id_format(queue_id, id),
                   arena_printf(&a, "%lld recipients", (long long)count));
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    arena_fini(&a);
    if (ok) {
        queue_show_anew(q, &queue_id, 1, deadline_ms);
        wake_workers(q);
    }
    return ok;
}

bool queue_delete(struct queue *q, const struct queue_actor *actor, int64_t queue_id,
                  int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_tx *tx = NULL;
    struct db_rows *rows[3] = { NULL };
    char id[QUEUE_ID_TEXT];
    arena_init(&a);
    bool ok = db_begin(q->db, DB_DELIVER, DB_READ_COMMITTED, deadline_ms, &tx, e);
    if (ok) {
        db_tx_send(tx, &note_deletion, &DB_INT8(queue_id), 1);
        db_tx_send(tx, &delete_msg, &DB_INT8(queue_id), 1);
        db_tx_send(tx, &delete_rcpts, &DB_INT8(queue_id), 1);
        ok = db_tx_flush(tx, &a, rows, COUNT_OF(rows), NULL, e);
    }
    if (ok && db_affected(rows[1]) == 0)
        ok = ERR(e, ERR_NOT_FOUND, "no such message in the queue");
    if (ok) {
        send_audit(tx, actor, STR("queue.delete"), queue_id_format(queue_id, id),
                   arena_printf(&a, "%lld recipients", (long long)db_affected(rows[2])));
        ok = db_commit(&tx, &a, NULL, 0, NULL, e);
    }
    db_rollback(&tx);
    arena_fini(&a);
    if (ok)
        queue_hide_message(q, queue_id);
    return ok;
}
