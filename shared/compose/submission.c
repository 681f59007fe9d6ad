/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of submissions. */
#include "compose/submission.h"

#include "db/db.h"

#define COLUMNS                                                                                \
    "s.submission_id, s.draft_id, s.msg_id, s.status::int, s.due_at, s.queue_id, s.from_addr," \
    " s.recipients, s.subject, s.failure, s.created_at, s.updated_at"

static const struct db_stmt begin = {
    "WITH d AS (UPDATE draft SET is_sending = true WHERE account_id = $1 AND draft_id = $2"
    "   AND version = $3 AND NOT is_sending RETURNING msg_id)"
    " INSERT INTO submission AS s (account_id, draft_id, msg_id, due_at, from_addr, recipients,"
    "   subject, answers, is_forward)"
    " SELECT $1, $2, d.msg_id, now() + $4 * interval '1 millisecond', $5, $6, $7, $8, $9 FROM d"
    " RETURNING " COLUMNS
};
static const struct db_stmt get = { "SELECT " COLUMNS " FROM submission s"
                                    " WHERE s.account_id = $1 AND s.submission_id = $2" };
static const struct db_stmt list = {
    "SELECT " COLUMNS " FROM submission s WHERE s.account_id = $1 AND s.submission_id < $2"
    "   AND (s.created_at > now() - interval '7 days' OR s.status = 0)"
    "   AND ($4 = 0 OR s.draft_id = $4) ORDER BY s.submission_id DESC LIMIT $3"
};
static const struct db_stmt changed = {
    "SELECT " COLUMNS " FROM submission s WHERE s.account_id = $1 AND s.updated_at > $2"
    " ORDER BY s.updated_at LIMIT 20"
};
/* One that is just being sent is not free any more. */
static const struct db_stmt cancel = {
    "WITH s AS (UPDATE submission SET status = 2, updated_at = clock_timestamp()"
    "   WHERE account_id = $1 AND submission_id = $2 AND status = 0 AND claimed_until < now()"
    "     AND due_at > now() AND handed_at IS NULL RETURNING *),"
    " d AS (UPDATE draft SET is_sending = false FROM s"
    "   WHERE draft.account_id = $1 AND draft.draft_id = s.draft_id)"
    " SELECT " COLUMNS " FROM s"
};
static const struct db_stmt sweep = {
    "DELETE FROM submission WHERE status <> 0 AND updated_at < now() - interval '7 days'"
};

static void read_submission(const struct db_rows *rows, size_t row, struct arena *a,
                            struct compose_submission *out)
{
    str *recipients = NULL;
    size_t n = db_strs(rows, row, 7, a, &recipients);
    *out = (struct compose_submission){ .submission_id = db_int(rows, row, 0),
                                        .draft_id = db_int(rows, row, 1),
                                        .msg_id = db_int(rows, row, 2),
                                        .status = (enum compose_status)db_int(rows, row, 3),
                                        .due_us = db_time_us(rows, row, 4),
                                        .queue_id = db_int(rows, row, 5),
                                        .from = db_str(rows, row, 6),
                                        .recipients = recipients,
                                        .n_recipients = n,
                                        .subject = db_str(rows, row, 8),
                                        .failure = db_str(rows, row, 9),
                                        .created_us = db_time_us(rows, row, 10),
                                        .updated_us = db_time_us(rows, row, 11) };
}

static void read_all(const struct db_rows *rows, struct arena *a, struct compose_submissions *out)
{
    struct compose_submission *all =
        ARENA_ARRAY(a, struct compose_submission, db_row_count(rows) + 1);
    *out = (struct compose_submissions){ all, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++)
        read_submission(rows, i, a, &all[i]);
}

bool compose_submission_begin(struct db *db, const struct compose_submit *submit, struct arena *a,
                              int64_t deadline_ms, struct compose_submission *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = {
        DB_INT8(submit->account_id), DB_INT8(submit->draft_id),
        DB_INT8(submit->version),    DB_INT8(submit->undo_ms),
        DB_TEXT(submit->from),       DB_TEXTS(submit->recipients, submit->n_recipients),
        DB_TEXT(submit->subject),    DB_INT8(submit->answers),
        DB_BOOL(submit->is_forward)
    };
    if (!db_query(db, DB_DELIVER, &begin, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_CONFLICT, "the draft was changed or is being sent");
    read_submission(rows, 0, a, out);
    return true;
}

bool compose_submission_get(struct db *db, int64_t account_id, int64_t id, struct arena *a,
                            int64_t deadline_ms, struct compose_submission *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(id) };
    if (!db_query(db, DB_READ, &get, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such submission");
    read_submission(rows, 0, a, out);
    return true;
}

bool compose_submission_list(struct db *db, const struct compose_submissions_wanted *wanted,
                             struct arena *a, int64_t deadline_ms, struct compose_submissions *out,
                             struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(wanted->account_id), DB_INT8(wanted->before_id),
                                       DB_INT8((int64_t)wanted->limit), DB_INT8(wanted->draft_id) };
    if (!db_query(db, DB_READ, &list, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_all(rows, a, out);
    return true;
}

bool compose_submission_changed(struct db *db, int64_t account_id, int64_t after_us,
                                struct arena *a, int64_t deadline_ms,
                                struct compose_submissions *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TIME_US(after_us) };
    if (!db_query(db, DB_READ, &changed, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_all(rows, a, out);
    return true;
}

bool compose_submission_cancel(struct db *db, int64_t account_id, int64_t id, struct arena *a,
                               int64_t deadline_ms, struct compose_submission *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(id) };
    if (!compose_submission_get(db, account_id, id, a, deadline_ms, out, e))
        return false;
    /* Whoever did not get the answer asks again. */
    if (out->status == COMPOSE_CANCELED)
        return true;
    if (!db_query(db, DB_DELIVER, &cancel, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_CONFLICT, "the message went already");
    read_submission(rows, 0, a, out);
    return true;
}

bool compose_submission_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_DELIVER, &sweep, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
