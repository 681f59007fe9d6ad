/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be there before workers start: certificates and the tables of the database. Done by a
 * forked child, as the supervisor itself must stay free of threads and connections. */
#include "db/db.h"
#include "obs/obs.h"
#include "schema/schema.h"
#include "services/app/bootstrap.h"
#include "services/app/build.h"
#include "services/app/certificates.h"
#include "services/app/server_key.h"
#include "services/supervisor/child.h"
#include "services/supervisor/files.h"
#include "services/supervisor/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    MIGRATE_MS = 600000,
    BOOTSTRAP_MS = 120000,
    CERTIFICATE_DAYS = 3650
};

/* ---- in the child ---- */

struct preparation {
    const struct config *config;
    struct runtime *runtime;
    struct db *db;    /* as the owner of the tables */
    struct db *admin; /* NULL when the cluster is not ours */
    bool ok;
    struct err err;
};

YIELDS static void migrate(void *arg)
{
    struct preparation *p = arg;
    size_t n;
    size_t applied = 0;
    const struct schema_migration *list = schema_migrations(&n);
    p->ok = (!p->admin || schema_make_role(p->admin, clock_deadline_in(MIGRATE_MS), &p->err)) &&
            schema_migrate(p->db, list, n, clock_deadline_in(MIGRATE_MS), &applied, &p->err);
    if (applied > 0)
        obs_log(EV_SCHEMA_MIGRATED, STR_EMPTY, OBS_INT("applied", applied));
    p->ok = p->ok && app_bootstrap(p->config, p->db, clock_deadline_in(BOOTSTRAP_MS), &p->err);
    runtime_stop(p->runtime);
}

static bool migrate_database(const struct supervisor *s, struct err *e)
{
    struct preparation p = { .config = s->config };
    const struct db_options options = { .conninfo = s->endpoints.owner };
    const struct db_options admin = { .conninfo = s->endpoints.admin };
    p.runtime = runtime_new(&(struct runtime_options){ 0 }, e);
    if (!p.runtime)
        return false;
    p.db = db_new(p.runtime, &options);
    p.admin = admin.conninfo ? db_new(p.runtime, &admin) : NULL;
    if (fiber_spawn(p.runtime, "migrate", migrate, &p, NULL, &p.err))
        runtime_run(p.runtime);
    db_free(&p.db);
    db_free(&p.admin);
    runtime_free(&p.runtime);
    if (!p.ok)
        *e = p.err;
    return p.ok;
}

static bool make_certificate(const struct supervisor *s, struct err *e)
{
    struct arena a;
    arena_init(&a);
    const char *cert = app_data_path(s->config, "tls/cert.pem", &a);
    const char *key = app_data_path(s->config, "tls/key.pem", &a);
    const char *const names[] = { app_hostname(s->config, &a), "localhost" };
    bool ok = (access(cert, F_OK) == 0 && access(key, F_OK) == 0) ||
              tls_make_self_signed(names, COUNT_OF(names), CERTIFICATE_DAYS, cert, key, e);
    arena_fini(&a);
    return ok;
}

bool prepare_has_own_certificate(const struct supervisor *s)
{
    size_t n;
    (void)config_certificates(s->config, &n);
    return n == 0 && config_bool(s->config, CONFIG_TLS_SELF_SIGNED);
}

/* With a database of others there may be other frontends, which need the same key. */
static bool needs_key(const struct supervisor *s)
{
    return s->endpoints.embedded_database && !*config_text(s->config, CONFIG_SECURITY_KEY);
}

/* The whole error goes to the supervisor, which has the operator's ear. */
_Noreturn static void prepare_child(struct supervisor *s, pid_t parent, int result_fd)
{
    struct err e = ERR_CLEAR;
    bool ok = identity_drop(&s->identity, &e);
    child_follow_parent(parent, SIGKILL);
    ok = ok && (!prepare_has_own_certificate(s) || make_certificate(s, &e)) &&
         (!needs_key(s) || app_server_key_make(s->config, &e)) && migrate_database(s, &e);
    if (!ok)
        (void)write(result_fd, &e, sizeof(e));
    _exit(ok ? 0 : 1);
}

/* ---- in the supervisor ---- */

