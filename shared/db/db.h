/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of db: PostgreSQL for fibers. The only module that sees libpq; it knows no table name.
 * SQL text is always constant; values go as parameters, in binary.
 *
 * One-statement work shares a few pipelined connections of its class (db_query); transactions lease
 * an exclusive one (db_begin). Classes have pools of their own so that they cannot starve each
 * other. After a lost connection the pool reconnects with jitter; waiting callers fail within their
 * deadline with ERR_UNAVAILABLE. */
#ifndef DB_DB_H
#define DB_DB_H

#include "runtime/runtime.h"

struct db;
struct db_tx;

enum db_class {
    DB_READ,    /* short reads of protocol commands */
    DB_AUTH,    /* logins: must work while the rest is busy */
    DB_DELIVER, /* deliveries and other writes of mail */
    DB_SEARCH,  /* searches and reports: statement timeout 5 s; each has its connection alone, so
                   that a long one is in nobody's way and can be ended */
    DB_CLASS_COUNT
};

struct db_options {
    const char *conninfo;               /* libpq keywords or URL; several hosts allowed; keeps */
    unsigned shared[DB_CLASS_COUNT];    /* pipelined connections, 0 = defaults (2, 1, 2, 2) */
    unsigned exclusive[DB_CLASS_COUNT]; /* for transactions, 0 = defaults (1, 1, 4, 1) */
    /* Prepare each SQL text once a connection, and set the timeouts of the class (statements READ
     * and AUTH 10 s, DELIVER 30 s, SEARCH 5 s; locks 5 s; idle in transaction 30 s) as options of
     * the connection. Off behind a PgBouncer in transaction mode: it refuses both, so that ALTER
     * ROLE ... SET must hold the timeouts. */
    bool named_statements;
};

/* Connections are made when first needed. Gives. */
struct db *db_new(struct runtime *rt, const struct db_options *options);
void db_free(struct db **db);

enum db_type {
    DB_TYPE_NULL,
    DB_TYPE_BOOL,
    DB_TYPE_INT4,
    DB_TYPE_INT8,
    DB_TYPE_TEXT,
    DB_TYPE_BYTEA,
    DB_TYPE_TIMESTAMPTZ,
    DB_TYPE_FLOAT8,
    DB_TYPE_INT4_ARRAY,
    DB_TYPE_INT8_ARRAY,
    DB_TYPE_TEXT_ARRAY,
    DB_TYPE_BYTEA_ARRAY
};

struct db_param {
    enum db_type type;
    int64_t number; /* bool, int4, int8; timestamptz as microseconds since 1970 UTC, INT64_MAX is
                       'infinity' */
    double real;
    str bytes;              /* text (valid UTF-8 without NUL) or bytea; borrowed during the call */
    const int64_t *numbers; /* arrays of ints */
    const str *strs;        /* arrays of text or bytea */
    size_t n;               /* elements of an array */
};

#define DB_NULL        ((struct db_param){ .type = DB_TYPE_NULL })
#define DB_BOOL(v)     ((struct db_param){ .type = DB_TYPE_BOOL, .number = (v) })
#define DB_INT4(v)     ((struct db_param){ .type = DB_TYPE_INT4, .number = (v) })
#define DB_INT8(v)     ((struct db_param){ .type = DB_TYPE_INT8, .number = (v) })
#define DB_FLOAT8(v)   ((struct db_param){ .type = DB_TYPE_FLOAT8, .real = (v) })
#define DB_TEXT(s)     ((struct db_param){ .type = DB_TYPE_TEXT, .bytes = (s) })
#define DB_BYTEA(s)    ((struct db_param){ .type = DB_TYPE_BYTEA, .bytes = (s) })
#define DB_TIME_US(us) ((struct db_param){ .type = DB_TYPE_TIMESTAMPTZ, .number = (us) })
#define DB_INT4S(p, count) \
    ((struct db_param){ .type = DB_TYPE_INT4_ARRAY, .numbers = (p), .n = (count) })
