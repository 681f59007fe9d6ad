/* SPDX-License-Identifier: Apache-2.0 */
/* fork and exec with the right user, output and signals; /proc to find processes again. */
#include "services/supervisor/child.h"

#include "services/supervisor/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    LOG_MAX = 1024 * 1024 /* bytes looked at */
};

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
    int empty = c->empties_log ? O_TRUNC : 0;
    int log = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | empty, 0600);
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

const char *child_last_line(const struct identity *id, const char *path, struct arena *a)
{
    struct buf text;
    struct err ignored = ERR_CLEAR;
    buf_init(&text, LOG_MAX);
    /* One that is too long was read up to there: its beginning says why nothing started. */
    (void)files_read_own(id, path, &text, &ignored);
    str all = str_trim(buf_str(&text));
    ptrdiff_t at = str_rfind_byte(all, '\n');
    const char *line = arena_cstr(a, str_slice(all, (size_t)(at + 1), 160));
    buf_fini(&text);
    return line;
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
    const char *said = child_last_line(command->identity, command->log_path, &a);
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

/* The first line of a small file of the kernel's. */
static str read_fact(pid_t pid, const char *name, char *to, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, to, size) : -1;
    if (fd >= 0)
        (void)close(fd);
    return str_trim(str_of(to, n > 0 ? (size_t)n : 0));
}

/* The owner of its files in /proc is no sign: those of a process that gave up root are root's. */
static bool has_uid(pid_t pid, uid_t uid)
{
    char text[2048];
    str rest = read_fact(pid, "status", text, sizeof(text));
    str line = STR_EMPTY;
    uint64_t effective = 0;
    bool more = rest.n > 0;
    while (more) {
        more = str_cut(rest, '\n', &line, &rest);
        if (str_has_prefix(line, STR("Uid:\t")))
            break;
    }
    str real;
    str others;
    if (!str_has_prefix(line, STR("Uid:\t")) || !str_cut(str_skip(line, 5), '\t', &real, &others))
        return false;
    (void)str_cut(others, '\t', &real, &others);
    return str_to_uint(real, UINT32_MAX, &effective) && effective == uid;
}

bool child_is_left(const struct child_trace *trace, pid_t pid)
{
    char link[64];
    char target[1024];
    char comm[64];
    (void)snprintf(link, sizeof(link), "/proc/%ld/cwd", (long)pid);
    ssize_t n = readlink(link, target, sizeof(target));
    return n > 0 && str_eq(str_of(target, (size_t)n), str_from_cstr(trace->dir)) &&
           has_uid(pid, trace->identity->uid) &&
           str_eq(read_fact(pid, "comm", comm, sizeof(comm)), str_from_cstr(trace->program));
}

size_t child_signal_left(const struct child_trace *trace, int signo)
{
    size_t found = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (const struct dirent *entry; (entry = readdir(proc));) {
        uint64_t pid;
        if (!str_to_uint(str_from_cstr(entry->d_name), INT_MAX, &pid) ||
            !child_is_left(trace, (pid_t)pid))
            continue;
        found++;
        if (signo)
            (void)kill((pid_t)pid, signo);
    }
    (void)closedir(proc);
    return found;
}
