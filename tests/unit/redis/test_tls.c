/* SPDX-License-Identifier: Apache-2.0 */
/* redis by URL: the parts of URLs, TCP by name, TLS with verification. */
#include "net/tls.h"
#include "redis/redis.h"
#include "redis/url.h"
#include "support/in_fiber.h"
#include "support/process.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

/* ---- URLs ---- */

static const struct {
    const char *url;
    const char *host; /* or path */
    unsigned port;
    unsigned database;
    const char *user;
    const char *pass;
    bool is_tls;
} good_urls[] = {
    { "redis://h", "h", 6379, 0, "", "", false },
    { "redis://h:1234/7", "h", 1234, 7, "", "", false },
    { "rediss://h/", "h", 6379, 0, "", "", true },
    { "redis://:p%40s%2Fs@h", "h", 6379, 0, "", "p@s/s", false },
    { "redis://me:a:b@h:1", "h", 1, 0, "me", "a:b", false },
    { "redis://[::1]:77/3", "::1", 77, 3, "", "", false },
    { "redis://[::1]", "::1", 6379, 0, "", "", false },
    { "unix:///run/r.sock", "/run/r.sock", 0, 0, "", "", false },
    { "unix://u:p@/run/r%20s?db=2", "/run/r s", 0, 2, "u", "p", false },
};

static const char *const bad_urls[] = {
    "",
    "redis",
    "redis:/h",
    "http://h",
    "redis://",
    "redis://:77",
    "redis://h:0",
    "redis://h:65536",
    "redis://h:x",
    "redis://h/x",
    "redis://h/1/2",
    "redis://[::1]x",
    "redis://u%:p@h",
    "redis://u%zz:p@h",
    "redis://u%00:p@h",
    "unix://",
    "unix://relative",
    "unix:///",
    "unix:///a?x=1",
    "unix:///a?db=x",
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good_urls); i++) {
        struct redis_url u;
        struct err e = ERR_CLEAR;
        if (!redis_url_parse(str_from_cstr(good_urls[i].url), &u, &e))
            fail_msg("%s: %s", good_urls[i].url, e.msg);
        assert_string_equal(u.path[0] ? u.path : u.host, good_urls[i].host);
        assert_int_equal(u.port, good_urls[i].port);
        assert_int_equal(u.database, good_urls[i].database);
        assert_string_equal(u.user, good_urls[i].user);
        assert_string_equal(u.pass, good_urls[i].pass);
        assert_int_equal(u.is_tls, good_urls[i].is_tls);
    }
    for (size_t i = 0; i < COUNT_OF(bad_urls); i++) {
        struct redis_url u;
        struct err e = ERR_CLEAR;
        if (redis_url_parse(str_from_cstr(bad_urls[i]), &u, &e))
            fail_msg("%s was taken", bad_urls[i]);
        assert_int_equal(e.kind, ERR_SYNTAX);
    }
}

/* R31: what is wrong with a URL is told without its password. */
static void test_secret(void **state)
{
    (void)state;
    struct redis_url u;
    struct err e = ERR_CLEAR;
    assert_false(redis_url_parse(STR("redis://me:hunter2@h:x"), &u, &e));
    assert_null(strstr(e.msg, "hunter2"));
}

/* ---- a server with TLS and TCP ---- */

enum {
    START_MS = 60000
};

struct fixture {
    struct runtime *rt;
    char cert[256];
    char key[256];
    unsigned tls_port;
    unsigned tcp_port;
    pid_t server;
};

static void start_server(struct fixture *f)
{
    static const char *const names[] = { "localhost" };
    struct err e = ERR_CLEAR;
    char tls_port[16];
    char tcp_port[16];
    char log[256];
    (void)snprintf(f->cert, sizeof(f->cert), "%s/cert.pem", test_directory());
    (void)snprintf(f->key, sizeof(f->key), "%s/key.pem", test_directory());
    (void)snprintf(log, sizeof(log), "%s/tls-redis.log", test_directory());
    assert_true(tls_make_self_signed(names, 1, 5, f->cert, f->key, &e));
    f->tls_port = test_free_port();
    f->tcp_port = test_free_port();
    (void)snprintf(tls_port, sizeof(tls_port), "%u", f->tls_port);
    (void)snprintf(tcp_port, sizeof(tcp_port), "%u", f->tcp_port);
    const char *argv[] = { "redis-server",
                           "--port",
                           tcp_port,
                           "--tls-port",
                           tls_port,
                           "--bind",
                           "127.0.0.1",
                           "--tls-cert-file",
                           f->cert,
                           "--tls-key-file",
                           f->key,
                           "--tls-ca-cert-file",
                           f->cert,
                           "--tls-auth-clients",
                           "no",
                           "--save",
                           "",
                           NULL };
    f->server = test_spawn(
        &(struct test_command){ .argv = argv, .log_path = log, .death_signal = SIGKILL });
}

static void pause_ms(int64_t ms)
{
    struct err e = ERR_CLEAR;
    assert_true(fiber_sleep_until(clock_deadline_in(ms), &e));
}

/* Tries until `until_ms`, and once in any case: the server may be starting. */
static bool works(struct fixture *f, const char *url, const char *ca_file, int64_t until_ms,
                  struct err *e)
{
    struct redis *r =
        redis_new(f->rt, &(struct redis_options){ .url = url, .ca_file = ca_file }, e);
    assert_non_null(r);
    struct arena a;
    struct redis_value v;
    arena_init(&a);
    bool ok = false;
    do {
        *e = ERR_CLEAR;
        ok = redis_command(r, (const str[]){ STR("ECHO"), STR("hi") }, 2, &a, &v, e);
        if (!ok)
            pause_ms(20);
    } while (!ok && clock_monotonic_ms() < until_ms);
    size_t n = (size_t)1024 * 1024;
    char *big = heap_zalloc(n);
    const str set[] = { STR("SET"), STR("big"), str_of(big, n) };
    const str get[] = { STR("GET"), STR("big") };
    ok = ok && str_eq(v.text, STR("hi")) && redis_command(r, set, 3, &a, &v, e) &&
         redis_command(r, get, 2, &a, &v, e) && v.text.n == n;
    free(big);
    arena_fini(&a);
    redis_free(&r);
    pause_ms(20); /* the pumps end */
    return ok;
}

static void server_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char url[128];
    (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", f->tcp_port);
    int64_t until_ms = clock_deadline_in(START_MS);
    if (!works(f, url, NULL, until_ms, &e))
        fail_msg("%s: %s", url, e.msg);
    (void)snprintf(url, sizeof(url), "redis://localhost:%u/2", f->tcp_port);
    if (!works(f, url, NULL, until_ms, &e))
        fail_msg("%s: %s", url, e.msg);
    (void)snprintf(url, sizeof(url), "rediss://localhost:%u", f->tls_port);
    if (!works(f, url, f->cert, until_ms, &e))
        fail_msg("%s: %s", url, e.msg);
    assert_false(works(f, url, NULL, 0, &e)); /* not signed by anybody the system knows */
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    (void)snprintf(url, sizeof(url), "rediss://127.0.0.1:%u", f->tls_port);
    assert_false(works(f, url, f->cert, 0, &e)); /* another name than the certificate's */
}

static void test_server(void **state)
{
    (void)state;
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    start_server(&f);
    in_fiber_run(f.rt, server_body, &f);
    test_end_child(&f.server, SIGKILL);
    runtime_free(&f.rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