/* Waits for the child; a signal to stop kills it (a migration is one transaction). */
static bool wait_for_child(struct supervisor *s, pid_t pid, int result_fd, struct err *e)
{
    struct err theirs = ERR_CLEAR;
    int status = 0;
    struct pollfd wait = { .fd = result_fd, .events = POLLIN };
    while (poll(&wait, 1, 0) == 0 && !s->signals.stop)
        signals_wait(&s->signals, result_fd, DEADLINE_NONE);
    if (s->signals.stop)
        (void)kill(pid, SIGKILL);
    ssize_t n = read(result_fd, &theirs, sizeof(theirs));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (s->signals.stop)
        return ERR(e, ERR_CANCELLED, "asked to stop");
    if (n == (ssize_t)sizeof(theirs)) {
        *e = theirs;
        return false;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return ERR(e, ERR_INTERNAL, "the process that prepares the database died");
    return true;
}

bool prepare_run(struct supervisor *s, struct err *e)
{
    int ends[2];
    pid_t parent = getpid();
    if (prepare_has_own_certificate(s) &&
        !identity_make_dir(&s->identity, app_data_path(s->config, "tls", &s->arena), 0700, e))
        return false;
    if (needs_key(s) &&
        !identity_make_dir(&s->identity, app_data_path(s->config, APP_SERVER_KEY_DIR, &s->arena),
                           0700, e))
        return false;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(s->signals.fd);
        (void)close(s->lock_fd);
        workers_close_sockets(s);
        prepare_child(s, parent, ends[1]);
    }
    (void)close(ends[1]);
    bool ok = pid > 0 ? wait_for_child(s, pid, ends[0], e) : ERR_SYS(e, ERR_INTERNAL, "fork");
    (void)close(ends[0]);
    return ok;
}

/* The files that are to be used, *n of them. */
static const struct config_certificate *find_certificates(struct supervisor *s, size_t *n)
{
    const struct config_certificate *named = config_certificates(s->config, n);
    if (*n > 0 || !prepare_has_own_certificate(s))
        return named;
    struct config_certificate *own = ARENA_NEW(&s->arena, struct config_certificate);
    own->cert = app_data_path(s->config, "tls/cert.pem", &s->arena);
    own->key = app_data_path(s->config, "tls/key.pem", &s->arena);
    *n = 1;
    return own;
}

static bool make_places(struct supervisor *s, size_t n, struct err *e)
{
    if (n > CERTIFICATES_MAX)
        return ERR(e, ERR_LIMIT, "more than %d tls.certificates", CERTIFICATES_MAX);
    s->certificates = arena_array(&s->arena, n, sizeof(*s->certificates));
    s->certificate_paths = ARENA_ARRAY(&s->arena, struct tls_cert_files, n);
    for (size_t i = 0; i < n; i++) {
        if (!material_new(&s->certificates[i][0], "certificate", &s->identity, e) ||
            !material_new(&s->certificates[i][1], "key", &s->identity, e))
            return false;
        s->certificate_paths[i].cert_path = s->certificates[i][0].path;
        s->certificate_paths[i].key_path = s->certificates[i][1].path;
    }
    s->n_certificates = n;
    return true;
}

/* The workers see a copy whose mode is right, so that of the original is checked here. */
static bool check_key_mode(const struct config_certificate *c, struct err *e)
{
    struct stat facts;
    if (stat(c->key, &facts) != 0)
        return ERR_SYS(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "key %s", c->key);
    if (facts.st_mode & (S_IRWXG | S_IRWXO)) {
        return ERR(e, ERR_DENIED, "key %s can be read by others (mode %04o): \"chmod 600 %s\"",
                   c->key, (unsigned)facts.st_mode & 07777, c->key);
    }
    return true;
}

bool prepare_certificates(struct supervisor *s, struct err *e)
{
    size_t n;
    const struct config_certificate *files = find_certificates(s, &n);
    if (!s->certificates && !make_places(s, n, e))
        return false;
    if (n != s->n_certificates)
        return ERR(e, ERR_UNSUPPORTED, "another number of tls.certificates needs a restart");
    /* Our own pair stands where the unprivileged user may write. */
    const struct identity *owner = prepare_has_own_certificate(s) ? &s->identity : NULL;
    /* Before the copies change: workers that start later go on with the pairs that are good. */
    if (!owner && !app_certificates_check(s->config, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!check_key_mode(&files[i], e) ||
            !material_fill(&s->certificates[i][0], files[i].cert, owner, e) ||
            !material_fill(&s->certificates[i][1], files[i].key, owner, e))
            return err_wrap(e, "tls.certificates");
    }
    return true;
}
