/* SPDX-License-Identifier: Apache-2.0 */
/* Fiber stacks: reserved memory with a guard page below, kept for reuse. Private to runtime; does
 * not know what runs on them. */
#ifndef RUNTIME_STACK_H
#define RUNTIME_STACK_H

#include "base/base.h"

enum {
    STACK_POOL_IDLE_MAX = 256 /* stacks kept for reuse; more are given back to the kernel */
};

struct stack_pool {
    size_t bytes;          /* of one stack, with its guard page */
    size_t guard_bytes;    /* one page */
    bool guard_by_madvise; /* false once the kernel refused MADV_GUARD_INSTALL */
    size_t n_idle;
    char *idle[STACK_POOL_IDLE_MAX]; /* lowest addresses */
};

/* A pool of stacks of `bytes` each, rounded up to pages; at least 16 KiB. */
void stack_pool_init(struct stack_pool *p, size_t bytes);
/* Unmaps the idle stacks. Those in use are the caller's to release before. */
void stack_pool_fini(struct stack_pool *p);

/* The lowest address of a stack, its guard page included; NULL when the kernel refuses. */
char *stack_acquire(struct stack_pool *p);
/* Takes a stack back that nothing runs on any more. */
void stack_release(struct stack_pool *p, char *base);
/* Unmaps a stack instead of keeping it. */
void stack_discard(struct stack_pool *p, char *base);

#endif
