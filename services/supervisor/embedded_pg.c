/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL as a child of the supervisor. */
#include "services/supervisor/embedded_pg.h"

#include "services/supervisor/files.h"
#include "services/supervisor/pg_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

enum {
    LEAST_VERSION = 15,
    MAKE_LIMIT_MS = 120000,
    FAST_STOP_MS = 30000,
    HARD_STOP_MS = 10000,
    CONFIG_MAX = 16384
};

unsigned embedded_pg_version_of(str bin_dir)
{
    uint64_t version = 0;
    str rest = bin_dir;
    while (!str_is_empty(rest)) {
        str part;
        (void)str_cut(rest, '/', &part, &rest);
        if (str_to_uint(part, 999, &version))
            return (unsigned)version;
    }
    return 0;
}

/* The binaries of `wanted`, or the newest ones when it is 0. */
static bool find_binaries(struct embedded_pg *pg, unsigned wanted, struct arena *a, struct err *e)
{
    glob_t found = { 0 };
    unsigned best = 0;
    (void)glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found);
    (void)glob("/usr/pgsql/*/bin/postgres", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        str path = str_from_cstr(found.gl_pathv[i]);
        str dir = str_slice(path, 0, path.n - strlen("/postgres"));
        unsigned version = embedded_pg_version_of(dir);
        if (version > best && version >= LEAST_VERSION && (!wanted || version == wanted)) {
            best = version;
            pg->bin_dir = arena_cstr(a, dir);
        }
    }
    globfree(&found);
    if (best)
        return true;
    return ERR(e, ERR_NOT_FOUND,
               "there is no PostgreSQL %u%s on this machine; install it (Debian: apt-get install "
               "postgresql-%u), or set database.url to one elsewhere",
               wanted ? wanted : LEAST_VERSION, wanted ? "" : " or newer",
               wanted ? wanted : LEAST_VERSION);
}

static const char *tool(const struct embedded_pg *pg, const char *name, struct arena *a)
{
    return arena_cstr(a, arena_printf(a, "%s/%s", pg->bin_dir, name));
}

static bool run_tool(const struct embedded_pg *pg, const char *const *argv, const char *input,
                     struct err *e)
{
    const struct child_command command = {
        .argv = argv,
        .identity = pg->identity,
        .log_path = pg->start_log,
        .stdin_text = input,
        .death_signal = SIGKILL,
    };
    return child_run(&command, MAKE_LIMIT_MS, e);
}

/* Makes the cluster beside its place and moves it there when it is complete, so that a power cut in
 * between leaves nothing that looks like one. */
static bool make_cluster(struct embedded_pg *pg, struct arena *a, struct err *e)
{
    static const char roles[] = "CREATE ROLE heronry LOGIN\n"
                                "CREATE DATABASE heronry OWNER heronry\n";
    const char *fresh = arena_cstr(a, arena_printf(a, "%s.new", pg->data_dir));
    const char *const clean[] = { "rm", "-rf", fresh, NULL };
    const char *const init[] = {
        tool(pg, "initdb", a),
        "-D",
        fresh,
        "-U",
        "heronry_admin",
        "-E",
        "UTF8",
        "--locale=C",
        "--data-checksums",
        "--auth=peer",
        "--no-instructions",
        NULL,
    };
    const char *const single[] = { tool(pg, "postgres", a), "--single", "-D", fresh, "-c",
                                   "exit_on_error=on",      "postgres", NULL };
    if (!run_tool(pg, clean, NULL, e) || !run_tool(pg, init, NULL, e) ||
        !run_tool(pg, single, roles, e))
        return err_wrap(e, "make the database in %s", pg->data_dir);
    if (rename(fresh, pg->data_dir) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "rename %s", fresh);
    return true;
}

bool embedded_pg_prepare(struct embedded_pg *pg, const struct identity *id, const char *base,
                         const char *socket_dir, struct arena *a, struct err *e)
{
    const char *resolved = files_resolve(base, a, e);
    if (!resolved)
        return false;
    *pg = (struct embedded_pg){ .identity = id, .socket_dir = socket_dir };
    pg->data_dir = arena_cstr(a, arena_printf(a, "%s/postgres", resolved));
    pg->log_dir = arena_cstr(a, arena_printf(a, "%s/log", resolved));
    pg->start_log = arena_cstr(a, arena_printf(a, "%s/log/postgres-start.log", resolved));
    const char *version_path = arena_cstr(a, arena_printf(a, "%s/PG_VERSION", pg->data_dir));
    uint64_t version = 0;
    struct buf text;
    buf_init(&text, 64);
    struct err absent = ERR_CLEAR;
    bool exists = files_read_own(id, version_path, &text, &absent);
    bool ok = !exists || str_to_uint(str_trim(buf_str(&text)), 999, &version);
    buf_fini(&text);
    if (!ok || (!exists && absent.kind != ERR_NOT_FOUND))
        return ERR(e, ERR_INTERNAL, "%s cannot be read", version_path);
    if (!identity_make_dir(id, pg->log_dir, 0700, e) || !find_binaries(pg, (unsigned)version, a, e))
        return false;
    return exists || make_cluster(pg, a, e);
}

static bool wait_until_gone(const struct child_trace *former, int64_t limit_ms)
{
    int64_t deadline = clock_deadline_in(limit_ms);
    while (child_signal_left(former, 0) > 0) {
        if (clock_monotonic_ms() > deadline)
            return false;
        child_pause(20);
    }
    return true;
}

/* A supervisor that was killed leaves a postmaster, one that was killed itself leaves backends, a
 * power cut leaves files that name a process id which by now may be anybody's. We hold the lock of
 * the data directory, so whatever works in it is a leftover, and when nobody does, the files lie.
 */
