/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that two servers could understand differently (ATTACKS A7-A9): raw, and behind Debian's
 * nginx and HAProxy, which must never be made to carry a second request into a first one. */
#include "http_fixture.h"

#include "http/head.h"
#include "support/process.h"

#include <signal.h>
#include <stdio.h>

struct attack {
    const char *name;
    const char *text;
    unsigned status; /* 0: the connection may also just end */
};

/* Each tries to have /smuggled handled. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

static const struct attack attacks[] = {
    { "two lengths",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 40\r\n\r\nx" SMUGGLED,
      400 },
    { "two equal lengths",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" SMUGGLED,
      400 },
    { "a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx" SMUGGLED,
      400 },
    { "a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx" SMUGGLED,
      400 },
    { "a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx" SMUGGLED,
      400 },
    { "a huge length",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n" SMUGGLED, 400 },
    { "length and chunks",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "chunks and length",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "chunked, identity",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "identity, chunked",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "xchunked",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
    { "two codings",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "a space before the colon",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
    { "a space before the name",
      "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
    { "a folded line",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
      400 },
    { "a vertical tab",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
    { "chunks in 1.0",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
    { "bare line feeds", "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n" SMUGGLED, 400 },
    { "one bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" SMUGGLED, 400 },
    { "a bare carriage return",
      "GET / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\n" SMUGGLED, 400 },
    { "no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n" SMUGGLED, 400 },
    { "no host in 1.0", "GET / HTTP/1.0\r\n\r\n" SMUGGLED, 400 },
    { "two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" SMUGGLED, 400 },
    { "an empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n" SMUGGLED, 400 },
    { "a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" SMUGGLED, 400 },
    { "a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" SMUGGLED, 400 },
    { "HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
    { "HTTP/0.9", "GET /smuggled\r\n\r\n", 400 },
    { "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n" SMUGGLED, 505 },
    { "two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "a proxy's target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "the absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "a tunnel", "CONNECT b:25 HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "control octets", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "a NUL in the address", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 400 },
    { "a TLS hello", "\x16\x03\x01\x02\x01\x01\n", 400 },
    { "SMTP", "EHLO example.org\r\nMAIL FROM:<a@b>\r\n", 400 },
    { "a chunk size with 0x",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n" SMUGGLED,
      0 },
    { "a chunk size that overflows",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nabcde\r\n0\r\n\r\n" SMUGGLED,
      0 },
    { "a negative chunk size",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabcd\r\n0\r\n\r\n" SMUGGLED,
      0 },
    { "a chunk extension",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\r\nabcd\r\n0\r\n\r\n" SMUGGLED,
      0 },
    /* libh2o takes what follows; the connection closes behind the body in any case. */
    { "a chunk extension with a value",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nabcd\r\n0\r\n\r\n" SMUGGLED,
      200 },
    { "a bare line feed behind a chunk size",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\nabcd\r\n0\r\n\r\n" SMUGGLED,
      200 },
    { "a space behind a chunk size",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4 \r\nabcd\r\n0\r\n\r\n" SMUGGLED,
      200 },
    { "bare line feeds in all chunk lines",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n" SMUGGLED,
      200 },
    { "a body after GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" SMUGGLED,
      200 },
    { "a body after HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" SMUGGLED,
      200 },
    { "DELETE without a length", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, 200 },
    { "an upgrade to HTTP/2",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" SMUGGLED,
      200 },
    { "an upgrade to websocket",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n" SMUGGLED,
      200 },
    { "an expectation",
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: something\r\nContent-Length: 1\r\n\r\nx" SMUGGLED,
      417 },
};

struct crime {
    atomic_uint smuggled;
};

static void handle(struct http_request *r, void *arg)
{
    struct world *w = arg;
    struct crime *crime = w->extra;
    if (str_eq(r->path, STR("/smuggled")))
        (void)atomic_fetch_add(&crime->smuggled, 1);
    http_reply(r, 200, "text/plain", r->path);
}

static void run(void (*client)(struct world *w))
{
    struct world w = { 0 };
    struct crime crime = { 0 };
    const struct http_server_options options = { .handle = handle, .arg = &w };
    w.extra = &crime;
    world_open(&w, &options);
    world_run(&w, client);
    world_close(&w);
    assert_int_equal(atomic_load(&crime.smuggled), 0);
}

static void check_attack(const struct world *w, const struct attack *a, str prefix)
{
    struct buf b;
    struct buf text;
    const struct crime *crime = w->extra;
    buf_init(&b, 100000);
    buf_init(&text, 100000);
    assert_true(buf_add(&text, prefix) && buf_add(&text, str_from_cstr(a->text)));
    int fd = client_connect(w->port);
    client_send(fd, buf_str(&text));
    bool is_clean = client_read_all(fd, &b);
    (void)close(fd);
    unsigned expected = prefix.n > 0 ? 2 : 1;
    if (a->status != 0 && prefix.n == 0 && status_of(&b) != a->status)
        fail_msg("%s: got \"%.200s\"", a->name, buf_cstr(&b));
    if (answers_in(&b) > expected)
        fail_msg("%s: %u answers", a->name, answers_in(&b));
    if (!is_clean && a->status != 0 && prefix.n == 0)
        fail_msg("%s: was reset", a->name);
    if (atomic_load(&crime->smuggled) != 0)
        fail_msg("%s: was smuggled", a->name);
    buf_fini(&text);
    buf_fini(&b);
}

