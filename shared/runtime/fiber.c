/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: making, switching, cancelling. A fiber is only ever resumed by the loop's own stack, so
 * that resuming never nests and a deep chain of wake-ups costs no stack. */
#include "runtime/loop.h"

#include "obs/obs.h"

enum {
    SLOW_MS = 500 /* in one go; PROMISES R35 allows 100 */
};

static _Thread_local struct fiber *running;

struct fiber *fiber_current(void)
{
    return running;
}

struct runtime *fiber_runtime(void)
{
    return running ? running->rt : NULL;
}

static _Noreturn void enter(struct transfer_t from)
{
    struct fiber *f = from.data;
    struct runtime *rt = f->rt;
    rt->context = from.fctx;
    sanitizer_after_switch(&f->sanitizer, &rt->sanitizer);
    f->fn(f->arg);
    f->state = FIBER_IS_FINISHED;
    sanitizer_before_switch(&f->sanitizer, &rt->sanitizer, true);
    (void)jump_fcontext(rt->context, f);
    invariant_failed("a finished fiber is not resumed", __FILE__, __LINE__);
}

static void on_timeout(void *arg)
{
    fiber_wake_up(arg, WAKE_TIMEOUT);
}

bool fiber_spawn(struct runtime *rt, const char *name, fiber_fn fn, void *arg, struct fiber **out,
                 struct err *e)
{
    if (rt->n_fibers >= rt->max_fibers)
        return ERR(e, ERR_LIMIT, "%u fibers run already", rt->n_fibers);
    char *stack = stack_acquire(&rt->stacks);
    if (!stack)
        return ERR_SYS(e, ERR_LIMIT, "no memory for the stack of a fiber");
    struct fiber *f = HEAP_NEW(struct fiber);
    f->rt = rt;
    f->name = name;
    f->fn = fn;
    f->arg = arg;
    f->stack = stack;
    f->deadline_ms = DEADLINE_NONE;
    f->state = FIBER_IS_READY;
    f->context = make_fcontext(stack + rt->stacks.bytes, rt->stacks.bytes, enter);
    sanitizer_stack_init(&f->sanitizer, stack + rt->stacks.guard_bytes,
                         rt->stacks.bytes - rt->stacks.guard_bytes);
    timer_init(&f->timer, on_timeout, f);
    list_add_tail(&rt->ready, &f->link);
    list_add_tail(&rt->fibers, &f->every);
    rt->n_fibers++;
    if (out)
        *out = f;
    return true;
}

static void bury(struct fiber *f)
{
    struct runtime *rt = f->rt;
    list_remove(&f->every);
    rt->n_fibers--;
    sanitizer_stack_fini(&f->sanitizer);
    stack_release(&rt->stacks, f->stack);
    free(f);
}

/* A fiber that computes for long makes everybody else wait; the log names it. */
static void check_slice(const struct fiber *f, int64_t began_ms)
{
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    if (took_ms >= SLOW_MS)
        obs_log(EV_FIBER_SLOW, STR_EMPTY, OBS_CSTR("fiber", f->name), OBS_INT("ms", took_ms));
}

static void resume(struct runtime *rt, struct fiber *f)
{
    int64_t began_ms = clock_monotonic_ms();
    f->state = FIBER_IS_RUNNING;
    running = f;
    sanitizer_before_switch(&rt->sanitizer, &f->sanitizer, false);
    struct transfer_t back = jump_fcontext(f->context, f);
    sanitizer_after_switch(&rt->sanitizer, &f->sanitizer);
    running = NULL;
    f->context = back.fctx;
    check_slice(f, began_ms);
    if (f->state == FIBER_IS_FINISHED)
        bury(f);
}

void fiber_run_ready(struct runtime *rt)
{
    struct list batch;
    list_init(&batch);
    struct list *item;
    while ((item = list_pop_head(&rt->ready)))
        list_add_tail(&batch, item);
    while ((item = list_pop_head(&batch)))
        resume(rt, CONTAINER_OF(item, struct fiber, link));
}

void fiber_wake_up(struct fiber *f, enum fiber_wake why)
{
    if (f->state != FIBER_IS_WAITING)
        return;
    f->state = FIBER_IS_READY;
    f->wake = why;
    timer_stop(f->rt, &f->timer);
    list_remove(&f->link);
    list_add_tail(&f->rt->ready, &f->link);
}

static void switch_to_loop(struct fiber *f)
{
    struct runtime *rt = f->rt;
    sanitizer_before_switch(&f->sanitizer, &rt->sanitizer, false);
    struct transfer_t back = jump_fcontext(rt->context, f);
    sanitizer_after_switch(&f->sanitizer, &rt->sanitizer);
    rt->context = back.fctx;
}

enum fiber_wake fiber_suspend(int64_t deadline_ms)
{
    struct fiber *f = running;
    INVARIANT(f && f->yields_forbidden == 0);
    if (f->cancelled) {
        list_remove(&f->link);
        return WAKE_CANCELLED;
    }
    timer_start(f->rt, &f->timer, deadline_ms < f->deadline_ms ? deadline_ms : f->deadline_ms);
    f->state = FIBER_IS_WAITING;
    switch_to_loop(f);
    return f->wake;
}

bool fiber_wait_failed(enum fiber_wake why, struct err *e)
{
    if (why == WAKE_CANCELLED)
        return ERR(e, ERR_CANCELLED, "the fiber was asked to end");
    return ERR(e, ERR_TIMEOUT, "the deadline passed");
}

void fiber_yield(void)
{
    struct fiber *f = running;
    INVARIANT(f && f->yields_forbidden == 0);
    f->state = FIBER_IS_READY;
    list_add_tail(&f->rt->ready, &f->link);
    switch_to_loop(f);
}

void fiber_cancel(struct fiber *f)
{
    f->cancelled = true;
    fiber_wake_up(f, WAKE_CANCELLED);
}

bool fiber_is_cancelled(void)
{
    return running && running->cancelled;
}

int64_t fiber_set_deadline(int64_t deadline_ms)
{
    INVARIANT(running);
    int64_t former = running->deadline_ms;
    running->deadline_ms = deadline_ms;
    return former;
}

void fiber_forbid_yield(void)
{
    if (running)
        running->yields_forbidden++;
}

void fiber_allow_yield(void)
{
    if (!running)
        return;
    INVARIANT(running->yields_forbidden > 0);
    running->yields_forbidden--;
}

void fiber_cancel_all(struct runtime *rt)
{
    LIST_FOR_EACH (item, &rt->fibers)
        fiber_cancel(CONTAINER_OF(item, struct fiber, every));
}

void fiber_abandon_all(struct runtime *rt)
{
    LIST_FOR_EACH (item, &rt->fibers) {
        struct fiber *f = CONTAINER_OF(item, struct fiber, every);
        timer_stop(rt, &f->timer);
        ev_io_stop(rt->loop, &f->io);
        bury(f);
    }
}
