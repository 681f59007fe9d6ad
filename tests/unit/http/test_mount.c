/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a mount: what is served and what never is, compressed siblings, caching, fallback, and
 * the way from plain HTTP to HTTPS. */
#include "http_fixture.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct http_field page_fields[] = {
    { STR_INIT("content-security-policy"), STR_INIT("default-src 'none'") },
};
static const struct http_field all_fields[] = {
    { STR_INIT("content-security-policy"), STR_INIT("sandbox") },
    { STR_INIT("x-content-type-options"), STR_INIT("nosniff") },
};
static const char *const handled[] = { "/api/", "/health" };

static char folder[300];
static char admin[320];

static void put(const char *name, const char *text)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make(const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static int make_files(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "%s/web", test_directory());
    (void)snprintf(admin, sizeof(admin), "%s/admin", test_directory());
    make("web");
    make("web/assets");
    make("web/.git");
    make("admin");
    put("web/index.html", "<p>mail</p>");
    put("web/index.html.gz", "gzipped page");
    put("web/assets/app-1234.js", "plain script");
    put("web/assets/app-1234.js.gz", "gzipped script");
    put("web/assets/app-1234.js.br", "brotli script");
    put("web/.git/config", "secret");
    put("web/assets/.env", "secret");
    put("admin/index.html", "<p>admin</p>");
    put("outside.txt", "secret");
    return 0;
}

static void handle(struct http_request *r, void *arg)
{
    (void)arg;
    http_add_field(r, "content-security-policy", STR("default-src 'self'"));
    http_reply(r, 200, "text/plain", r->path);
}

static void run(void (*client)(struct world *w), unsigned to_https)
{
    struct world w = { 0 };
    const struct http_mount mounts[] = {
        { .prefix = "/",
          .folder = folder,
          .fallback = "index.html",
          .fields = page_fields,
          .n_fields = 1,
          .immutable = "/assets/" },
        { .prefix = "/admin/", .folder = admin, .fallback = "index.html" },
    };
    const struct http_server_options options = {
        .handle = handle,
        .arg = &w,
        .mounts = mounts,
        .n_mounts = 2,
        .handled = handled,
        .n_handled = 2,
        .fields = all_fields,
        .n_fields = 2,
    };
    const struct http_listener_options redirecting = { .to_https = to_https };
    world_open(&w, &options);
    w.s_port = world_add(&w, &redirecting);
    world_run(&w, client);
    world_close(&w);
}

struct look {
    const char *path;
    const char *more; /* header fields */
    unsigned status;
    const char *body;  /* NULL: any, but nothing secret */
    const char *field; /* that must be there, or NULL */
};

#define JS        "/assets/app-1234.js"
#define IMMUTABLE "cache-control: public, max-age=31536000, immutable\r\n"

static const struct look looks[] = {
    { "/", "", 200, "<p>mail</p>", "content-type: text/html; charset=utf-8\r\n" },
    { "/", "", 200, "<p>mail</p>", "cache-control: no-cache\r\n" },
    { "/", "", 200, "<p>mail</p>", "content-security-policy: default-src 'none'\r\n" },
    { "/", "", 200, "<p>mail</p>", "x-content-type-options: nosniff\r\n" },
    { "/", "", 200, "<p>mail</p>", "x-request-id: " },
    { "/", "Accept-Encoding: gzip\r\n", 200, "gzipped page", "content-encoding: gzip\r\n" },
    { "/?query", "", 200, "<p>mail</p>", NULL },
    { "/settings/rules", "", 200, "<p>mail</p>", "text/html" },
    { "/settings/rules", "Accept-Encoding: gzip\r\n", 200, "gzipped page", NULL },
    { "/admin/", "", 200, "<p>admin</p>", "content-security-policy: sandbox\r\n" },
    { "/admin/queue", "", 200, "<p>admin</p>", NULL },
    { "/admin", "", 308, NULL, "location: /admin/\r\n" },
    { "/admin?x=1", "", 308, NULL, "location: /admin/\r\n" },
    { "/administrator", "", 200, "<p>mail</p>", NULL },
    { JS, "", 200, "plain script", IMMUTABLE },
    { JS, "", 200, "plain script", "content-type: text/javascript; charset=utf-8\r\n" },
    { JS, "Accept-Encoding: gzip\r\n", 200, "gzipped script", "vary: " },
    { JS, "Accept-Encoding: gzip, br\r\n", 200, "brotli script", "content-encoding: br\r\n" },
    { JS, "Range: bytes=0-4\r\n", 206, "plain", "content-range: bytes 0-4/12\r\n" },
    { "/assets/gone.js", "", 404, NULL, "cache-control: no-store\r\n" },
    { "/assets/gone", "", 404, NULL, "application/problem+json" },
    { "/missing.png", "", 404, NULL, NULL },
    { "/api/v1/me", "", 200, "/api/v1/me", "content-security-policy: default-src 'self'\r\n" },
    { "/api/", "", 200, "/api/", NULL },
    { "/health", "", 200, "/health", NULL },
    { "/health/detailed", "", 200, "/health/detailed", NULL },
    { "/.git/config", "", 404, NULL, NULL },
    { "/%2egit/config", "", 404, NULL, NULL },
    { "/assets/.env", "", 404, NULL, NULL },
    { "/../outside.txt", "", 404, NULL, NULL },
    { "/assets/../../outside.txt", "", 404, NULL, NULL },
    { "/%2e%2e/outside.txt", "", 404, NULL, NULL },
    { "/..%2foutside.txt", "", 404, NULL, NULL },
    { "/assets/..%2f..%2foutside.txt", "", 404, NULL, NULL },
    { "//outside.txt", "", 404, NULL, NULL },
    { "/..\\outside.txt", "", 404, NULL, NULL },
    { "/index.html%00.png", "", 400, NULL, NULL },
};

