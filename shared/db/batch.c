/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: statements in libpq's pipeline, and sorting their answers out again. */
#include "db/conn.h"

#include "obs/obs.h"

/* A statement that the connection has prepared, with the types of the parameters it was prepared
 * for: a NULL has no type of its own, so the same text may be prepared more than once. */
struct db_prepared {
    char name[40]; /* also the key */
    size_t name_len;
};

struct db_batch *db_batch_new(void)
{
    struct db_batch *b = HEAP_NEW(struct db_batch);
    list_init(&b->link);
    VEC_INIT(&b->slots, struct db_slot, (size_t)2 * DB_STATEMENTS_MAX);
    VEC_INIT(&b->results, PGresult *, DB_STATEMENTS_MAX);
    signal_point_init(&b->point);
    return b;
}

static void free_batch(struct db_batch *b)
{
    for (size_t i = 0; i < b->results.n; i++)
        PQclear(*VEC_AT(&b->results, PGresult *, i));
    vec_fini(&b->results);
    vec_fini(&b->slots);
    free(b);
}

void db_batch_drop(struct db_batch **b)
{
    if (!*b)
        return;
    /* One that was never sent (no statement went in) is in no list. */
    if ((*b)->is_finished || !(*b)->conn) {
        free_batch(*b);
    } else {
        (*b)->is_orphan = true;
    }
    *b = NULL;
}

/* ---- sending ---- */

static void join(struct db_batch *b, struct db_conn *c)
{
    if (b->conn)
        return;
    b->conn = c;
    if (c->n_batches == 0)
        c->moved_ms = clock_monotonic_ms();
    list_add_tail(&c->batches, &b->link);
    c->n_batches++;
}

static void leave(struct db_batch *b)
{
    list_remove(&b->link);
    b->conn->n_batches--;
    b->conn = NULL;
}

static void add_slot(struct db_batch *b, enum db_slot_kind kind, const struct db_stmt *stmt,
                     struct db_prepared *prepared)
{
    struct db_slot *slot = VEC_PUSH(&b->slots, struct db_slot);
    INVARIANT(slot);
    *slot = (struct db_slot){ kind, stmt, prepared, b->results.n };
}

static void prepared_key(const struct db_stmt *stmt, const struct db_values *v,
                         struct db_prepared *out)
{
    uint64_t types = 0;
    for (int i = 0; i < v->n; i++)
        types = types * 31 + v->types[i] + 1;
    int n = snprintf(out->name, sizeof(out->name), "h%lx_%lx", (unsigned long)(uintptr_t)stmt,
                     (unsigned long)types);
    out->name_len = (size_t)n;
}

/* The name of the prepared statement; *fresh when a Prepare for it was sent with this call. NULL
 * when libpq refuses, or when statements are unnamed. */
static bool prepare(struct db_batch *b, const struct db_stmt *stmt, const struct db_values *v,
                    struct db_prepared **out)
{
    struct db_conn *c = b->conn;
    struct db_prepared wanted;
    prepared_key(stmt, v, &wanted);
    str key = str_of(wanted.name, wanted.name_len);
    *out = map_find(&c->prepared, key);
    if (*out)
        return true;
    if (PQsendPrepare(c->pg, wanted.name, stmt->sql, v->n, v->types) != 1)
        return false;
    *out = HEAP_NEW(struct db_prepared);
    **out = wanted;
    key = str_of((*out)->name, (*out)->name_len);
    INVARIANT(map_put(&c->prepared, key, *out, NULL));
    add_slot(b, DB_SLOT_PREPARE, stmt, *out);
    return true;
}

static bool send_statement(struct db_batch *b, const struct db_stmt *stmt,
                           const struct db_values *v)
{
    struct db_conn *c = b->conn;
    if (!c->db->named_statements) {
        return PQsendQueryParams(c->pg, stmt->sql, v->n, v->types, v->values, v->lengths,
                                 v->formats, 1) == 1;
    }
    struct db_prepared *prepared = NULL;
    return prepare(b, stmt, v, &prepared) &&
           PQsendQueryPrepared(c->pg, prepared->name, v->n, v->values, v->lengths, v->formats, 1) ==
               1;
}

bool db_batch_add(struct db_batch *b, struct db_conn *c, enum db_slot_kind kind,
                  const struct db_stmt *stmt, const struct db_param *params, size_t n,
                  struct err *e)
{
    if (b->is_finished || c->state != DB_CONN_READY)
        return ERR(e, ERR_UNAVAILABLE, "the database connection is lost");
    struct arena scratch;
    struct db_values values;
    arena_init(&scratch);
    bool ok = db_values_encode(&scratch, params, n, &values, e);
    if (ok) {
        join(b, c);
        ok = send_statement(b, stmt, &values);
        if (!ok) {
            ERR(e, ERR_UNAVAILABLE, "%s", PQerrorMessage(c->pg));
            db_conn_lost(c, PQerrorMessage(c->pg));
        }
    }
    arena_fini(&scratch);
    if (!ok)
        return false;
    add_slot(b, kind, stmt, NULL);
    if (kind == DB_SLOT_STATEMENT)
        INVARIANT(VEC_PUSH(&b->results, PGresult *));
    return true;
}

bool db_batch_sync(struct db_batch *b, struct err *e)
{
    struct db_conn *c = b->conn;
    if (b->is_finished || !c)
        return ERR(e, ERR_UNAVAILABLE, "the database connection is lost");
    b->sent_ms = clock_monotonic_ms();
    b->is_synced = true;
    if (PQpipelineSync(c->pg) != 1) {
        db_conn_lost(c, PQerrorMessage(c->pg)); /* parts may have gone out: the batch is lost */
    } else {
        db_conn_flush(c);
    }
    return true;
}