#define DB_INT8S(p, count) \
    ((struct db_param){ .type = DB_TYPE_INT8_ARRAY, .numbers = (p), .n = (count) })
#define DB_TEXTS(p, count) \
    ((struct db_param){ .type = DB_TYPE_TEXT_ARRAY, .strs = (p), .n = (count) })
#define DB_BYTEAS(p, count) \
    ((struct db_param){ .type = DB_TYPE_BYTEA_ARRAY, .strs = (p), .n = (count) })

/* One constant SQL text with $1..$n. Statements are static objects of the module that owns the
 * table; their address is the identity of the prepared statement. */
struct db_stmt {
    const char *sql;
};

/* Rows of a result, read by row and column, both 0-based. Lives in the arena it was made in. A
 * column of another type than asked for, or NULL where not allowed, is a broken invariant; the
 * *_or forms give `absent` for NULL. Text and bytea are borrowed from the result. */
struct db_rows;
size_t db_row_count(const struct db_rows *r);
int64_t db_int(const struct db_rows *r, size_t row,
               size_t column); /* bool, int2, int4, int8, oid */
int64_t db_int_or(const struct db_rows *r, size_t row, size_t column, int64_t absent);
double db_float(const struct db_rows *r, size_t row, size_t column);
int64_t db_time_us(const struct db_rows *r, size_t row, size_t column); /* since 1970 UTC */
int64_t db_time_us_or(const struct db_rows *r, size_t row, size_t column, int64_t absent);
str db_str(const struct db_rows *r, size_t row, size_t column); /* text, bytea; NULL gives empty */
bool db_is_null(const struct db_rows *r, size_t row, size_t column);
/* An int4[] or int8[] (text[], bytea[]) column as an array in the arena; a NULL column or element
 * is refused by an invariant. */
size_t db_ints(const struct db_rows *r, size_t row, size_t column, struct arena *a, int64_t **out);
size_t db_strs(const struct db_rows *r, size_t row, size_t column, struct arena *a, str **out);
/* A big int8[] or timestamptz[] column read in place, element by element; a NULL column is empty.
 * The elements of a timestamptz[] are microseconds since 1970 UTC. Borrowed from the result. */
struct db_array {
    const char *first; /* private */
    size_t n;
    int64_t offset; /* private */
};
struct db_array db_array_open(const struct db_rows *r, size_t row, size_t column);
/* The element at the index, which must be below n. */
int64_t db_array_at(const struct db_array *array, size_t index);
/* Rows changed by a statement without RETURNING. */
int64_t db_affected(const struct db_rows *r);

/* A database that does not answer anything, not even an easy question on another connection, is
 * away after about a second: all connections are given up then, with what waits for them. */

/* Runs one statement as its own transaction and gives all its rows (`out` may be NULL).
 * Errors by SQLSTATE: ERR_EXISTS (23505), ERR_CONFLICT (40001, 40P01: try
 * again), ERR_LIMIT (54xxx, 57014 statement timeout), ERR_SYNTAX (22xxx, 23xxx), ERR_UNAVAILABLE
 * (08xxx, 57Pxx, 53xxx, 25006, no connection), ERR_UNKNOWN_OUTCOME (sent, connection lost before
 * the answer; for statements that only read, ERR_UNAVAILABLE is what the caller may make of it),
 * ERR_TIMEOUT (also 55P03: others held a lock for too long), ERR_CANCELLED (the statement may still
 * run; of DB_SEARCH it is ended), ERR_INTERNAL (anything else: our own bug). Functions in SQL raise
 * kinds of their own by SQLSTATE class HR (see db_sqlstate_kind). Yields. */
YIELDS bool db_query(struct db *db, enum db_class class, const struct db_stmt *stmt,
                     const struct db_param *params, size_t n, struct arena *a, int64_t deadline_ms,
                     struct db_rows **out, struct err *e);

