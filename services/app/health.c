/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the loop twice a second, and at the disk every few seconds, in the offload pool. */
#include "services/app/health.h"

#include "base/failpoint.h"
#include "obs/obs.h"
#include "services/app/endpoints.h"

#include <sys/statvfs.h>

enum {
    ROUND_MS = 500,
    LAG_MS = 200,
    ROUNDS_BAD = 2,
    ROUNDS_CALM = 4,
    DISK_MS = 5000,
    DISK_LOOK_MS = 30000, /* a disk that hangs */
    RESUME_PERCENT = 2
};

struct app_watch {
    struct app *app;
    struct timer round;
    struct timer disk_round;
    struct arena arena;
    struct app_lag lag;
    const char *disk_path; /* NULL: the database is elsewhere */
};

/* ---- the rules ---- */

void app_lag_note(struct app_lag *lag, int64_t worst_ms)
{
    bool is_bad = worst_ms > LAG_MS;
    lag->bad = is_bad ? lag->bad + 1 : 0;
    lag->calm = is_bad ? 0 : lag->calm + 1;
    if (lag->bad >= ROUNDS_BAD)
        lag->is_behind = true;
    if (lag->calm >= ROUNDS_CALM)
        lag->is_behind = false;
}

bool app_disk_is_low(const struct app_disk *disk, uint64_t least_bytes, unsigned least_percent,
                     bool was_low)
{
    uint64_t percent = disk->total_bytes / 100;
    uint64_t least = percent * least_percent;
    if (least < least_bytes)
        least = least_bytes;
    if (was_low)
        least += percent * RESUME_PERCENT;
    return disk->free_bytes < least;
}

/* ---- the loop ---- */

static void end_round(void *arg)
{
    struct app_watch *w = arg;
    bool was_behind = w->lag.is_behind;
    int64_t worst = runtime_take_worst_lag_ms(w->app->runtime);
    if (FAILPOINT_FAILS("loop-never-lags")) /* a machine that is busy with other tests */
        worst = 0;
    app_lag_note(&w->lag, worst);
    w->app->health.is_behind = w->lag.is_behind;
    if (w->lag.is_behind != was_behind)
        obs_gauge_add(METRIC_SMTP_STRESS, "behind", was_behind ? -1 : 1);
    if (w->lag.is_behind && !was_behind)
        obs_log(EV_LOOP_BEHIND, STR_EMPTY, OBS_INT("lag_ms", worst));
    if (was_behind && !w->lag.is_behind)
        obs_log(EV_LOOP_CALM, STR_EMPTY);
    timer_start(w->app->runtime, &w->round, clock_deadline_in(ROUND_MS));
}

/* ---- the disk ---- */

struct disk_look {
    struct work work;
    char *path;
    bool ok;
    struct app_disk disk;
};

static void look(struct work *job)
{
    struct disk_look *l = CONTAINER_OF(job, struct disk_look, work);
    struct statvfs facts;
    l->ok = statvfs(l->path, &facts) == 0;
    if (!l->ok)
        return;
    l->disk.free_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
    l->disk.total_bytes = (uint64_t)facts.f_blocks * facts.f_frsize;
}

static void end_look(struct work *job)
{
    struct disk_look *l = CONTAINER_OF(job, struct disk_look, work);
    free(l->path);
    free(l);
}

static void judge_disk(struct app_watch *w, const struct app_disk *disk)
{
    const struct config *c = w->app->config;
    bool was_full = w->app->health.is_disk_full;
    w->app->health.is_disk_full =
        app_disk_is_low(disk, (uint64_t)config_int(c, CONFIG_LIMITS_DISK_FREE),
                        (unsigned)config_int(c, CONFIG_LIMITS_DISK_FREE_PERCENT), was_full);
    if (w->app->health.is_disk_full == was_full)
        return;
    obs_log(w->app->health.is_disk_full ? EV_DISK_LOW : EV_DISK_OK, STR_EMPTY,
            OBS_CSTR("path", w->disk_path), OBS_INT("free_mb", disk->free_bytes >> 20),
            OBS_INT("total_mb", disk->total_bytes >> 20));
}

/* What cannot be looked at changes nothing. */
YIELDS static void check_disk(void *arg)
{
    struct app_watch *w = arg;
    struct err e = ERR_CLEAR;
    struct disk_look *l = HEAP_NEW(struct disk_look);
    size_t n = strlen(w->disk_path) + 1;
    l->work = (struct work){ .run = look, .done = end_look };
    l->path = heap_alloc(n);
    memcpy(l->path, w->disk_path, n);
    bool done = work_run(&l->work, clock_deadline_in(DISK_LOOK_MS), &e);
    if (done) {
        if (l->ok)
            judge_disk(w, &l->disk);
        work_finish(&l->work);
    }
    if (!runtime_is_draining(w->app->runtime))
        timer_start(w->app->runtime, &w->disk_round, clock_deadline_in(DISK_MS));
}

static void begin_check(void *arg)
{
    struct app_watch *w = arg;
    struct err e = ERR_CLEAR;
    if (runtime_is_draining(w->app->runtime))
        return;
    if (!fiber_spawn(w->app->runtime, "disk", check_disk, w, NULL, &e))
        timer_start(w->app->runtime, &w->disk_round, clock_deadline_in(DISK_MS));
}

/* ---- life ---- */

struct app_watch *app_watch_new(struct app *app)
{
    struct app_watch *w = HEAP_NEW(struct app_watch);
    w->app = app;
    arena_init(&w->arena);
    timer_init(&w->round, end_round, w);
    timer_init(&w->disk_round, begin_check, w);
    timer_start(app->runtime, &w->round, clock_deadline_in(ROUND_MS));
    bool is_embedded = config_text(app->config, CONFIG_DATABASE_URL)[0] == '\0';
    if (is_embedded) {
        w->disk_path = app_data_path(app->config, "postgres", &w->arena);
        timer_start(app->runtime, &w->disk_round, clock_monotonic_ms());
    }
    return w;
}

void app_watch_free(struct app_watch **w_ptr)
{
    struct app_watch *w = *w_ptr;
    *w_ptr = NULL;
    if (!w)
        return;
    timer_stop(w->app->runtime, &w->round);
    timer_stop(w->app->runtime, &w->disk_round);
    arena_fini(&w->arena);
    free(w);
}
