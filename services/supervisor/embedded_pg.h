/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded PostgreSQL: finds the binaries, makes the cluster, starts, watches and stops it as a
 * child. Its data is data_dir/postgres, its only socket is in the socket directory. */
#ifndef SUPERVISOR_EMBEDDED_PG_H
#define SUPERVISOR_EMBEDDED_PG_H

#include "services/supervisor/child.h"

struct embedded_pg {
    const struct identity *identity;
    const char *bin_dir;
    const char *data_dir; /* data_dir/postgres, without symbolic links */
    const char *socket_dir;
    const char *log_dir;
    const char *start_log; /* what it says before its own log is open */
    pid_t pid;             /* 0: not running */
};

/* Finds the binaries and, when there is no cluster yet, makes one. `base` is an existing directory
 * of the identity. Everything is in the arena. ERR_NOT_FOUND: no PostgreSQL of the right version,
 * with what to install; ERR_INTERNAL. Takes some seconds the first time. */
bool embedded_pg_prepare(struct embedded_pg *pg, const struct identity *id, const char *base,
                         const char *socket_dir, struct arena *a, struct err *e);
/* Ends what is left of an earlier life, writes the configuration and starts the server; does not
 * wait until it is ready. */
bool embedded_pg_start(struct embedded_pg *pg, unsigned max_connections, struct err *e);
/* Waits until connections are accepted: recovery after a crash may take minutes. ERR_INTERNAL when
 * it ended, ERR_CANCELLED when the supervisor is asked to stop. */
bool embedded_pg_wait(struct embedded_pg *pg, struct signals *signals, struct err *e);
/* Ends the server: in good order, after 30 s at once. Harmless when it does not run. */
void embedded_pg_stop(struct embedded_pg *pg);

/* Pure: the major version in the path of a binary's directory, "/usr/lib/postgresql/15/bin"; 0 when
 * there is none. */
unsigned embedded_pg_version_of(str bin_dir);

#endif
