/* SPDX-License-Identifier: Apache-2.0 */
/* `heronry serve`: start in order, stop in the opposite order. */
#include "obs/obs.h"
#include "services/app/bootstrap.h"
#include "services/app/build.h"
#include "services/app/certificates.h"
#include "services/app/settings.h"
#include "services/supervisor/private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- start ---- */

/* Two supervisors on one data directory would destroy it. The lock is the kernel's, of this process
 * alone, and ends with it. */
static bool lock_data_dir(struct supervisor *s, struct err *e)
{
    const char *path = app_data_path(s->config, "lock", &s->arena);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return ERR_SYS(e, ERR_INTERNAL, "open %s", path);
    if (fcntl(s->lock_fd, F_SETLK, &lock) == 0)
        return true;
    struct flock holder = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    (void)fcntl(s->lock_fd, F_GETLK, &holder);
    (void)close(s->lock_fd);
    s->lock_fd = -1;
    return ERR(e, ERR_CONFLICT, "another heronry (process %ld) works on %s", (long)holder.l_pid,
               config_text(s->config, CONFIG_DATA_DIR));
}

static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    obs_log(EV_SERVER_LIMITS, STR_EMPTY, OBS_INT("files", files.rlim_cur));
}

static bool open_config(struct supervisor *s, struct err *e)
{
    const struct supervisor_options *o = s->options;
    if (!app_check_roles(o->roles, &o->services, e) || !config_load(o->config_path, &s->config, e))
        return false;
    app_log_init(s->config, "supervisor", STDERR_FILENO);
    if (!identity_find(s->config, &s->arena, &s->identity, e) ||
        !app_endpoints_find(s->config, &s->arena, &s->endpoints, e) ||
        !app_listeners_plan(s->config, &o->services, o->roles, &s->arena, &s->listeners, e) ||
        !app_settings_check(s->config, e) || !app_bootstrap_check(s->config, e))
        return false;
    if (s->identity.is_fallback) {
        obs_log(EV_USER_FALLBACK, STR_EMPTY,
                OBS_CSTR("wanted", config_text(s->config, CONFIG_USER)),
                OBS_CSTR("used", s->identity.name));
    }
    const char *advice = app_settings_advice(s->config, &s->arena);
    if (advice)
        obs_log(EV_CONFIG_ADVICE, STR_EMPTY, OBS_CSTR("advice", advice));
    return app_certificates_check(s->config, e) &&
           material_new(&s->config_copy, "config", &s->identity, e) &&
           material_fill(&s->config_copy, o->config_path, NULL, e);
}

/* What all pools of all workers together may open, and some for people and tools. */
static unsigned count_connections(const struct supervisor *s)
{
    enum {
        FOR_TOOLS = 30
    };
    static const enum config_param pools[] = {
        CONFIG_DATABASE_POOL_READ,
        CONFIG_DATABASE_POOL_AUTH,
        CONFIG_DATABASE_POOL_DELIVER,
        CONFIG_DATABASE_POOL_SEARCH,
        CONFIG_DATABASE_TRANSACTIONS_READ,
        CONFIG_DATABASE_TRANSACTIONS_AUTH,
        CONFIG_DATABASE_TRANSACTIONS_DELIVER,
        CONFIG_DATABASE_TRANSACTIONS_SEARCH,
    };
    int64_t each = 0;
    for (size_t i = 0; i < COUNT_OF(pools); i++)
        each += config_int(s->config, pools[i]);
    return (unsigned)(each * (int64_t)s->n_slots) + FOR_TOOLS;
}

static void note_start(struct watched *w, pid_t pid)
{
    w->pid = pid;
    w->started_ms = clock_monotonic_ms();
    w->restart_ms = 0;
    obs_log(EV_CHILD_STARTED, STR_EMPTY, OBS_CSTR("name", w->name), OBS_INT("pid", pid));
}

bool serve_start_pg(struct supervisor *s, struct err *e)
{
    if (!embedded_pg_start(&s->pg, count_connections(s), e))
        return false;
    note_start(&s->pg_watch, s->pg.pid);
    return true;
}

bool serve_start_redis(struct supervisor *s, struct err *e)
{
    if (!embedded_redis_start(&s->redis, e))
        return false;
    note_start(&s->redis_watch, s->redis.pid);
    return true;
}

/* Its end was seen by the wait already. */
static bool wait_for_embedded(struct supervisor *s, struct err *e)
{
    bool ok = (!s->redis_watch.pid || embedded_redis_wait(&s->redis, &s->signals, e)) &&
              (!s->pg_watch.pid || embedded_pg_wait(&s->pg, &s->signals, e));
    s->redis_watch.pid = s->redis.pid;
    s->pg_watch.pid = s->pg.pid;
    return ok;
}

