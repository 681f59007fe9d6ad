/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of several statements by the simple protocol, for migrations. The connection leaves
 * pipeline mode for it and is closed afterwards, because a script may change its settings. */
#include "db/conn.h"

static bool send_script(struct db_conn *c, const char *sql, struct db_batch *b, struct err *e)
{
    struct buf text;
    buf_init(&text, (size_t)64 * 1024 * 1024);
    bool ok = buf_addf(&text, "SET statement_timeout = 0; ") &&
              buf_add(&text, str_from_cstr(sql)) && PQexitPipelineMode(c->pg) == 1 &&
              PQsendQuery(c->pg, buf_cstr(&text)) == 1;
    buf_fini(&text);
    if (!ok)
        return ERR(e, ERR_UNAVAILABLE, "the script cannot be sent: %s", PQerrorMessage(c->pg));
    b->conn = c;
    b->is_script = true;
    b->sent_ms = clock_monotonic_ms();
    list_add_tail(&c->batches, &b->link);
    c->n_batches++;
    db_conn_flush(c);
    return true;
}

bool db_run_script(struct db *db, const char *sql, int64_t deadline_ms, struct err *e)
{
    struct db_conn *c = db_pool_lease(&db->exclusive[DB_DELIVER], TURNS_NOBODY, deadline_ms, e);
    if (!c)
        return false;
    struct db_batch *b = db_batch_new();
    c->is_stale = true;
    bool ok = send_script(c, sql, b, e) && db_batch_wait(b, deadline_ms, e);
    if (ok && b->is_lost) {
        ok = ERR(e, ERR_UNKNOWN_OUTCOME, "no answer: %s", b->err.msg);
    } else if (ok && b->has_failed) {
        ok = ERR(e, b->err.kind, "%s", b->err.msg);
    }
    db_batch_drop(&b);
    db_conn_give_back(c);
    return ok;
}
