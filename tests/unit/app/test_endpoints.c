/* SPDX-License-Identifier: Apache-2.0 */
/* Where the databases of a configuration are. */
#include "services/app/endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/un.h>

#include <cmocka.h>

static struct config *parse(const char *text)
{
    struct config *c = NULL;
    struct err e = ERR_CLEAR;
    if (!config_parse(str_from_cstr(text), "test.yaml", NULL, NULL, &c, &e))
        fail_msg("%s", e.msg);
    return c;
}

static const struct {
    const char *text;
    bool embedded_database;
    bool embedded_redis;
    const char *database;
    const char *owner;
    const char *redis;
} cases[] = {
    { "data_dir: /d\n", true, true, "host='/d/run' dbname=heronry user=heronry_worker",
      "host='/d/run' dbname=heronry user=heronry", "unix:///d/run/redis.sock" },
    { "data_dir: /d\nredis: { url: \"redis://h\" }\n", true, false,
      "host='/d/run' dbname=heronry user=heronry_worker",
      "host='/d/run' dbname=heronry user=heronry", "redis://h" },
    { "data_dir: /d\ndatabase: { url: \"postgresql://h/x\" }\n", false, false, "postgresql://h/x",
      "postgresql://h/x", NULL },
    { "data_dir: /d\ndatabase: { url: \"postgresql://h/x\", migration_url: \"postgresql://o@h/x\" }\n",
      false, false, "postgresql://h/x", "postgresql://o@h/x", NULL },
    { "data_dir: \"/it's\\\\d\"\n", true, true,
      "host='/it\\'s\\\\d/run' dbname=heronry user=heronry_worker",
      "host='/it\\'s\\\\d/run' dbname=heronry user=heronry", "unix:///it's\\d/run/redis.sock" },
};

static void test_finds_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct app_endpoints at;
        struct err e = ERR_CLEAR;
        struct arena a;
        struct config *c = parse(cases[i].text);
        arena_init(&a);
        assert_true(app_endpoints_find(c, &a, &at, &e));
        assert_int_equal(at.embedded_database, cases[i].embedded_database);
        assert_int_equal(at.embedded_redis, cases[i].embedded_redis);
        assert_string_equal(at.database, cases[i].database);
        assert_string_equal(at.owner, cases[i].owner);
        if (cases[i].redis) {
            assert_string_equal(at.redis, cases[i].redis);
        } else {
            assert_null(at.redis);
        }
        arena_fini(&a);
        config_free(&c);
    }
}

static void test_a_relative_directory_is_refused(void **state)
{
    struct app_endpoints at;
    struct err e = ERR_CLEAR;
    struct arena a;
    struct config *c = parse("hostname: a.example\ndata_dir: var\n");
    (void)state;
    arena_init(&a);
    assert_false(app_endpoints_find(c, &a, &at, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    assert_non_null(strstr(e.msg, "test.yaml:2"));
    arena_fini(&a);
    config_free(&c);
}

/* Every length of data_dir gives sockets that fit, and different directories different ones. */
static void test_sockets_always_fit(void **state)
{
    char dir[300] = "/";
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t n = 1; n + 1 < sizeof(dir); n++) {
        dir[n] = 'd';
        dir[n + 1] = '\0';
        const char *at = app_socket_dir(dir, &a);
        assert_true(strlen(at) + strlen("/.s.PGSQL.5432.lock") <
                    sizeof(((struct sockaddr_un *)NULL)->sun_path));
    }
    const char *one = app_socket_dir(dir, &a);
    dir[200] = 'e';
    assert_string_not_equal(one, app_socket_dir(dir, &a));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_both),
        cmocka_unit_test(test_a_relative_directory_is_refused),
        cmocka_unit_test(test_sockets_always_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
