/* SPDX-License-Identifier: Apache-2.0 */
/* Redis as a child of the supervisor. */
#include "services/supervisor/embedded_redis.h"

#include "services/supervisor/files.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
    STOP_MS = 5000
};

static bool find_in_path(const char *name, struct arena *a, const char **out)
{
    const char *path = getenv("PATH");
    str rest = path ? str_from_cstr(path) : STR("/usr/bin:/usr/local/bin:/bin");
    while (!str_is_empty(rest)) {
        str dir;
        (void)str_cut(rest, ':', &dir, &rest);
        const char *candidate = arena_cstr(a, arena_printf(a, "%.*s/%s", STR_FMT(dir), name));
        if (access(candidate, X_OK) == 0) {
            *out = candidate;
            return true;
        }
    }
    return false;
}

bool embedded_redis_prepare(struct embedded_redis *r, const struct identity *id, const char *base,
                            const char *socket_dir, struct arena *a, struct err *e)
{
    const char *resolved = files_resolve(base, a, e);
    if (!resolved)
        return false;
    *r = (struct embedded_redis){ .identity = id, .socket_dir = socket_dir };
    r->dir = arena_cstr(a, arena_printf(a, "%s/redis", resolved));
    r->log_path = arena_cstr(a, arena_printf(a, "%s/log/redis.log", resolved));
    if (!find_in_path("redis-server", a, &r->binary)) {
        return ERR(e, ERR_NOT_FOUND,
                   "there is no redis-server in PATH; install it (Debian: apt-get install "
                   "redis-server), or set redis.url to one elsewhere");
    }
    return identity_make_dir(id, r->dir, 0700, e);
}

bool embedded_redis_start(struct embedded_redis *r, struct err *e)
{
    struct arena a;
    arena_init(&a);
    const struct child_trace former = { r->identity, r->dir, "redis-server" };
    if (child_signal_left(&former, SIGKILL) > 0) {
        /* It holds hints only; nothing is lost by ending it at once. */
        child_pause(50);
    }
    const char *const argv[] = {
        r->binary,
        "--port",
        "0",
        "--unixsocket",
        arena_cstr(&a, arena_printf(&a, "%s/redis.sock", r->socket_dir)),
        "--unixsocketperm",
        "700",
        "--dir",
        r->dir,
        "--appendonly",
        "no",
        "--save",
        "",
        "--maxmemory",
        "64mb",
        "--maxmemory-policy",
        "noeviction",
        "--daemonize",
        "no",
        "--loglevel",
        "warning",
        NULL,
    };
    const struct child_command command = {
        .argv = argv,
        .identity = r->identity,
        .log_path = r->log_path,
        .empties_log = true, /* else it would grow over the years */
        .death_signal = SIGKILL,
    };
    bool ok =
        identity_make_dir(r->identity, r->socket_dir, 0700, e) && child_spawn(&command, &r->pid, e);
    arena_fini(&a);
    return ok;
}

/* One PING over the socket, in the inline form of the protocol. */
static bool answers(const struct embedded_redis *r)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char reply[16] = "";
    const struct timeval limit = { .tv_usec = 200000 };
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/redis.sock", r->socket_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    bool ok = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
              write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof(reply) - 1) > 0 &&
              str_has_prefix(str_from_cstr(reply), STR("+PONG"));
    (void)close(fd);
    return ok;
}

bool embedded_redis_wait(struct embedded_redis *r, struct signals *signals, struct err *e)
{
    while (!answers(r)) {
        int status;
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            struct arena a;
            arena_init(&a);
            r->pid = 0;
            (void)ERR(e, ERR_INTERNAL, "Redis does not start: %s (see %s)",
                      child_last_line(r->identity, r->log_path, &a), r->log_path);
            arena_fini(&a);
            return false;
        }
        if (signals->stop)
            return ERR(e, ERR_CANCELLED, "asked to stop");
        signals_wait(signals, -1, clock_deadline_in(5));
    }
    return true;
}

void embedded_redis_stop(struct embedded_redis *r)
{
    if (r->pid && !child_end(r->pid, SIGTERM, STOP_MS))
        (void)child_end(r->pid, SIGKILL, STOP_MS);
    r->pid = 0;
}
