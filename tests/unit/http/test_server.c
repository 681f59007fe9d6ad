/* SPDX-License-Identifier: Apache-2.0 */
/* The server as its clients see it: answers, streams, events, limits, drain. What attackers send is
 * in test_framing.c, clients that die in test_abort.c, files in test_mount.c. */
#include "http_fixture.h"

#include "http/http_rates.h"

enum {
    BIG_PIECE = 64 * 1024,
    BIG_PIECES = 200,
    ANSWER_MAX = 64 * 1024 * 1024
};

static void answer_echo(struct http_request *r)
{
    char peer[NET_ADDRESS_TEXT];
    struct buf body;
    buf_init(&body, 1024 * 1024 * 8);
    (void)buf_addf(&body, "%.*s|%.*s|%.*s|%.*s|%s|", STR_FMT(r->method_name), STR_FMT(r->path),
                   STR_FMT(r->query), STR_FMT(r->host), r->is_secure ? "tls" : "plain");
    (void)buf_add(&body, net_address_ip(&r->peer, peer));
    (void)buf_add(&body, STR("|"));
    (void)buf_add(&body, http_request_field(r, STR("x-test")));
    (void)buf_add(&body, STR("|"));
    (void)buf_add(&body, r->body);
    http_add_field(r, "x-answer", STR("one\r\nx-evil: two"));
    http_reply(r, 200, "text/plain", buf_str(&body));
    buf_fini(&body);
}

static void answer_stream(struct http_request *r, bool has_length)
{
    struct err e = ERR_CLEAR;
    char *piece = arena_alloc(r->arena, BIG_PIECE);
    http_begin(r, 200, "application/octet-stream",
               has_length ? (int64_t)BIG_PIECE * BIG_PIECES : -1);
    for (int i = 0; i < BIG_PIECES; i++) {
        memset(piece, 'a' + i % 26, BIG_PIECE);
        assert_true(http_send(r, str_of(piece, BIG_PIECE), &e));
    }
    http_end(r);
}

static void answer_json(struct http_request *r)
{
    struct buf body;
    buf_init(&body, 100000);
    (void)buf_add(&body, STR("["));
    for (int i = 0; i < 2000; i++)
        (void)buf_addf(&body, "%d,", i);
    (void)buf_add(&body, STR("0]"));
    http_reply(r, 200, "application/json", buf_str(&body));
    buf_fini(&body);
}

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    if (str_eq(r->path, STR("/hello"))) {
        http_reply(r, 200, "application/json", STR("{\"a\":1}"));
    } else if (str_eq(r->path, STR("/stream"))) {
        answer_stream(r, str_eq(r->query, STR("length")));
    } else if (str_eq(r->path, STR("/json"))) {
        answer_json(r);
    } else if (str_eq(r->path, STR("/half"))) {
        http_begin(r, 200, "text/plain", -1);
        assert_true(http_send(r, STR("half"), &e));
    } else if (str_eq(r->path, STR("/slow"))) {
        bool is_ok = signal_point_wait(&w->never, DEADLINE_NONE, &e);
        assert_false(is_ok);
        http_reply_problem(r, 504, err_kind_name(e.kind));
    } else if (str_eq(r->path, STR("/sleep"))) {
        (void)fiber_sleep_until(clock_deadline_in(r->query.n ? 2000 : 300), &e);
        http_reply(r, 204, NULL, STR_EMPTY);
    } else if (str_eq(r->path, STR("/limited"))) {
        const struct http_rate rate = { "token", 600, 0, 60, 7 };
        http_add_rate(r, &rate);
        http_add_retry(r, 7);
        http_reply_problem(r, 429, "Too many requests. Wait 7 seconds.");
    } else if (str_eq(r->path, STR("/to-https"))) {
        http_reply_to_https(r, 8443);
    } else if (!str_eq(r->path, STR("/nothing"))) {
        answer_echo(r);
    }
}

static const struct http_field common[] = { { STR_INIT("x-common"), STR_INIT("yes") } };

static void open_world(struct world *w)
{
    const struct http_server_options options = {
        .handle = handle, .arg = w, .fields = common, .n_fields = 1, .request_ms = 700
    };
    world_open(w, &options);
}

static void run(void (*client)(struct world *w))
{
    struct world w = { 0 };
    open_world(&w);
    world_run(&w, client);
    world_close(&w);
}

#define GET(path) STR("GET " path " HTTP/1.1\r\nHost: Test.Example:1\r\nConnection: close\r\n\r\n")

static bool has(const struct buf *b, str text)
{
    return str_ifind(buf_str(b), text) >= 0;
}

