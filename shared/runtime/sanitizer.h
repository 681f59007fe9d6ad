/* SPDX-License-Identifier: Apache-2.0 */
/* Tells AddressSanitizer and ThreadSanitizer about switches of stacks; empty in ordinary builds.
 * Private to runtime. */
#ifndef RUNTIME_SANITIZER_H
#define RUNTIME_SANITIZER_H

#include "base/base.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNTIME_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RUNTIME_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define RUNTIME_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define RUNTIME_TSAN 1
#endif

#ifdef RUNTIME_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef RUNTIME_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Is this program built with one of them? */
static inline bool sanitizer_is_on(void)
{
#if defined(RUNTIME_ASAN) || defined(RUNTIME_TSAN)
    return true;
#else
    return false;
#endif
}

/* What the sanitizers know of one stack of execution: a fiber's, or the loop's own. */
struct sanitizer_stack {
    const void *bottom; /* lowest address */
    size_t bytes;
    void *fake_stack; /* ASan's, while the stack is switched away from */
    void *tsan_fiber;
};

/* A stack that nothing has run on yet. */
static inline void sanitizer_stack_init(struct sanitizer_stack *s, const void *bottom, size_t bytes)
{
    *s = (struct sanitizer_stack){ .bottom = bottom, .bytes = bytes };
#ifdef RUNTIME_TSAN
    s->tsan_fiber = __tsan_create_fiber(0);
#endif
}

/* The stack that is running now. */
static inline void sanitizer_stack_init_current(struct sanitizer_stack *s)
{
    *s = (struct sanitizer_stack){ .bottom = NULL };
#ifdef RUNTIME_TSAN
    s->tsan_fiber = __tsan_get_current_fiber();
#endif
}

/* After the last switch away from it; not for the current one. */
static inline void sanitizer_stack_fini(struct sanitizer_stack *s)
{
#ifdef RUNTIME_TSAN
    __tsan_destroy_fiber(s->tsan_fiber);
#endif
    *s = (struct sanitizer_stack){ .bottom = NULL };
}

/* Just before the switch. `is_last`: `from` will never run again. */
static inline void sanitizer_before_switch(struct sanitizer_stack *from, struct sanitizer_stack *to,
                                           bool is_last)
{
#ifdef RUNTIME_ASAN
    __sanitizer_start_switch_fiber(is_last ? NULL : &from->fake_stack, to->bottom, to->bytes);
#endif
#ifdef RUNTIME_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    (void)from;
    (void)to;
    (void)is_last;
}

/* Just after the switch, on the stack `now`; `before` is where it came from. */
static inline void sanitizer_after_switch(struct sanitizer_stack *now,
                                          struct sanitizer_stack *before)
{
#ifdef RUNTIME_ASAN
    __sanitizer_finish_switch_fiber(now->fake_stack, &before->bottom, &before->bytes);
#endif
    (void)now;
    (void)before;
}

/* Forgets what ASan noted about frames in this memory. */
static inline void sanitizer_unpoison(const void *p, size_t n)
{
#ifdef RUNTIME_ASAN
    __asan_unpoison_memory_region(p, n);
#endif
    (void)p;
    (void)n;
}

#endif