static bool start_embedded(struct supervisor *s, struct err *e)
{
    const char *base = config_text(s->config, CONFIG_DATA_DIR);
    const char *sockets = s->endpoints.socket_dir;
    s->pg_watch.name = "postgres";
    s->redis_watch.name = "redis";
    if (s->endpoints.embedded_database &&
        (!embedded_pg_prepare(&s->pg, &s->identity, base, sockets, &s->arena, e) ||
         !serve_start_pg(s, e)))
        return false;
    if (s->endpoints.embedded_redis &&
        (!embedded_redis_prepare(&s->redis, &s->identity, base, sockets, &s->arena, e) ||
         !serve_start_redis(s, e)))
        return false;
    return wait_for_embedded(s, e);
}

/* The worker says "R" when it serves; the end of the pipe without that means that it ended. */
static bool note_ready(struct slot *slot, bool *serves)
{
    char said;
    ssize_t n = read(slot->ready_fd, &said, 1);
    if (n < 0)
        return false;
    (void)close(slot->ready_fd);
    slot->ready_fd = -1;
    *serves = n == 1;
    return true;
}

/* At the first start a worker that ends is a fault of the set-up, which no restart heals. */
static bool start_workers(struct supervisor *s, struct err *e)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        if (!workers_start(s, &s->slots[i], e))
            return false;
    }
    int64_t deadline = clock_deadline_in(START_LIMIT_MS);
    for (size_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        bool serves = false;
        (void)fcntl(slot->ready_fd, F_SETFL, O_NONBLOCK);
        while (!note_ready(slot, &serves)) {
            if (s->signals.stop)
                return ERR(e, ERR_CANCELLED, "asked to stop");
            if (clock_monotonic_ms() > deadline)
                return ERR(e, ERR_TIMEOUT, "%s does not get ready", slot->watched.name);
            signals_wait(&s->signals, slot->ready_fd, deadline);
        }
        if (!serves) {
            return ERR(e, ERR_INTERNAL, "%s could not start; its reason stands above",
                       slot->watched.name);
        }
    }
    return true;
}

static bool start(struct supervisor *s, struct err *e)
{
    if (!signals_open(&s->signals, e) || !open_config(s, e) ||
        !identity_make_dir(&s->identity, config_text(s->config, CONFIG_DATA_DIR), 0750, e) ||
        !lock_data_dir(s, e))
        return false;
    raise_file_limit();
    /* Certificates that the file names are looked at before anything is started. */
    if (!prepare_has_own_certificate(s) && !prepare_certificates(s, e))
        return false;
    if (!workers_open(s, e) || !start_embedded(s, e))
        return false;
    status_write(s);
    if (!prepare_run(s, e) || !prepare_certificates(s, e) || !start_workers(s, e))
        return false;
    s->is_ready = true;
    status_write(s);
    status_notify("READY=1\nSTATUS=serving");
    obs_log(EV_SERVER_READY, STR_EMPTY, OBS_INT("workers", s->n_slots), OBS_INT("pid", getpid()));
    return true;
}

/* ---- stop ---- */

static bool workers_left(struct supervisor *s)
{
    int status;
    bool left = false;
    for (size_t i = 0; i < s->n_slots; i++) {
        struct watched *w = &s->slots[i].watched;
        if (w->pid > 0 && waitpid(w->pid, &status, WNOHANG) == w->pid)
            w->pid = 0;
        left = left || w->pid > 0;
    }
    return left;
}

static void stop_workers(struct supervisor *s)
{
    int64_t deadline = clock_deadline_in(KILL_AFTER_MS);
    workers_close_sockets(s);
    workers_signal(s, SIGTERM);
    while (workers_left(s) && clock_monotonic_ms() < deadline)
        signals_wait(&s->signals, -1, deadline);
    for (size_t i = 0; i < s->n_slots; i++) {
        struct watched *w = &s->slots[i].watched;
        if (w->pid <= 0)
            continue;
        obs_log(EV_CHILD_KILLED, STR_EMPTY, OBS_CSTR("name", w->name), OBS_INT("pid", w->pid));
        (void)kill(w->pid, SIGKILL);
        (void)waitpid(w->pid, NULL, 0);
        w->pid = 0;
    }
}

static void stop(struct supervisor *s)
{
    status_notify("STOPPING=1");
    stop_workers(s);
    /* The watch knows best whether a server still runs. */
    s->redis.pid = s->redis_watch.pid;
    s->pg.pid = s->pg_watch.pid;
    embedded_redis_stop(&s->redis);
    embedded_pg_stop(&s->pg);
    if (s->lock_fd >= 0) {
        status_remove(s);
        (void)close(s->lock_fd);
    }
}

bool supervisor_serve(const struct supervisor_options *options, struct err *e)
{
    struct supervisor s = { .options = options, .lock_fd = -1 };
    arena_init(&s.arena);
    bool ok = start(&s, e);
    if (ok) {
        watch_run(&s);
        obs_log(EV_SERVER_STOPS, STR_EMPTY, OBS_INT("pid", getpid()));
    } else if (s.signals.stop) {
        ok = true; /* asked to stop before it was ready */
    }
    stop(&s);
    net_tally_free(&s.tally);
    config_free(&s.config);
    arena_fini(&s.arena);
    return ok;
}