/* As db_query of DB_SEARCH, for somebody: connections are shared out by `holder`, an account
 * (runtime/turns.h), so that the long searches of one leave a connection for those of others.
 * db_query is for what is nobody's. Yields. */
YIELDS bool db_search(struct db *db, int64_t holder, const struct db_stmt *stmt,
                      const struct db_param *params, size_t n, struct arena *a, int64_t deadline_ms,
                      struct db_rows **out, struct err *e);

enum db_isolation {
    DB_READ_COMMITTED,
    DB_REPEATABLE_READ_ONLY,
    DB_SERIALIZABLE
};

/* Leases an exclusive connection of the class. BEGIN itself travels with the first statement.
 * `deadline_ms` counts for all statements of the transaction, except for the answer to COMMIT.
 * Gives; end with db_commit or db_rollback, and hold it over no wait for a peer. Yields. */
YIELDS bool db_begin(struct db *db, enum db_class class, enum db_isolation isolation,
                     int64_t deadline_ms, struct db_tx **out, struct err *e);
/* One statement inside the transaction. After an error only db_rollback is useful. Yields. */
YIELDS bool db_tx_query(struct db_tx *tx, const struct db_stmt *stmt, const struct db_param *params,
                        size_t n, struct arena *a, struct db_rows **out, struct err *e);
/* Appends a statement to the pipeline without waiting; its rows come from db_tx_flush, in order.
 * The parameters are copied. */
void db_tx_send(struct db_tx *tx, const struct db_stmt *stmt, const struct db_param *params,
                size_t n);
/* Sends the appended statements in one go and gathers each one's rows (rows[i] for the i-th; `rows`
 * has room for `n`, may be NULL). The first error is given, with *failed its index. Yields. */
YIELDS bool db_tx_flush(struct db_tx *tx, struct arena *a, struct db_rows **rows, size_t n,
                        size_t *failed, struct err *e);
/* Sends what is appended and COMMIT in one round trip, and gives the connection back. When the
 * connection breaks before the answer to COMMIT, or there is none within 20 s, or the fiber is
 * cancelled meanwhile: ERR_UNKNOWN_OUTCOME, and only then. *tx is nulled in any case. Yields. */
YIELDS bool db_commit(struct db_tx **tx, struct arena *a, struct db_rows **rows, size_t n,
                      size_t *failed, struct err *e);
/* Harmless for NULL. *tx is nulled. Does not wait for the answer; a statement that was given up
 * (ERR_TIMEOUT, ERR_CANCELLED) is ended at the server. */
void db_rollback(struct db_tx **tx);

/* Runs a script of several statements on an exclusive connection (migrations only): the simple
 * protocol, text results ignored. Yields. */
YIELDS bool db_run_script(struct db *db, const char *sql, int64_t deadline_ms, struct err *e);

/* Pure: the kind for a five-character SQLSTATE. Class HR is ours: HR404 NOT_FOUND, HR409 EXISTS,
 * HR403 DENIED, HR413 LIMIT, HR412 CONFLICT. */
enum err_kind db_sqlstate_kind(const char *sqlstate);
/* What of ERR_LIMIT was the statement's timeout, and of ERR_CONFLICT a deadlock or a failure to
 * serialize (class 40), which another try helps. What functions in SQL raise is an answer. */
bool db_is_timeout(const struct err *e);
bool db_is_deadlock(const struct err *e);

/* Whether libpq could read this conninfo (a URI or key=value pairs). Connects to nothing.
 * ERR_SYNTAX; the sentence quotes nothing of it: it may hold a password. */
bool db_conninfo_check(const char *conninfo, struct err *e);

/* False when no connection works and an attempt to make one has failed since: until one works
 * again. One that is being made, as the first of a process, is worth waiting for. */
bool db_is_up(const struct db *db);

#endif
