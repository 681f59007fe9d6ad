/* SPDX-License-Identifier: Apache-2.0 */
/* What db says when answers get lost (R3), through a proxy that swallows them; and when the server
 * turns into a standby (25006). */
#include "db/db_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

static void pause_ms(int64_t ms)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_sleep_until(clock_deadline_in(ms), &e), e);
}

/* ---- the proxy ---- */

static struct sockaddr_un unix_address(const char *directory, const char *name)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/%s", directory, name);
    return sa;
}

struct pipe_job {
    struct fixture *f;
    int from;
    int to;
    bool is_answer;
};

static bool forward(const struct pipe_job *p)
{
    char bytes[2048];
    struct err e = ERR_CLEAR;
    if (!fiber_wait_fd(p->from, FIBER_READ, DEADLINE_NONE, NULL, &e))
        return false;
    ssize_t n = read(p->from, bytes, sizeof(bytes));
    if (n <= 0 || (p->is_answer && p->f->swallows))
        return false;
    return send(p->to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* One direction of one connection; whoever ends first breaks both. */
static void pipe_main(void *arg)
{
    struct pipe_job p = *(struct pipe_job *)arg;
    free(arg);
    while (forward(&p))
        ;
    shutdown(p.from, SHUT_RDWR);
    shutdown(p.to, SHUT_RDWR);
    if (p.is_answer) { /* the other one holds the same two descriptors: it sees the end first */
        (void)fiber_sleep_until(clock_deadline_in(100), NULL);
        close(p.from);
        close(p.to);
    }
}

static void start_pipe(struct fixture *f, int from, int to, bool is_answer)
{
    struct err e = ERR_CLEAR;
    struct pipe_job *p = HEAP_NEW(struct pipe_job);
    *p = (struct pipe_job){ f, from, to, is_answer };
    MUST(fiber_spawn(f->rt, "pipe", pipe_main, p, NULL, &e), e);
}

static void accept_main(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    const struct sockaddr_un server = unix_address(test_directory(), ".s.PGSQL.5432");
    while (fiber_wait_fd(f->listener, FIBER_READ, DEADLINE_NONE, NULL, &e)) {
        int in = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (in < 0 || connect(out, (const struct sockaddr *)&server, sizeof(server)) != 0)
            return;
        start_pipe(f, in, out, false);
        start_pipe(f, out, in, true);
    }
}

static void listen_as_proxy(struct fixture *f)
{
    const struct sockaddr_un sa = unix_address(test_directory(), ".s.PGSQL.5433");
    unlink(sa.sun_path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(f->listener, 64), 0);
}

static void start_accepting(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    MUST(fiber_spawn(f->rt, "proxy", accept_main, f, NULL, &e), e);
}

static void start_proxy(struct fixture *f)
{
    listen_as_proxy(f);
    start_accepting(f);
}

static void with_proxy(fiber_fn fn)
{
    char conninfo[300];
    test_pg_start();
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s port=5433 user=heronry dbname=heronry",
                   test_directory());
    with_client(conninfo, true, fn);
}

/* ---- lost answers ---- */

static const struct db_stmt insert_stmt = { "INSERT INTO t_unknown VALUES ($1)" };
static const struct db_stmt bad_stmt = { "INSERT INTO t_unknown VALUES ($1), ($1)" };
static const struct db_stmt one_stmt = { "SELECT 1::int4" };

static long rows(int64_t id)
{
    char sql[100];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t_unknown WHERE id = %lld",
                   (long long)id);
    return test_pg_number(sql);
}

/* A transaction of the pool that works before its connection starts to swallow. */
static struct db_tx *begin(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    struct db_tx *tx = NULL;
    f->swallows = false;
    MUST(db_begin(f->db, DB_AUTH, DB_READ_COMMITTED, soon(), &tx, &e), e);
    MUST(db_tx_query(tx, &one_stmt, NULL, 0, &f->a, NULL, &e), e);
    return tx;
}

/* The commit happened, and nobody heard of it. */
static void commit_body(void *arg)
{
    struct fixture *f = arg;
    start_proxy(f);
    for (int64_t id = 1; id <= 5; id++) {
        struct err e = ERR_CLEAR;
        struct db_tx *tx = begin(f);
        db_tx_send(tx, &insert_stmt, &DB_INT8(id), 1);
        f->swallows = true;
        assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
        assert_int_equal(e.kind, ERR_UNKNOWN_OUTCOME);
        assert_null(tx);
        assert_int_equal(rows(id), 1);
    }
}

