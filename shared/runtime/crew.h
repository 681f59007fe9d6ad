/* SPDX-License-Identifier: Apache-2.0 */
/* Several things that wait, done side by side: questions to the DNS that do not depend on each
 * other. Not for work of the processor, which only one fiber has at a time. */
#ifndef RUNTIME_CREW_H
#define RUNTIME_CREW_H

#include "runtime/runtime.h"

enum {
    CREW_MAX = 4 /* fibers that work on one list, the caller's among them */
};

struct crew_task {
    bool (*run)(void *arg, struct err *e); /* may yield */
    void *arg;
};

/* Runs the tasks, begun in their order, a few at a time, and returns when none runs any more:
 * what they point to may be on the caller's stack. Tasks share the caller's command deadline; when
 * the caller is cancelled they are, too. After a failure no other task begins, and the first error
 * is the caller's. Where no fibers are to be had, and outside of fibers (pure tests), it is one
 * after the other. Yields. */
YIELDS bool crew_run(const struct crew_task *tasks, size_t n, struct err *e);

#endif
