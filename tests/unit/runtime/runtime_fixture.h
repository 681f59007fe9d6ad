/* SPDX-License-Identifier: Apache-2.0 */
/* One loop for each test of a program. */
#ifndef RUNTIME_FIXTURE_H
#define RUNTIME_FIXTURE_H

#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct runtime *rt;

static inline int set_up(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct runtime_options o = { .max_fibers = 20000 };
    rt = runtime_new(&o, &e);
    return rt ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    runtime_free(&rt);
    return 0;
}

static inline struct fiber *spawn(fiber_fn fn, void *arg)
{
    struct err e = ERR_CLEAR;
    struct fiber *f = NULL;
    assert_true(fiber_spawn(rt, "test", fn, arg, &f, &e));
    return f;
}

#endif
