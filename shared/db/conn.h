/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of db share: one libpq connection in pipeline mode, the batches that travel on it,
 * and the pools of a class. Private to db; the one header that sees libpq.
 *
 * Everything here is driven from the loop by a watch and a timer; only the waits for a batch or for
 * a connection suspend a fiber. A batch is some statements with one Sync behind them. It is on the
 * heap, so that a fiber that gives up can leave it: its answer still arrives ("orphan"). */
#ifndef DB_CONN_H
#define DB_CONN_H

#include "base/map.h"
#include "base/vec.h"
#include "db/db.h"
#include "net/address.h"
#include "runtime/turns.h"

#include <libpq-fe.h>

enum {
    DB_CONNECT_MS = 2500,     /* one attempt at one host */
    DB_FAIL_FAST_MS = 1500,   /* a caller waits so long for a first working connection; an outage
                                 that is older is not waited for */
    DB_BACKOFF_MIN_MS = 50,   /* after the first failed round, doubled to the maximum */
    DB_BACKOFF_MAX_MS = 1000, /* each is stretched by 0.5 to 1.5 */
    DB_COMMIT_MS = 20 * 1000, /* statement_timeout does not cover the wait of a COMMIT */
    DB_STUCK_MS = 40 * 1000,  /* no answer for so long: the connection is given up */
    DB_SLOW_MS = 1000,        /* a statement that took longer is logged */
    DB_HELD_UP_MS = 100,      /* no answer for so long: what comes behind it goes elsewhere */
    DB_ENDPOINTS_MAX = 16,    /* addresses of one conninfo */
    DB_RESOLVE_TTL_MS = 30 * 1000,
    DB_PARAMS_MAX = 64,
    DB_STATEMENTS_MAX = 4096, /* named statements of a connection; statements of a batch */
};

/* ---- values (value.c) ---- */

/* Parameters in libpq's shape. The bytes of numbers and arrays are in `space`. */
struct db_values {
    int n;
    Oid types[DB_PARAMS_MAX];
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
};

/* Encodes in binary; everything is in the arena or borrowed from the parameters. ERR_LIMIT. */
bool db_values_encode(struct arena *a, const struct db_param *params, size_t n,
                      struct db_values *out, struct err *e);
/* Rows over a libpq result (takes), which is cleared with the arena. */
struct db_rows *db_rows_new(struct arena *a, PGresult *result);

/* ---- where to connect (endpoint.c) ---- */

struct db_endpoint {
    char *host;    /* as configured; NULL: libpq's default */
    char *address; /* numeric; NULL for a unix socket or the default */
    char *port;    /* NULL: the default */
};

struct db_resolution; /* a running look-up of names */

struct db_endpoints {
    PQconninfoOption *options; /* the parsed conninfo; NULL when it is not valid */
    char *parse_error;         /* why, else NULL */
    struct db_endpoint list[DB_ENDPOINTS_MAX];
    size_t n;
    bool has_names;      /* something must be resolved */
    int64_t resolved_ms; /* when the list was made; INT64_MIN: not yet */
    struct db_resolution *resolution;
};

/* Parses; what is wrong is told by the first attempt to connect. fini forgets a running look-up. */
void db_endpoints_init(struct db_endpoints *ep, const char *conninfo);
void db_endpoints_fini(struct db_endpoints *ep);
/* True when the list can be used now; else starts a look-up, after which db_endpoints_changed is
 * called. */
bool db_endpoints_ready(struct db *db);
/* Starts connecting to one endpoint with the timeouts of the class. NULL when memory is short. */
PGconn *db_endpoint_connect(const struct db *db, size_t endpoint, enum db_class class);

/* ---- batches (batch.c) ---- */

enum db_slot_kind {
    DB_SLOT_PREPARE,  /* of the statement behind it */
    DB_SLOT_INTERNAL, /* BEGIN, COMMIT, ROLLBACK: no rows for the caller */
    DB_SLOT_STATEMENT
};

struct db_slot {
    enum db_slot_kind kind;
    const struct db_stmt *stmt;
    struct db_prepared *prepared; /* DB_SLOT_PREPARE */
    size_t index;                 /* among the caller's statements */
};

struct db_batch {
    struct list link;     /* conn->batches, in the order of sending */
    struct db_conn *conn; /* NULL when it is finished */
    struct vec slots;     /* struct db_slot */
    size_t answered;      /* slots */
    struct vec results;   /* PGresult *, one a statement, NULL for those without rows */
    bool is_script;       /* simple protocol: ends without a Sync */
    bool is_synced;
    bool is_finished;
    bool is_lost;    /* the connection broke before the answer to Sync */
    bool is_orphan;  /* nobody waits any more: freed at its end */
    bool has_failed; /* an ERROR came: nothing of it was done */
    size_t failed;   /* index of the statement that failed */
    struct err err;
    int64_t sent_ms;
    struct signal_point point;
};

/* An empty batch. Gives; end with db_batch_drop. */
struct db_batch *db_batch_new(void);
/* Frees a finished batch; an unfinished one becomes an orphan. */
void db_batch_drop(struct db_batch **b);
/* Hands one statement to libpq, with its Prepare when the connection does not know it yet. False
 * when the connection can not take it (it is given up then) or a parameter is too big. */
bool db_batch_add(struct db_batch *b, struct db_conn *c, enum db_slot_kind kind,
                  const struct db_stmt *stmt, const struct db_param *params, size_t n,
                  struct err *e);
/* Appends the Sync and sends everything. */
bool db_batch_sync(struct db_batch *b, struct err *e);
/* Waits until the batch is finished. When it is not in time the caller drops it. Yields. */
YIELDS bool db_batch_wait(struct db_batch *b, int64_t deadline_ms, struct err *e);
/* Moves the result of the i-th statement into the arena. */
struct db_rows *db_batch_take_rows(struct db_batch *b, size_t i, struct arena *a);

