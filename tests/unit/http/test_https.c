/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS, driven by curl: names, reload without restart, PROXY before TLS, and what is not spoken.
 */
#include "http_fixture.h"

#include "support/process.h"

struct pair_paths {
    char cert[300];
    char key[300];
};

static struct pair_paths a_pair;
static struct pair_paths b_pair;
static struct pair_paths late_pair;

static struct tls_cert_files make(struct pair_paths *p, const char *name)
{
    struct err e = ERR_CLEAR;
    (void)snprintf(p->cert, sizeof(p->cert), "%s/%s.crt", test_directory(), name);
    (void)snprintf(p->key, sizeof(p->key), "%s/%s.key", test_directory(), name);
    assert_true(tls_make_self_signed(&name, 1, 30, p->cert, p->key, &e));
    return (struct tls_cert_files){ p->cert, p->key };
}

static void handle(struct http_request *r, void *arg)
{
    (void)arg;
    char peer[NET_ADDRESS_TEXT];
    struct buf body;
    buf_init(&body, 8 * 1024 * 1024);
    (void)buf_addf(&body, "%.*s %s %.*s %zu\n", STR_FMT(r->host), r->is_secure ? "tls" : "plain",
                   STR_FMT(net_address_ip(&r->peer, peer)), r->body.n);
    http_reply(r, 200, "text/plain", buf_str(&body));
    buf_fini(&body);
}

/* Asks https://name:port/ and gives what came, or NULL when curl fails. */
static char *ask(const struct world *w, const char *name, const char *ca, const char *option,
                 const char *value)
{
    char url[200];
    char resolve[200];
    char *output = NULL;
    (void)snprintf(url, sizeof(url), "https://%s:%u/", name, w->s_port);
    (void)snprintf(resolve, sizeof(resolve), "%s:%u:127.0.0.1", name, w->s_port);
    const char *const argv[] = { "curl",     "-sS", "--max-time", "20", "--resolve",       resolve,
                                 "--cacert", ca,    url,          "-w", "%{http_version}", option,
                                 value,      NULL };
    const struct test_command command = { .argv = argv, .log_path = "/dev/null" };
    if (test_run(&command, &output) == 0)
        return output;
    free(output);
    return NULL;
}

static void expect(const struct world *w, const char *name, const char *ca, const char *answer)
{
    char *got = ask(w, name, ca, NULL, NULL);
    if (!answer && got)
        fail_msg("%s: \"%s\" came", name, got);
    if (answer && (!got || str_find(str_from_cstr(got), str_from_cstr(answer)) < 0))
        fail_msg("%s: \"%s\" came, not \"%s\"", name, got ? got : "nothing", answer);
    free(got);
}

static void reload(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    const struct tls_cert_files files[] = { { a_pair.cert, a_pair.key },
                                            { late_pair.cert, late_pair.key } };
    assert_true(tls_server_set_files(w->extra, files, 2, &e));
    atomic_store(&w->posted, 1);
}

static void ask_names(struct world *w)
{
    expect(w, "a.test", a_pair.cert, "tls 127.0.0.1 0\n1.1");
    expect(w, "b.test", b_pair.cert, "b.test:");
    expect(w, "b.test", a_pair.cert, NULL);
    expect(w, "late.test", late_pair.cert, NULL);
    runtime_post(w->rt, reload, w);
    for (int i = 0; i < 4000 && atomic_load(&w->posted) == 0; i++)
        client_sleep_ms(5);
    expect(w, "late.test", late_pair.cert, "late.test:");
    expect(w, "b.test", b_pair.cert, NULL);
    expect(w, "a.test", a_pair.cert, "a.test:");
    /* HTTP/2 is not offered, and a client that insists on it goes away. */
    char *got = ask(w, "a.test", a_pair.cert, "--http2-prior-knowledge", "--compressed");
    assert_true(!got || str_find(str_from_cstr(got), STR("\n2")) < 0);
    free(got);
    got = ask(w, "a.test", a_pair.cert, "--http2", "--compressed");
    assert_non_null(got);
    assert_true(str_has_suffix(str_from_cstr(got), STR("\n1.1")));
    free(got);
    got = ask(w, "a.test", a_pair.cert, "--tls-max", "1.1");
    assert_null(got);
    char path[320];
    char data[340];
    (void)snprintf(path, sizeof(path), "%s/body", test_directory());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 300000; i++)
        assert_true(fputs("0123456789", file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(data, sizeof(data), "@%s", path);
    got = ask(w, "a.test", a_pair.cert, "--data-binary", data);
    assert_non_null(got);
    assert_true(str_find(str_from_cstr(got), STR(" 3000000\n")) > 0);
    free(got);
}

static void ask_proxied(struct world *w)
{
    char *got = ask(w, "a.test", a_pair.cert, "--haproxy-protocol", "--compressed");
    assert_non_null(got);
    free(got);
    expect(w, "a.test", a_pair.cert, NULL);
}

static void run(void (*client)(struct world *w), bool is_proxied)
{
    struct world w = { 0 };
    struct err e = ERR_CLEAR;
    struct net_network local;
    const struct tls_cert_files files[] = { make(&a_pair, "a.test"), make(&b_pair, "b.test") };
    /* The names that are asked for are those of the certificates. */
    static const char *const hosts[] = { "own.test" };
    const struct http_server_options options = {
        .handle = handle, .arg = &w, .hosts = hosts, .n_hosts = 1
    };
    (void)make(&late_pair, "late.test");
    assert_true(net_network_parse(STR("127.0.0.0/8"), &local, &e));
    struct net_networks proxies = { &local, 1 };
    struct tls_server *tls = tls_server_new(files, 2, &e);
    assert_non_null(tls);
    w.extra = tls;
    world_open(&w, &options);
    const struct http_listener_options listener = { .tls = tls,
                                                    .proxy_from = is_proxied ? &proxies : NULL };
    w.s_port = world_add(&w, &listener);
    world_run(&w, client);
    world_close(&w);
    tls_server_free(&tls);
}

static void test_names(void **state)
{
    (void)state;
    run(ask_names, false);
}

static void test_proxied(void **state)
{
    (void)state;
    run(ask_proxied, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_proxied),
    };
    obs_log_init(2, OBS_WARN, OBS_TEXT, "test", "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
