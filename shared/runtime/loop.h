/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of runtime share: the loop, the fiber, the heap of timers. Private to runtime;
 * the one header that sees ev.h. */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include "runtime/runtime.h"
#include "runtime/sanitizer.h"
#include "runtime/stack.h"

#include <ev.h>
#include <pthread.h>

/* Three C symbols of boost.context 1.61 and later; its own header is C++. */
typedef void *fcontext;
struct transfer_t {
    fcontext fctx; /* who switched to us */
    void *data;
};
/* Switches to a context; returns when somebody switches back. */
struct transfer_t jump_fcontext(fcontext to, void *data);
/* A context that will run fn on the stack that ends (downwards from) `top`. */
fcontext make_fcontext(void *top, size_t bytes, void (*fn)(struct transfer_t));

enum fiber_wake {
    WAKE_EVENT, /* what it waited for happened */
    WAKE_TIMEOUT,
    WAKE_CANCELLED
};

enum fiber_state {
    FIBER_IS_READY,
    FIBER_IS_RUNNING,
    FIBER_IS_WAITING,
    FIBER_IS_FINISHED
};

struct fiber {
    struct list link;  /* in rt->ready, or in the waiters of a signal point */
    struct list every; /* in rt->fibers */
    struct runtime *rt;
    const char *name; /* static */
    fiber_fn fn;
    void *arg;
    fcontext context;
    char *stack; /* lowest address */
    struct sanitizer_stack sanitizer;
    enum fiber_state state;
    enum fiber_wake wake; /* why the last wait ended */
    bool cancelled;
    unsigned yields_forbidden;
    int64_t deadline_ms; /* of the whole command */
    struct timer timer;  /* of the current wait */
    ev_io io;            /* of the current fiber_wait_fd */
    unsigned io_ready;
};

struct timer_heap {
    struct timer **items; /* binary heap by at_ms */
    size_t n;
    size_t cap;
    ev_timer watcher;   /* for the first of them */
    int64_t watched_ms; /* what watcher is set for; DEADLINE_NONE when stopped */
};

struct post {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
};

struct callback {
    struct list link;
    struct runtime *rt;
    void (*fn)(void *arg);
    void *arg;
    ev_signal signal; /* of runtime_on_signal */
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t wanted;
    struct list queued; /* struct work, guarded by mutex */
    struct list ended;  /* struct work, guarded by mutex */
    unsigned n_queued;  /* guarded by mutex */
    unsigned n_idle;    /* threads that wait; guarded by mutex */
    bool stopping;      /* guarded by mutex */
    unsigned n_jobs;    /* given to the pool and not yet ended; loop's thread */
    unsigned queue_max;
    unsigned threads_max;
    unsigned n_threads;
    pthread_t *threads;
};

struct runtime {
    struct ev_loop *loop;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle; /* runs while fibers are ready, so that the loop does not sleep */
    ev_async async;
    bool stopping;
    bool running;

    struct stack_pool stacks;
    struct list ready;  /* struct fiber by link */
    struct list fibers; /* all living, by every */
    unsigned n_fibers;
    unsigned max_fibers;
    fcontext context; /* of the loop, while a fiber runs */
    struct sanitizer_stack sanitizer;

    struct timer_heap timers;
    struct list signals; /* struct callback */
    char *signal_stack;  /* alternate stack of the loop's thread */

    pthread_mutex_t post_mutex;
    struct list posts; /* struct post, guarded by post_mutex */
    struct pool pool;

    struct list drain_callbacks;   /* struct callback, not called yet */
    struct list drained_callbacks; /* and those that were */
    struct timer drain_timer;
    bool draining;
    bool drained;
    unsigned held;

    int64_t busy_since_ms;
    int64_t worst_lag_ms;
};

/* Switches to each fiber that is ready now; those made ready meanwhile wait for the next round. */
void fiber_run_ready(struct runtime *rt);
/* Cancels every living fiber. */
void fiber_cancel_all(struct runtime *rt);
/* Forgets fibers that never ended (their stacks are dropped, nothing on them is unwound). */
void fiber_abandon_all(struct runtime *rt);
/* Makes a waiting fiber ready, for this reason; harmless when it does not wait. */
void fiber_wake_up(struct fiber *f, enum fiber_wake why);
/* Ends the running fiber's turn until fiber_wake_up. Its link must be in no list but a signal
 * point's. Gives why it was woken. */
YIELDS enum fiber_wake fiber_suspend(int64_t deadline_ms);
/* The err for a wait that ended without its event. False, for `return`. */
bool fiber_wait_failed(enum fiber_wake why, struct err *e);

/* The heap of timers. timer_heap_arm sets the loop's one watcher to the first of them. */
void timer_heap_init(struct runtime *rt);
void timer_heap_fini(struct runtime *rt);
void timer_heap_arm(struct runtime *rt);

/* The offload pool; no thread runs yet. pool_collect ends what threads have done. */
void pool_init(struct pool *p, unsigned threads, unsigned queue_max);
void pool_fini(struct runtime *rt);
void pool_collect(struct runtime *rt);

/* A SIGSEGV on a fiber's guard page is told as stack overflow, with the fiber's name, before the
 * process dies of it. Gives the alternate stack of the thread; end with crash_fini. */
char *crash_init(void);
void crash_fini(char **signal_stack);

#endif