/* Called by the connection: reads what has arrived; ends all batches of a broken connection. */
void db_conn_read_results(struct db_conn *c);
void db_conn_lose_batches(struct db_conn *c, const char *reason);
void db_prepared_fini(struct db_conn *c);

/* ---- connections (conn.c) ---- */

enum db_conn_state {
    DB_CONN_CLOSED,
    DB_CONN_RESOLVING,
    DB_CONN_CONNECTING,
    DB_CONN_READY
};

struct db_conn {
    struct db *db;
    struct db_pool *pool;
    enum db_class class;
    enum db_conn_state state;
    PGconn *pg;
    unsigned generation; /* counts the ends of `pg`: a transaction does not outlive one */
    struct watch *watch;
    unsigned watched;   /* events of the watch */
    struct timer timer; /* connect deadline; time of the next attempt; look for a stuck answer */
    size_t endpoint;    /* being tried */
    unsigned rounds;    /* failed rounds over all endpoints */
    struct list batches;
    size_t n_batches;
    int64_t moved_ms;         /* when its first batch became the first */
    uint64_t n_answered;      /* batches */
    bool slot_has_result;     /* a result of the current slot has come, its end not yet */
    bool is_stale;            /* no new work; closed when drained */
    bool is_leased;           /* exclusive ones and those for searches only */
    int64_t holder;           /* whom it is leased for */
    bool is_returning;        /* leased, given back, waits for the answer to ROLLBACK */
    struct db_cancel *cancel; /* under way, or NULL */
    struct map prepared;      /* struct db_prepared by its key */
};

/* Asks the server to end what runs on a leased connection; nobody waits for that. */
void db_conn_cancel(struct db_conn *c);
/* The connection's memory goes; a request under way no longer knows it. */
void db_cancel_forget(struct db_conn *c);

/* Starts to connect unless it is connected, connecting, or waiting for its next attempt. */
void db_conn_want(struct db_conn *c);
/* Goes on after names were resolved (or not: `reason`). */
void db_conn_resolved(struct db_conn *c, const char *reason);
/* Sends what libpq has buffered and watches for what is needed next. */
void db_conn_flush(struct db_conn *c);
/* The connection is broken: ends its batches, closes, comes back later. */
void db_conn_lost(struct db_conn *c, const char *reason);
/* The last batch is gone: gives a returning lease back, closes a stale connection. */
void db_conn_drained(struct db_conn *c);
/* All connections of the db are to be made anew (fail-over). */
void db_all_stale(struct db *db);
bool db_conn_is_usable(const struct db_conn *c);

/* ---- pools (pool.c) ---- */

struct db_pool {
    struct db_conn *conns;
    size_t n;
    struct turns gate;           /* of exclusive connections */
    struct signal_point changed; /* a connection became ready or has answered, an attempt failed */
    uint64_t failures;           /* failed rounds so far */
};

/* `n` connections, none of them made yet; fini closes them and ends their batches as lost. */
void db_pool_init(struct db_pool *pool, struct db *db, enum db_class class, size_t n);
void db_pool_fini(struct db_pool *pool);
/* The working connection with the least to do, and none that is held up (by a lock, or a long
 * statement) where there are others. While another connection is about to be made, one that has
 * something to do is taken only when it gets on with that. ERR_UNAVAILABLE, ERR_TIMEOUT,
 * ERR_CANCELLED. Yields. */
YIELDS struct db_conn *db_pool_pick(struct db_pool *pool, int64_t deadline_ms, struct err *e);
/* Leases an exclusive connection for the holder; give it back with db_conn_give_back. Yields. */
YIELDS struct db_conn *db_pool_lease(struct db_pool *pool, int64_t holder, int64_t deadline_ms,
                                     struct err *e);
/* Now, or when its last batch has been answered. */
void db_conn_give_back(struct db_conn *c);

struct db {
    struct runtime *rt;
    bool named_statements;
    unsigned n_ready;      /* connections that work */
    int64_t away_since_ms; /* none works, and an attempt has failed since then; 0: not so */
    /* pulse.c */
    struct timer tick; /* armed while something is asked for */
    int64_t tick_due_ms;
    int64_t heard_ms;     /* when any connection last heard anything, or began to be asked */
    int64_t asked_ms;     /* when the probe was sent; 0: it was not */
    bool looks_again;     /* the last tick was late, and judged nothing */
    struct db_pool probe; /* its one connection */
    struct db_endpoints endpoints;
    struct db_pool shared[DB_CLASS_COUNT];
    struct db_pool exclusive[DB_CLASS_COUNT];
};

/* ---- whether the database answers (pulse.c) ---- */

/* Before the first connection, and after the last one. */
void db_pulse_init(struct db *db);
void db_pulse_fini(struct db *db);
/* Something was sent on a connection, something came on one. */
void db_pulse_sent(struct db *db);
void db_pulse_heard(struct db *db);

/* The deadline of a wait for the database, which tests put off (FAILPOINT_PATIENCE): on a machine
 * that is busy with others nobody is told "try later" (R6). */
int64_t db_patience(int64_t deadline_ms);

/* Whether the database has been away for longer than a caller waits: a command that needs it five
 * times then fails as quickly as one that needs it once (R6). Connections try on by themselves. */
bool db_is_away(const struct db *db);
/* For each connection of the db. */
void db_each_conn(struct db *db, void (*fn)(struct db_conn *c, const void *arg), const void *arg);
/* Called when a look-up ended; `reason` is NULL on success. */
void db_endpoints_changed(struct db *db, const char *reason);

/* Fills an err from a libpq result. */
void db_error_from_result(const PGresult *result, struct err *e);

#endif
