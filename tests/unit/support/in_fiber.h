/* SPDX-License-Identifier: Apache-2.0 */
/* Runs test code inside a fiber, with a loop around it, and tells why a call failed. Header only,
 * for test programs whose module links runtime. */
#ifndef SUPPORT_IN_FIBER_H
#define SUPPORT_IN_FIBER_H

#include "runtime/runtime.h"

/* A call that must succeed; `e` is the struct err it fills. For programs that include cmocka.h. */
#define MUST(call, e)                                             \
    do {                                                          \
        if (!(call))                                              \
            fail_msg("%s: %s", err_kind_name((e).kind), (e).msg); \
    } while (0)

struct in_fiber {
    struct runtime *rt;
    fiber_fn fn;
    void *arg;
    bool ended;
};

static inline void in_fiber_main(void *arg)
{
    struct in_fiber *f = arg;
    f->fn(f->arg);
    f->ended = true;
    runtime_stop(f->rt);
}

/* Runs fn(arg) to its end. Other fibers that it left behind are not waited for. */
static inline void in_fiber_run(struct runtime *rt, fiber_fn fn, void *arg)
{
    struct in_fiber f = { .rt = rt, .fn = fn, .arg = arg };
    struct err e = ERR_CLEAR;
    INVARIANT(fiber_spawn(rt, "test", in_fiber_main, &f, NULL, &e));
    while (!f.ended)
        runtime_run(rt);
}

/* Ends the fibers that tests left behind while what they use is still there, as a process does at
 * its end. The runtime is drained then: nothing more can be run in it. */
static inline void in_fiber_unwind(struct runtime *rt)
{
    runtime_drain(rt, clock_deadline_in(0));
    runtime_run(rt);
}

static inline void in_fiber_run_to_end(struct runtime *rt, fiber_fn fn, void *arg)
{
    in_fiber_run(rt, fn, arg);
    in_fiber_unwind(rt);
}

#endif
