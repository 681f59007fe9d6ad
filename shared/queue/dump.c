/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the queue with all that belongs to them. */
#include "queue/dump.h"

#include "queue/private.h"

enum {
    DUMP_DEFAULT = 100,
    DUMP_MAX = 1000
};

static const struct db_stmt select_dump = {
    "SELECT" QUEUE_ROW_COLUMNS ", m.account_id, m.message_id, m.session, m.envelope_id, r.orcpt,"
    " r.notify, m.has_ret, m.return_full, m.is_8bit, m.is_utf8, m.tls_rule, m.hold_request, r.kept,"
    " r.waived, r.remote, r.tls, r.delay FROM q_rcpt r JOIN q_msg m USING (queue_id)" QUEUE_DESTINATION
    " WHERE" QUEUE_FILTER " AND (r.queue_id > $5 OR (r.queue_id = $5 AND $6 <> '' AND r.rcpt > $6))"
    " ORDER BY r.queue_id, r.rcpt LIMIT $7"
};

/* In the order of the statement. */
enum column {
    ACCOUNT_ID = QUEUE_ROW_COUNT,
    MESSAGE_ID,
    SESSION,
    ENVELOPE_ID,
    ORCPT,
    NOTIFY,
    HAS_RET,
    RETURN_FULL,
    IS_8BIT,
    IS_UTF8,
    TLS_RULE,
    HOLD_REQUEST,
    KEPT,
    WAIVED,
    REMOTE,
    TLS,
    DELAY
};

enum {
    DELAY_TOLD = 2
};

static struct queue_dumped read_one(const struct db_rows *r, size_t i)
{
    return (struct queue_dumped){
        .row = queue_row_read(r, i),
        .account_id = db_int(r, i, ACCOUNT_ID),
        .message_id = db_str(r, i, MESSAGE_ID),
        .session = db_str(r, i, SESSION),
        .envelope_id = db_str(r, i, ENVELOPE_ID),
        .orcpt = db_str(r, i, ORCPT),
        .notify = (unsigned)db_int(r, i, NOTIFY),
        .has_ret = db_int(r, i, HAS_RET) != 0,
        .return_full = db_int(r, i, RETURN_FULL) != 0,
        .is_8bit = db_int(r, i, IS_8BIT) != 0,
        .is_utf8 = db_int(r, i, IS_UTF8) != 0,
        .tls_rule = (enum queue_tls_rule)db_int(r, i, TLS_RULE),
        .hold_request = db_str(r, i, HOLD_REQUEST),
        .is_kept = db_int(r, i, KEPT) != 0,
        .is_waived = db_int(r, i, WAIVED) != 0,
        .remote = db_str(r, i, REMOTE),
        .tls = db_str(r, i, TLS),
        .delay_told = db_int(r, i, DELAY) == DELAY_TOLD,
    };
}

bool queue_dump(struct queue *q, const struct queue_filter *filter, struct arena *a,
                int64_t deadline_ms, struct queue_dump *out, struct err *e)
{
    struct db_rows *r = NULL;
    unsigned limit = filter->limit ? filter->limit : DUMP_DEFAULT;
    const struct db_param params[] = { QUEUE_FILTER_PARAMS(filter), DB_INT8(filter->after_id),
                                       DB_TEXT(filter->after_rcpt),
                                       DB_INT8(limit < DUMP_MAX ? limit : DUMP_MAX) };
    if (!db_query(q->db, DB_READ, &select_dump, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct queue_dumped, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_one(r, i);
    return true;
}