static void look_at(const struct world *w, const struct look *l, struct buf *b)
{
    struct buf text;
    buf_init(&text, 4096);
    (void)buf_addf(&text, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", l->path,
                   l->more);
    client_ask(w->port, buf_str(&text), b);
    if (status_of(b) != l->status || (l->body && !str_eq(body_of(b), str_from_cstr(l->body))) ||
        (l->field && str_ifind(buf_str(b), str_from_cstr(l->field)) < 0) ||
        str_find(buf_str(b), STR("secret")) >= 0)
        fail_msg("%s %s: %s", l->path, l->more, buf_cstr(b));
    if (str_ifind(
            str_skip(buf_str(b), (size_t)(str_ifind(buf_str(b), STR("content-security")) + 1)),
            STR("content-security")) >= 0)
        fail_msg("%s: two policies: %s", l->path, buf_cstr(b));
    buf_fini(&text);
}

static void ask_files(struct world *w)
{
    struct buf b;
    buf_init(&b, 100000);
    for (size_t i = 0; i < COUNT_OF(looks); i++)
        look_at(w, &looks[i], &b);
    /* Not modified, by the tag that was given. */
    client_ask(w->port, STR("GET " JS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &b);
    ptrdiff_t at = str_ifind(buf_str(&b), STR("etag: "));
    assert_true(at > 0);
    str tag;
    str rest;
    (void)str_cut(str_skip(buf_str(&b), (size_t)at + 6), '\r', &tag, &rest);
    struct buf text;
    buf_init(&text, 4096);
    (void)buf_addf(&text,
                   "GET " JS " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                   "If-None-Match: %.*s\r\n\r\n",
                   STR_FMT(tag));
    client_ask(w->port, buf_str(&text), &b);
    assert_int_equal(status_of(&b), 304);
    assert_int_equal(body_of(&b).n, 0);
    client_ask(w->port, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), &b);
    assert_int_equal(status_of(&b), 405);
    assert_true(str_ifind(buf_str(&b), STR("allow: GET, HEAD\r\n")) > 0);
    client_ask(w->port, STR("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &b);
    assert_int_equal(status_of(&b), 200);
    assert_int_equal(body_of(&b).n, 0);
    /* A file that is not there does not cost the connection. */
    int fd = client_connect(w->port);
    buf_clear(&b);
    client_send(fd, STR("GET /missing.png HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(fd, &b, STR("about:blank")));
    assert_true(str_ifind(buf_str(&b), STR("\r\nconnection: keep-alive\r\n")) > 0);
    client_send(fd, STR("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(client_read_until(fd, &b, STR("\r\n\r\n/health")));
    (void)close(fd);
    buf_fini(&text);
    buf_fini(&b);
}

static void test_files(void **state)
{
    (void)state;
    run(ask_files, 0);
}

static void ask_redirected(struct world *w)
{
    struct buf b;
    buf_init(&b, 100000);
    client_ask(w->s_port,
               STR("GET /a?b HTTP/1.1\r\nHost: mail.example:80\r\nConnection: close\r\n\r\n"), &b);
    assert_int_equal(status_of(&b), 308);
    assert_true(str_ifind(buf_str(&b), STR("location: https://mail.example:8443/a?b\r\n")) > 0);
    client_ask(w->s_port, STR("GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"), &b);
    assert_true(str_ifind(buf_str(&b), STR("location: https://[::1]:8443/\r\n")) > 0);
    client_ask(w->s_port, STR("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), &b);
    assert_int_equal(status_of(&b), 200);
    buf_fini(&b);
}

static void test_redirected(void **state)
{
    (void)state;
    run(ask_redirected, 8443);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(NULL, &e);
    const struct http_mount mount = { .prefix = "/", .folder = "/nowhere/at/all" };
    const struct http_server_options options = { .handle = handle,
                                                 .mounts = &mount,
                                                 .n_mounts = 1 };
    assert_null(http_server_new(rt, &options, &e));
    assert_int_equal(e.kind, ERR_INTERNAL);
    runtime_free(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_redirected),
        cmocka_unit_test(test_no_folder),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, make_files, NULL);
}
