/* SPDX-License-Identifier: Apache-2.0 */
/* One libpq connection: connecting over the endpoints, its watch and timer, its end. A lost
 * connection comes back by itself with growing, jittered pauses. */
#include "db/conn.h"

#include "obs/obs.h"

enum {
    REASON_SIZE = 200
};

static void start_round(struct db_conn *c);
static void try_endpoint(struct db_conn *c);

bool db_conn_is_usable(const struct db_conn *c)
{
    return c->state == DB_CONN_READY && !c->is_stale;
}

bool db_is_away(const struct db *db)
{
    return db->away_since_ms > 0 && clock_monotonic_ms() > db->away_since_ms + DB_FAIL_FAST_MS;
}

static void note_ready(struct db *db)
{
    db->n_ready++;
    db->away_since_ms = 0;
}

static void note_failure(struct db *db)
{
    if (db->n_ready == 0 && db->away_since_ms == 0)
        db->away_since_ms = clock_monotonic_ms();
}

static void watch_for(struct db_conn *c, unsigned events)
{
    if (c->watched != events)
        watch_set(c->watch, PQsocket(c->pg), events);
    c->watched = events;
}

/* Closes the socket; the watch must be stopped before libpq closes its descriptor. */
static void close_socket(struct db_conn *c)
{
    watch_set(c->watch, -1, 0);
    c->watched = 0;
    timer_stop(c->db->rt, &c->timer);
    if (c->pg)
        PQfinish(c->pg);
    c->pg = NULL;
    c->generation++;
    if (c->state == DB_CONN_READY)
        c->db->n_ready--;
    c->state = DB_CONN_CLOSED;
    c->is_stale = false;
    c->slot_has_result = false;
    db_prepared_fini(c);
}

static int64_t backoff_ms(unsigned rounds)
{
    int64_t ms = DB_BACKOFF_MIN_MS;
    for (unsigned i = 1; i < rounds && ms < DB_BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > DB_BACKOFF_MAX_MS)
        ms = DB_BACKOFF_MAX_MS;
    return ms / 2 + (int64_t)arc4random_uniform((uint32_t)ms);
}

/* All endpoints failed: tells who waits, and comes again later. */
static void round_failed(struct db_conn *c, const char *reason)
{
    close_socket(c);
    if (c->rounds == 0)
        obs_log(EV_DB_LOST, STR_EMPTY, OBS_CSTR("reason", reason));
    c->rounds++;
    c->pool->failures++;
    note_failure(c->db);
    timer_start(c->db->rt, &c->timer, clock_deadline_in(backoff_ms(c->rounds)));
    signal_point_all(&c->pool->changed);
}

/* libpq's messages go on with advice in further lines; and they live in the connection. */
static void keep_reason(char out[REASON_SIZE], const char *reason)
{
    str line;
    str rest;
    str_cut(str_trim(str_from_cstr(reason)), '\n', &line, &rest);
    (void)snprintf(out, REASON_SIZE, "%.*s", STR_FMT(line));
}

static void endpoint_failed(struct db_conn *c, const char *reason)
{
    char text[REASON_SIZE];
    keep_reason(text, reason);
    if (c->endpoint + 1 >= c->db->endpoints.n) {
        round_failed(c, text);
        return;
    }
    close_socket(c);
    c->endpoint++;
    try_endpoint(c);
}

static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    obs_log(EV_DB_NOTICE, STR_EMPTY,
            OBS_CSTR("sqlstate", PQresultErrorField(result, PG_DIAG_SQLSTATE)),
            OBS_CSTR("severity", PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED)),
            OBS_CSTR("text", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

static void connected(struct db_conn *c)
{
    timer_stop(c->db->rt, &c->timer);
    if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1) {
        endpoint_failed(c, "the connection cannot be set to pipeline mode");
        return;
    }
    obs_log(EV_DB_CONNECTED, STR_EMPTY, OBS_CSTR("host", PQhost(c->pg)),
            OBS_INT("backend", PQbackendPID(c->pg)));
    c->state = DB_CONN_READY;
    c->rounds = 0;
    note_ready(c->db);
    db_pulse_heard(c->db);
    watch_for(c, FIBER_READ);
    signal_point_all(&c->pool->changed);
}

static void go_on_connecting(struct db_conn *c)
{
    PostgresPollingStatusType next = PQconnectPoll(c->pg);
    /* libpq may have closed one socket and opened another with the same number. */
    watch_set(c->watch, -1, 0);
    c->watched = 0;
    if (next == PGRES_POLLING_READING) {
        watch_for(c, FIBER_READ);
    } else if (next == PGRES_POLLING_WRITING) {
        watch_for(c, FIBER_WRITE);
    } else if (next == PGRES_POLLING_OK) {
        connected(c);
    } else {
        endpoint_failed(c, PQerrorMessage(c->pg));
    }
}

static void try_endpoint(struct db_conn *c)
{
    c->state = DB_CONN_CONNECTING;
    c->pg = db_endpoint_connect(c->db, c->endpoint, c->class);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        endpoint_failed(c, c->pg ? PQerrorMessage(c->pg) : "out of memory");
        return;
    }
    PQsetNoticeReceiver(c->pg, on_notice, NULL);
    timer_start(c->db->rt, &c->timer, db_patience(clock_deadline_in(DB_CONNECT_MS)));
    /* The manual: begin as if the last poll had asked for writing. */
    watch_for(c, FIBER_WRITE);
}

