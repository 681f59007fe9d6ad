/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of runtime: the event loop of a worker process and its fibers. The only module that
 * sees ev.h and the fiber switch; it knows no protocol and no mail.
 *
 * One struct runtime a process, one thread runs it. A fiber is straight-line code that gives the
 * thread away only inside functions marked YIELDS. It never leaves its thread and is never
 * destroyed from outside: fiber_cancel makes its current or next wait fail with ERR_CANCELLED, and
 * its normal error path unwinds. Deadlines are points on the monotonic clock (base/clock.h). */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "base/base.h"
#include "base/clock.h"
#include "base/list.h"

struct runtime;
struct fiber;

struct runtime_options {
    unsigned max_fibers;   /* 0 = 4096; fiber_spawn fails past it */
    size_t stack_bytes;    /* 0 = 256 KiB reserved, not resident */
    unsigned pool_threads; /* 0 = one a core; threads of work_run */
    unsigned pool_queue;   /* 0 = 64 waiting jobs; work_run fails with ERR_LIMIT past it */
};

/* A loop with its fiber stacks and its offload pool (threads start at the first work_run). Ignores
 * SIGPIPE from now on: writing to a closed connection is an error like others. ERR_INTERNAL when
 * the kernel refuses. Gives; release with runtime_free after the loop ended. */
struct runtime *runtime_new(const struct runtime_options *options, struct err *e);
void runtime_free(struct runtime **rt);

/* Runs until runtime_stop, or until nothing is left to wait for. */
void runtime_run(struct runtime *rt);
/* Makes runtime_run return after the current round. */
void runtime_stop(struct runtime *rt);

/* Draining: asked for once (by SIGTERM); calls each registered fn once, from the loop, so that
 * listeners stop and idle connections say good-bye. runtime_is_draining tells afterwards. When no
 * fiber counted by runtime_hold is left, or `deadline_ms` passes, every fiber that still lives is
 * cancelled and given a second to unwind, and runtime_run returns. */
void runtime_drain(struct runtime *rt, int64_t deadline_ms);
bool runtime_is_draining(const struct runtime *rt);
void runtime_on_drain(struct runtime *rt, void (*fn)(void *arg), void *arg);
/* Takes a registration with the same fn and arg back; harmless when there is none. */
void runtime_off_drain(struct runtime *rt, void (*fn)(void *arg), void *arg);
/* A thing the drain must wait for (an open connection, a delivery on the wire). */
void runtime_hold(struct runtime *rt);
void runtime_release(struct runtime *rt);

/* Calls fn from the loop, outside any fiber, whenever the signal comes. One fn a signal. */
void runtime_on_signal(struct runtime *rt, int signo, void (*fn)(void *arg), void *arg);

/* The longest time (ms) the loop was held in one go since the last call; resets it. */
int64_t runtime_take_worst_lag_ms(struct runtime *rt);

/* ---- fibers ---- */

typedef void (*fiber_fn)(void *arg);

/* Starts fn(arg) in the next round of the loop. `name` is static, for logs. False when the cap of
 * fibers is reached (ERR_LIMIT) or memory is short. May be called from the loop or a fiber. */
bool fiber_spawn(struct runtime *rt, const char *name, fiber_fn fn, void *arg, struct fiber **out,
                 struct err *e);

/* The running fiber, or NULL in the loop itself; and the runtime it belongs to. */
struct fiber *fiber_current(void);
struct runtime *fiber_runtime(void);

/* Asks a fiber to end: every wait of it fails with ERR_CANCELLED from now on. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(void);

/* The latest end of every wait of this fiber until it is changed, beside each wait's own deadline:
 * the deadline of a whole command. Returns the former one. */
int64_t fiber_set_deadline(int64_t deadline_ms);

/* Between these two calls a yield of this fiber is a broken invariant. They nest. */
void fiber_forbid_yield(void);
void fiber_allow_yield(void);

enum {
    FIBER_READ = 1,
    FIBER_WRITE = 2
};

