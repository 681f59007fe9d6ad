/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of single messages, by id: the order in which they came to the account. */
#include "store/internal.h"
#include "store/mail.h"

/* $3 flags wanted, $4 unwanted, $5 only with attachment, $6 below this id. */
#define MATCHING                                                                       \
    " FROM mbox_msg m JOIN message g ON g.account_id = $1 AND g.msg_id = m.msg_id"     \
    " WHERE m.account_id = $1 AND ($2 = 0 OR m.mailbox_id = $2) AND m.flags & $3 = $3" \
    "   AND m.flags & $4 = 0 AND (g.has_attachment OR NOT $5) AND m.msg_id < $6"

/* A message in several mailboxes is there once: of its places the first one that matches. */
static const struct db_stmt list = { "SELECT DISTINCT ON (m.msg_id) m.msg_id" MATCHING
                                     " ORDER BY m.msg_id DESC LIMIT $7" };
static const struct db_stmt count = { "SELECT count(DISTINCT m.msg_id)" MATCHING " AND $7 > 0" };

bool store_mail_list(struct store *s, const struct store_mail_query *query, struct arena *a,
                     int64_t deadline_ms, struct store_mail_page *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct store_thread_filter *f = &query->filter;
    INVARIANT(query->limit <= STORE_MAX_PAGE);
    struct db_param params[] = {
        DB_INT8(query->account_id),     DB_INT4(query->mailbox_id),  DB_INT4(f->with_flags),
        DB_INT4(f->without_flags),      DB_BOOL(f->with_attachment), DB_INT8(query->before_id),
        DB_INT8((int64_t)query->limit),
    };
    *out = (struct store_mail_page){ 0 };
    if (!db_query(s->options.db, DB_READ, &list, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    int64_t *ids = ARENA_ARRAY(a, int64_t, db_row_count(rows) + 1);
    for (size_t i = 0; i < db_row_count(rows); i++)
        ids[i] = db_int(rows, i, 0);
    const struct store_wanted wanted = { .account_id = query->account_id,
                                         .ids = ids,
                                         .n = db_row_count(rows) };
    if (wanted.n > 0 && !store_mail_get(s, &wanted, a, deadline_ms, &out->mails, e))
        return false;
    if (!query->with_total)
        return true;
    params[5] = DB_INT8(INT64_MAX);
    if (!db_search(s->options.db, query->account_id, &count, params, COUNT_OF(params), a,
                   deadline_ms, &rows, e))
        return false;
    out->total = db_int(rows, 0, 0);
    return true;
}
