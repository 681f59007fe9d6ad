/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes of unit tests: run a program to its end, or keep it as a server that dies with
 * the test. Not for production code. */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct test_command {
    const char *const *argv; /* ends with NULL; argv[0] is looked up in PATH */
    bool as_postgres;        /* run as user postgres when we are root */
    const char *log_path;    /* output is appended there; NULL: our standard error */
    const char *stdin_text;  /* given on standard input, NULL for none */
    int death_signal;        /* sent to it when this program dies */
};

/* Ends the program with a message that names what failed. */
_Noreturn void test_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts and does not wait. */
pid_t test_spawn(const struct test_command *command);
/* Runs to the end and gives the exit status; *output (may be NULL) is its standard output, release
 * with free. */
int test_run(const struct test_command *command, char **output);
/* Sends the signal and waits until the child is gone. */
void test_end_child(pid_t *pid, int signo);

#endif
