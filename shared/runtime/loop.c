/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one round is poll, events, ready fibers. Fibers run from ev_prepare, just before the
 * loop would sleep, so that whatever the events made ready is served in the same round. */
#include "runtime/loop.h"

#include <signal.h>
#include <unistd.h>

enum {
    MAX_FIBERS = 4096,
    STACK_BYTES = 256 * 1024,
    POOL_QUEUE = 64,
    UNWIND_MS = 1000 /* how long fibers may take to end after the drain */
};

static void note_lag(struct runtime *rt)
{
    int64_t busy = clock_monotonic_ms() - rt->busy_since_ms;
    if (busy > rt->worst_lag_ms)
        rt->worst_lag_ms = busy;
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int revents)
{
    (void)watcher;
    (void)revents;
    struct runtime *rt = ev_userdata(loop);
    fiber_run_ready(rt);
    if (list_is_empty(&rt->ready)) {
        ev_idle_stop(loop, &rt->idle);
    } else {
        ev_idle_start(loop, &rt->idle);
    }
    timer_heap_arm(rt);
    note_lag(rt);
    /* The last fiber has unwound: there is nothing to wait for any more. */
    if (rt->drained && list_is_empty(&rt->fibers))
        ev_break(loop, EVBREAK_ONE);
}

static void on_check(struct ev_loop *loop, ev_check *watcher, int revents)
{
    (void)watcher;
    (void)revents;
    struct runtime *rt = ev_userdata(loop);
    rt->busy_since_ms = clock_monotonic_ms();
}

static void on_idle(struct ev_loop *loop, ev_idle *watcher, int revents)
{
    (void)loop;
    (void)watcher;
    (void)revents;
}

static void run_posts(struct runtime *rt)
{
    struct list batch;
    list_init(&batch);
    struct list *item;
    pthread_mutex_lock(&rt->post_mutex);
    while ((item = list_pop_head(&rt->posts)))
        list_add_tail(&batch, item);
    pthread_mutex_unlock(&rt->post_mutex);
    while ((item = list_pop_head(&batch))) {
        struct post *post = CONTAINER_OF(item, struct post, link);
        post->fn(post->arg);
        free(post);
    }
}

static void on_async(struct ev_loop *loop, ev_async *watcher, int revents)
{
    (void)watcher;
    (void)revents;
    struct runtime *rt = ev_userdata(loop);
    run_posts(rt);
    pool_collect(rt);
}

/* A watcher that serves the loop itself must not keep it alive. */
static void start_watchers(struct runtime *rt)
{
    ev_set_userdata(rt->loop, rt);
    ev_prepare_init(&rt->prepare, on_prepare);
    ev_prepare_start(rt->loop, &rt->prepare);
    ev_unref(rt->loop);
    ev_check_init(&rt->check, on_check);
    ev_set_priority(&rt->check, EV_MAXPRI);
    ev_check_start(rt->loop, &rt->check);
    ev_unref(rt->loop);
    ev_async_init(&rt->async, on_async);
    ev_async_start(rt->loop, &rt->async);
    ev_unref(rt->loop);
    ev_idle_init(&rt->idle, on_idle);
}

struct runtime *runtime_new(const struct runtime_options *options, struct err *e)
{
    static const struct runtime_options defaults;
    const struct runtime_options *o = options ? options : &defaults;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop) {
        (void)ERR(e, ERR_INTERNAL, "the event loop could not be made");
        return NULL;
    }
    struct runtime *rt = HEAP_NEW(struct runtime);
    rt->loop = loop;
    rt->max_fibers = o->max_fibers ? o->max_fibers : MAX_FIBERS;
    stack_pool_init(&rt->stacks, o->stack_bytes ? o->stack_bytes : STACK_BYTES);
    sanitizer_stack_init_current(&rt->sanitizer);
    list_init(&rt->ready);
    list_init(&rt->fibers);
    list_init(&rt->signals);
    list_init(&rt->posts);
    list_init(&rt->drain_callbacks);
    list_init(&rt->drained_callbacks);
    INVARIANT(pthread_mutex_init(&rt->post_mutex, NULL) == 0);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    pool_init(&rt->pool, o->pool_threads ? o->pool_threads : (unsigned)(cores > 0 ? cores : 1),
              o->pool_queue ? o->pool_queue : POOL_QUEUE);
    timer_heap_init(rt);
    timer_init(&rt->drain_timer, NULL, NULL);
    start_watchers(rt);
    (void)signal(SIGPIPE, SIG_IGN);
    rt->signal_stack = crash_init();
    return rt;
}

static void free_callbacks(struct list *callbacks)
{
    LIST_FOR_EACH (item, callbacks)
        free(CONTAINER_OF(item, struct callback, link));
}

static void stop_signals(struct runtime *rt)
{
    LIST_FOR_EACH (item, &rt->signals)
        ev_signal_stop(rt->loop, &CONTAINER_OF(item, struct callback, link)->signal);
}

void runtime_free(struct runtime **rt_ptr)
{
    struct runtime *rt = *rt_ptr;
    if (!rt)
        return;
    *rt_ptr = NULL;
    INVARIANT(!rt->running);
    fiber_abandon_all(rt);
    pool_fini(rt);
    run_posts(rt);
    stop_signals(rt);
    free_callbacks(&rt->signals);
    free_callbacks(&rt->drain_callbacks);
    free_callbacks(&rt->drained_callbacks);
    timer_heap_fini(rt);
    stack_pool_fini(&rt->stacks);
    ev_loop_destroy(rt->loop);
    pthread_mutex_destroy(&rt->post_mutex);
    crash_fini(&rt->signal_stack);
    free(rt);
}