/* Waits until the descriptor is ready for one of `events`; gives those that are in *ready.
 * ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool fiber_wait_fd(int fd, unsigned events, int64_t deadline_ms, unsigned *ready,
                          struct err *e);
/* Waits until the point in time. ERR_CANCELLED; ERR_TIMEOUT when the command's deadline came
 * first. Yields. */
YIELDS bool fiber_sleep_until(int64_t at_ms, struct err *e);
/* Lets other fibers run. Yields. */
YIELDS void fiber_yield(void);

/* ---- waiting for each other ---- */

/* A place to wait at: fibers of one runtime only. Zero-cost when nobody waits. */
struct signal_point {
    struct list waiters;
};

/* A place where nobody waits yet. */
void signal_point_init(struct signal_point *s);
/* Waits for a signal given after this call began. ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool signal_point_wait(struct signal_point *s, int64_t deadline_ms, struct err *e);
/* Wakes the longest waiter, or all. They run in a later round, not now. */
void signal_point_one(struct signal_point *s);
void signal_point_all(struct signal_point *s);

/* A counting gate for at most `limit` holders at a time, first come first served. */
struct semaphore {
    unsigned free;
    unsigned waiting; /* fibers in the line */
    struct signal_point point;
};

/* A gate with `limit` free places. */
void semaphore_init(struct semaphore *s, unsigned limit);
/* ERR_TIMEOUT, ERR_CANCELLED. Yields. */
YIELDS bool semaphore_acquire(struct semaphore *s, int64_t deadline_ms, struct err *e);
void semaphore_release(struct semaphore *s);

/* ---- timers and descriptors outside fibers (for parked connections and clients) ---- */

/* A one-shot timer in the caller's storage; fn runs in the loop, outside any fiber. */
struct timer {
    int64_t at_ms; /* private */
    size_t slot;   /* private */
    void (*fn)(void *arg);
    void *arg;
};

/* A timer that is not armed. */
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);
/* (Re)arms; harmless when armed already. */
void timer_start(struct runtime *rt, struct timer *t, int64_t at_ms);
/* Disarms; harmless when not armed. */
void timer_stop(struct runtime *rt, struct timer *t);
bool timer_is_armed(const struct timer *t);

/* Watches a descriptor; fn(ready, arg) runs in the loop, outside any fiber. Level-triggered. */
struct watch;
/* Gives; nothing is watched until watch_set. */
struct watch *watch_new(struct runtime *rt, void (*fn)(unsigned ready, void *arg), void *arg);
/* Changes what is watched; events 0 stops. The fd may be another one than before. */
void watch_set(struct watch *w, int fd, unsigned events);
/* Whether runtime_run goes on for this watch alone; true at first. */
void watch_set_counted(struct watch *w, bool counted);
void watch_free(struct watch **w);

/* Calls fn(arg) once in the loop's thread soon; may be called from any thread. */
void runtime_post(struct runtime *rt, void (*fn)(void *arg), void *arg);

/* ---- offload pool: for what would hold the loop (argon2id, big parsing, blocking calls) ---- */

/* A job on the heap. run(job) is called in a pool thread and may touch only the job; a job must
 * never point into a fiber's stack or an arena that may end. done(job) frees it. */
struct work {
    void (*run)(struct work *job);
    void (*done)(struct work *job); /* called in the loop's thread, exactly once, at the very end */
    struct list link;               /* private */
    struct work_wait *wait;         /* private */
};

/* Runs the job in the pool and waits for it. On success the results may be read from the job until
 * work_finish(job). When the wait fails (ERR_TIMEOUT, ERR_CANCELLED, or ERR_LIMIT: the line is
 * full) the job belongs to the pool, which calls done by itself: do not touch it again. Yields. */
YIELDS bool work_run(struct work *job, int64_t deadline_ms, struct err *e);
/* Whether work_run would find a place in the line now. */
bool work_has_place(void);
/* Ends a job whose work_run succeeded. */
void work_finish(struct work *job);

#endif
