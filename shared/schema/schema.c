/* SPDX-License-Identifier: Apache-2.0 */
/* Compares and applies migrations. */
#include "schema/schema.h"

#include "db/db.h"

static const struct db_stmt find_table = {
    "SELECT to_regclass('schema_migration') IS NOT NULL",
};
static const struct db_stmt list_applied = {
    "SELECT version, name, checksum, applied_at FROM schema_migration ORDER BY version",
};

/* The lock keeps two processes from making the table at once: IF NOT EXISTS alone is no protection
 * from that. The number is any that nobody else uses; generated scripts take the same one. */
static const char make_table[] =
    "SELECT pg_advisory_xact_lock(5210318741);"
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())";

static const char make_role[] =
    "DO $$ BEGIN"
    " PERFORM pg_advisory_xact_lock(5210318741);"
    " IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '" SCHEMA_WORKER_ROLE "') THEN"
    "  CREATE ROLE " SCHEMA_WORKER_ROLE " LOGIN;"
    " END IF; END $$";

/* Once: tables that come later give the same rights by default. The audit log only grows. */
static const char grant_rights[] =
    "DO $$ BEGIN"
    " IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '" SCHEMA_WORKER_ROLE "')"
    " AND current_user <> '" SCHEMA_WORKER_ROLE "'"
    " AND NOT has_table_privilege('" SCHEMA_WORKER_ROLE "', 'account', 'INSERT') THEN"
    "  PERFORM pg_advisory_xact_lock(5210318741);"
    "  GRANT USAGE ON SCHEMA public TO " SCHEMA_WORKER_ROLE ";"
    "  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " SCHEMA_WORKER_ROLE
    ";"
    "  GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO " SCHEMA_WORKER_ROLE ";"
    "  REVOKE UPDATE, DELETE ON audit_log FROM " SCHEMA_WORKER_ROLE ";"
    "  REVOKE INSERT, UPDATE, DELETE ON schema_migration FROM " SCHEMA_WORKER_ROLE ";"
    "  ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    "   GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO " SCHEMA_WORKER_ROLE ";"
    "  ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    "   GRANT USAGE, SELECT ON SEQUENCES TO " SCHEMA_WORKER_ROLE ";"
    " END IF; END $$";

bool schema_make_role(struct db *admin, int64_t deadline_ms, struct err *e)
{
    return db_run_script(admin, make_role, deadline_ms, e) ||
           err_wrap(e, "make the role %s", SCHEMA_WORKER_ROLE);
}

static bool read_applied(struct db *db, struct arena *a, int64_t deadline_ms, struct db_rows **out,
                         struct err *e)
{
    struct db_rows *found;
    *out = NULL;
    if (!db_query(db, DB_READ, &find_table, NULL, 0, a, deadline_ms, &found, e))
        return false;
    if (!db_int(found, 0, 0))
        return true;
    return db_query(db, DB_READ, &list_applied, NULL, 0, a, deadline_ms, out, e);
}

static struct schema_state state_of_row(const struct db_rows *rows, size_t row)
{
    return (struct schema_state){
        .version = (int)db_int(rows, row, 0),
        .name = db_str(rows, row, 1),
        .is_applied = true,
        .applied_at_us = db_time_us(rows, row, 3),
    };
}

bool schema_compare(struct db *db, const struct schema_migration *migrations, size_t n,
                    struct arena *a, int64_t deadline_ms, struct schema_states *out, struct err *e)
{
    struct db_rows *rows;
    if (!read_applied(db, a, deadline_ms, &rows, e))
        return false;
    size_t n_rows = rows ? db_row_count(rows) : 0;
    out->list = ARENA_ARRAY(a, struct schema_state, n + n_rows);
    out->n = 0;
    /* Both lists are by version: merge them. */
    for (size_t i = 0, row = 0; i < n || row < n_rows;) {
        struct schema_state *state = &out->list[out->n++];
        const struct schema_migration *ours = i < n ? &migrations[i] : NULL;
        int64_t theirs = row < n_rows ? db_int(rows, row, 0) : INT64_MAX;
        if (!ours || theirs < ours->version) {
            *state = state_of_row(rows, row++);
            continue;
        }
        if (theirs == ours->version) {
            *state = state_of_row(rows, row);
            state->is_changed = !str_eq(db_str(rows, row, 2), str_from_cstr(ours->checksum));
            row++;
        }
        state->version = ours->version;
        state->name = str_from_cstr(ours->name);
        state->is_known = true;
        i++;
    }
    return true;
}

static bool refuse_changed(const struct schema_states *states, struct err *e)
{
    for (size_t i = 0; i < states->n; i++) {
        const struct schema_state *s = &states->list[i];
        if (s->is_changed) {
            return ERR(e, ERR_UNSUPPORTED,
                       "migration %04d (%.*s) was applied from another text than this program "
                       "has; migrations are never changed: use the program that belongs to this "
                       "database",
                       s->version, STR_FMT(s->name));
        }
    }
    return true;
}

static bool is_applied(const struct schema_states *states, int version)
{
    for (size_t i = 0; i < states->n; i++) {
        if (states->list[i].version == version)
            return states->list[i].is_applied;
    }
    return false;
}

YIELDS static bool apply_one(struct db *db, const struct schema_migration *m, int64_t deadline_ms,
                             size_t *applied, struct err *e)
{
    struct err failed = ERR_CLEAR;
    if (db_run_script(db, m->script, deadline_ms, &failed)) {
        ++*applied;
        return true;
    }
    /* The row was there when the lock was ours: another process applied it meanwhile. */
    if (failed.kind == ERR_EXISTS)
        return true;
    *e = failed;
    return err_wrap(e, "migration %04d (%s)", m->version, m->name);
}

YIELDS static bool migrate_in(struct arena *a, struct db *db,
                              const struct schema_migration *migrations, size_t n,
                              int64_t deadline_ms, size_t *applied, struct err *e)
{
    struct schema_states states;
    if (!schema_compare(db, migrations, n, a, deadline_ms, &states, e) ||
        !refuse_changed(&states, e))
        return false;
    bool has_table = false;
    for (size_t i = 0; i < n; i++) {
        if (is_applied(&states, migrations[i].version))
            continue;
        if (!has_table && !db_run_script(db, make_table, deadline_ms, e))
            return err_wrap(e, "table of migrations");
        has_table = true;
        if (!apply_one(db, &migrations[i], deadline_ms, applied, e))
            return false;
    }
    return true;
}

/* A list for tests may have no tables of ours. */
YIELDS static bool give_rights(struct db *db, struct arena *a, int64_t deadline_ms, struct err *e)
{
    static const struct db_stmt find_account = { "SELECT to_regclass('account') IS NOT NULL" };
    struct db_rows *rows;
    if (!db_query(db, DB_READ, &find_account, NULL, 0, a, deadline_ms, &rows, e))
        return false;
    return !db_int(rows, 0, 0) || db_run_script(db, grant_rights, deadline_ms, e) ||
           err_wrap(e, "rights of the role %s", SCHEMA_WORKER_ROLE);
}

bool schema_migrate(struct db *db, const struct schema_migration *migrations, size_t n,
                    int64_t deadline_ms, size_t *applied, struct err *e)
{
    struct arena a;
    arena_init(&a);
    *applied = 0;
    bool ok = migrate_in(&a, db, migrations, n, deadline_ms, applied, e) &&
              give_rights(db, &a, deadline_ms, e);
    arena_fini(&a);
    return ok;
}
