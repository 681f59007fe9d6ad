/* SPDX-License-Identifier: Apache-2.0 */
/* The client as a whole, and statements that are a transaction of their own. */
#include "db/db.h"

#include "db/conn.h"

static const unsigned default_shared[DB_CLASS_COUNT] = {
    [DB_READ] = 2, [DB_AUTH] = 1, [DB_DELIVER] = 2, [DB_SEARCH] = 2
};
static const unsigned default_exclusive[DB_CLASS_COUNT] = {
    [DB_READ] = 1, [DB_AUTH] = 1, [DB_DELIVER] = 4, [DB_SEARCH] = 1
};

struct db *db_new(struct runtime *rt, const struct db_options *options)
{
    struct db *db = HEAP_NEW(struct db);
    db->rt = rt;
    db->named_statements = options->named_statements;
    db_endpoints_init(&db->endpoints, options->conninfo);
    for (unsigned i = 0; i < DB_CLASS_COUNT; i++) {
        unsigned shared = options->shared[i] ? options->shared[i] : default_shared[i];
        unsigned exclusive = options->exclusive[i] ? options->exclusive[i] : default_exclusive[i];
        db_pool_init(&db->shared[i], db, (enum db_class)i, shared);
        db_pool_init(&db->exclusive[i], db, (enum db_class)i, exclusive);
    }
    db_pulse_init(db);
    return db;
}

void db_free(struct db **dbp)
{
    struct db *db = *dbp;
    *dbp = NULL;
    if (!db)
        return;
    for (unsigned i = 0; i < DB_CLASS_COUNT; i++) {
        db_pool_fini(&db->shared[i]);
        db_pool_fini(&db->exclusive[i]);
    }
    db_pulse_fini(db);
    db_endpoints_fini(&db->endpoints);
    free(db);
}

static void each_in_pool(struct db_pool *pool, void (*fn)(struct db_conn *c, const void *arg),
                         const void *arg)
{
    for (size_t i = 0; i < pool->n; i++)
        fn(&pool->conns[i], arg);
}

void db_each_conn(struct db *db, void (*fn)(struct db_conn *c, const void *arg), const void *arg)
{
    for (unsigned i = 0; i < DB_CLASS_COUNT; i++) {
        each_in_pool(&db->shared[i], fn, arg);
        each_in_pool(&db->exclusive[i], fn, arg);
    }
}

static void resolved(struct db_conn *c, const void *reason)
{
    db_conn_resolved(c, reason);
}

void db_endpoints_changed(struct db *db, const char *reason)
{
    db_each_conn(db, resolved, reason);
}

static void make_stale(struct db_conn *c, const void *arg)
{
    (void)arg;
    if (c->state != DB_CONN_READY)
        return;
    c->is_stale = true;
    if (list_is_empty(&c->batches))
        db_conn_drained(c);
}

void db_all_stale(struct db *db)
{
    db_each_conn(db, make_stale, NULL);
}

bool db_is_up(const struct db *db)
{
    return db->n_ready > 0 || db->away_since_ms == 0;
}

/* A batch that ended: its error, if any. Without an answer to Sync nobody knows what happened. */
static bool check_outcome(const struct db_batch *b, struct err *e)
{
    if (b->is_lost)
        return ERR(e, ERR_UNKNOWN_OUTCOME, "no answer: %s", b->err.msg);
    if (b->has_failed)
        return ERR(e, b->err.kind, "%s", b->err.msg);
    return true;
}

/* One statement on a connection of the pool. Yields. */
/* NOLINTNEXTLINE(readability-function-size): as the most used call below. */
YIELDS static bool query_on(struct db_conn *c, const struct db_stmt *stmt,
                            const struct db_param *params, size_t n, struct arena *a,
                            int64_t deadline_ms, struct db_rows **out, struct err *e)
{
    struct db_batch *b = db_batch_new();
    bool ok = db_batch_add(b, c, DB_SLOT_STATEMENT, stmt, params, n, e) && db_batch_sync(b, e) &&
              db_batch_wait(b, deadline_ms, e) && check_outcome(b, e);
    if (ok && out)
        *out = db_batch_take_rows(b, 0, a);
    if (c->is_leased) {
        if (!b->is_finished)
            db_conn_cancel(c);
        db_conn_give_back(c);
    }
    db_batch_drop(&b);
    return ok;
}

/* NOLINTNEXTLINE(readability-function-size): the most used call; a struct would hide its parts. */
bool db_query(struct db *db, enum db_class class, const struct db_stmt *stmt,
              const struct db_param *params, size_t n, struct arena *a, int64_t deadline_ms,
              struct db_rows **out, struct err *e)
{
    if (class == DB_SEARCH)
        return db_search(db, TURNS_NOBODY, stmt, params, n, a, deadline_ms, out, e);
    struct db_conn *c = db_pool_pick(&db->shared[class], deadline_ms, e);
    return c && query_on(c, stmt, params, n, a, deadline_ms, out, e);
}

/* NOLINTNEXTLINE(readability-function-size): as db_query. */
bool db_search(struct db *db, int64_t holder, const struct db_stmt *stmt,
               const struct db_param *params, size_t n, struct arena *a, int64_t deadline_ms,
               struct db_rows **out, struct err *e)
{
    struct db_conn *c = db_pool_lease(&db->shared[DB_SEARCH], holder, deadline_ms, e);
    return c && query_on(c, stmt, params, n, a, deadline_ms, out, e);
}
