/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's signals as something to wait for: all are blocked and read from a descriptor, so
 * that nothing happens at a surprising moment. */
#ifndef SUPERVISOR_SIGNALS_H
#define SUPERVISOR_SIGNALS_H

#include "base/base.h"
#include "base/clock.h"

struct signals {
    int fd;
    bool stop;   /* SIGTERM or SIGINT came */
    bool reload; /* SIGHUP came; cleared by whoever handles it */
};

/* Blocks the signals and opens the descriptor. ERR_INTERNAL. */
bool signals_open(struct signals *s, struct err *e);
/* Waits until a signal (also SIGCHLD), input on `fd` (-1: none), or the point in time. */
void signals_wait(struct signals *s, int fd, int64_t deadline_ms);
/* In a forked child: signals as a fresh program has them. SIGINT stays ignored, as Ctrl-C goes to
 * the whole group and the supervisor alone decides the order of the end. */
void signals_reset_in_child(void);

#endif
