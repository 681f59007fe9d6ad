/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config_load and config_path: which files are read at all. */
#include "config/config.h"
#include "support/servers.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static void path_of(const char *name, char out[512])
{
    (void)snprintf(out, 512, "%s/%s", test_directory(), name);
}

static void write_file(const char *path, const char *text, size_t n, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

/* Loads; the message must be "<path>:<rest>" when `rest` is given. */
static enum err_kind load(const char *path, const char *rest)
{
    struct config *c = NULL;
    struct err e = ERR_CLEAR;
    char expected[600];
    if (config_load(path, &c, &e)) {
        assert_string_equal(config_text(c, CONFIG_HOSTNAME), "x");
        assert_string_equal(config_file(c), path);
        config_free(&c);
        return ERR_NONE;
    }
    if (rest) {
        (void)snprintf(expected, sizeof(expected), "%s:%s", path, rest);
        assert_string_equal(e.msg, expected);
    }
    return e.kind;
}

static void wants_owner_only(void **state)
{
    static const struct {
        mode_t mode;
        enum err_kind kind;
    } cases[] = {
        { 0600, ERR_NONE },   { 0400, ERR_NONE },   { 0700, ERR_NONE },   { 0640, ERR_DENIED },
        { 0604, ERR_DENIED }, { 0620, ERR_DENIED }, { 0610, ERR_DENIED }, { 0666, ERR_DENIED },
    };
    char path[512];
    (void)state;
    path_of("modes.yaml", path);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        write_file(path, "hostname: x\n", 12, cases[i].mode);
        assert_int_equal(load(path, NULL), cases[i].kind);
        assert_int_equal(unlink(path), 0);
    }
    write_file(path, "hostname: x\n", 12, 0644);
    assert_int_equal(load(path, "0: others have rights on it (mode 0644); chmod 600 mends it"),
                     ERR_DENIED);
}

static void wants_a_plain_file(void **state)
{
    char path[512];
    char other[512];
    (void)state;
    path_of("target.yaml", path);
    path_of("link.yaml", other);
    write_file(path, "hostname: x\n", 12, 0600);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(load(other, "0: is a symbolic link"), ERR_DENIED);
    path_of("pipe.yaml", other);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_int_equal(load(other, "0: is no regular file"), ERR_DENIED);
    assert_int_equal(load(test_directory(), "0: is no regular file"), ERR_DENIED);
    path_of("absent.yaml", other);
    assert_int_equal(load(other, "0: cannot be opened: No such file or directory"), ERR_NOT_FOUND);
}

static void refuses_files_of_others(void **state)
{
    char path[512];
    (void)state;
    if (geteuid() != 0)
        skip();
    path_of("owned.yaml", path);
    write_file(path, "hostname: x\n", 12, 0600);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(load(path, "0: belongs to another user (uid 12345)"), ERR_DENIED);
}

static void reads_variables_of_the_environment(void **state)
{
    char path[512];
    (void)state;
    path_of("variable.yaml", path);
    write_file(path, "\nhostname: ${HERONRY_TEST_NAME}\n", 32, 0600);
    (void)unsetenv("HERONRY_TEST_NAME");
    assert_int_equal(load(path, "2: the variable HERONRY_TEST_NAME is not set"), ERR_SYNTAX);
    (void)setenv("HERONRY_TEST_NAME", "x", 1);
    assert_int_equal(load(path, NULL), ERR_NONE);
}

static void refuses_huge_files(void **state)
{
    char path[512];
    size_t n = 1024 * 1024 + 2;
    char *text = heap_alloc(n);
    (void)state;
    path_of("huge.yaml", path);
    memset(text, '#', n);
    write_file(path, text, n, 0600);
    assert_int_equal(load(path, "0: is longer than 1048576 bytes"), ERR_LIMIT);
    free(text);
}

static void flag_goes_before_environment(void **state)
{
    (void)state;
    (void)unsetenv("CONFIG_PATH");
    assert_string_equal(config_path(NULL), "/etc/heronry/heronry.yaml");
    (void)setenv("CONFIG_PATH", "", 1);
    assert_string_equal(config_path(NULL), "/etc/heronry/heronry.yaml");
    (void)setenv("CONFIG_PATH", "/from/environment", 1);
    assert_string_equal(config_path(NULL), "/from/environment");
    assert_string_equal(config_path("/from/flag"), "/from/flag");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wants_owner_only),
        cmocka_unit_test(wants_a_plain_file),
        cmocka_unit_test(refuses_files_of_others),
        cmocka_unit_test(reads_variables_of_the_environment),
        cmocka_unit_test(refuses_huge_files),
        cmocka_unit_test(flag_goes_before_environment),
    };
    return cmocka_run_group_tests_name("config/file", tests, NULL, NULL);
}
