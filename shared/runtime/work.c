/* SPDX-License-Identifier: Apache-2.0 */
/* The offload pool. A job lives on the heap and passes through: queued (a fiber or nobody waits),
 * run by a thread, ended, then back in the loop: to its waiter, or to done() when nobody waits any
 * more. Only the loop's thread reads job->wait. */
#include "runtime/loop.h"

#include <signal.h>

struct work_wait {
    struct signal_point point;
    bool ended;
};

void pool_init(struct pool *p, unsigned threads, unsigned queue_max)
{
    *p = (struct pool){ .queue_max = queue_max, .threads_max = threads };
    list_init(&p->queued);
    list_init(&p->ended);
    INVARIANT(pthread_mutex_init(&p->mutex, NULL) == 0);
    INVARIANT(pthread_cond_init(&p->wanted, NULL) == 0);
    p->threads = heap_zalloc(threads * sizeof(*p->threads));
}

/* The next job, or NULL when the pool ends. */
static struct work *take_job(struct pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->n_idle++;
    while (list_is_empty(&p->queued) && !p->stopping)
        pthread_cond_wait(&p->wanted, &p->mutex);
    p->n_idle--;
    struct list *item = p->stopping ? NULL : list_pop_head(&p->queued);
    if (item)
        p->n_queued--;
    pthread_mutex_unlock(&p->mutex);
    return item ? CONTAINER_OF(item, struct work, link) : NULL;
}

static void *thread_main(void *arg)
{
    struct runtime *rt = arg;
    struct work *job;
    while ((job = take_job(&rt->pool))) {
        job->run(job);
        pthread_mutex_lock(&rt->pool.mutex);
        list_add_tail(&rt->pool.ended, &job->link);
        pthread_mutex_unlock(&rt->pool.mutex);
        ev_async_send(rt->loop, &rt->async);
    }
    return NULL;
}

/* Signals are for the loop's thread: a pool thread blocks them all. */
static bool start_thread(struct runtime *rt, struct err *e)
{
    struct pool *p = &rt->pool;
    sigset_t all;
    sigset_t former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int failed = pthread_create(&p->threads[p->n_threads], NULL, thread_main, rt);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (failed)
        return ERR(e, ERR_LIMIT, "no thread for the pool: errno %d", failed);
    p->n_threads++;
    return true;
}

/* Puts the job into the line and sees to it that a thread will take it. */
static bool submit(struct runtime *rt, struct work *job, struct err *e)
{
    struct pool *p = &rt->pool;
    pthread_mutex_lock(&p->mutex);
    bool full = p->n_queued >= p->queue_max;
    bool short_of_threads = p->n_idle <= p->n_queued && p->n_threads < p->threads_max;
    pthread_mutex_unlock(&p->mutex);
    if (full)
        return ERR(e, ERR_LIMIT, "%u jobs wait for the pool already", p->queue_max);
    if (short_of_threads && !start_thread(rt, e) && p->n_threads == 0)
        return false;
    pthread_mutex_lock(&p->mutex);
    list_add_tail(&p->queued, &job->link);
    p->n_queued++;
    pthread_cond_signal(&p->wanted);
    pthread_mutex_unlock(&p->mutex);
    p->n_jobs++;
    ev_ref(rt->loop);
    return true;
}

bool work_has_place(void)
{
    struct pool *p = &fiber_runtime()->pool;
    pthread_mutex_lock(&p->mutex);
    bool has = p->n_queued < p->queue_max;
    pthread_mutex_unlock(&p->mutex);
    return has;
}

static void job_has_left(struct runtime *rt)
{
    rt->pool.n_jobs--;
    ev_unref(rt->loop);
}

/* Takes a job that nobody waits for out of the line, if no thread has it yet. */
static bool withdraw(struct runtime *rt, struct work *job)
{
    bool found = false;
    pthread_mutex_lock(&rt->pool.mutex);
    LIST_FOR_EACH (item, &rt->pool.queued) {
        if (item != &job->link)
            continue;
        list_remove(item);
        rt->pool.n_queued--;
        found = true;
        break;
    }
    pthread_mutex_unlock(&rt->pool.mutex);
    return found;
}

bool work_run(struct work *job, int64_t deadline_ms, struct err *e)
{
    struct runtime *rt = fiber_runtime();
    INVARIANT(rt);
    list_init(&job->link);
    job->wait = NULL;
    if (!submit(rt, job, e)) {
        job->done(job);
        return false;
    }
    struct work_wait *wait = HEAP_NEW(struct work_wait);
    signal_point_init(&wait->point);
    job->wait = wait;
    bool ok = signal_point_wait(&wait->point, deadline_ms, e);
    if (!ok && !wait->ended) {
        job->wait = NULL;
        if (withdraw(rt, job)) {
            job_has_left(rt);
            job->done(job);
        }
    } else if (!ok) {
        job->done(job);
    }
    free(wait);
    return ok;
}

void work_finish(struct work *job)
{
    job->done(job);
}

void pool_collect(struct runtime *rt)
{
    struct pool *p = &rt->pool;
    for (;;) {
        pthread_mutex_lock(&p->mutex);
        struct list *item = list_pop_head(&p->ended);
        pthread_mutex_unlock(&p->mutex);
        if (!item)
            break;
        struct work *job = CONTAINER_OF(item, struct work, link);
        job_has_left(rt);
        struct work_wait *wait = job->wait;
        job->wait = NULL;
        if (!wait) {
            job->done(job);
            continue;
        }
        wait->ended = true;
        signal_point_one(&wait->point);
    }
}

void pool_fini(struct runtime *rt)
{
    struct pool *p = &rt->pool;
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->wanted);
    pthread_mutex_unlock(&p->mutex);
    for (unsigned i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    struct list *item;
    while ((item = list_pop_head(&p->queued)) || (item = list_pop_head(&p->ended))) {
        struct work *job = CONTAINER_OF(item, struct work, link);
        free(job->wait);
        job->done(job);
    }
    free(p->threads);
    pthread_cond_destroy(&p->wanted);
    pthread_mutex_destroy(&p->mutex);
}
