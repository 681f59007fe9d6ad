/* SPDX-License-Identifier: Apache-2.0 */
/* Very many connections that are kept open and say nothing (ATTACKS A9): others are served, and
 * past the limit those go that were idle for longest. */
#include "http_fixture.h"

#include <sys/resource.h>

enum {
    PATIENCE_MS = 3600 * 1000, /* of the server with connections that wait for their turn here */
    IDLE = 2000,
    MORE = 50, /* fewer than may be about to close at a time */
    ANSWER_MAX = 4096
};

static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ask_once[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static void handle(struct http_request *r, void *arg)
{
    (void)arg;
    http_reply(r, 200, "text/plain", STR("all of it"));
}

static bool is_answered(int fd, struct buf *b)
{
    buf_clear(b);
    client_send(fd, str_from_cstr(ask));
    return client_read_until(fd, b, STR("all of it"));
}

static size_t count_open(const struct world *w)
{
    struct http_server_counts counts;
    http_server_count(w->server, &counts);
    return counts.connections;
}

static void idle_client(struct world *w)
{
    static int fds[IDLE + MORE];
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    for (int i = 0; i < IDLE; i++) {
        fds[i] = client_connect(w->port);
        assert_true(is_answered(fds[i], &b));
    }
    assert_int_equal(count_open(w), IDLE);
    /* One more at a time: it is answered, and the longest idle one sees a clean end. */
    for (int i = 0; i < MORE; i++) {
        client_ask(w->port, str_from_cstr(ask_once), &b);
        assert_true(str_find(buf_str(&b), STR("all of it")) > 0);
        buf_clear(&b);
        assert_true(client_read_all(fds[0], &b) && b.n == 0);
        (void)close(fds[0]);
        /* Whom the end has been shown takes a place again, as the youngest. */
        memmove(fds, fds + 1, (IDLE - 1) * sizeof(fds[0]));
        fds[IDLE - 1] = client_connect(w->port);
        assert_true(is_answered(fds[IDLE - 1], &b));
    }
    assert_in_range(count_open(w), IDLE - MORE, IDLE + MORE);
    /* The others are as they were. */
    for (int i = 0; i < IDLE; i += 100)
        assert_true(is_answered(fds[i], &b));
    for (int i = 0; i < IDLE; i++)
        (void)close(fds[i]);
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_idle(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct rlimit files;
    const struct http_server_options options = {
        .handle = handle, .max_connections = IDLE, .head_ms = PATIENCE_MS, .read_ms = PATIENCE_MS
    };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    world_open(&w, &options);
    world_run(&w, idle_client);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_idle) };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
