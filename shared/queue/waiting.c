/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions that wait for their time. Their rows have no destination that a worker could lease:
 * whoever looks for what is due takes a message by its row, and puts it off by the same statement.
 */
#include "queue/waiting.h"

#include "queue/private.h"

static const struct db_stmt select_room = {
    "SELECT count(*), coalesce(sum(size), 0)::int8 FROM q_msg"
    " WHERE account_id = $1 AND release_at IS NOT NULL"
};

bool queue_waiting_has_room(struct queue *q, int64_t account_id, uint64_t size, int64_t deadline_ms,
                            bool *out, struct err *e)
{
    struct arena a;
    struct db_rows *r = NULL;
    arena_init(&a);
    bool ok =
        db_query(q->db, DB_DELIVER, &select_room, &DB_INT8(account_id), 1, &a, deadline_ms, &r, e);
    if (ok) {
        *out = db_int(r, 0, 0) < QUEUE_WAITING_MAX &&
               db_int(r, 0, 1) + (int64_t)size <= QUEUE_WAITING_BYTES;
    }
    arena_fini(&a);
    return ok;
}

/* Two who look at the same time get different messages: the row of the message is locked, and one
 * that has just been taken is not due any more. */
static const struct db_stmt claim = {
    "WITH next AS (SELECT m.queue_id FROM q_rcpt r JOIN q_msg m USING (queue_id)"
    " WHERE r.status = -3 AND NOT r.kept AND r.due <= now() ORDER BY r.due LIMIT 1"
    " FOR UPDATE OF m SKIP LOCKED),"
    " taken AS (UPDATE q_rcpt r SET due = now() + interval '1 minute' * (1 << least(r.attempts, 4)),"
    " attempts = r.attempts + 1, last_attempt = now() FROM next WHERE r.queue_id = next.queue_id"
    " AND r.status = -3 AND NOT r.kept AND r.due <= now()"
    " RETURNING r.queue_id, r.rcpt, r.orcpt, r.notify, r.attempts)"
    " SELECT m.queue_id, m.account_id, m.envelope_from, m.envelope_id, m.is_utf8, m.has_ret,"
    " m.return_full, m.tls_rule, m.session, m.hold_request, t.rcpt, t.orcpt, t.notify, t.attempts,"
    " m.is_verp FROM taken t JOIN q_msg m USING (queue_id) ORDER BY t.rcpt"
};

bool queue_waiting_claim(struct queue *q, struct arena *a, int64_t deadline_ms, bool *found,
                         struct queue_waiting *out, struct err *e)
{
    struct db_rows *r = NULL;
    if (!db_query(q->db, DB_DELIVER, &claim, NULL, 0, a, deadline_ms, &r, e))
        return false;
    size_t n = db_row_count(r);
    *found = n > 0;
    if (n == 0)
        return true;
    *out = (struct queue_waiting){
        .queue_id = db_int(r, 0, 0),
        .account_id = db_int(r, 0, 1),
        .envelope_from = db_str(r, 0, 2),
        .envelope_id = db_str(r, 0, 3),
        .is_utf8 = db_int(r, 0, 4) != 0,
        .has_ret = db_int(r, 0, 5) != 0,
        .return_full = db_int(r, 0, 6) != 0,
        .tls_rule = (enum queue_tls_rule)db_int(r, 0, 7),
        .session = db_str(r, 0, 8),
        .hold_request = db_str(r, 0, 9),
        .is_verp = db_int(r, 0, 14) != 0,
        .recipients = ARENA_ARRAY(a, struct queue_recipient, n),
        .n = n,
    };
    for (size_t i = 0; i < n; i++) {
        out->recipients[i] = (struct queue_recipient){
            .address = db_str(r, i, 10),
            .orcpt = db_str(r, i, 11),
            .notify = (unsigned)db_int(r, i, 12),
            .attempts = (unsigned)db_int(r, i, 13),
        };
    }
    return true;
}

static const struct db_stmt end = { "SELECT queue_waiting_end($1, $2)" };

void queue_waiting_end_send(struct db_tx *tx, int64_t queue_id, const str *addresses, size_t n)
{
    const struct db_param params[] = { DB_INT8(queue_id), DB_TEXTS(addresses, n) };
    db_tx_send(tx, &end, params, COUNT_OF(params));
}

static const struct db_stmt fail = {
    "WITH r AS (UPDATE q_rcpt r SET status = 1, due = now(), code = u.code, reply = u.reply"
    " FROM unnest($2::text[], $3::text[], $4::text[]) AS u (rcpt, code, reply)"
    " WHERE r.queue_id = $1 AND r.rcpt = u.rcpt AND r.status = -3 RETURNING r.*) " NOTE_ENDING(
        "2", "r.code", "r.reply") "r JOIN q_msg m USING (queue_id) ON CONFLICT DO NOTHING"
};

bool queue_waiting_fail(struct queue *q, int64_t queue_id, const struct queue_waiting_failure *list,
                        size_t n, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    str *columns[3];
    for (size_t k = 0; k < COUNT_OF(columns); k++)
        columns[k] = ARENA_ARRAY(&a, str, n);
    for (size_t i = 0; i < n; i++) {
        columns[0][i] = list[i].address;
        columns[1][i] = list[i].status;
        columns[2][i] = queue_clean_text(&a, list[i].reply, QUEUE_REPLY_MAX);
    }
    const struct db_param params[] = { DB_INT8(queue_id), DB_TEXTS(columns[0], n),
                                       DB_TEXTS(columns[1], n), DB_TEXTS(columns[2], n) };
    bool ok =
        db_query(q->db, DB_DELIVER, &fail, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
