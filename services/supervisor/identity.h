/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the supervisor's children become: the unprivileged user that serves and owns the data. An
 * ordinary user stays what it is. */
#ifndef SUPERVISOR_IDENTITY_H
#define SUPERVISOR_IDENTITY_H

#include "config/config.h"

#include <sys/types.h>

struct identity {
    uid_t uid;
    gid_t gid;
    const char *name; /* of the user; in the arena */
    bool must_drop;   /* we are root */
    bool is_fallback; /* the user of the configuration's default does not exist */
};

/* For root: the user of the configuration; when that is the default and does not exist, the user
 * `postgres`, as the embedded PostgreSQL refuses root. ERR_NOT_FOUND, with what to do. */
bool identity_find(const struct config *c, struct arena *a, struct identity *out, struct err *e);

/* Becomes that user for good: groups, ids, no core dumps, no new privileges. In a child only. */
bool identity_drop(const struct identity *id, struct err *e);

/* Makes a directory (and the ones above it) if it is not there. When we are root, the directory is
 * given to the identity, which also must be able to reach it: ERR_DENIED names the directory on the
 * way that is closed to it. ERR_INTERNAL. */
bool identity_make_dir(const struct identity *id, const char *path, mode_t mode, struct err *e);

#endif
