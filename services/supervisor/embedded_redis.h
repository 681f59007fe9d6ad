/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded Redis: hints only, so it keeps nothing on disk. One unix socket, no port. */
#ifndef SUPERVISOR_EMBEDDED_REDIS_H
#define SUPERVISOR_EMBEDDED_REDIS_H

#include "services/supervisor/child.h"

struct embedded_redis {
    const struct identity *identity;
    const char *binary;
    const char *dir; /* data_dir/redis, without symbolic links */
    const char *socket_dir;
    const char *log_path;
    pid_t pid; /* 0: not running */
};

/* Finds the binary in PATH. ERR_NOT_FOUND, with what to install. Texts are in the arena. */
bool embedded_redis_prepare(struct embedded_redis *r, const struct identity *id, const char *base,
                            const char *socket_dir, struct arena *a, struct err *e);
/* Ends what is left of an earlier life and starts the server; does not wait. */
bool embedded_redis_start(struct embedded_redis *r, struct err *e);
/* Waits until it answers. ERR_INTERNAL when it ended, ERR_CANCELLED. */
bool embedded_redis_wait(struct embedded_redis *r, struct signals *signals, struct err *e);
void embedded_redis_stop(struct embedded_redis *r);

#endif
