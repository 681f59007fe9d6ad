/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions on a leased connection. BEGIN travels with the first statement; everything that was
 * appended since the last answer is one batch. */
#include "base/failpoint.h"
#include "db/conn.h"

struct db_tx {
    struct db *db;
    struct db_conn *conn;
    struct db_batch *batch; /* what is appended and not yet sent; NULL for nothing */
    const struct db_stmt *begin;
    int64_t deadline_ms;
    unsigned generation; /* of the connection when BEGIN went in */
    bool is_begun;
    bool has_failed; /* only a rollback helps */
    struct err err;
};

static const struct db_stmt begin_stmts[] = {
    [DB_READ_COMMITTED] = { "BEGIN" },
    [DB_REPEATABLE_READ_ONLY] = { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" },
    [DB_SERIALIZABLE] = { "BEGIN ISOLATION LEVEL SERIALIZABLE" },
};
static const struct db_stmt commit_stmt = { "COMMIT" };
static const struct db_stmt rollback_stmt = { "ROLLBACK" };

bool db_begin(struct db *db, enum db_class class, enum db_isolation isolation, int64_t deadline_ms,
              struct db_tx **out, struct err *e)
{
    *out = NULL;
    struct db_conn *c = db_pool_lease(&db->exclusive[class], TURNS_NOBODY, deadline_ms, e);
    if (!c)
        return false;
    *out = HEAP_NEW(struct db_tx);
    **out = (struct db_tx){
        .db = db, .conn = c, .begin = &begin_stmts[isolation], .deadline_ms = deadline_ms
    };
    return true;
}

static void tx_failed(struct db_tx *tx, const struct err *e)
{
    if (!tx->has_failed)
        tx->err = *e;
    tx->has_failed = true;
}

/* The connection may have gone and come back while nothing of the transaction was on its way: then
 * the server knows nothing of it any more, and the rest must not be done alone. */
static bool is_alive(const struct db_tx *tx, struct err *e)
{
    return tx->generation == tx->conn->generation ||
           ERR(e, ERR_UNAVAILABLE, "the database connection was lost in a transaction");
}

static void append(struct db_tx *tx, enum db_slot_kind kind, const struct db_stmt *stmt,
                   const struct db_param *params, size_t n)
{
    struct err e = ERR_CLEAR;
    if (tx->has_failed)
        return;
    if (!is_alive(tx, &e)) {
        tx_failed(tx, &e);
        return;
    }
    if (!tx->batch)
        tx->batch = db_batch_new();
    if (!db_batch_add(tx->batch, tx->conn, kind, stmt, params, n, &e))
        tx_failed(tx, &e);
}

static void append_begin(struct db_tx *tx)
{
    if (tx->is_begun)
        return;
    tx->is_begun = true;
    tx->generation = tx->conn->generation;
    append(tx, DB_SLOT_INTERNAL, tx->begin, NULL, 0);
}

void db_tx_send(struct db_tx *tx, const struct db_stmt *stmt, const struct db_param *params,
                size_t n)
{
    append_begin(tx);
    append(tx, DB_SLOT_STATEMENT, stmt, params, n);
}

/* Sends the batch and waits for its answers; the batch stays for its rows. */
YIELDS static bool send_batch(struct db_tx *tx, int64_t deadline_ms, struct err *e)
{
    if (!db_batch_sync(tx->batch, e) || !db_batch_wait(tx->batch, deadline_ms, e))
        return false;
    if (tx->batch->is_lost || tx->batch->has_failed)
        return ERR(e, tx->batch->err.kind, "%s", tx->batch->err.msg);
    return true;
}

static void take_rows(struct db_batch *b, struct arena *a, struct db_rows **rows, size_t n)
{
    for (size_t i = 0; i < n && rows; i++)
        rows[i] = db_batch_take_rows(b, i, a);
}

/* The batch goes; what it failed with stays with the transaction. */
static bool end_flush(struct db_tx *tx, bool ok, size_t *failed, const struct err *e)
{
    if (failed && !ok)
        *failed = tx->batch && tx->batch->has_failed ? tx->batch->failed : 0;
    if (!ok)
        tx_failed(tx, e);
    db_batch_drop(&tx->batch);
    return ok;
}

bool db_tx_flush(struct db_tx *tx, struct arena *a, struct db_rows **rows, size_t n, size_t *failed,
                 struct err *e)
{
    struct err local = ERR_CLEAR;
    if (!e)
        e = &local;
    if (!tx->batch && !tx->has_failed)
        return true;
    if (tx->has_failed) {
        ERR(e, tx->err.kind, "%s", tx->err.msg);
        return end_flush(tx, false, failed, e);
    }
    bool ok = send_batch(tx, tx->deadline_ms, e);
    if (ok)
        take_rows(tx->batch, a, rows, n);
    return end_flush(tx, ok, failed, e);
}

bool db_tx_query(struct db_tx *tx, const struct db_stmt *stmt, const struct db_param *params,
                 size_t n, struct arena *a, struct db_rows **out, struct err *e)
{
    struct err local = ERR_CLEAR;
    if (!e)
        e = &local;
    db_tx_send(tx, stmt, params, n);
    if (tx->has_failed) {
        ERR(e, tx->err.kind, "%s", tx->err.msg);
        return end_flush(tx, false, NULL, e);
    }
    size_t index = tx->batch->results.n - 1;
    bool ok = send_batch(tx, tx->deadline_ms, e);
    if (ok && out)
        *out = db_batch_take_rows(tx->batch, index, a);
    return end_flush(tx, ok, NULL, e);
}

static void end_tx(struct db_tx **txp)
{
    struct db_tx *tx = *txp;
    *txp = NULL;
    db_batch_drop(&tx->batch);
    db_conn_give_back(tx->conn);
    free(tx);
}

void db_rollback(struct db_tx **txp)
{
    struct db_tx *tx = *txp;
    if (!tx)
        return;
    /* Statements that were appended but never sent go along; the answer is nobody's concern. */
    if (tx->is_begun && is_alive(tx, NULL) && tx->conn->state == DB_CONN_READY) {
        bool is_busy = tx->conn->n_batches > 0; /* with what nobody waits for any more */
        if (tx->batch)
            db_batch_sync(tx->batch, NULL);
        db_batch_drop(&tx->batch);
        struct db_batch *b = db_batch_new();
        if (db_batch_add(b, tx->conn, DB_SLOT_INTERNAL, &rollback_stmt, NULL, 0, NULL))
            db_batch_sync(b, NULL);
        db_batch_drop(&b);
        if (is_busy)
            db_conn_cancel(tx->conn);
    }
    end_tx(txp);
}

/* Once COMMIT is on its way, nothing but its answer tells the outcome. */
YIELDS static bool send_commit(struct db_tx *tx, struct err *e)
{
    struct err why = ERR_CLEAR;
    bool ok = db_batch_sync(tx->batch, &why);
    FAILPOINT("db-commit-sent");
    ok = ok && db_batch_wait(tx->batch, clock_deadline_in(DB_COMMIT_MS), &why);
    if (!ok || tx->batch->is_lost) {
        return ERR(e, ERR_UNKNOWN_OUTCOME, "no answer to COMMIT: %s",
                   ok ? tx->batch->err.msg : why.msg);
    }
    if (tx->batch->has_failed)
        return ERR(e, tx->batch->err.kind, "%s", tx->batch->err.msg);
    return true;
}

bool db_commit(struct db_tx **txp, struct arena *a, struct db_rows **rows, size_t n, size_t *failed,
               struct err *e)
{
    struct db_tx *tx = *txp;
    struct err local = ERR_CLEAR;
    if (!e)
        e = &local;
    if (!tx->is_begun) {
        end_tx(txp);
        return true;
    }
    append(tx, DB_SLOT_INTERNAL, &commit_stmt, NULL, 0);
    if (tx->has_failed) {
        if (failed)
            *failed = 0;
        ERR(e, tx->err.kind, "%s", tx->err.msg);
        db_rollback(txp);
        return false;
    }
    bool ok = send_commit(tx, e);
    bool is_open = tx->batch->has_failed; /* a statement before COMMIT, or COMMIT itself */
    if (ok)
        take_rows(tx->batch, a, rows, n);
    end_flush(tx, ok, failed, e);
    if (is_open) {
        db_rollback(txp);
    } else {
        end_tx(txp);
    }
    return ok;
}
