/* SPDX-License-Identifier: Apache-2.0 */
/* Maps, guards and keeps fiber stacks. A guard by mprotect costs a second memory map a stack, and
 * vm.max_map_count then ends the process's fibers at 32,751; MADV_GUARD_INSTALL (Linux 6.13) does
 * not, so it is tried first. */
#include "runtime/stack.h"

#include "runtime/sanitizer.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    STACK_MIN_BYTES = 16384
};

void stack_pool_init(struct stack_pool *p, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t wanted = bytes < STACK_MIN_BYTES ? STACK_MIN_BYTES : bytes;
    *p = (struct stack_pool){ .guard_bytes = page, .guard_by_madvise = true };
    p->bytes = (wanted + page - 1) / page * page + page;
}

void stack_pool_fini(struct stack_pool *p)
{
    while (p->n_idle > 0)
        stack_discard(p, p->idle[--p->n_idle]);
}

static bool guard(struct stack_pool *p, char *base)
{
    if (p->guard_by_madvise && madvise(base, p->guard_bytes, MADV_GUARD_INSTALL) == 0)
        return true;
    p->guard_by_madvise = false;
    return mprotect(base, p->guard_bytes, PROT_NONE) == 0;
}

char *stack_acquire(struct stack_pool *p)
{
    if (p->n_idle > 0) {
        char *base = p->idle[--p->n_idle];
        /* Frames that were left by a switch, not a return, are still poisoned. */
        sanitizer_unpoison(base + p->guard_bytes, p->bytes - p->guard_bytes);
        return base;
    }
    void *map = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    /* Neighbouring stacks merge into one map; a huge page over it would make all of it resident.
     * Kernels without huge pages refuse, which is as good. */
    (void)madvise(map, p->bytes, MADV_NOHUGEPAGE);
    if (!guard(p, map)) {
        (void)munmap(map, p->bytes);
        return NULL;
    }
    return map;
}

void stack_release(struct stack_pool *p, char *base)
{
    if (p->n_idle < STACK_POOL_IDLE_MAX) {
        p->idle[p->n_idle++] = base;
    } else {
        stack_discard(p, base);
    }
}

void stack_discard(struct stack_pool *p, char *base)
{
    sanitizer_unpoison(base + p->guard_bytes, p->bytes - p->guard_bytes);
    (void)munmap(base, p->bytes);
}