/* As the first request of a connection, and behind a good one. */
static void attack_raw(struct world *w)
{
    for (size_t i = 0; i < COUNT_OF(attacks); i++)
        check_attack(w, &attacks[i], STR_EMPTY);
    for (size_t i = 0; i < COUNT_OF(attacks); i++)
        check_attack(w, &attacks[i], STR("GET /first HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_wait_nothing_left(w);
}

static void test_raw(void **state)
{
    (void)state;
    run(attack_raw);
}

/* Each attack cut in two at every octet, sent a moment apart. */
static void attack_split(struct world *w)
{
    struct buf b;
    const struct crime *crime = w->extra;
    buf_init(&b, 100000);
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        str text = str_from_cstr(attacks[i].text);
        for (size_t cut = 1; cut < text.n; cut += 7) {
            int fd = client_connect(w->port);
            client_send(fd, str_slice(text, 0, cut));
            sched_yield();
            client_send(fd, str_skip(text, cut));
            buf_clear(&b);
            (void)client_read_all(fd, &b);
            (void)close(fd);
            if (answers_in(&b) > 1 || atomic_load(&crime->smuggled) != 0)
                fail_msg("%s cut at %zu: %u answers", attacks[i].name, cut, answers_in(&b));
        }
    }
    buf_fini(&b);
}

static void test_split(void **state)
{
    (void)state;
    run(attack_split);
}

/* ---- limits of a request ---- */

static void add_fields(struct buf *text, unsigned n, size_t size)
{
    for (unsigned i = 0; i < n; i++) {
        (void)buf_addf(text, "X-%u: ", i);
        for (size_t k = 0; k < size; k++)
            (void)buf_add_byte(text, 'v');
        (void)buf_add(text, STR("\r\n"));
    }
}

static unsigned ask_sized(const struct world *w, size_t target, unsigned fields, size_t field_size,
                          const char *rest)
{
    struct buf text;
    struct buf b;
    buf_init(&text, 8 * 1024 * 1024);
    buf_init(&b, 100000);
    (void)buf_add(&text, STR("GET /"));
    for (size_t i = 0; i < target; i++)
        (void)buf_add_byte(&text, 't');
    (void)buf_add(&text, STR(" HTTP/1.1\r\nHost: a\r\n"));
    add_fields(&text, fields, field_size);
    (void)buf_add(&text, str_from_cstr(rest));
    client_ask(w->port, buf_str(&text), &b);
    unsigned status = status_of(&b);
    buf_fini(&text);
    buf_fini(&b);
    return status;
}

static void ask_big(struct world *w)
{
    struct buf text;
    struct buf b;
    buf_init(&text, 8 * 1024 * 1024);
    buf_init(&b, 100000);
    assert_int_equal(ask_sized(w, 4000, 0, 0, "Connection: close\r\n\r\n"), 200);
    assert_int_equal(ask_sized(w, 9000, 0, 0, "\r\n"), 414);
    assert_int_equal(ask_sized(w, 20000, 0, 0, "\r\n"), 414);
    assert_int_equal(ask_sized(w, 0, 90, 10, "Connection: close\r\n\r\n"), 200);
    assert_int_equal(ask_sized(w, 0, 101, 10, "\r\n"), 431);
    assert_int_equal(ask_sized(w, 0, 2, 9000, "\r\n"), 431);
    assert_int_equal(ask_sized(w, 0, 10, 100000, "\r\n"), 431);
    client_ask(w->port, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nsome"),
               &b);
    assert_int_equal(status_of(&b), 413);
    (void)buf_add(&text, STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 5; i++) {
        (void)buf_add(&text, STR("100000\r\n"));
        (void)memset(buf_reserve(&text, 0x100000), 'x', 0x100000);
        buf_commit(&text, 0x100000);
        (void)buf_add(&text, STR("\r\n"));
    }
    client_ask(w->port, buf_str(&text), &b);
    assert_true(status_of(&b) == 413 || b.n == 0); /* it may be reset while it still sends */
    client_wait_nothing_left(w);
    buf_fini(&b);
    buf_fini(&text);
}

static void test_big(void **state)
{
    (void)state;
    run(ask_big);
}

/* ---- behind proxies ---- */

static void write_file(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_file(const char *path, const char *format, ...)
{
    va_list args;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    va_start(args, format);
    assert_true(vfprintf(file, format, args) > 0);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

static unsigned wait_for_port(unsigned port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 6000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_up = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
        (void)close(fd);
        if (is_up)
            return port;
        client_sleep_ms(10);
    }
    fail_msg("nothing listens on %u", port);
    return 0;
}

/* A proxy keeps connections to us open, so that what it lets through meets other people's. */
static void attack_behind(struct world *w, unsigned proxy_port)
{
    struct buf b;
    const struct crime *crime = w->extra;
    buf_init(&b, 1000000);
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        if (str_find(str_from_cstr(attacks[i].text), STR("/smuggled")) < 0)
            continue;
        str text = str_from_cstr(attacks[i].text);
        ptrdiff_t second = str_find(text, STR("GET /smuggled"));
        /* Without the second request: that one would be an honest one to the proxy. What it sends
         * us next must be understood as what it is. */
        struct buf half;
        buf_init(&half, 100000);
        (void)buf_add(&half, str_slice(text, 0, (size_t)second));
        int fd = client_connect(proxy_port);
        client_send(fd, buf_str(&half));
        (void)shutdown(fd, SHUT_WR);
        buf_clear(&b);
        (void)client_read_all(fd, &b);
        (void)close(fd);
        buf_fini(&half);
        client_ask(proxy_port, STR("GET /honest HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                   &b);
        if (status_of(&b) != 200 || str_find(buf_str(&b), STR("/honest")) < 0)
            fail_msg("%s: the next one got \"%.200s\"", attacks[i].name, buf_cstr(&b));
        if (atomic_load(&crime->smuggled) != 0)
            fail_msg("%s: was smuggled", attacks[i].name);
    }
    /* Bodies whose content looks like a request stay bodies. */
    client_ask(proxy_port,
               STR("POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 37\r\n"
                   "\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nxy"),
               &b);
    assert_int_equal(status_of(&b), 200);
    client_ask(proxy_port,
               STR("POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n"
                   "25\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nxy\r\n0\r\n\r\n"),
               &b);
    assert_int_equal(status_of(&b), 200);
    buf_fini(&b);
}

static void attack_behind_nginx(struct world *w)
{
    char path[200];
    const char *dir = test_directory();
    unsigned port = test_free_port();
    (void)snprintf(path, sizeof(path), "%s/nginx.conf", dir);
    write_file(path,
               "daemon off; master_process off; worker_processes 1; pid %s/nginx.pid;\n"
               "error_log %s/nginx.log warn;\nevents { worker_connections 100; }\n"
               "http { access_log off; client_body_temp_path %s/body; proxy_temp_path %s/proxy;\n"
               "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
               "upstream us { server 127.0.0.1:%u max_fails=0; keepalive 4; }\n"
               "server { listen 127.0.0.1:%u; location / { proxy_pass http://us;\n"
               "proxy_http_version 1.1; proxy_set_header Connection \"\";\n"
               "proxy_request_buffering off; } } }\n",
               dir, dir, dir, dir, dir, dir, dir, w->port, port);
    const char *const argv[] = { "nginx", "-c", path, "-e", "stderr", NULL };
    const struct test_command command = { .argv = argv, .death_signal = SIGKILL };
    pid_t pid = test_spawn(&command);
    attack_behind(w, wait_for_port(port));
    test_end_child(&pid, SIGTERM);
}

static void test_behind_nginx(void **state)
{
    (void)state;
    run(attack_behind_nginx);
}

static void attack_behind_haproxy(struct world *w)
{
    char path[200];
    unsigned port = test_free_port();
    (void)snprintf(path, sizeof(path), "%s/haproxy.cfg", test_directory());
    write_file(path,
               "global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 5s\n"
               "  timeout client 5s\n  timeout server 5s\n  http-reuse always\n"
               "  option accept-invalid-http-request\n"
               "frontend f\n  bind 127.0.0.1:%u\n  default_backend b\n"
               "backend b\n  server s 127.0.0.1:%u\n",
               port, w->port);
    const char *const argv[] = { "haproxy", "-db", "-q", "-f", path, NULL };
    const struct test_command command = { .argv = argv, .death_signal = SIGKILL };
    pid_t pid = test_spawn(&command);
    attack_behind(w, wait_for_port(port));
    test_end_child(&pid, SIGTERM);
}

static void test_behind_haproxy(void **state)
{
    (void)state;
    run(attack_behind_haproxy);
}

/* The check itself, octet by octet: it never asks for more once it can tell. */
static void test_head_in_pieces(void **state)
{
    (void)state;
    struct head whole;
    struct head part;
    for (size_t i = 0; i < COUNT_OF(attacks); i++) {
        str text = str_from_cstr(attacks[i].text);
        if (!head_check(text, &whole))
            continue;
        for (size_t n = 0; n < text.n; n++) {
            if (!head_check(str_slice(text, 0, n), &part))
                continue;
            if (part.fault != whole.fault)
                fail_msg("%s: %u after %zu octets, then %u", attacks[i].name, part.fault, n,
                         whole.fault);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_behind_nginx),
        cmocka_unit_test(test_behind_haproxy),
        cmocka_unit_test(test_head_in_pieces),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
