/* SPDX-License-Identifier: Apache-2.0 */
/* While the server runs: starts again what died, and reads the configuration when asked. */
#include "obs/obs.h"
#include "services/app/bootstrap.h"
#include "services/app/build.h"
#include "services/app/settings.h"
#include "services/supervisor/private.h"

#include <signal.h>
#include <sys/wait.h>

static void note_end(struct watched *w, int status)
{
    int64_t lived = clock_monotonic_ms() - w->started_ms;
    int64_t wait = backoff_next(&w->backoff, lived);
    obs_log(EV_CHILD_DIED, STR_EMPTY, OBS_CSTR("name", w->name), OBS_INT("pid", w->pid),
            OBS_INT("code", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
            OBS_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
            OBS_INT("lived_ms", lived), OBS_INT("wait_ms", wait));
    w->pid = 0;
    w->restart_ms = clock_monotonic_ms() + wait;
}

static struct watched *find_child(struct supervisor *s, pid_t pid)
{
    if (s->pg_watch.pid == pid)
        return &s->pg_watch;
    if (s->redis_watch.pid == pid)
        return &s->redis_watch;
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->slots[i].watched.pid == pid)
            return &s->slots[i].watched;
    }
    return NULL;
}

/* True when something ended. */
static bool reap(struct supervisor *s)
{
    bool changed = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct watched *w = find_child(s, pid);
        if (!w)
            continue;
        note_end(w, status);
        workers_forget(s, w);
        changed = true;
    }
    return changed;
}

static bool is_due(const struct watched *w, int64_t now)
{
    return w->restart_ms > 0 && w->restart_ms <= now;
}

/* A restart that fails counts as one that ended at once. */
static void check_restart(struct watched *w, bool ok, const struct err *e)
{
    if (ok)
        return;
    obs_log(EV_PROCESS_FAILED, STR_EMPTY, OBS_CSTR("name", w->name), OBS_ERR(e));
    w->restart_ms = clock_monotonic_ms() + backoff_next(&w->backoff, 0);
}

static bool restart_due(struct supervisor *s)
{
    int64_t now = clock_monotonic_ms();
    bool changed = false;
    struct err e = ERR_CLEAR;
    if (is_due(&s->pg_watch, now)) {
        check_restart(&s->pg_watch, serve_start_pg(s, &e), &e);
        changed = true;
    }
    if (is_due(&s->redis_watch, now)) {
        check_restart(&s->redis_watch, serve_start_redis(s, &e), &e);
        changed = true;
    }
    for (size_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!is_due(&slot->watched, now))
            continue;
        check_restart(&slot->watched, workers_start(s, slot, &e), &e);
        changed = true;
    }
    return changed;
}

static void earlier(int64_t *at, const struct watched *w)
{
    if (w->restart_ms > 0 && w->restart_ms < *at)
        *at = w->restart_ms;
}

static int64_t next_restart(const struct supervisor *s)
{
    int64_t at = DEADLINE_NONE;
    earlier(&at, &s->pg_watch);
    earlier(&at, &s->redis_watch);
    for (size_t i = 0; i < s->n_slots; i++)
        earlier(&at, &s->slots[i].watched);
    return at;
}

static void free_former(void *config)
{
    struct config *former = config;
    config_free(&former);
}

/* A bad file changes nothing. Otherwise workers get the new text and certificates and are told. */
static void reload(struct supervisor *s)
{
    struct err e = ERR_CLEAR;
    struct config *fresh = NULL;
    struct app_listeners plan;
    struct buf keys;
    status_notify("RELOADING=1");
    bool ok =
        config_load(s->options->config_path, &fresh, &e) &&
        app_listeners_plan(fresh, &s->options->services, s->options->roles, &s->arena, &plan, &e) &&
        app_settings_check(fresh, &e) && app_bootstrap_check(fresh, &e);
    if (!ok) {
        obs_log(EV_CONFIG_RELOAD_FAILED, STR_EMPTY, OBS_ERR(&e));
        config_free(&fresh);
        status_notify("READY=1");
        return;
    }
    buf_init(&keys, 4096);
    if (!config_can_reload(s->config, fresh, &keys))
        obs_log(EV_CONFIG_NEEDS_RESTART, STR_EMPTY, OBS_STR("keys", buf_str(&keys)));
    buf_fini(&keys);
    /* The old one stays in memory: texts of it may be borrowed. */
    arena_defer(&s->arena, free_former, s->config);
    s->config = fresh;
    app_log_init(fresh, "supervisor", STDERR_FILENO);
    if (!prepare_certificates(s, &e)) {
        obs_log(EV_TLS_RELOAD_FAILED, STR_EMPTY, OBS_ERR(&e));
        e = ERR_CLEAR;
    }
    if (material_fill(&s->config_copy, s->options->config_path, NULL, &e))
        workers_signal(s, SIGHUP);
    obs_log(EV_CONFIG_RELOADED, STR_EMPTY, OBS_CSTR("file", s->options->config_path));
    status_notify("READY=1");
}

void watch_run(struct supervisor *s)
{
    while (!s->signals.stop) {
        if (s->signals.reload) {
            s->signals.reload = false;
            reload(s);
        }
        bool changed = reap(s);
        changed = restart_due(s) || changed;
        if (changed)
            status_write(s);
        signals_wait(&s->signals, -1, next_restart(s));
    }
}
