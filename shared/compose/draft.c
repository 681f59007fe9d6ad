/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts: the document in its table, the message in the mailbox. */
#include "compose/compose.h"

#include "db/db.h"
#include "store/mail.h"

#define COLUMNS \
    "d.draft_id, d.version, d.msg_id, d.document, d.is_sending, d.created_at, d.updated_at"
/* One whose message was deleted elsewhere is gone. */
#define ALIVE                                                                   \
    "(d.is_sending OR EXISTS (SELECT 1 FROM mbox_msg m WHERE m.account_id = $1" \
    " AND m.msg_id = d.msg_id))"

static const struct db_stmt get = {
    "SELECT " COLUMNS " FROM draft d WHERE d.account_id = $1 AND d.draft_id = $2 AND " ALIVE
};
static const struct db_stmt list = { "SELECT " COLUMNS " FROM draft d WHERE d.account_id = $1"
                                     "   AND (d.updated_at, d.draft_id) < ($2, $3) AND " ALIVE
                                     " ORDER BY d.updated_at DESC, d.draft_id DESC LIMIT $4" };
/* Unless it was changed again in the meantime. */
static const struct db_stmt saved = { "SELECT " COLUMNS " FROM draft d WHERE d.account_id = $1"
                                      "   AND d.msg_id = $2" };
static const struct db_stmt save_one = { "SELECT draft_save($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt erase = {
    "WITH gone AS (DELETE FROM draft WHERE account_id = $1 AND draft_id = $2"
    "   AND ($3 = 0 OR version = $3) AND NOT is_sending RETURNING msg_id, uploads),"
    " files AS (DELETE FROM upload u USING gone WHERE u.account_id = $1"
    "   AND u.upload_id = ANY (gone.uploads))"
    " SELECT msg_id FROM gone"
};

static void read_draft(const struct db_rows *rows, size_t row, struct compose_draft *out)
{
    *out = (struct compose_draft){ .draft_id = db_int(rows, row, 0),
                                   .version = db_int(rows, row, 1),
                                   .msg_id = db_int(rows, row, 2),
                                   .document = db_str(rows, row, 3),
                                   .is_sending = db_int(rows, row, 4) != 0,
                                   .created_us = db_time_us(rows, row, 5),
                                   .updated_us = db_time_us(rows, row, 6) };
}

bool compose_draft_get(struct db *db, int64_t account_id, int64_t draft_id, struct arena *a,
                       int64_t deadline_ms, struct compose_draft *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(draft_id) };
    if (!db_query(db, DB_READ, &get, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such draft");
    read_draft(rows, 0, out);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a place in the list is two values. */
bool compose_draft_list(struct db *db, int64_t account_id, int64_t before_us, int64_t before_id,
                        size_t limit, struct arena *a, int64_t deadline_ms,
                        struct compose_drafts *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TIME_US(before_us),
                                       DB_INT8(before_id), DB_INT8((int64_t)limit) };
    if (!db_query(db, DB_READ, &list, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    struct compose_draft *drafts = ARENA_ARRAY(a, struct compose_draft, db_row_count(rows) + 1);
    *out = (struct compose_drafts){ drafts, db_row_count(rows) };
    for (size_t i = 0; i < out->n; i++)
        read_draft(rows, i, &drafts[i]);
    return true;
}

/* ---- saving ---- */

struct saving {
    const struct compose_save *save;
    const struct store_message *message;
};

static bool send_save(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct saving *w = arg;
    const struct compose_save *save = w->save;
    const struct db_param params[] = {
        DB_INT8(save->account_id), DB_INT8(w->message->msg_id),
        DB_TEXT(save->document),   DB_TEXTS(save->uploads, save->n_uploads),
        DB_INT8(save->draft_id),   DB_INT8(save->version)
    };
    (void)e;
    db_tx_send(tx, &save_one, params, COUNT_OF(params));
    *statements = 1;
    return true;
}

/* Message and draft in one transaction: nobody sees the one without the other. */
YIELDS static bool put(struct store *s, const struct compose_save *save,
                       const struct store_message *message, struct arena *a, int64_t deadline_ms,
                       struct err *e)
{
    struct saving saving = { save, message };
    struct store_recipient copy = { .account_id = save->account_id,
                                    .flags = STORE_DRAFT | STORE_SEEN };
    struct store_delivery delivery = { .message = message,
                                       .recipients = &copy,
                                       .n = 1,
                                       .received_us = clock_utc_us(),
                                       .all_or_nothing = true,
                                       .extra = send_save,
                                       .extra_arg = &saving };
    struct err why = ERR_CLEAR;
    if (!store_mailbox_for_role(s, save->account_id, &STORE_DRAFTS_BOX, a, deadline_ms,
                                &copy.mailbox_id, e))
        return false;
    str which = arena_printf(a, "draft/%lld", (long long)message->msg_id);
    store_delivery_id(which, STR_EMPTY, copy.delivery_id);
    if (store_deliver(s, &delivery, deadline_ms, &why))
        return true;
    *e = why;
    if (why.kind == ERR_EXISTS) /* HR409 */
        e->kind = ERR_CONFLICT;
    return false;
}

/* Takes a message out of all mailboxes; that it fails leaves one draft too many to be seen. */
YIELDS static void expunge(struct store *s, int64_t account_id, int64_t msg_id, struct arena *a,
                           int64_t deadline_ms)
{
    struct store_mail_changed changed;
    struct err ignored = ERR_CLEAR;
    const struct store_mail_change change = {
        .account_id = account_id, .act = STORE_MAIL_EXPUNGE, .msg_ids = &msg_id, .n = 1
    };
    (void)store_mail_apply(s, &change, a, deadline_ms, &changed, &ignored);
}

bool compose_draft_save(struct store *s, struct db *db, const struct compose_save *save,
                        struct arena *a, int64_t deadline_ms, struct compose_draft *out,
                        struct err *e)
{
    struct db_rows *rows = NULL;
    struct store_message message;
    if (!store_prepare_message(s, a, save->message, deadline_ms, &message, e) ||
        !put(s, save, &message, a, deadline_ms, e))
        return false;
    const struct db_param params[] = { DB_INT8(save->account_id), DB_INT8(message.msg_id) };
    if (!db_query(db, DB_DELIVER, &saved, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_CONFLICT, "the draft was changed again");
    read_draft(rows, 0, out);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): two stores and a version. */
bool compose_draft_delete(struct store *s, struct db *db, int64_t account_id, int64_t draft_id,
                          int64_t version, struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    struct compose_draft draft;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(draft_id), DB_INT8(version) };
    if (!compose_draft_get(db, account_id, draft_id, a, deadline_ms, &draft, e) ||
        !db_query(db, DB_DELIVER, &erase, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_CONFLICT, "the draft was changed or is being sent");
    expunge(s, account_id, db_int(rows, 0, 0), a, deadline_ms);
    return true;
}
