/* SPDX-License-Identifier: Apache-2.0 */
/* Files, directories and programs of the supervisor. */
#include "services/supervisor/child.h"
#include "services/supervisor/files.h"
#include "services/supervisor/material.h"

#include "support/servers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct identity self(void)
{
    return (struct identity){ .uid = geteuid(), .gid = getegid(), .name = "self" };
}

static const char *path_of(struct arena *a, const char *name)
{
    return arena_cstr(a, arena_printf(a, "%s/%s", test_directory(), name));
}

static void test_a_file_is_replaced_whole(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    struct buf text;
    struct stat facts;
    (void)state;
    arena_init(&a);
    buf_init(&text, 100);
    assert_true(files_write(&id, test_directory(), "one", STR("first"), &a, &e));
    assert_true(files_write(&id, test_directory(), "one", STR("second"), &a, &e));
    assert_true(files_read(path_of(&a, "one"), &text, &e));
    assert_true(str_eq(buf_str(&text), STR("second")));
    assert_int_equal(stat(path_of(&a, "one"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_false(files_read(path_of(&a, "absent"), &text, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    text.max = 8;
    assert_false(files_read(path_of(&a, "one"), &text, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&text);
    arena_fini(&a);
}

/* Root writes into directories of the unprivileged user: a link there must not lead it away. */
static void test_a_link_is_not_followed(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    struct buf text;
    (void)state;
    arena_init(&a);
    buf_init(&text, 100);
    assert_true(files_write(&id, test_directory(), "victim", STR("precious"), &a, &e));
    assert_int_equal(symlink(path_of(&a, "victim"), path_of(&a, "bait.new")), 0);
    assert_true(files_write(&id, test_directory(), "bait", STR("x"), &a, &e));
    assert_true(files_read(path_of(&a, "victim"), &text, &e));
    assert_true(str_eq(buf_str(&text), STR("precious")));
    id.must_drop = true;
    assert_int_equal(mkdir(path_of(&a, "real"), 0700), 0);
    assert_int_equal(symlink(path_of(&a, "real"), path_of(&a, "link")), 0);
    assert_false(identity_make_dir(&id, path_of(&a, "link"), 0700, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    buf_fini(&text);
    arena_fini(&a);
}

/* Nor does root read for it what it may not read: by links, pipes or files of others. */
static void test_only_own_files_are_read(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    struct buf text;
    struct material m;
    (void)state;
    arena_init(&a);
    buf_init(&text, 100);
    assert_true(files_write(&id, test_directory(), "secret", STR("of root"), &a, &e));
    assert_true(files_read_own(&id, path_of(&a, "secret"), &text, &e));
    assert_int_equal(symlink(path_of(&a, "secret"), path_of(&a, "key")), 0);
    assert_int_equal(mkfifo(path_of(&a, "pipe"), 0600), 0);
    static const char *const names[] = { "key", "pipe", "." };
    assert_true(material_new(&m, "test", &id, &e));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        e = ERR_CLEAR;
        assert_false(files_read_own(&id, path_of(&a, names[i]), &text, &e));
        assert_int_equal(e.kind, ERR_DENIED);
        assert_false(material_fill(&m, path_of(&a, names[i]), &id, &e));
    }
    id.uid++;
    assert_false(files_read_own(&id, path_of(&a, "secret"), &text, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_false(material_fill(&m, path_of(&a, "secret"), &id, &e));
    /* A directory that is not its own is neither written to nor emptied. */
    assert_false(files_write(&id, test_directory(), "secret", STR("x"), &a, &e));
    assert_false(files_remove(&id, test_directory(), "secret", &e));
    assert_string_equal(child_last_line(&id, path_of(&a, "secret"), &a), "");
    id.uid--;
    assert_string_equal(child_last_line(&id, path_of(&a, "key"), &a), "");
    assert_true(files_remove(&id, test_directory(), "absent", &e));
    assert_true(files_remove(&id, test_directory(), "secret", &e));
    assert_int_equal(access(path_of(&a, "secret"), F_OK), -1);
    (void)close(m.fd);
    buf_fini(&text);
    arena_fini(&a);
}

/* The log is emptied as the user, so that root never does that to what a link leads to. */
static void test_a_log_is_emptied(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    (void)state;
    arena_init(&a);
    const char *const argv[] = { "sh", "-c", "echo new", NULL };
    const struct child_command c = {
        .argv = argv, .identity = &id, .log_path = path_of(&a, "emptied.log"), .empties_log = true
    };
    struct buf text;
    buf_init(&text, 100);
    assert_true(files_write(&id, test_directory(), "emptied.log", STR("old\n"), &a, &e));
    assert_true(child_run(&c, 10000, &e));
    assert_true(files_read(c.log_path, &text, &e));
    assert_true(str_eq(buf_str(&text), STR("new\n")));
    buf_fini(&text);
    arena_fini(&a);
}

static void test_a_closed_directory_on_the_way_is_named(void **state)
{
    const struct identity stranger = {
        .uid = 65534, .gid = 65534, .name = "nobody", .must_drop = true
    };
    struct err e = ERR_CLEAR;
    struct arena a;
    (void)state;
    arena_init(&a);
    assert_int_equal(mkdir(path_of(&a, "closed"), 0700), 0);
    assert_false(identity_make_dir(&stranger, path_of(&a, "closed/data"), 0700, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_non_null(strstr(e.msg, test_directory()));
    assert_false(identity_make_dir(&stranger, "relative", 0700, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    arena_fini(&a);
}

static void test_a_copy_in_memory_keeps_its_path(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct material m;
    struct arena a;
    struct buf text;
    struct stat facts;
    (void)state;
    arena_init(&a);
    buf_init(&text, 100);
    assert_true(material_new(&m, "test", &id, &e));
    assert_true(files_write(&id, test_directory(), "source", STR("a longer text"), &a, &e));
    assert_true(material_fill(&m, path_of(&a, "source"), NULL, &e));
    assert_true(files_write(&id, test_directory(), "source", STR("short"), &a, &e));
    assert_true(material_fill(&m, path_of(&a, "source"), NULL, &e));
    assert_false(material_fill(&m, path_of(&a, "absent"), NULL, &e));
    assert_true(files_read(m.path, &text, &e));
    assert_true(str_eq(buf_str(&text), STR("short")));
    assert_int_equal(stat(m.path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    (void)close(m.fd);
    buf_fini(&text);
    arena_fini(&a);
}

static void test_a_program_that_fails_is_quoted(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    (void)state;
    arena_init(&a);
    const char *log = path_of(&a, "program.log");
    const char *const good[] = { "sh", "-c", "read x; test \"$x\" = in && test -z \"$PGPORT\"",
                                 NULL };
    const char *const bad[] = { "sh", "-c", "echo 'what went wrong'; exit 3", NULL };
    const char *const absent[] = { "no-such-program", NULL };
    const char *const slow[] = { "sleep", "60", NULL };
    struct child_command c = {
        .argv = good, .identity = &id, .log_path = log, .stdin_text = "in\n"
    };
    assert_int_equal(setenv("PGPORT", "1", 1), 0);
    assert_true(child_run(&c, 10000, &e));
    c.argv = bad;
    assert_false(child_run(&c, 10000, &e));
    assert_non_null(strstr(e.msg, "what went wrong"));
    c.argv = absent;
    assert_false(child_run(&c, 10000, &e));
    assert_non_null(strstr(e.msg, "cannot be executed"));
    c.argv = slow;
    assert_false(child_run(&c, 50, &e));
    assert_non_null(strstr(e.msg, "too long"));
    arena_fini(&a);
}

static void test_processes_are_found_by_their_directory(void **state)
{
    struct identity id = self();
    struct err e = ERR_CLEAR;
    struct arena a;
    pid_t pid;
    (void)state;
    arena_init(&a);
    assert_true(identity_make_dir(&id, path_of(&a, "work"), 0700, &e));
    const char *dir = files_resolve(path_of(&a, "work"), &a, &e);
    str script = arena_printf(&a, "cd %s && echo ready && exec sleep 60", dir);
    const char *const argv[] = { "sh", "-c", arena_cstr(&a, script), NULL };
    const struct child_command c = { .argv = argv,
                                     .identity = &id,
                                     .log_path = path_of(&a, "sleep.log") };
    const struct identity other = { .uid = id.uid + 1, .gid = id.gid, .name = "other" };
    const struct child_trace trace = { &id, dir, "sleep" };
    const struct child_trace of_another = { &other, dir, "sleep" };
    const struct child_trace of_postgres = { &id, dir, "postgres" };
    assert_int_equal(child_signal_left(&trace, 0), 0);
    assert_true(child_spawn(&c, &pid, &e));
    for (int i = 0; i < 500 && !child_is_left(&trace, pid); i++)
        child_pause(10);
    assert_true(child_is_left(&trace, pid));
    assert_string_equal(child_last_line(&id, c.log_path, &a), "ready");
    /* An operator who looks around there is not ended. */
    assert_int_equal(child_signal_left(&of_another, SIGTERM), 0);
    assert_int_equal(child_signal_left(&of_postgres, SIGTERM), 0);
    assert_int_equal(child_signal_left(&trace, SIGTERM), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(child_signal_left(&trace, 0), 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_replaced_whole),
        cmocka_unit_test(test_a_link_is_not_followed),
        cmocka_unit_test(test_only_own_files_are_read),
        cmocka_unit_test(test_a_log_is_emptied),
        cmocka_unit_test(test_a_closed_directory_on_the_way_is_named),
        cmocka_unit_test(test_a_copy_in_memory_keeps_its_path),
        cmocka_unit_test(test_a_program_that_fails_is_quoted),
        cmocka_unit_test(test_processes_are_found_by_their_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
