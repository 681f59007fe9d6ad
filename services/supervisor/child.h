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

/* Whether process `pid` has the directory as its working directory. */
bool child_works_in(pid_t pid, const char *dir);
/* Sends the signal to every process with that working directory (0: only counts them). */
size_t child_signal_all_in(const char *dir, int signo);

/* Sleeps for so many milliseconds, below 1000. */
void child_pause(long ms);

/* The last line of a file that is not empty, cut at 160 bytes, in the arena. */
const char *child_last_line(const char *path, struct arena *a);

#endif
