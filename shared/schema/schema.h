/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of schema: brings the tables of a database to what this program needs. Forward only:
 * numbered SQL scripts (migrations/NNNN_topic.sql, built into the program) are applied in order,
 * each in one transaction together with its row in schema_migration. It does not know what the
 * tables mean. */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "runtime/runtime.h"

struct db;

/* The role that a server works as when the database has it: it may read and write rows, and change
 * no table (PROMISES R37). Others can be members of it. */
#define SCHEMA_WORKER_ROLE "heronry_worker"

struct schema_migration {
    int version;
    const char *name;     /* "directory" */
    const char *checksum; /* SHA-256 of the file, in hex */
    const char *script;   /* takes the lock, writes the row, then the file's text */
};

/* The migrations built into this program, by version. Static. */
const struct schema_migration *schema_migrations(size_t *n);

/* One migration as this program and the database know it. */
struct schema_state {
    int version;
    str name;
    bool is_known;         /* to this program; false: a newer program applied it */
    bool is_applied;       /* to the database */
    bool is_changed;       /* applied, but from another text than ours */
    int64_t applied_at_us; /* UTC; 0 when not applied */
};

struct schema_states {
    struct schema_state *list; /* by version; in the arena */
    size_t n;
};

/* Compares `n` migrations with the database. Errors: those of db_query. Yields. */
YIELDS bool schema_compare(struct db *db, const struct schema_migration *migrations, size_t n,
                           struct arena *a, int64_t deadline_ms, struct schema_states *out,
                           struct err *e);

/* Applies what is missing, in order; *applied counts (also when it fails later). Several processes
 * may do it at once: an advisory lock lets one work and the others find it done. Migrations of a
 * newer program are left alone. At the end SCHEMA_WORKER_ROLE, if there is such a role, has the
 * rights it needs. ERR_UNSUPPORTED: an applied one was changed afterwards, nothing is done; other
 * errors name the migration that failed. Yields. */
YIELDS bool schema_migrate(struct db *db, const struct schema_migration *migrations, size_t n,
                           int64_t deadline_ms, size_t *applied, struct err *e);

/* Makes SCHEMA_WORKER_ROLE unless it is there, over a connection of somebody who may: before
 * schema_migrate. Errors: those of db_run_script. Yields. */
YIELDS bool schema_make_role(struct db *admin, int64_t deadline_ms, struct err *e);

#endif
