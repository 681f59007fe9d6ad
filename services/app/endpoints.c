/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the database and Redis: by URL, or beside data_dir. */
#include "services/app/endpoints.h"

#include "schema/schema.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The longest name of a file in the directory, with its slash: "/.s.PGSQL.5432.lock". */
static const size_t longest_name = sizeof("/.s.PGSQL.5432.lock") - 1;

const char *app_socket_dir(const char *data_dir, struct arena *a)
{
    str dir = arena_printf(a, "%s/run", data_dir);
    if (dir.n + longest_name >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        uint64_t hash = str_hash(str_from_cstr(data_dir), 0);
        dir = arena_printf(a, "/tmp/heronry-%016llx", (unsigned long long)hash);
    }
    return arena_cstr(a, dir);
}

const char *app_conninfo(const char *socket_dir, const char *role, struct arena *a)
{
    struct buf text;
    buf_init(&text, 2 * strlen(socket_dir) + 100);
    (void)buf_add(&text, STR("host='"));
    for (const char *p = socket_dir; *p; p++) {
        if (*p == '\'' || *p == '\\')
            (void)buf_add_byte(&text, '\\');
        (void)buf_add_byte(&text, *p);
    }
    (void)buf_addf(&text, "' dbname=heronry user=%s", role);
    const char *out = arena_cstr(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

const char *app_data_path(const struct config *c, const char *name, struct arena *a)
{
    return arena_cstr(a, arena_printf(a, "%s/%s", config_text(c, CONFIG_DATA_DIR), name));
}

/* A directory in /tmp may have been made by anybody: it counts only when it is of the same owner
 * as the data. One that is not there yet will be made by the supervisor. */
static bool check_owner(const char *socket_dir, const char *data_dir, struct err *e)
{
    struct stat sockets;
    struct stat data;
    if (lstat(socket_dir, &sockets) != 0 || stat(data_dir, &data) != 0)
        return true;
    bool is_open = (sockets.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (!S_ISDIR(sockets.st_mode) || sockets.st_uid != data.st_uid || is_open) {
        return ERR(e, ERR_DENIED, "%s is not a directory that only the owner of %s may write to",
                   socket_dir, data_dir);
    }
    return true;
}

bool app_endpoints_find(const struct config *c, struct arena *a, struct app_endpoints *out,
                        struct err *e)
{
    const char *data_dir = config_text(c, CONFIG_DATA_DIR);
    if (data_dir[0] != '/') {
        return ERR(e, ERR_SYNTAX, "%s:%d: data_dir must be an absolute path, not \"%s\"",
                   config_file(c), config_line(c, CONFIG_DATA_DIR), data_dir);
    }
    const char *database = config_text(c, CONFIG_DATABASE_URL);
    const char *redis = config_text(c, CONFIG_REDIS_URL);
    *out = (struct app_endpoints){ 0 };
    out->embedded_database = !*database;
    out->embedded_redis = !*redis && out->embedded_database;
    out->database = database;
    out->owner = config_text(c, CONFIG_DATABASE_MIGRATION_URL);
    if (!*out->owner)
        out->owner = database;
    out->redis = *redis ? redis : NULL;
    if (!out->embedded_database)
        return true;
    out->socket_dir = app_socket_dir(data_dir, a);
    out->database = app_conninfo(out->socket_dir, SCHEMA_WORKER_ROLE, a);
    out->owner = app_conninfo(out->socket_dir, "heronry", a);
    out->admin = app_conninfo(out->socket_dir, "heronry_admin", a);
    if (out->embedded_redis)
        out->redis = arena_cstr(a, arena_printf(a, "unix://%s/redis.sock", out->socket_dir));
    return check_owner(out->socket_dir, data_dir, e);
}
