/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as children of the supervisor: started as the unprivileged identity with their output in
 * a file, and known processes found again after a supervisor that was killed. */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include "services/supervisor/identity.h"
#include "services/supervisor/signals.h"

struct child_command {
    const char *const *argv; /* ends with NULL; argv[0] is a path or is looked up in PATH */
    const struct identity *identity;
    const char *log_path;   /* output is appended there, as the identity */
    bool empties_log;       /* what stands there goes first */
    const char *stdin_text; /* given on standard input, NULL for none */
    int death_signal;       /* sent to it when the supervisor dies; 0 = none */
};

/* Starts it in a session of its own, so that Ctrl-C does not reach it. A program that can not be
 * executed ends with code 127. ERR_INTERNAL. */
bool child_spawn(const struct child_command *command, pid_t *out, struct err *e);

/* Runs it to its end. ERR_INTERNAL, with the last line of its output, when it fails or takes longer
 * than `limit_ms` (it is killed then). */
bool child_run(const struct child_command *command, int64_t limit_ms, struct err *e);

/* Sends the signal to a child and waits until it ended. False when it is still there. */
bool child_end(pid_t pid, int signo, int64_t limit_ms);

/* What a forked child has to do first: signals, and to die with the supervisor. Call identity_drop
 * before, as that clears the latter. */
void child_follow_parent(pid_t parent, int death_signal);

/* What a former life may have left: processes of this program and user that work in a directory.
 * Anybody else's (the shell of an operator who looks around) is none. */
struct child_trace {
    const struct identity *identity;
    const char *dir;     /* without links */
    const char *program; /* its name as the kernel knows it */
};
bool child_is_left(const struct child_trace *trace, pid_t pid);
/* Sends the signal to all of them (0: only counts them). */
size_t child_signal_left(const struct child_trace *trace, int signo);

/* Sleeps for so many milliseconds, below 1000. */
void child_pause(long ms);

/* The last line that is not empty of a file of the identity's own (files_read_own), cut at 160
 * bytes, in the arena. */
const char *child_last_line(const struct identity *id, const char *path, struct arena *a);

#endif
