/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/failpoint.h: what it does where it is compiled in, and that a release has nothing
 * of it. */
#include "base/base.h"
#include "base/clock.h"
#include "base/failpoint.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#ifdef HERONRY_FAILPOINTS

enum {
    SURVIVED = 7
};

/* How a child ends that passes the place `times` times under the rules. */
static int child_status(const char *rules, const char *place, int times)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setenv("HERONRY_FAILPOINT", rules, 1);
        for (int i = 0; i < times; i++)
            FAILPOINT(place);
        _exit(SURVIVED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void kills_at_the_named_place(void **state)
{
    (void)state;
    int status = child_status("other:error,here:kill", "here", 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = child_status("here:kill", "there", 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED);
    status = child_status("here:kill@3", "here", 2);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED);
    status = child_status("here:kill@3", "here", 3);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void wrong_rules_end_the_process(void **state)
{
    (void)state;
    int status = child_status("here:explode", "here", 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void fails_and_sleeps(void **state)
{
    (void)state;
    (void)unsetenv("HERONRY_FAILPOINT");
    assert_false(FAILPOINT_FAILS("here"));
    (void)setenv("HERONRY_FAILPOINT", "here:error,slow:sleep=30", 1);
    assert_true(FAILPOINT_FAILS("here"));
    assert_true(FAILPOINT_FAILS("here"));
    int64_t before = clock_monotonic_ms();
    assert_false(FAILPOINT_FAILS("slow"));
    assert_true(clock_monotonic_ms() - before >= 29);
    (void)unsetenv("HERONRY_FAILPOINT");
}

static void waits_while_a_file_is_there(void **state)
{
    (void)state;
    char path[] = "/tmp/heronry-failpoint-XXXXXX";
    char rules[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)snprintf(rules, sizeof(rules), "slow:while=%s,other:error", path);
    (void)setenv("HERONRY_FAILPOINT", rules, 1);
    assert_true(FAILPOINT_FAILS("slow"));
    assert_int_equal(FAILPOINT_PATIENCE("slow", 200), 20000);
    assert_int_equal(FAILPOINT_PATIENCE("slow", 30000), 30000);
    assert_int_equal(FAILPOINT_PATIENCE("absent", 200), 200);
    assert_int_equal(unlink(path), 0);
    assert_false(FAILPOINT_FAILS("slow"));
    assert_int_equal(FAILPOINT_PATIENCE("slow", 200), 200);
    (void)unsetenv("HERONRY_FAILPOINT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_at_the_named_place),
        cmocka_unit_test(wrong_rules_end_the_process),
        cmocka_unit_test(fails_and_sleeps),
        cmocka_unit_test(waits_while_a_file_is_there),
    };
    return cmocka_run_group_tests_name("base/failpoint", tests, NULL, NULL);
}

#else

/* Looks for the variable's name in this very program, put together so that the needle itself is not
 * in it. */
static void release_does_not_hold_the_name(void **state)
{
    (void)state;
    char needle[32];
    (void)snprintf(needle, sizeof(needle), "HERONRY_%s", "FAIL" /* in two */ "POINT");
    struct buf program;
    buf_init(&program, (size_t)64 * 1024 * 1024);
    FILE *file = fopen("/proc/self/exe", "rb");
    assert_non_null(file);
    for (size_t n = 1; n > 0;) {
        char *to = buf_reserve(&program, 65536);
        assert_non_null(to);
        n = fread(to, 1, 65536, file);
        buf_commit(&program, n);
    }
    (void)fclose(file);
    assert_true(program.n > 1000);
    assert_int_equal(str_find(buf_str(&program), str_from_cstr(needle)), -1);
    assert_false(FAILPOINT_FAILS("here"));
    buf_fini(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(release_does_not_hold_the_name) };
    return cmocka_run_group_tests_name("base/failpoint", tests, NULL, NULL);
}

#endif