static bool end_former_life(const struct embedded_pg *pg, struct err *e)
{
    const struct child_trace former = { pg->identity, pg->data_dir, "postgres" };
    static const int signals[] = { SIGINT, SIGQUIT, SIGKILL };
    bool gone = child_signal_left(&former, 0) == 0;
    for (size_t i = 0; i < COUNT_OF(signals) && !gone; i++) {
        (void)child_signal_left(&former, signals[i]);
        gone = wait_until_gone(&former, i == 0 ? FAST_STOP_MS : HARD_STOP_MS);
    }
    return files_remove(pg->identity, pg->data_dir, "postmaster.pid", e) &&
           files_remove(pg->identity, pg->socket_dir, ".s.PGSQL.5432", e) &&
           files_remove(pg->identity, pg->socket_dir, ".s.PGSQL.5432.lock", e);
}

/* Memory that this process may use: the machine's, or less when a control group says so. */
static uint64_t usable_memory(void)
{
    struct sysinfo info = { 0 };
    struct buf text;
    uint64_t limit = 0;
    (void)sysinfo(&info);
    uint64_t memory = (uint64_t)info.totalram * info.mem_unit;
    buf_init(&text, 64);
    struct err ignored = ERR_CLEAR;
    if (files_read("/sys/fs/cgroup/memory.max", &text, &ignored) &&
        str_to_uint(str_trim(buf_str(&text)), UINT64_MAX, &limit) && limit < memory)
        memory = limit;
    buf_fini(&text);
    return memory;
}

static bool write_settings(const struct embedded_pg *pg, unsigned max_connections, struct arena *a,
                           struct err *e)
{
    struct statvfs disk = { 0 };
    (void)statvfs(pg->data_dir, &disk);
    const struct pg_machine machine = {
        .memory = usable_memory(),
        .disk_free = (uint64_t)disk.f_bavail * disk.f_frsize,
        .max_connections = max_connections,
        .socket_dir = pg->socket_dir,
        .log_dir = pg->log_dir,
        .user = pg->identity->name,
    };
    struct buf conf;
    struct buf hba;
    struct buf ident;
    buf_init(&conf, CONFIG_MAX);
    buf_init(&hba, CONFIG_MAX);
    buf_init(&ident, CONFIG_MAX);
    bool ok = pg_settings_format(&machine, &conf) && pg_settings_hba(&hba) &&
              pg_settings_ident(&machine, &ident);
    if (!ok)
        (void)ERR(e, ERR_LIMIT, "the settings of PostgreSQL are too long");
    const char *dir = pg->data_dir;
    ok = ok && files_write(pg->identity, dir, "postgresql.conf", buf_str(&conf), a, e) &&
         files_write(pg->identity, dir, "pg_hba.conf", buf_str(&hba), a, e) &&
         files_write(pg->identity, dir, "pg_ident.conf", buf_str(&ident), a, e);
    buf_fini(&conf);
    buf_fini(&hba);
    buf_fini(&ident);
    return ok;
}

bool embedded_pg_start(struct embedded_pg *pg, unsigned max_connections, struct err *e)
{
    struct arena a;
    arena_init(&a);
    const char *const argv[] = { tool(pg, "postgres", &a), "-D", pg->data_dir, NULL };
    const struct child_command command = {
        .argv = argv,
        .identity = pg->identity,
        .log_path = pg->start_log,
        .death_signal = SIGINT, /* "fast shutdown", should the supervisor be killed */
    };
    bool ok = identity_make_dir(pg->identity, pg->socket_dir, 0700, e) && end_former_life(pg, e) &&
              write_settings(pg, max_connections, &a, e) && child_spawn(&command, &pg->pid, e);
    arena_fini(&a);
    return ok;
}

/* The eighth line of postmaster.pid says "ready" once connections are accepted; pg_ctl looks there
 * too. */
static bool is_ready(const struct embedded_pg *pg, struct arena *a)
{
    struct buf text;
    struct err ignored = ERR_CLEAR;
    str line = STR_EMPTY;
    uint64_t pid = 0;
    buf_init(&text, 4096);
    const char *path = arena_cstr(a, arena_printf(a, "%s/postmaster.pid", pg->data_dir));
    bool ok = files_read_own(pg->identity, path, &text, &ignored);
    str rest = buf_str(&text);
    for (unsigned i = 1; ok && i <= 8; i++) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (i == 1)
            ok = str_to_uint(str_trim(line), INT_MAX, &pid) && (pid_t)pid == pg->pid;
    }
    ok = ok && str_eq(str_trim(line), STR("ready"));
    buf_fini(&text);
    return ok;
}

bool embedded_pg_wait(struct embedded_pg *pg, struct signals *signals, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ready = false;
    bool ended = false;
    while (!ready && !ended && !signals->stop) {
        int status;
        arena_reset(&a);
        ended = waitpid(pg->pid, &status, WNOHANG) == pg->pid;
        ready = !ended && is_ready(pg, &a);
        if (!ready && !ended)
            signals_wait(signals, -1, clock_deadline_in(10));
    }
    if (ended) {
        pg->pid = 0;
        (void)ERR(e, ERR_INTERNAL, "PostgreSQL does not start: %s (see %s)",
                  child_last_line(pg->identity, pg->start_log, &a), pg->log_dir);
    } else if (!ready) {
        (void)ERR(e, ERR_CANCELLED, "asked to stop");
    }
    arena_fini(&a);
    return ready;
}

void embedded_pg_stop(struct embedded_pg *pg)
{
    if (pg->pid && !child_end(pg->pid, SIGINT, FAST_STOP_MS) &&
        !child_end(pg->pid, SIGQUIT, HARD_STOP_MS))
        (void)child_end(pg->pid, SIGKILL, HARD_STOP_MS);
    pg->pid = 0;
}
