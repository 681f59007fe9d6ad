/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the jobs, each in a fiber of its own, and the indexer. */
#include "services/scheduler/service.h"

#include "cluster/cluster.h"
#include "obs/obs.h"
#include "search/indexer.h"
#include "services/scheduler/jobs.h"
#include "services/scheduler/sender.h"

enum {
    FIRST_MS = 1000, /* after the start */
    DATABASE_MS = 5000
};

struct running_job {
    struct app *app;
    const struct scheduler_job *job;
};

struct scheduler {
    struct running_job *jobs;
    struct search_indexer *indexer;
};

/* The lease is longer than the pause and the run together, so it stays with one process until that
 * ends or hangs. */
YIELDS static bool run_once(const struct running_job *r, struct err *e)
{
    const struct scheduler_job *job = r->job;
    char name[64];
    int64_t token;
    int n = snprintf(name, sizeof(name), "job-%s", job->name);
    int64_t lease_ms = job->every_ms + job->limit_ms + DATABASE_MS;
    if (!cluster_lease_acquire(r->app->db, str_of(name, (size_t)n), str_from_cstr(r->app->owner),
                               lease_ms, clock_deadline_in(DATABASE_MS), &token, e))
        return false;
    if (token == 0)
        return true; /* another process does it */
    int64_t began = clock_monotonic_ms();
    if (!job->run(r->app, clock_deadline_in(job->limit_ms), e))
        return false;
    obs_log(EV_JOB_DONE, STR_EMPTY, OBS_CSTR("job", job->name),
            OBS_INT("ms", clock_monotonic_ms() - began));
    return true;
}

YIELDS static void run_job(void *arg)
{
    const struct running_job *r = arg;
    int64_t next = clock_deadline_in(FIRST_MS);
    struct err e = ERR_CLEAR;
    while (fiber_sleep_until(next, &e) && !runtime_is_draining(r->app->runtime)) {
        e = ERR_CLEAR;
        if (!run_once(r, &e) && e.kind != ERR_CANCELLED)
            obs_log(EV_JOB_FAILED, STR_EMPTY, OBS_CSTR("job", r->job->name), OBS_ERR(&e));
        e = ERR_CLEAR;
        next = clock_deadline_in(r->job->every_ms);
    }
}

/* The indexer works for as long as it is not told to stop, so it is told before the drain waits. */
static void on_drain(void *arg)
{
    struct scheduler *s = arg;
    if (s->indexer)
        search_indexer_stop(&s->indexer);
}

static bool start(struct app *app, struct err *e)
{
    size_t n;
    const struct scheduler_job *jobs = scheduler_jobs(&n);
    struct scheduler *s = HEAP_NEW(struct scheduler);
    const struct search_indexer_options indexer = {
        .runtime = app->runtime,
        .db = app->db,
        .notify = app->notify,
    };
    app->scheduler = s;
    s->jobs = heap_zalloc(n * sizeof(*s->jobs));
    for (size_t i = 0; i < n; i++) {
        s->jobs[i] = (struct running_job){ .app = app, .job = &jobs[i] };
        if (!fiber_spawn(app->runtime, jobs[i].name, run_job, &s->jobs[i], NULL, e))
            return false;
    }
    if (!search_indexer_start(&indexer, &s->indexer, e) ||
        !fiber_spawn(app->runtime, "sender", sender_run, app, NULL, e))
        return false;
    runtime_on_drain(app->runtime, on_drain, s);
    return true;
}

static void stop(struct app *app)
{
    struct scheduler *s = app->scheduler;
    if (!s)
        return;
    runtime_off_drain(app->runtime, on_drain, s);
    on_drain(s);
    free(s->jobs);
    free(s);
    app->scheduler = NULL;
}

const struct app_service scheduler_service = { .role = "scheduler", .start = start, .stop = stop };
