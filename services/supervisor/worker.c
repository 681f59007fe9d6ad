/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a worker process, from the fork to the end of its drain. */
#include "obs/obs.h"
#include "services/app/build.h"
#include "services/supervisor/files.h"
#include "services/supervisor/private.h"

#include <fcntl.h>
#include <signal.h>

struct worker {
    struct supervisor *supervisor; /* as it was at the fork */
    const struct slot *slot;
    struct app *app;
    struct net_listener **listeners; /* one a listener of the plan, NULL where it is not ours */
};

static bool is_ours(const struct worker *w, const struct app_service *service)
{
    bool is_front = service->n_listeners > 0;
    return is_front == (w->slot->group == GROUP_FRONT) &&
           app_has_role(w->supervisor->options->roles, service->role);
}

static void drain(void *arg)
{
    const struct worker *w = arg;
    obs_log(EV_SERVER_STOPS, STR_EMPTY, OBS_INT("pid", getpid()));
    runtime_drain(w->app->runtime, clock_deadline_in(DRAIN_MS));
}

static const char *environment(const char *name, void *arg)
{
    (void)arg;
    return getenv(name);
}

static void reload_config(struct worker *w)
{
    struct supervisor *s = w->supervisor;
    struct err e = ERR_CLEAR;
    struct config *config;
    struct buf text;
    buf_init(&text, MATERIAL_MAX);
    bool ok = files_read(s->config_copy.path, &text, &e) &&
              config_parse(buf_str(&text), s->options->config_path, environment, NULL, &config, &e);
    buf_fini(&text);
    if (!ok) {
        obs_log(EV_CONFIG_RELOAD_FAILED, STR_EMPTY, OBS_ERR(&e));
        return;
    }
    app_reload(w->app, config);
    app_log_init(config, w->app->process, STDERR_FILENO);
    obs_log(EV_CONFIG_RELOADED, STR_EMPTY, OBS_CSTR("file", s->options->config_path));
}

static void reload(void *arg)
{
    struct worker *w = arg;
    struct err e = ERR_CLEAR;
    reload_config(w);
    if (!w->app->tls)
        return;
    if (tls_server_reload(w->app->tls, &e)) {
        obs_log(EV_TLS_RELOADED, STR_EMPTY, OBS_INT("files", w->supervisor->n_certificates));
    } else {
        obs_log(EV_TLS_RELOAD_FAILED, STR_EMPTY, OBS_ERR(&e));
    }
}

static bool start_services(struct worker *w, struct err *e)
{
    const struct app_services *services = &w->supervisor->options->services;
    for (size_t i = 0; i < services->n; i++) {
        const struct app_service *service = services->list[i];
        if (is_ours(w, service) && service->start && !service->start(w->app, e))
            return err_wrap(e, "%s", service->role);
    }
    return true;
}

static void stop_services(struct worker *w)
{
    const struct app_services *services = &w->supervisor->options->services;
    for (size_t i = services->n; i-- > 0;) {
        if (is_ours(w, services->list[i]) && services->list[i]->stop)
            services->list[i]->stop(w->app);
    }
}

static bool open_listeners(struct worker *w, struct arena *a, struct err *e)
{
    const struct app_listeners *plan = &w->supervisor->listeners;
    w->listeners = ARENA_ARRAY(a, struct net_listener *, plan->n);
    for (size_t i = 0; i < plan->n; i++) {
        if (w->slot->fds[i] >= 0 &&
            !app_listener_open(w->app, &plan->list[i], w->slot->fds[i], &w->listeners[i], e))
            return err_wrap(e, "%s", plan->list[i].kind->name);
    }
    return true;
}

static void close_listeners(struct worker *w)
{
    for (size_t i = 0; w->listeners && i < w->supervisor->listeners.n; i++) {
        if (w->listeners[i])
            net_listener_free(&w->listeners[i]);
    }
}

static bool serve(struct worker *w, int ready_fd, struct arena *a, struct err *e)
{
    const struct supervisor *s = w->supervisor;
    const struct app_options options = {
        .config = s->config,
        .process = w->slot->watched.name,
        .with_dns = true,
        .tally = s->tally,
        .services = &s->options->services,
        .certificates = s->certificate_paths,
        .n_certificates = w->slot->group == GROUP_FRONT ? s->n_certificates : 0,
    };
    if (!app_new(&options, &w->app, e))
        return false;
    runtime_on_signal(w->app->runtime, SIGTERM, drain, w);
    runtime_on_signal(w->app->runtime, SIGHUP, reload, w);
    bool ok = start_services(w, e) && open_listeners(w, a, e);
    if (ok) {
        obs_log(EV_PROCESS_START, STR_EMPTY, OBS_INT("pid", getpid()),
                OBS_INT("node", w->app->node_id));
        (void)write(ready_fd, "R", 1);
        (void)close(ready_fd);
        runtime_run(w->app->runtime);
    }
    close_listeners(w);
    stop_services(w);
    app_free(&w->app);
    return ok;
}

_Noreturn void worker_main(struct supervisor *s, const struct slot *slot, int ready_fd)
{
    struct worker w = { .supervisor = s, .slot = slot };
    struct err e = ERR_CLEAR;
    struct arena a;
    arena_init(&a);
    app_log_init(s->config, slot->watched.name, STDERR_FILENO);
    net_tally_use(s->tally, (size_t)(slot - s->slots));
    obs_metrics_use((size_t)(slot - s->slots) + 1);
    bool ok = serve(&w, ready_fd, &a, &e);
    if (ok) {
        obs_log(EV_PROCESS_END, STR_EMPTY, OBS_INT("pid", getpid()));
    } else {
        obs_log(EV_PROCESS_FAILED, STR_EMPTY, OBS_ERR(&e));
    }
    arena_fini(&a);
    /* What the supervisor allocated before the fork goes with the process. */
    exit(ok ? 0 : 1);
}