static void ask_simple(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->port, GET("/hello"), &b);
    assert_int_equal(status_of(&b), 200);
    assert_true(str_eq(body_of(&b), STR("{\"a\":1}")));
    assert_true(has(&b, STR("content-length: 7\r\n")));
    assert_true(has(&b, STR("x-common: yes\r\n")));
    assert_true(has(&b, STR("x-request-id: ")));
    assert_false(has(&b, STR("server:")));
    client_ask(w->port, GET("/a%20b?c=d&e"), &b);
    assert_true(str_eq(body_of(&b), STR("GET|/a%20b|c=d&e|test.example:1|plain|127.0.0.1||")));
    assert_false(has(&b, STR("\r\nx-evil")));
    client_ask(w->port,
               STR("POST /p HTTP/1.1\r\nHost: a\r\nX-Test: t\r\nContent-Length: 5\r\n\r\nhello"),
               &b);
    assert_true(str_eq(body_of(&b), STR("POST|/p||a|plain|127.0.0.1|t|hello")));
    client_ask(w->port,
               STR("PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
               &b);
    assert_true(str_eq(body_of(&b), STR("PUT|/p||a|plain|127.0.0.1||abcde")));
    client_ask(w->port, STR("HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &b);
    assert_true(has(&b, STR("content-length: 7\r\n")));
    assert_int_equal(body_of(&b).n, 0);
    buf_fini(&b);
}

static void test_simple(void **state)
{
    (void)state;
    run(ask_simple);
}

/* Several requests on one connection, also sent in one go; a body ends it. */
static void ask_persistent(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    int fd = client_connect(w->port);
    for (int i = 0; i < 3; i++) {
        buf_clear(&b);
        client_send(fd, STR("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_true(client_read_until(fd, &b, STR("{\"a\":1}")));
    }
    buf_clear(&b);
    client_send(fd, STR("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
                        "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_all(fd, &b));
    (void)close(fd);
    assert_int_equal(answers_in(&b), 3);
    assert_true(has(&b, STR("|/2|")) && has(&b, STR("POST|/3|")) && !has(&b, STR("|/4|")));
    buf_fini(&b);
}

static void test_persistent(void **state)
{
    (void)state;
    run(ask_persistent);
}

static void check_stream(str body)
{
    assert_int_equal(body.n, (size_t)BIG_PIECE * BIG_PIECES);
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] != (char)('a' + i / BIG_PIECE % 26))
            fail_msg("octet %zu is %c", i, body.p[i]);
    }
}

static void ask_streams(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->port, GET("/stream?length"), &b);
    assert_true(has(&b, STR("content-length: 13107200\r\n")));
    check_stream(body_of(&b));
    client_ask(w->port, STR("GET /stream HTTP/1.0\r\nHost: a\r\n\r\n"), &b);
    check_stream(body_of(&b));
    client_ask(w->port, GET("/stream"), &b);
    assert_true(has(&b, STR("transfer-encoding: chunked\r\n")));
    assert_true(str_has_suffix(buf_str(&b), STR("\r\n0\r\n\r\n")));
    client_ask(w->port, STR("HEAD /stream?length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
               &b);
    assert_int_equal(body_of(&b).n, 0);
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_streams(void **state)
{
    (void)state;
    run(ask_streams);
}

/* Handlers that do not answer, answer half, or take too long. */
static void ask_faults(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->port, GET("/nothing"), &b);
    assert_int_equal(status_of(&b), 500);
    assert_true(has(&b, STR("application/problem+json")));
    client_ask(w->port, GET("/half"), &b);
    assert_false(str_has_suffix(buf_str(&b), STR("0\r\n\r\n")));
    client_ask(w->port, GET("/slow"), &b);
    assert_int_equal(status_of(&b), 504);
    assert_true(has(&b, STR("timeout")));
    client_ask(w->port, GET("/limited"), &b);
    assert_int_equal(status_of(&b), 429);
    assert_true(has(&b, STR("ratelimit: \"token\";r=0;t=7\r\n")));
    assert_true(has(&b, STR("ratelimit-policy: \"token\";q=600;w=60\r\n")));
    assert_true(has(&b, STR("retry-after: 7\r\n")));
    client_ask(w->port, GET("/to-https"), &b);
    assert_int_equal(status_of(&b), 308);
    assert_true(has(&b, STR("location: https://test.example:8443/to-https\r\n")));
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_faults(void **state)
{
    (void)state;
    run(ask_faults);
}

static void ask_compressed(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->port,
               STR("GET /json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
                   "Connection: close\r\n\r\n"),
               &b);
    assert_true(has(&b, STR("content-encoding: gzip\r\n")));
    assert_true(has(&b, STR("vary: ")));
    assert_true(b.n < 6000);
    client_ask(w->port, GET("/json"), &b);
    assert_false(has(&b, STR("content-encoding")));
    client_ask(w->port,
               STR("GET /hello HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
                   "Connection: close\r\n\r\n"),
               &b);
    assert_false(has(&b, STR("content-encoding")));
    buf_fini(&b);
}

static void test_compressed(void **state)
{
    (void)state;
    run(ask_compressed);
}

/* The drain: a request under way is answered, nobody new is taken. */
static void begin_drain(void *arg)
{
    struct world *w = arg;
    runtime_drain(w->rt, clock_deadline_in(20000));
}

static void ask_drain(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    int idle = client_connect(w->port);
    client_send(idle, STR("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(idle, &b, STR("{\"a\":1}")));
    buf_clear(&b);
    int busy = client_connect(w->port);
    client_send(busy, STR("GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_wait_requests(w, 1);
    runtime_post(w->rt, begin_drain, w);
    assert_true(client_read_all(busy, &b));
    assert_int_equal(status_of(&b), 204);
    buf_clear(&b);
    assert_true(client_read_all(idle, &b));
    assert_int_equal(b.n, 0);
    (void)close(busy);
    (void)close(idle);
    buf_fini(&b);
}

static void test_drain(void **state)
{
    (void)state;
    run(ask_drain);
}

/* The true client: by X-Forwarded-For from trusted proxies only. */
static void ask_forwarded(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->port,
               STR("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9, 192.0.2.1, "
                   "127.0.0.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"),
               &b);
    assert_true(str_eq(body_of(&b), w->extra ? STR("GET|/||a|tls|192.0.2.1||")
                                             : STR("GET|/||a|plain|127.0.0.1||")));
    buf_fini(&b);
}

static void test_forwarded(void **state)
{
    (void)state;
    struct net_network local;
    struct err e = ERR_CLEAR;
    assert_true(net_network_parse(STR("127.0.0.0/8"), &local, &e));
    struct net_networks trusted = { &local, 1 };
    for (int i = 0; i < 2; i++) {
        struct world w = { 0 };
        const struct http_server_options options = { .handle = handle,
                                                     .arg = &w,
                                                     .trusted = i ? &trusted : NULL };
        w.extra = i ? &trusted : NULL;
        world_open(&w, &options);
        world_run(&w, ask_forwarded);
        world_close(&w);
    }
}

/* PROXY headers, from those who must send one. */
static void ask_proxied(struct world *w)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    client_ask(w->s_port,
               STR("PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
               &b);
    assert_true(str_eq(body_of(&b), STR("GET|/||a|plain|192.0.2.7||")));
    client_ask(w->s_port, GET("/"), &b);
    assert_int_equal(b.n, 0);
    client_ask(w->port,
               STR("PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
               &b);
    assert_int_equal(status_of(&b), 400);
    buf_fini(&b);
}

static void test_proxied(void **state)
{
    (void)state;
    struct world w = { 0 };
    struct net_network local;
    struct err e = ERR_CLEAR;
    assert_true(net_network_parse(STR("127.0.0.0/8"), &local, &e));
    struct net_networks proxies = { &local, 1 };
    open_world(&w);
    const struct http_listener_options options = { .proxy_from = &proxies };
    w.s_port = world_add(&w, &options);
    world_run(&w, ask_proxied);
    world_close(&w);
}

/* Limits of connections. Of one address: the next is refused. In all: who is idle gives way. */
static void ask_limited(struct world *w)
{
    struct buf b;
    int fds[4];
    bool by_address = w->extra != NULL;
    buf_init(&b, ANSWER_MAX);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(w->port);
        client_send(fds[i], STR("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        bool is_served = client_read_until(fds[i], &b, STR("{\"a\":1}"));
        assert_int_equal(is_served, i < 3 || !by_address);
        buf_clear(&b);
    }
    if (!by_address) {
        assert_true(client_read_all(fds[0], &b)); /* the longest idle one */
        assert_int_equal(b.n, 0);
    }
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
    client_wait_connections(w, 0);
    client_ask(w->port, GET("/hello"), &b);
    assert_int_equal(status_of(&b), 200);
    buf_fini(&b);
}

static void test_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w = { 0 };
        const struct http_server_options options = {
            .handle = handle, .arg = &w, .max_connections = i ? 3 : 0, .max_per_ip = i ? 0 : 3
        };
        w.extra = i ? NULL : &w;
        world_open(&w, &options);
        world_run(&w, ask_limited);
        world_close(&w);
    }
}

/* Halves of requests in memory: past the limit the oldest are cut off, and others are served. */
static void ask_halves(struct world *w)
{
    enum {
        HALVES = 10,
        HALF = 300 * 1024
    };
    int fds[HALVES];
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    char *half = heap_zalloc(HALF);
    for (int i = 0; i < HALVES; i++) {
        fds[i] = client_connect(w->port);
        client_send(fds[i], STR("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"));
        client_send(fds[i], str_of(half, HALF));
    }
    for (int i = 0; i < 7; i++) {
        bool is_cut = client_read_all(fds[i], &b) || b.n == 0; /* closed or reset */
        assert_true(is_cut);
    }
    client_ask(w->port, GET("/hello"), &b);
    assert_int_equal(status_of(&b), 200);
    buf_clear(&b);
    client_send(fds[9], str_of(half, HALF));
    client_send(fds[9], str_of(half, HALF));
    client_send(fds[9], str_of(half, 1000000 - 3 * HALF));
    assert_true(client_read_all(fds[9], &b));
    assert_int_equal(status_of(&b), 200);
    for (int i = 0; i < HALVES; i++)
        (void)close(fds[i]);
    free(half);
    buf_fini(&b);
}

static void test_halves(void **state)
{
    (void)state;
    struct world w = { 0 };
    const struct http_server_options options = { .handle = handle,
                                                 .arg = &w,
                                                 .input_max = 1000 * 1024 };
    world_open(&w, &options);
    world_run(&w, ask_halves);
    world_close(&w);
}

/* Bodies that handlers have: past the limit there is no room for more, until some are done. */
static void ask_bodies(struct world *w)
{
    enum {
        BODY = 400 * 1024
    };
    struct buf request;
    struct buf b;
    struct http_server_counts counts = { .requests = 0 };
    int fds[2];
    buf_init(&request, BODY + 1000);
    buf_init(&b, ANSWER_MAX);
    (void)buf_addf(&request, "POST /sleep?long HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
                   BODY);
    (void)memset(buf_reserve(&request, BODY), 'x', BODY);
    buf_commit(&request, BODY);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(w->port);
        client_send(fds[i], buf_str(&request));
    }
    for (int i = 0; i < 1000 && counts.requests < 2; i++) {
        client_sleep_ms(1);
        http_server_count(w->server, &counts);
    }
    client_ask(w->port, buf_str(&request), &b);
    assert_int_equal(status_of(&b), 503);
    for (int i = 0; i < 2; i++) {
        buf_clear(&b);
        assert_true(client_read_all(fds[i], &b));
        assert_int_equal(status_of(&b), 204);
        (void)close(fds[i]);
    }
    client_wait_nothing_left(w);
    client_ask(w->port, buf_str(&request), &b);
    assert_int_equal(status_of(&b), 204);
    buf_fini(&b);
    buf_fini(&request);
}

