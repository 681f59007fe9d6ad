/* SPDX-License-Identifier: Apache-2.0 */
/* Where the database and Redis of a configuration are: outside ones by URL, or the embedded ones,
 * whose places follow from data_dir alone, so that the command line finds those of a running
 * server. It opens nothing. */
#ifndef APP_ENDPOINTS_H
#define APP_ENDPOINTS_H

#include "config/config.h"

struct app_endpoints {
    bool embedded_database; /* the supervisor runs it */
    bool embedded_redis;
    const char *database;   /* conninfo for libpq, for work: of a role without further rights */
    const char *owner;      /* the same for migrations: of the role that owns the tables */
    const char *admin;      /* of the embedded cluster's superuser; NULL for an outside one */
    const char *redis;      /* URL, or NULL: none */
    const char *socket_dir; /* of the embedded servers, or NULL: none are embedded */
};

/* Texts are in the arena or of the configuration. ERR_SYNTAX: data_dir is no absolute path;
 * ERR_DENIED: the directory of the sockets belongs to somebody else than data_dir. */
bool app_endpoints_find(const struct config *c, struct arena *a, struct app_endpoints *out,
                        struct err *e);

/* Pure: the directory of the sockets for a data_dir. A socket's path has at most 107 bytes
 * (sun_path), so a long data_dir gets one in /tmp whose name is made from it. In the arena. */
const char *app_socket_dir(const char *data_dir, struct arena *a);

/* Pure: the embedded database for a role, as libpq's keyword/value strings want it, with quotes. In
 * the arena. */
const char *app_conninfo(const char *socket_dir, const char *role, struct arena *a);

/* data_dir/name, in the arena. */
const char *app_data_path(const struct config *c, const char *name, struct arena *a);

#endif