static void start_round(struct db_conn *c)
{
    const struct db_endpoints *ep = &c->db->endpoints;
    if (!ep->options) {
        round_failed(c, ep->parse_error);
        return;
    }
    c->state = DB_CONN_RESOLVING;
    if (db_endpoints_ready(c->db))
        db_conn_resolved(c, NULL);
}

void db_conn_resolved(struct db_conn *c, const char *reason)
{
    if (c->state != DB_CONN_RESOLVING)
        return;
    c->endpoint = 0;
    if (reason || c->db->endpoints.n == 0) {
        round_failed(c, reason ? reason : "the database has no address");
    } else {
        try_endpoint(c);
    }
}

void db_conn_want(struct db_conn *c)
{
    if (c->state == DB_CONN_CLOSED && !timer_is_armed(&c->timer))
        start_round(c);
}

void db_conn_drained(struct db_conn *c)
{
    if (c->is_returning && !c->cancel) {
        c->is_returning = false;
        c->is_leased = false;
        turns_release(&c->pool->gate, c->holder);
    }
    if (c->is_stale && !c->is_leased && c->state == DB_CONN_READY) {
        close_socket(c);
        start_round(c);
    }
}

void db_conn_lost(struct db_conn *c, const char *reason)
{
    char text[REASON_SIZE];
    keep_reason(text, reason);
    obs_log(EV_DB_LOST, STR_EMPTY, OBS_CSTR("reason", text));
    close_socket(c);
    note_failure(c->db);
    db_conn_lose_batches(c, text);
    db_conn_drained(c);
    /* At once, but not all processes in the same moment. */
    timer_start(c->db->rt, &c->timer, clock_deadline_in(arc4random_uniform(DB_BACKOFF_MIN_MS)));
    signal_point_all(&c->pool->changed);
}

static void on_ready(unsigned ready, void *arg)
{
    struct db_conn *c = arg;
    if (c->state == DB_CONN_CONNECTING) {
        go_on_connecting(c);
        return;
    }
    if (ready & FIBER_READ) {
        db_pulse_heard(c->db);
        PQconsumeInput(c->pg); /* a failure shows in the status, after what had arrived is read */
    }
    db_conn_read_results(c);
    if (c->state != DB_CONN_READY)
        return;
    if (PQstatus(c->pg) == CONNECTION_BAD) {
        db_conn_lost(c, PQerrorMessage(c->pg));
    } else if (ready & FIBER_WRITE) {
        db_conn_flush(c);
    }
}

void db_conn_flush(struct db_conn *c)
{
    int left = PQflush(c->pg);
    db_pulse_sent(c->db);
    /* On failure the server may have said why: that is read before the connection is given up. */
    watch_for(c, left == 0 ? FIBER_READ : FIBER_READ | FIBER_WRITE);
    if (!timer_is_armed(&c->timer) && c->n_batches > 0)
        timer_start(c->db->rt, &c->timer, clock_deadline_in(DB_STUCK_MS / 4));
}

/* A server that is stopped, or a network that swallows everything, never says that it is gone. */
static void look_for_stuck(struct db_conn *c)
{
    if (list_is_empty(&c->batches))
        return;
    const struct db_batch *first = CONTAINER_OF(c->batches.next, struct db_batch, link);
    if (first->is_synced && !first->is_script &&
        clock_monotonic_ms() > first->sent_ms + DB_STUCK_MS) {
        db_conn_lost(c, "no answer for 40 s");
        return;
    }
    timer_start(c->db->rt, &c->timer, clock_deadline_in(DB_STUCK_MS / 4));
}

static void on_timer(void *arg)
{
    struct db_conn *c = arg;
    if (c->state == DB_CONN_CLOSED) {
        start_round(c);
    } else if (c->state == DB_CONN_CONNECTING) {
        endpoint_failed(c, "no answer to the connection attempt");
    } else if (c->state == DB_CONN_READY) {
        look_for_stuck(c);
    }
}

static void init_conn(struct db_conn *c, struct db *db, struct db_pool *pool, enum db_class class)
{
    *c = (struct db_conn){ .db = db, .pool = pool, .class = class };
    c->watch = watch_new(db->rt, on_ready, c);
    timer_init(&c->timer, on_timer, c);
    list_init(&c->batches);
    map_init(&c->prepared, DB_STATEMENTS_MAX);
}

void db_pool_init(struct db_pool *pool, struct db *db, enum db_class class, size_t n)
{
    *pool = (struct db_pool){ .n = n };
    pool->conns = heap_zalloc(n * sizeof(*pool->conns));
    turns_init(&pool->gate, (unsigned)n);
    signal_point_init(&pool->changed);
    for (size_t i = 0; i < n; i++)
        init_conn(&pool->conns[i], db, pool, class);
}

void db_pool_fini(struct db_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        struct db_conn *c = &pool->conns[i];
        close_socket(c);
        db_cancel_forget(c);
        db_conn_lose_batches(c, "the database client is closed");
        map_fini(&c->prepared);
        watch_free(&c->watch);
    }
    free(pool->conns);
    turns_fini(&pool->gate);
}