bool db_batch_wait(struct db_batch *b, int64_t deadline_ms, struct err *e)
{
    int64_t patient_ms = db_patience(deadline_ms);
    while (!b->is_finished) {
        if (!signal_point_wait(&b->point, patient_ms, e))
            return false;
    }
    return true;
}

struct db_rows *db_batch_take_rows(struct db_batch *b, size_t i, struct arena *a)
{
    if (i >= b->results.n)
        return NULL;
    PGresult **result = VEC_AT(&b->results, PGresult *, i);
    PGresult *taken = *result;
    *result = NULL;
    return taken ? db_rows_new(a, taken) : NULL;
}

/* ---- receiving ---- */

static void forget_prepared(struct db_conn *c, struct db_prepared *p)
{
    map_remove(&c->prepared, str_of(p->name, p->name_len));
    free(p);
}

void db_prepared_fini(struct db_conn *c)
{
    MAP_FOR_EACH (entry, &c->prepared)
        free(entry->value);
    map_fini(&c->prepared);
    map_init(&c->prepared, DB_STATEMENTS_MAX);
}

static void log_if_slow(const struct db_batch *b, int64_t now_ms)
{
    int64_t ms = now_ms - b->sent_ms;
    if (ms < DB_SLOW_MS || b->slots.n == 0 || b->is_script)
        return;
    const struct db_slot *last = VEC_AT(&b->slots, struct db_slot, b->slots.n - 1);
    obs_log(EV_DB_SLOW, STR_EMPTY, OBS_INT("ms", ms),
            OBS_STR("sql", str_slice(str_from_cstr(last->stmt->sql), 0, 120)),
            OBS_INT("statements", b->results.n));
}

static void finish(struct db_batch *b)
{
    struct db_conn *c = b->conn;
    c->moved_ms = clock_monotonic_ms();
    c->n_answered++;
    log_if_slow(b, c->moved_ms);
    leave(b);
    b->is_finished = true;
    if (b->is_orphan) {
        free_batch(b);
    } else {
        signal_point_all(&b->point);
    }
    signal_point_all(&c->pool->changed);
    if (c->state == DB_CONN_READY && list_is_empty(&c->batches))
        db_conn_drained(c);
}

void db_conn_lose_batches(struct db_conn *c, const char *reason)
{
    while (!list_is_empty(&c->batches)) {
        struct db_batch *b = CONTAINER_OF(c->batches.next, struct db_batch, link);
        if (!b->has_failed) {
            b->is_lost = true;
            ERR(&b->err, ERR_UNAVAILABLE, "%s", reason);
        }
        leave(b);
        b->is_finished = true;
        if (b->is_orphan) {
            free_batch(b);
        } else {
            signal_point_all(&b->point);
        }
    }
}

/* After these the server is not what it was: a standby, going down, or our prepared statements are
 * not what it knows. */
static bool makes_stale(const PGresult *result)
{
    static const char *const prefixes[] = { "57P", "08", "25006", "26000" };
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate)
        return false;
    if (text && strcmp(sqlstate, "0A000") == 0)
        return strncmp(text, "cached plan", strlen("cached plan")) == 0;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        if (strncmp(sqlstate, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

/* FATAL ends the connection: its batches are lost, not failed. */
static bool is_fatal(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !severity || strcmp(severity, "ERROR") != 0;
}

static void take_error(struct db_conn *c, struct db_batch *b, const PGresult *result)
{
    if (makes_stale(result))
        db_all_stale(c->db);
    if (is_fatal(result) || b->has_failed)
        return;
    b->has_failed = true;
    b->failed = 0;
    if (b->answered < b->slots.n)
        b->failed = VEC_AT(&b->slots, struct db_slot, b->answered)->index;
    db_error_from_result(result, &b->err);
}

/* Takes the result. */
static void take_result(struct db_conn *c, struct db_batch *b, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool ok =
        status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
    if (!ok && status != PGRES_PIPELINE_ABORTED)
        take_error(c, b, result);
    if (b->is_script || b->answered >= b->slots.n) {
        PQclear(result);
        return;
    }
    struct db_slot *slot = VEC_AT(&b->slots, struct db_slot, b->answered);
    if (slot->kind == DB_SLOT_PREPARE && !ok)
        forget_prepared(c, slot->prepared);
    PGresult **keep = slot->kind == DB_SLOT_STATEMENT && !b->is_orphan
                          ? VEC_AT(&b->results, PGresult *, slot->index)
                          : NULL;
    if (keep && ok && !*keep) {
        *keep = result;
    } else {
        PQclear(result);
    }
}

/* The end of one slot's results, or of a script. */
static void slot_ends(struct db_conn *c, struct db_batch *b)
{
    if (b->is_script) {
        finish(b);
        return;
    }
    if (c->slot_has_result)
        b->answered++;
    c->slot_has_result = false;
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): finish takes a batch out of the list before it frees it,
 * which the analyzer does not follow. */
void db_conn_read_results(struct db_conn *c)
{
    while (c->state == DB_CONN_READY && !list_is_empty(&c->batches) && !PQisBusy(c->pg)) {
        struct db_batch *b = CONTAINER_OF(c->batches.next, struct db_batch, link);
        PGresult *result = PQgetResult(c->pg);
        if (result && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            finish(b);
        } else if (result) {
            c->slot_has_result = true;
            take_result(c, b, result);
        } else if (!b->is_synced && !b->is_script) {
            return; /* nothing more can come before its Sync */
        } else {
            slot_ends(c, b);
        }
        if (c->pg && PQstatus(c->pg) == CONNECTION_BAD)
            return; /* libpq makes up results without end */
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */
