/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of cluster: what processes on all machines agree on through the database. Leases say
 * who runs a singleton job; node ids keep the message ids of different processes apart. It does not
 * know what the jobs do. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/base.h"

struct db;

enum {
    CLUSTER_NODES = 1024 /* node ids are 0 .. CLUSTER_NODES - 1 */
};

/* Takes or extends the lease `name` for `lease_ms` from now, on the clock of the database. `owner`
 * names this process uniquely. *token grows with each new owner (a fencing token); 0: somebody else
 * holds it. Errors: those of db_query. Yields. */
YIELDS bool cluster_lease_acquire(struct db *db, str name, str owner, int64_t lease_ms,
                                  int64_t deadline_ms, int64_t *token, struct err *e);
/* Gives it back before its time; harmless when it is not ours. Yields. */
YIELDS bool cluster_lease_release(struct db *db, str name, str owner, int64_t deadline_ms,
                                  struct err *e);

/* Leases a node id that no running process has; extend it with cluster_node_extend before
 * `lease_ms` pass. ERR_LIMIT: all are taken. Yields. */
YIELDS bool cluster_node_claim(struct db *db, str owner, int64_t lease_ms, int64_t deadline_ms,
                               unsigned *node_id, struct err *e);
/* ERR_CONFLICT: it was lost, another process may use it by now. Yields. */
YIELDS bool cluster_node_extend(struct db *db, unsigned node_id, str owner, int64_t lease_ms,
                                int64_t deadline_ms, struct err *e);

#endif