static void test_bodies(void **state)
{
    (void)state;
    struct world w = { 0 };
    const struct http_server_options options = { .handle = handle,
                                                 .arg = &w,
                                                 .input_max = 1000 * 1024 };
    world_open(&w, &options);
    world_run(&w, ask_bodies);
    world_close(&w);
}

/* Requests for other names than ours (ATTACKS A11), also later ones of a connection. */
static void ask_hosts(struct world *w)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        { "mail.example.org", 200 },
        { "MAIL.example.org:8443", 200 },
        { "localhost", 200 },
        { "Localhost:1", 200 },
        { "127.0.0.1:80", 200 },
        { "[::1]", 200 },
        { "[2001:db8::1]:443", 200 },
        { "mail.example.org.evil.example", 421 },
        { "evil.example", 421 },
        { "evil.example:443", 421 },
        { "127.0.0.1.evil.example", 421 },
        { "[evil]", 421 },
        { "example.org", 421 },
    };
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        int n =
            snprintf(text, sizeof(text),
                     "GET /hello HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", cases[i].host);
        client_ask(w->port, str_of(text, (size_t)n), &b);
        if (status_of(&b) != cases[i].status)
            fail_msg("%s: %u", cases[i].host, status_of(&b));
    }
    client_ask(w->port,
               STR("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
                   "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
               &b);
    assert_true(has(&b, STR("HTTP/1.1 421 ")));
    client_wait_nothing_left(w);
    buf_fini(&b);
}

static void test_hosts(void **state)
{
    static const char *const hosts[] = { "mail.example.org" };
    struct world w = { 0 };
    const struct http_server_options options = {
        .handle = handle, .arg = &w, .hosts = hosts, .n_hosts = COUNT_OF(hosts)
    };
    (void)state;
    world_open(&w, &options);
    world_run(&w, ask_hosts);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),     cmocka_unit_test(test_persistent),
        cmocka_unit_test(test_streams),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_compressed), cmocka_unit_test(test_drain),
        cmocka_unit_test(test_forwarded),  cmocka_unit_test(test_proxied),
        cmocka_unit_test(test_limited),    cmocka_unit_test(test_halves),
        cmocka_unit_test(test_bodies),     cmocka_unit_test(test_hosts),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