static bool has_posts(struct runtime *rt)
{
    pthread_mutex_lock(&rt->post_mutex);
    bool some = !list_is_empty(&rt->posts);
    pthread_mutex_unlock(&rt->post_mutex);
    return some;
}

/* libev counts its watchers; what we keep beside them also is a reason to go on. */
static bool has_work(struct runtime *rt)
{
    return rt->timers.n > 0 || !list_is_empty(&rt->ready) || has_posts(rt);
}

/* After the drain: every wait fails now, so that what still runs unwinds while all it uses is
 * there. */
static void unwind_fibers(struct runtime *rt)
{
    int64_t end = clock_deadline_in(UNWIND_MS);
    rt->stopping = false;
    timer_start(rt, &rt->drain_timer, end);
    while (!list_is_empty(&rt->fibers) && clock_monotonic_ms() < end) {
        fiber_cancel_all(rt);
        ev_run(rt->loop, EVRUN_ONCE);
    }
    timer_stop(rt, &rt->drain_timer);
}

void runtime_run(struct runtime *rt)
{
    INVARIANT(!rt->running && !fiber_current());
    rt->running = true;
    rt->busy_since_ms = clock_monotonic_ms();
    while (!rt->stopping) {
        bool active = ev_run(rt->loop, 0);
        if (!active && !has_work(rt))
            break;
    }
    if (rt->drained)
        unwind_fibers(rt);
    rt->stopping = false;
    rt->running = false;
}

void runtime_stop(struct runtime *rt)
{
    rt->stopping = true;
    ev_break(rt->loop, EVBREAK_ONE);
}

void runtime_post(struct runtime *rt, void (*fn)(void *arg), void *arg)
{
    struct post *post = HEAP_NEW(struct post);
    post->fn = fn;
    post->arg = arg;
    pthread_mutex_lock(&rt->post_mutex);
    list_add_tail(&rt->posts, &post->link);
    pthread_mutex_unlock(&rt->post_mutex);
    ev_async_send(rt->loop, &rt->async);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct callback *callback = CONTAINER_OF(watcher, struct callback, signal);
    callback->fn(callback->arg);
}

static struct callback *add_callback(struct runtime *rt, struct list *to, void (*fn)(void *arg),
                                     void *arg)
{
    struct callback *callback = HEAP_NEW(struct callback);
    callback->rt = rt;
    callback->fn = fn;
    callback->arg = arg;
    list_add_tail(to, &callback->link);
    return callback;
}

void runtime_on_signal(struct runtime *rt, int signo, void (*fn)(void *arg), void *arg)
{
    LIST_FOR_EACH (item, &rt->signals) {
        struct callback *former = CONTAINER_OF(item, struct callback, link);
        if (former->signal.signum != signo)
            continue;
        former->fn = fn;
        former->arg = arg;
        return;
    }
    struct callback *callback = add_callback(rt, &rt->signals, fn, arg);
    ev_signal_init(&callback->signal, on_signal, signo);
    ev_signal_start(rt->loop, &callback->signal);
}

static void end_drain(void *arg)
{
    struct runtime *rt = arg;
    rt->drained = true;
    timer_stop(rt, &rt->drain_timer);
    runtime_stop(rt);
}

static void begin_drain(void *arg)
{
    struct runtime *rt = arg;
    struct list *item;
    while ((item = list_pop_head(&rt->drain_callbacks))) {
        struct callback *callback = CONTAINER_OF(item, struct callback, link);
        list_add_tail(&rt->drained_callbacks, item);
        callback->fn(callback->arg);
    }
    if (rt->held == 0)
        end_drain(rt);
}

void runtime_drain(struct runtime *rt, int64_t deadline_ms)
{
    if (rt->draining)
        return;
    rt->draining = true;
    timer_init(&rt->drain_timer, end_drain, rt);
    timer_start(rt, &rt->drain_timer, deadline_ms);
    runtime_post(rt, begin_drain, rt);
}

bool runtime_is_draining(const struct runtime *rt)
{
    return rt->draining;
}

void runtime_on_drain(struct runtime *rt, void (*fn)(void *arg), void *arg)
{
    (void)add_callback(rt, &rt->drain_callbacks, fn, arg);
}

void runtime_off_drain(struct runtime *rt, void (*fn)(void *arg), void *arg)
{
    LIST_FOR_EACH (item, &rt->drain_callbacks) {
        struct callback *callback = CONTAINER_OF(item, struct callback, link);
        if (callback->fn != fn || callback->arg != arg)
            continue;
        list_remove(item);
        free(callback);
        return;
    }
}

void runtime_hold(struct runtime *rt)
{
    rt->held++;
}

void runtime_release(struct runtime *rt)
{
    INVARIANT(rt->held > 0);
    rt->held--;
    if (rt->held == 0 && rt->draining && !rt->drained && list_is_empty(&rt->drain_callbacks))
        end_drain(rt);
}

int64_t runtime_take_worst_lag_ms(struct runtime *rt)
{
    int64_t worst = rt->worst_lag_ms;
    rt->worst_lag_ms = 0;
    return worst;
}
