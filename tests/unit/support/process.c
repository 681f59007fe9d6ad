/* SPDX-License-Identifier: Apache-2.0 */
/* Fork and exec for unit tests. */
#include "support/process.h"

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    OUTPUT_MAX = 16 * 1024 * 1024
};

void test_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("test support: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(99);
}

static void become_postgres(void)
{
    if (geteuid() != 0)
        return;
    const struct passwd *pw = getpwnam("postgres");
    if (!pw || setgid(pw->pw_gid) != 0 || initgroups(pw->pw_name, pw->pw_gid) != 0 ||
        setuid(pw->pw_uid) != 0)
        _exit(126);
}

static void redirect(int from, int to)
{
    if (from != to && (dup2(from, to) < 0 || close(from) != 0))
        _exit(125);
}

_Noreturn static void run_child(const struct test_command *c, int in, int out, pid_t parent)
{
    /* The signal mask and handlers of the test are not the server's business. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (in >= 0)
        redirect(in, STDIN_FILENO);
    if (out >= 0)
        redirect(out, STDOUT_FILENO);
    if (c->log_path) {
        int log = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (log >= 0 && out < 0)
            dup2(log, STDOUT_FILENO);
        if (log >= 0)
            dup2(log, STDERR_FILENO);
    }
    if (c->as_postgres)
        become_postgres();
    /* After the change of user, which clears it. */
    if (c->death_signal)
        prctl(PR_SET_PDEATHSIG, c->death_signal);
    if (getppid() != parent)
        _exit(124);
    union {
        const char *const *given;
        char *const *wanted; /* execvp does not write to it */
    } argv = { .given = c->argv };
    execvp(c->argv[0], argv.wanted);
    _exit(127);
}

static pid_t start(const struct test_command *c, int in, int out)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        test_die("fork: %s", strerror(errno));
    if (pid == 0)
        run_child(c, in, out, parent);
    return pid;
}

/* A file that holds the text: a pipe could fill up while nobody reads. */
static int stdin_file(const char *text)
{
    char path[] = "/tmp/heronry-test-stdin-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    size_t n = strlen(text);
    if (fd < 0 || unlink(path) != 0 || write(fd, text, n) != (ssize_t)n ||
        lseek(fd, 0, SEEK_SET) != 0)
        test_die("standard input: %s", strerror(errno));
    return fd;
}

pid_t test_spawn(const struct test_command *c)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = start(c, in, -1);
    close(in);
    return pid;
}

static char *read_all(int fd)
{
    struct buf b;
    buf_init(&b, OUTPUT_MAX);
    for (;;) {
        char *room = buf_reserve(&b, 65536);
        if (!room)
            test_die("more output than %d bytes", OUTPUT_MAX);
        ssize_t n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_commit(&b, (size_t)n);
    }
    char *text = heap_zalloc(b.n + 1);
    if (b.n)
        memcpy(text, b.p, b.n);
    buf_fini(&b);
    return text;
}

int test_run(const struct test_command *c, char **output)
{
    int out[2] = { -1, -1 };
    if (output && pipe2(out, O_CLOEXEC) != 0)
        test_die("pipe: %s", strerror(errno));
    int in = c->stdin_text ? stdin_file(c->stdin_text) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = start(c, in, out[1]);
    close(in);
    if (output) {
        close(out[1]);
        *output = read_all(out[0]);
        close(out[0]);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void test_end_child(pid_t *pid, int signo)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGCONT);
    kill(*pid, signo);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
}
