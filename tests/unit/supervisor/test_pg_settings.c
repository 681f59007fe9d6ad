/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the embedded PostgreSQL by the size of the machine, and the version of binaries. */
#include "services/supervisor/embedded_pg.h"
#include "services/supervisor/pg_settings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t gb = 1073741824;

static bool has_line(const struct buf *text, const char *line)
{
    str rest = buf_str(text);
    while (!str_is_empty(rest)) {
        str one;
        (void)str_cut(rest, '\n', &one, &rest);
        if (str_eq(one, str_from_cstr(line)))
            return true;
    }
    return false;
}

static const struct {
    const char *name;
    uint64_t memory;
    uint64_t disk_free;
    const char *lines[4];
} machines[] = {
    { "tiny",
      gb / 4,
      gb,
      { "shared_buffers = 32MB", "effective_cache_size = 128MB", "maintenance_work_mem = 32MB",
        "max_wal_size = 512MB" } },
    { "small",
      2 * gb,
      20 * gb,
      { "shared_buffers = 128MB", "effective_cache_size = 1024MB", "maintenance_work_mem = 32MB",
        "max_wal_size = 2048MB" } },
    { "big",
      256 * gb,
      4000 * gb,
      { "shared_buffers = 1024MB", "effective_cache_size = 131072MB",
        "maintenance_work_mem = 512MB", "max_wal_size = 8192MB" } },
};

static void test_scales_with_the_machine(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(machines); i++) {
        const struct pg_machine m = { .memory = machines[i].memory,
                                      .disk_free = machines[i].disk_free,
                                      .max_connections = 57,
                                      .socket_dir = "/s",
                                      .log_dir = "/l" };
        struct buf text;
        buf_init(&text, 16384);
        assert_true(pg_settings_format(&m, &text));
        assert_true(has_line(&text, "max_connections = 57"));
        assert_true(has_line(&text, "listen_addresses = ''"));
        for (size_t k = 0; k < COUNT_OF(machines[i].lines); k++) {
            if (!has_line(&text, machines[i].lines[k]))
                fail_msg("%s: no line \"%s\"", machines[i].name, machines[i].lines[k]);
        }
        buf_fini(&text);
    }
}

static void test_quotes_paths(void **state)
{
    const struct pg_machine m = { .memory = gb,
                                  .disk_free = gb,
                                  .max_connections = 1,
                                  .socket_dir = "/it's,a\\dir",
                                  .log_dir = "/o'log" };
    struct buf text;
    (void)state;
    buf_init(&text, 16384);
    assert_true(pg_settings_format(&m, &text));
    assert_true(has_line(&text, "unix_socket_directories = '\"/it''s,a\\\\dir\"'"));
    assert_true(has_line(&text, "log_directory = '/o''log'"));
    buf_fini(&text);
    buf_init(&text, 100);
    assert_false(pg_settings_format(&m, &text));
    buf_fini(&text);
}

static void test_lets_in_two_users_by_the_kernels_word(void **state)
{
    const struct pg_machine m = { .user = "mail user" };
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    assert_true(pg_settings_hba(&text));
    assert_true(has_line(&text, "local all all peer map=heronry"));
    buf_clear(&text);
    assert_true(pg_settings_ident(&m, &text));
    assert_true(has_line(&text, "heronry \"mail user\" heronry"));
    assert_true(has_line(&text, "heronry root heronry_admin"));
    buf_fini(&text);
}

static void test_version_of_a_path(void **state)
{
    (void)state;
    assert_int_equal(embedded_pg_version_of(STR("/usr/lib/postgresql/15/bin")), 15);
    assert_int_equal(embedded_pg_version_of(STR("/usr/lib/postgresql/9.6/bin")), 0);
    assert_int_equal(embedded_pg_version_of(STR("/usr/bin")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales_with_the_machine),
        cmocka_unit_test(test_quotes_paths),
        cmocka_unit_test(test_lets_in_two_users_by_the_kernels_word),
        cmocka_unit_test(test_version_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
