/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that go away while their fiber waits for the database: the fiber ends, its transaction is
 * rolled back, its query ends at the server, and nothing is left. Here because http and db do not
 * know each other. */
#include "db/db.h"
#include "http/http_server.h"
#include "obs/obs.h"
#include "support/servers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    ROUNDS = 120,
    TOGETHER = 8
};

struct world {
    struct runtime *rt;
    struct db *db;
    struct http_server *server;
    unsigned port;
    atomic_uint handlers;
    atomic_uint cancelled;
    bool is_done;
};

static const struct db_stmt insert_stmt = { "INSERT INTO t_http VALUES (1)" };
static const struct db_stmt sleep_stmt = { "SELECT pg_sleep($1::float8), 'unwanted'" };

static bool write_slowly(struct world *w, struct http_request *r, struct err *e)
{
    struct db_tx *tx = NULL;
    int64_t deadline = clock_deadline_in(60000);
    bool ok = db_begin(w->db, DB_DELIVER, DB_READ_COMMITTED, deadline, &tx, e) &&
              db_tx_query(tx, &insert_stmt, NULL, 0, r->arena, NULL, e) &&
              db_tx_query(tx, &sleep_stmt, &DB_FLOAT8(20), 1, r->arena, NULL, e) &&
              db_commit(&tx, r->arena, NULL, 0, NULL, e);
    db_rollback(&tx);
    return ok;
}

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    bool ok;
    (void)atomic_fetch_add(&w->handlers, 1);
    if (str_eq(r->path, STR("/write"))) {
        ok = write_slowly(w, r, &e);
    } else {
        int64_t deadline = clock_deadline_in(60000);
        bool is_search = str_eq(r->path, STR("/search"));
        ok = db_query(w->db, is_search ? DB_SEARCH : DB_READ, &sleep_stmt,
                      &DB_FLOAT8(is_search ? 4 : 0.02), 1, r->arena, deadline, NULL, &e);
    }
    if (!ok && e.kind == ERR_CANCELLED)
        (void)atomic_fetch_add(&w->cancelled, 1);
    http_reply(r, ok ? 200 : 503, "text/plain", STR("done"));
    (void)atomic_fetch_sub(&w->handlers, 1);
}

/* ---- the clients ---- */

static void sleep_ms(long ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&time, NULL);
}

static void ask_and_leave(const struct world *w, const char *path, long ms)
{
    char text[200];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    sleep_ms(ms);
    (void)close(fd);
}

static void wait_nothing_left(struct world *w)
{
    struct http_server_counts counts = { .requests = 1 };
    for (int i = 0; i < 3000 && (counts.requests > 0 || atomic_load(&w->handlers) > 0); i++) {
        sleep_ms(10);
        http_server_count(w->server, &counts);
    }
    assert_int_equal(counts.requests, 0);
    assert_int_equal(counts.octets, 0);
    assert_int_equal(atomic_load(&w->handlers), 0);
}

static void *storm(void *arg)
{
    static const char *const paths[] = { "/read", "/search", "/write" };
    struct world *w = arg;
    for (unsigned i = 0; i < ROUNDS / TOGETHER; i++)
        ask_and_leave(w, paths[i % 3], (long)(i * 37 % 160));
    return NULL;
}

static long unwanted(void)
{
    return test_pg_number("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                          " AND query LIKE '%unwanted%' AND pid <> pg_backend_pid()");
}

static void end_run(void *arg)
{
    struct world *w = arg;
    w->is_done = true;
    runtime_stop(w->rt);
}

static void *client(void *arg)
{
    struct world *w = arg;
    pthread_t ids[TOGETHER];
    for (unsigned i = 0; i < TOGETHER; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, storm, w), 0);
    for (unsigned i = 0; i < TOGETHER; i++)
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    wait_nothing_left(w);
    assert_true(atomic_load(&w->cancelled) > 0);
    for (int i = 0; i < 3000 && unwanted() > 0; i++)
        sleep_ms(10);
    assert_int_equal(unwanted(), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM t_http"), 0);
    assert_int_equal(test_pg_number("SELECT count(*) FROM pg_stat_activity"
                                    " WHERE state LIKE 'idle in transaction%'"),
                     0);
    runtime_post(w->rt, end_run, w);
    return NULL;
}

static void test_storm(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct err e = ERR_CLEAR;
    struct net_address at;
    char text[NET_ADDRESS_TEXT];
    int fd;
    pthread_t id;
    const struct db_options db = { .conninfo = test_pg_start(), .named_statements = true };
    const struct http_server_options options = { .handle = handle, .arg = &w };
    const struct http_listener_options listener = { .to_https = 0 };
    test_pg_run("CREATE TABLE t_http (id int)");
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db);
    w.port = test_free_port();
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", w.port);
    w.server = http_server_new(w.rt, &options, &e);
    assert_non_null(w.server);
    assert_true(net_address_parse(str_from_cstr(text), &at, &e));
    assert_true(net_listen_open(&at, &fd, &e));
    assert_true(http_server_listen(w.server, fd, &listener, &e));
    assert_int_equal(pthread_create(&id, NULL, client, &w), 0);
    while (!w.is_done)
        runtime_run(w.rt);
    assert_int_equal(pthread_join(id, NULL), 0);
    http_server_free(&w.server);
    db_free(&w.db);
    runtime_run(w.rt); /* until what still runs has ended */
    runtime_free(&w.rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_storm) };
    obs_log_init(2, OBS_ERROR, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
