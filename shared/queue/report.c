/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients that their sender is to be told about. */
#include "queue/private.h"
#include "wire/smtp_verp.h"

/* With the predicate of the index as it is. A postponed one is due later; a held one is no report.
 */
#define TO_REPORT "(status > 0 OR delay = 1) AND (status = 0 OR due <= now()) AND status >= 0"

static const struct db_stmt select_report = {
    "SELECT m.queue_id, m.envelope_from, m.envelope_id, m.return_full, m.account_id, m.created,"
    " m.expires, m.is_utf8, r.status, r.rcpts, r.orcpts, r.codes, r.replies, r.remotes, r.attempts,"
    " r.last_us, m.tls_rule, m.hold_request, m.is_verp"
    " FROM (SELECT queue_id, status, array_agg(rcpt ORDER BY rcpt) AS rcpts,"
    " array_agg(orcpt ORDER BY rcpt) AS orcpts, array_agg(code ORDER BY rcpt) AS codes,"
    " array_agg(reply ORDER BY rcpt) AS replies, array_agg(remote ORDER BY rcpt) AS remotes,"
    " array_agg(attempts ORDER BY rcpt) AS attempts,"
    " array_agg(coalesce((extract(epoch FROM last_attempt) * 1000000)::int8, 0) ORDER BY rcpt)"
    " AS last_us"
    " FROM q_rcpt WHERE " TO_REPORT " AND queue_id = (SELECT min(queue_id) FROM q_rcpt"
    " WHERE " TO_REPORT " AND queue_id > $1)"
    " GROUP BY queue_id, status ORDER BY status DESC LIMIT 1) r"
    " JOIN q_msg m USING (queue_id)"
};

/* The status of the recipients in a report of each kind. */
static const int statuses[] = {
    [QUEUE_REPORT_FAILURE] = RCPT_FAILED,
    [QUEUE_REPORT_DELAY] = RCPT_PENDING,
    [QUEUE_REPORT_RELAYED] = RCPT_RELAYED,
    [QUEUE_REPORT_DELIVERED] = RCPT_DELIVERED,
};

static enum queue_report_kind kind_of(int64_t status)
{
    enum queue_report_kind kind = QUEUE_REPORT_FAILURE;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (statuses[i] == status)
            kind = (enum queue_report_kind)i;
    }
    return kind;
}

static void read_recipients(const struct db_rows *r, struct arena *a, struct queue_report *out)
{
    str *texts[5];
    int64_t *attempts = NULL;
    int64_t *last = NULL;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        out->n = db_strs(r, 0, 9 + i, a, &texts[i]);
    db_ints(r, 0, 14, a, &attempts);
    db_ints(r, 0, 15, a, &last);
    out->recipients = ARENA_ARRAY(a, struct queue_reported, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->recipients[i] = (struct queue_reported){
            .address = texts[0][i],
            .orcpt = texts[1][i],
            .status = texts[2][i],
            .reply = texts[3][i],
            .remote = texts[4][i],
            .attempts = (unsigned)attempts[i],
            .last_attempt_us = last[i],
        };
    }
}

/* Each recipient has a sender of its own: the others are reported about next. */
static void report_one(struct queue_report *out, struct arena *a)
{
    out->n = 1;
    out->envelope_from = smtp_verp_sender(out->envelope_from, out->recipients[0].address, a);
}

_Static_assert((int)QUEUE_ORIGINAL_MAX < (int)QUEUE_PART_BYTES,
               "a part tells whether there is more");

/* The beginning of the message. A damaged one must not keep its sender from being told. */
YIELDS static bool load_original(struct queue *q, struct queue_report *report, struct arena *a,
                                 int64_t deadline_ms, struct err *e)
{
    struct err why = ERR_CLEAR;
    str part = STR_EMPTY;
    if (!queue_load_part(q, report->queue_id, 0, a, deadline_ms, &part, &why) &&
        why.kind != ERR_DAMAGED && why.kind != ERR_NOT_FOUND) {
        *e = why;
        return false;
    }
    report->original = str_slice(part, 0, QUEUE_ORIGINAL_MAX);
    report->is_original_cut = part.n > QUEUE_ORIGINAL_MAX;
    return true;
}

bool queue_report_next(struct queue *q, int64_t after_id, struct arena *a, int64_t deadline_ms,
                       bool *found, struct queue_report *out, struct err *e)
{
    struct db_rows *r = NULL;
    *found = false;
    if (!db_query(q->db, DB_DELIVER, &select_report, &DB_INT8(after_id), 1, a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return true;
    *out = (struct queue_report){
        .kind = kind_of(db_int(r, 0, 8)),
        .queue_id = db_int(r, 0, 0),
        .envelope_from = db_str(r, 0, 1),
        .envelope_id = db_str(r, 0, 2),
        .return_full = db_int(r, 0, 3) != 0,
        .account_id = db_int(r, 0, 4),
        .created_us = db_time_us(r, 0, 5),
        .expires_us = db_time_us(r, 0, 6),
        .is_utf8 = db_int(r, 0, 7) != 0,
        .tls_rule = (enum queue_tls_rule)db_int(r, 0, 16),
        .hold_request = db_str(r, 0, 17),
    };
    read_recipients(r, a, out);
    if (db_int(r, 0, 18) != 0)
        report_one(out, a);
    if (!load_original(q, out, a, deadline_ms, e))
        return false;
    *found = true;
    return true;
}

static const struct db_stmt report_done = { "SELECT queue_report_end($1, $2, $3)" };

void queue_report_send(struct queue *q, struct db_tx *tx, const struct queue_report *report)
{
    (void)q;
    struct arena a;
    arena_init(&a);
    str *rcpts = ARENA_ARRAY(&a, str, report->n);
    for (size_t i = 0; i < report->n; i++)
        rcpts[i] = report->recipients[i].address;
    const struct db_param params[] = { DB_INT8(report->queue_id), DB_INT4(statuses[report->kind]),
                                       DB_TEXTS(rcpts, report->n) };
    db_tx_send(tx, &report_done, params, COUNT_OF(params));
    arena_fini(&a);
}

void queue_report_ended(struct queue *q, const struct queue_report *report, int64_t deadline_ms)
{
    queue_show_anew(q, &report->queue_id, 1, deadline_ms);
}

static const struct db_stmt postpone = {
    "UPDATE q_rcpt SET due = CASE WHEN status > 0 THEN now() + $4::int8 * interval '1 millisecond'"
    " ELSE due END, delay = CASE WHEN status = 0 THEN 2 ELSE delay END"
    " WHERE queue_id = $1 AND rcpt = ANY($2::text[]) AND status = $3"
};

bool queue_report_postpone(struct queue *q, const struct queue_report *report, int64_t ms,
                           int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    str *rcpts = ARENA_ARRAY(&a, str, report->n);
    for (size_t i = 0; i < report->n; i++)
        rcpts[i] = report->recipients[i].address;
    const struct db_param params[] = { DB_INT8(report->queue_id), DB_TEXTS(rcpts, report->n),
                                       DB_INT4(statuses[report->kind]), DB_INT8(ms) };
    bool ok =
        db_query(q->db, DB_DELIVER, &postpone, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
