/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the embedded PostgreSQL. */
#include "services/supervisor/pg_settings.h"

#include "schema/schema.h"

static const uint64_t mb = 1048576;

static uint64_t between(uint64_t least, uint64_t value, uint64_t most)
{
    if (value < least)
        return least;
    return value < most ? value : most;
}

/* The same on every machine, in the order of PostgreSQL's manual. */
static const char constant[] = "listen_addresses = ''\n"
                               "port = 5432\n"
                               "unix_socket_permissions = 0700\n"
                               "superuser_reserved_connections = 3\n"
                               "default_toast_compression = lz4\n"
                               "max_parallel_workers_per_gather = 0\n"
                               "wal_compression = lz4\n"
                               "checkpoint_timeout = 15min\n"
                               "random_page_cost = 1.1\n"
                               "jit = off\n"
                               "logging_collector = on\n"
                               "log_filename = 'postgresql-%a.log'\n"
                               "log_truncate_on_rotation = on\n"
                               "log_rotation_age = 1d\n"
                               "log_rotation_size = 0\n"
                               "log_line_prefix = '%m [%p] '\n"
                               "log_timezone = 'UTC'\n"
                               "log_autovacuum_min_duration = 1s\n"
                               "# A statement may hold what is nobody's business in a log.\n"
                               "log_min_error_statement = panic\n"
                               "log_parameter_max_length = 0\n"
                               "log_parameter_max_length_on_error = 0\n"
                               "autovacuum_vacuum_cost_delay = 1ms\n"
                               "autovacuum_freeze_max_age = 1000000000\n"
                               "idle_in_transaction_session_timeout = 30s\n"
                               "timezone = 'UTC'\n"
                               "lc_messages = 'C'\n";

/* A text as a quoted value of postgresql.conf. */
static bool add_quoted(struct buf *out, const char *key, const char *before, const char *value,
                       const char *after)
{
    bool ok = buf_addf(out, "%s = '%s", key, before);
    for (const char *p = value; *p; p++) {
        if (*p == '\'' || *p == '\\')
            ok = ok && buf_add_byte(out, *p);
        ok = ok && buf_add_byte(out, *p);
    }
    return ok && buf_addf(out, "%s'\n", after);
}

bool pg_settings_format(const struct pg_machine *m, struct buf *out)
{
    uint64_t shared = between(32 * mb, m->memory / 16, 1024 * mb);
    uint64_t maintenance = between(32 * mb, m->memory / 64, 512 * mb);
    uint64_t wal = between(512 * mb, m->disk_free / 10, 8192 * mb);
    bool ok = buf_add(out, STR("# Written by heronry at each start. Put your own settings into "
                               "local.conf beside this file.\n")) &&
              buf_add(out, str_from_cstr(constant));
    /* In double quotes, as a comma would separate two directories. */
    ok = ok && add_quoted(out, "unix_socket_directories", "\"", m->socket_dir, "\"") &&
         add_quoted(out, "log_directory", "", m->log_dir, "");
    ok = ok && buf_addf(out, "max_connections = %u\n", m->max_connections) &&
         buf_addf(out, "shared_buffers = %lluMB\n", (unsigned long long)(shared / mb)) &&
         buf_addf(out, "effective_cache_size = %lluMB\n",
                  (unsigned long long)(between(64 * mb, m->memory / 2, m->memory) / mb)) &&
         buf_addf(out, "maintenance_work_mem = %lluMB\n", (unsigned long long)(maintenance / mb)) &&
         buf_addf(out, "max_wal_size = %lluMB\n", (unsigned long long)(wal / mb));
    return ok && buf_add(out, STR("include_if_exists = 'local.conf'\n"));
}

bool pg_settings_hba(struct buf *out)
{
    return buf_add(out, STR("# Written by heronry at each start.\n"
                            "local all all peer map=heronry\n"));
}

bool pg_settings_ident(const struct pg_machine *m, struct buf *out)
{
    static const char *const roles[] = { "heronry", SCHEMA_WORKER_ROLE, "heronry_admin" };
    bool ok = buf_add(out, STR("# Written by heronry at each start.\n"));
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        ok = ok && buf_addf(out, "heronry \"%s\" %s\n", m->user, roles[i]) &&
             buf_addf(out, "heronry root %s\n", roles[i]);
    }
    return ok;
}
