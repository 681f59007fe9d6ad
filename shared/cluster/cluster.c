/* SPDX-License-Identifier: Apache-2.0 */
/* Leases and node ids, as rows of job_lease. */
#include "cluster/cluster.h"

#include "db/db.h"

static const struct db_stmt acquire = { "SELECT job_lease_acquire($1, $2, $3)" };
static const struct db_stmt release = { "SELECT job_lease_release($1, $2)" };

/* A free id, looked for from a place that depends on the owner, so that processes that start
 * together do not all try the same one. The token is NULL when another one was faster. */
static const struct db_stmt claim_node = {
    "SELECT n, job_lease_acquire('node-' || n, $1, $2) FROM ("
    " SELECT n FROM generate_series(0, 1023) AS n"
    " WHERE NOT EXISTS (SELECT 1 FROM job_lease"
    "   WHERE name = 'node-' || n AND until > clock_timestamp())"
    " ORDER BY (n + $3) % 1024 LIMIT 1) AS candidate",
};

bool cluster_lease_acquire(struct db *db, str name, str owner, int64_t lease_ms,
                           int64_t deadline_ms, int64_t *token, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(name), DB_TEXT(owner), DB_INT8(lease_ms) };
    struct arena a;
    struct db_rows *rows;
    arena_init(&a);
    bool ok = db_query(db, DB_READ, &acquire, params, COUNT_OF(params), &a, deadline_ms, &rows, e);
    if (ok)
        *token = db_int_or(rows, 0, 0, 0);
    arena_fini(&a);
    return ok;
}

bool cluster_lease_release(struct db *db, str name, str owner, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(name), DB_TEXT(owner) };
    struct arena a;
    arena_init(&a);
    bool ok = db_query(db, DB_READ, &release, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

/* One try; *got is false when another process took the same id at the same moment. */
YIELDS static bool try_claim(struct db *db, str owner, int64_t lease_ms, int64_t deadline_ms,
                             bool *got, unsigned *node_id, struct err *e)
{
    const struct db_param params[] = {
        DB_TEXT(owner),
        DB_INT8(lease_ms),
        DB_INT4((int64_t)(str_hash(owner, 0) % CLUSTER_NODES)),
    };
    struct arena a;
    struct db_rows *rows;
    arena_init(&a);
    bool ok =
        db_query(db, DB_READ, &claim_node, params, COUNT_OF(params), &a, deadline_ms, &rows, e);
    if (ok && db_row_count(rows) == 0)
        ok = ERR(e, ERR_LIMIT, "all %d node ids are in use", CLUSTER_NODES);
    *got = ok && !db_is_null(rows, 0, 1);
    if (*got)
        *node_id = (unsigned)db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}

bool cluster_node_claim(struct db *db, str owner, int64_t lease_ms, int64_t deadline_ms,
                        unsigned *node_id, struct err *e)
{
    enum {
        TRIES = 20
    };
    for (unsigned i = 0; i < TRIES; i++) {
        bool got;
        if (!try_claim(db, owner, lease_ms, deadline_ms, &got, node_id, e))
            return false;
        if (got)
            return true;
    }
    return ERR(e, ERR_CONFLICT, "other processes took every node id first");
}

bool cluster_node_extend(struct db *db, unsigned node_id, str owner, int64_t lease_ms,
                         int64_t deadline_ms, struct err *e)
{
    char name[32];
    int64_t token;
    int n = snprintf(name, sizeof(name), "node-%u", node_id);
    if (!cluster_lease_acquire(db, str_of(name, (size_t)n), owner, lease_ms, deadline_ms, &token,
                               e))
        return false;
    if (token == 0)
        return ERR(e, ERR_CONFLICT, "node id %u was lost to another process", node_id);
    return true;
}
