/* SPDX-License-Identifier: Apache-2.0 */
/* A server of the DNS that does not answer is waited for once, however many records there are. */
#include "services/app/publisher.h"

#include "net/net.h"
#include "support/in_fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

enum {
    WAIT_MS = 100, /* of the first record; the others have long */
    LONG_MS = 60000
};

struct world {
    struct app app;
    int server; /* listens, and answers nothing */
};

static enum app_publishing publish(struct world *w, struct app_silent *silent, const char *name,
                                   int64_t ms, str *why)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    enum app_publishing outcome;
    char said[256];
    const struct account_actor actor = { .name = STR("test") };
    const struct app_publisher p = { &w->app, &actor, STR("example.org"), &a, clock_deadline_in(ms),
                                     silent };
    const struct published_record record = { .name = str_from_cstr(name),
                                             .type = "TXT",
                                             .value = STR("x") };
    arena_init(&a);
    MUST(app_publish(&p, &record, &outcome, why, &e), e);
    (void)snprintf(said, sizeof(said), "%.*s", STR_FMT(*why));
    arena_fini(&a);
    *why = strstr(said, "a moment ago") ? STR("silent") : STR("asked");
    return outcome;
}

/* How many connections nobody has accepted; accepts them. */
static int count_connections(const struct world *w)
{
    int n = 0;
    for (int c; (c = accept4(w->server, NULL, NULL, SOCK_CLOEXEC)) >= 0; n++)
        (void)close(c);
    return n;
}

static void body(void *arg)
{
    struct world *w = arg;
    struct app_silent silent = { .n = 0 };
    struct app_silent fresh = { .n = 0 };
    str why = STR_EMPTY;
    assert_int_equal(publish(w, &silent, "a.example.org", WAIT_MS, &why), APP_PUBLISH_FAILED);
    assert_true(str_eq(why, STR("asked")));
    (void)count_connections(w);
    assert_int_equal(publish(w, &silent, "b.example.org", LONG_MS, &why), APP_PUBLISH_FAILED);
    assert_true(str_eq(why, STR("silent")));
    assert_int_equal(count_connections(w), 0);
    assert_int_equal(publish(w, &silent, "a.example.net", LONG_MS, &why), APP_PUBLISH_NO_ZONE);
    assert_int_equal(publish(w, &fresh, "b.example.org", WAIT_MS, &why), APP_PUBLISH_FAILED);
    assert_true(str_eq(why, STR("asked"))); /* the next time, again */
}

static void test_a_silent_server(void **state)
{
    struct err e = ERR_CLEAR;
    struct config *config = NULL;
    struct world w = { .server = -1 };
    struct net_address at;
    char address[NET_ADDRESS_TEXT];
    char text[256];
    (void)state;
    MUST(net_address_parse(STR("127.0.0.1:0"), &at, &e), e);
    MUST(net_listen_open(&at, &w.server, &e), e);
    assert_int_equal(getsockname(w.server, (struct sockaddr *)&at.sa, &at.len), 0);
    (void)snprintf(text, sizeof(text),
                   "dns: { updates: [ { zone: example.org, server: \"%.*s\", key: k.example.org,"
                   " secret: YQ== } ] }\n",
                   STR_FMT(net_address_text(&at, address)));
    MUST(config_parse(str_from_cstr(text), "f.yaml", NULL, NULL, &config, &e), e);
    struct runtime *rt = runtime_new(NULL, &e);
    assert_non_null(rt);
    w.app = (struct app){ .config = config, .runtime = rt };
    in_fiber_run_to_end(rt, body, &w);
    runtime_free(&rt);
    config_free(&config);
    (void)close(w.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_silent_server) };
    return cmocka_run_group_tests_name("app/publisher", tests, NULL, NULL);
}