/* Before COMMIT was sent nothing is unknown. */
static void statement_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    start_proxy(f);
    struct db_tx *tx = begin(f);
    f->swallows = true;
    assert_false(db_tx_query(tx, &insert_stmt, &DB_INT8(10), 1, &f->a, NULL, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    f->swallows = false;
    e = ERR_CLEAR;
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e)); /* it is over already */
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    pause_ms(200);
    assert_int_equal(rows(10), 0);
}

/* An autocommit write, and a failure that was heard before the connection broke. */
static void query_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    start_proxy(f);
    MUST(db_query(f->db, DB_AUTH, &one_stmt, NULL, 0, &f->a, soon(), NULL, &e), e);
    f->swallows = true;
    assert_false(db_query(f->db, DB_AUTH, &insert_stmt, &DB_INT8(20), 1, &f->a, soon(), NULL, &e));
    assert_int_equal(e.kind, ERR_UNKNOWN_OUTCOME);
    assert_int_equal(rows(20), 1);
    f->swallows = false;
    struct db_tx *tx = begin(f);
    db_tx_send(tx, &bad_stmt, &DB_INT8(21), 1);
    e = ERR_CLEAR;
    assert_false(db_commit(&tx, &f->a, NULL, 0, NULL, &e));
    assert_int_equal(e.kind, ERR_EXISTS);
    assert_int_equal(rows(21), 0);
}

static void test_commit(void **state)
{
    (void)state;
    with_proxy(commit_body);
}

static void test_statement(void **state)
{
    (void)state;
    with_proxy(statement_body);
}

static void test_query(void **state)
{
    (void)state;
    with_proxy(query_body);
}

/* ---- the first connection ---- */

static void ask_at_some_time(void *arg)
{
    struct fixture *f = arg;
    (void)db_query(f->db, DB_READ, &one_stmt, NULL, 0, &f->a, soon(), NULL, NULL);
}

/* Nobody is sent away because the first connection is still being made: only when that has failed.
 */
static void first_connection_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    listen_as_proxy(f);
    assert_true(db_is_up(f->db));
    MUST(fiber_spawn(f->rt, "ask", ask_at_some_time, f, NULL, &e), e);
    MUST(fiber_wait_fd(f->listener, FIBER_READ, soon(), NULL, &e), e);
    assert_true(db_is_up(f->db));
    close(accept4(f->listener, NULL, NULL, SOCK_CLOEXEC));
    int64_t deadline = soon();
    while (db_is_up(f->db) && clock_monotonic_ms() < deadline)
        pause_ms(1);
    assert_false(db_is_up(f->db));
    start_accepting(f);
    while (!db_is_up(f->db) && clock_monotonic_ms() < deadline)
        pause_ms(1);
    MUST(db_query(f->db, DB_READ, &one_stmt, NULL, 0, &f->a, soon(), NULL, &e), e);
}

static void test_first_connection(void **state)
{
    (void)state;
    with_proxy(first_connection_body);
}

/* ---- a server that no longer takes writes ---- */

static void read_only_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    start_proxy(f);
    MUST(db_query(f->db, DB_DELIVER, &insert_stmt, &DB_INT8(30), 1, &f->a, soon(), NULL, &e), e);
    test_pg_run("ALTER SYSTEM SET default_transaction_read_only = on");
    test_pg_run("SELECT pg_reload_conf()");
    int64_t deadline = clock_deadline_in(30000);
    int64_t id = 1000; /* some may be taken until the setting has come to all its processes */
    while (db_query(f->db, DB_DELIVER, &insert_stmt, &DB_INT8(id), 1, &f->a, soon(), NULL, &e) &&
           clock_monotonic_ms() < deadline) {
        id++;
        pause_ms(20);
    }
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    /* All connections are dropped, and it is no place for new ones. */
    while (db_is_up(f->db) && clock_monotonic_ms() < deadline)
        pause_ms(20);
    assert_false(db_is_up(f->db));
    test_pg_run("SET default_transaction_read_only = off;"
                "ALTER SYSTEM RESET default_transaction_read_only");
    test_pg_run("SELECT pg_reload_conf()");
    deadline = clock_deadline_in(30000);
    while (!db_is_up(f->db) && clock_monotonic_ms() < deadline)
        pause_ms(20);
    MUST(db_query(f->db, DB_DELIVER, &insert_stmt, &DB_INT8(31), 1, &f->a, soon(), NULL, &e), e);
}

static void test_read_only(void **state)
{
    (void)state;
    with_proxy(read_only_body);
}

static int prepare(void **state)
{
    (void)state;
    test_pg_start();
    test_pg_run("CREATE TABLE t_unknown (id bigint PRIMARY KEY)");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),    cmocka_unit_test(test_statement),
        cmocka_unit_test(test_query),     cmocka_unit_test(test_first_connection),
        cmocka_unit_test(test_read_only),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
