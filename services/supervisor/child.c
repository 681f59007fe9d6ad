/* SPDX-License-Identifier: Apache-2.0 */
/* fork and exec with the right user, output and signals; /proc to find processes again. */
#include "services/supervisor/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

void child_follow_parent(pid_t parent, int death_signal)
{
    signals_reset_in_child();
    if (!death_signal)
        return;
    (void)prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0);
    if (getppid() != parent) /* it died before we asked to be told */
        _exit(1);
}

/* Standard input from a pipe that holds the text, or from /dev/null. The text must fit the pipe's
 * buffer, so that nobody has to write while the program runs. */
static bool open_stdin(const char *text)
{
    int ends[2];
    if (!text)
        return (ends[0] = open("/dev/null", O_RDONLY)) >= 0 && dup2(ends[0], 0) == 0;
    size_t n = strlen(text);
    if (pipe(ends) != 0 || n > PIPE_BUF || write(ends[1], text, n) != (ssize_t)n)
        return false;
    (void)close(ends[1]);
    return dup2(ends[0], 0) == 0;
}

_Noreturn static void exec_child(const struct child_command *c, pid_t parent)
{
    struct err e = ERR_CLEAR;
    (void)setsid();
    (void)umask(0077);
    if (!identity_drop(c->identity, &e)) {
        (void)dprintf(2, "%s: %s\n", c->argv[0], e.msg);
        _exit(127);
    }
    child_follow_parent(parent, c->death_signal);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    int log = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || !open_stdin(c->stdin_text))
        _exit(127);
    (void)close_range(3, UINT_MAX, 0);
    /* PostgreSQL would read PGPORT and the like, and tell NOTIFY_SOCKET that it is ready. */
    const char *path = getenv("PATH");
    char path_line[2048];
    (void)snprintf(path_line, sizeof(path_line), "PATH=%s", path ? path : "/usr/bin:/bin");
    static char locale[] = "LC_ALL=C";
    char *const environment[] = { path_line, locale, NULL };
    (void)execvpe(c->argv[0], (char *const *)(uintptr_t)c->argv, environment);
    (void)dprintf(2, "%s cannot be executed (errno %d)\n", c->argv[0], errno);
    _exit(127);
}

bool child_spawn(const struct child_command *command, pid_t *out, struct err *e)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(e, ERR_INTERNAL, "start %s", command->argv[0]);
    if (pid == 0)
        exec_child(command, parent);
    *out = pid;
    return true;
}

const char *child_last_line(const char *path, struct arena *a)
{
    char text[1024];
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        (void)lseek(fd, size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0, SEEK_SET);
        n = read(fd, text, sizeof(text));
        (void)close(fd);
    }
    str all = str_trim(str_of(text, n > 0 ? (size_t)n : 0));
    ptrdiff_t at = str_rfind_byte(all, '\n');
    return arena_cstr(a, str_slice(all, (size_t)(at + 1), 160));
}

void child_pause(long ms)
{
    const struct timespec pause = { .tv_nsec = ms * 1000000 };
    (void)nanosleep(&pause, NULL);
}

/* Waits for one child; SIGCHLD of others stays with them. */
static bool wait_for(pid_t pid, int64_t deadline_ms, int *status)
{
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid || (ended < 0 && errno == ECHILD))
            return true;
        if (clock_monotonic_ms() >= deadline_ms)
            return false;
        child_pause(5);
    }
}

bool child_run(const struct child_command *command, int64_t limit_ms, struct err *e)
{
    pid_t pid = 0;
    int status = 0;
    if (!child_spawn(command, &pid, e))
        return false;
    bool ended = wait_for(pid, clock_deadline_in(limit_ms), &status);
    if (!ended) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    struct arena a;
    arena_init(&a);
    const char *said = child_last_line(command->log_path, &a);
    (void)ERR(e, ERR_INTERNAL, "%s %s: %s (see %s)", command->argv[0],
              ended ? "failed" : "took too long", said, command->log_path);
    arena_fini(&a);
    return false;
}

bool child_end(pid_t pid, int signo, int64_t limit_ms)
{
    int status;
    (void)kill(pid, signo);
    return wait_for(pid, clock_deadline_in(limit_ms), &status);
}

bool child_works_in(pid_t pid, const char *dir)
{
    char link[64];
    char target[1024];
    (void)snprintf(link, sizeof(link), "/proc/%ld/cwd", (long)pid);
    ssize_t n = readlink(link, target, sizeof(target));
    return n > 0 && str_eq(str_of(target, (size_t)n), str_from_cstr(dir));
}

size_t child_signal_all_in(const char *dir, int signo)
{
    size_t found = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (const struct dirent *entry; (entry = readdir(proc));) {
        uint64_t pid;
        if (!str_to_uint(str_from_cstr(entry->d_name), INT_MAX, &pid) ||
            !child_works_in((pid_t)pid, dir))
            continue;
        found++;
        if (signo)
            (void)kill((pid_t)pid, signo);
    }
    (void)closedir(proc);
    return found;
}
