/* SPDX-License-Identifier: Apache-2.0 */
/* migrate, config-check, config, version. */
#include "db/db.h"
#include "schema/schema.h"
#include "services/app/bootstrap.h"
#include "services/app/build.h"
#include "services/app/certificates.h"
#include "services/app/endpoints.h"
#include "services/app/settings.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

enum {
    MIGRATE_MS = 600000,
    EXPLAIN_MAX = 1 << 20
};

/* ---- migrate ---- */

static const char *word_of(const struct schema_state *state)
{
    if (state->is_changed)
        return "changed";
    if (!state->is_known)
        return "of a newer program";
    return state->is_applied ? "applied" : "missing";
}

static void print_states_json(const struct schema_states *states)
{
    json_t *list = json_array();
    for (size_t i = 0; i < states->n; i++) {
        const struct schema_state *s = &states->list[i];
        json_t *one = json_object();
        (void)json_object_set_new(one, "version", json_integer(s->version));
        (void)json_object_set_new(one, "name", cli_json_text(s->name));
        (void)json_object_set_new(one, "state", json_string(word_of(s)));
        (void)json_object_set_new(one, "appliedAt", cli_json_time(s->applied_at_us));
        (void)json_array_append_new(list, one);
    }
    cli_print_items(list);
    json_decref(list);
}

static void print_states(const struct schema_states *states)
{
    static const char *const titles[] = { "VERSION", "NAME", "STATE", "APPLIED" };
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < states->n; i++) {
        const struct schema_state *s = &states->list[i];
        cli_table_number(&t, s->version);
        cli_table_text(&t, s->name);
        cli_table_text(&t, str_from_cstr(word_of(s)));
        cli_table_time(&t, s->applied_at_us);
    }
    cli_table_print(&t);
}

/* With --dry-run only what would be done. */
YIELDS static bool show(struct cli_session *s, struct db *owner, struct err *e)
{
    struct schema_states states;
    size_t n;
    const struct schema_migration *ours = schema_migrations(&n);
    if (!schema_compare(owner, ours, n, &s->arena, s->deadline_ms, &states, e))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < states.n; i++) {
        if (cli_option(s->cli, "--status") || !states.list[i].is_applied)
            states.list[kept++] = states.list[i];
    }
    states.n = kept;
    if (s->cli->json) {
        print_states_json(&states);
    } else if (states.n == 0) {
        (void)puts("nothing to do");
    } else {
        print_states(&states);
    }
    return true;
}

YIELDS static bool migrate(struct cli_session *s, struct db *owner, struct err *e)
{
    size_t n;
    size_t applied;
    const struct schema_migration *ours = schema_migrations(&n);
    if (!schema_migrate(owner, ours, n, clock_deadline_in(MIGRATE_MS), &applied, e))
        return false;
    if (s->cli->json) {
        json_t *done = json_object();
        (void)json_object_set_new(done, "ok", json_true());
        (void)json_object_set_new(done, "applied", json_integer((json_int_t)applied));
        cli_print_json(&done);
        return true;
    }
    (void)printf("%zu migrations were applied, the schema is up to date\n", applied);
    return true;
}

/* As the role that owns the tables: those that serve may not change them. */
YIELDS static bool as_owner(struct cli_session *s, struct err *e)
{
    struct app_endpoints at;
    if (!app_endpoints_find(s->app->config, &s->arena, &at, e))
        return false;
    struct db *owner = db_new(s->app->runtime, &(struct db_options){ .conninfo = at.owner });
    bool only_show = cli_option(s->cli, "--status") || cli_option(s->cli, "--dry-run");
    bool ok = only_show ? show(s, owner, e) : migrate(s, owner, e);
    db_free(&owner);
    return ok;
}

static enum cli_exit run_migrate(struct cli *cli)
{
    return cli_run_session(cli, as_owner, NULL);
}

/* ---- configuration ---- */

static void print_good_config(struct cli *cli, const char *advice)
{
    if (cli->json) {
        json_t *root = json_object();
        (void)json_object_set_new(root, "ok", json_true());
        (void)json_object_set_new(root, "file", cli_json_text(str_from_cstr(cli->config_path)));
        if (advice)
            (void)json_object_set_new(root, "warning", cli_json_text(str_from_cstr(advice)));
        cli_print_json(&root);
        return;
    }
    if (advice)
        (void)fprintf(stderr, "heronry: warning: %s\n", advice);
    cli_print_done(cli, "file", cli->config_path, "%s: ok", cli->config_path);
}

static enum cli_exit run_config_check(struct cli *cli)
{
    struct config *config = NULL;
    struct app_endpoints at;
    struct app_listeners listeners;
    struct err e = ERR_CLEAR;
    enum cli_exit code;
    if (!cli_load_config(cli, &config, &code))
        return code;
    bool ok = app_endpoints_find(config, &cli->arena, &at, &e) &&
              app_listeners_plan(config, &cli->services, NULL, &cli->arena, &listeners, &e) &&
              app_settings_check(config, &e) && app_bootstrap_check(config, &e) &&
              app_certificates_check(config, &e);
    if (ok)
        print_good_config(cli, app_settings_advice(config, &cli->arena));
    config_free(&config);
    if (ok)
        return CLI_OK;
    (void)cli_fail(cli, &e);
    return CLI_CONFIG;
}

static enum cli_exit run_config(struct cli *cli)
{
    struct buf text;
    if (!cli_option(cli, "--explain"))
        return cli_usage(cli, "config needs --explain");
    buf_init(&text, EXPLAIN_MAX);
    bool ok = config_explain(&text);
    if (ok && cli->json) {
        json_t *root = json_object();
        (void)json_object_set_new(root, "yaml", json_stringn(text.p, text.n));
        cli_print_json(&root);
    } else if (ok) {
        (void)fwrite(text.p, 1, text.n, stdout);
    }
    buf_fini(&text);
    return ok ? CLI_OK : CLI_INTERNAL;
}

/* ---- version ---- */

static enum cli_exit run_version(struct cli *cli)
{
    if (cli->json) {
        json_t *root = json_object();
        (void)json_object_set_new(root, "version", json_string(HERONRY_VERSION));
        cli_print_json(&root);
        return CLI_OK;
    }
    (void)puts("heronry " HERONRY_VERSION);
    return CLI_OK;
}

/* ---- table ---- */

static const struct cli_option migrate_options[] = {
    { "--status", NULL, "list all migrations and what the database has of them" },
    { "--dry-run", NULL, "list what would be applied" },
};
static const struct cli_option config_options[] = {
    { "--explain", NULL, "print every parameter with its default and meaning, as YAML" },
};

static const struct cli_command commands[] = {
    { .name = "migrate",
      .arguments = "",
      .summary = "Brings the tables of the database up to date",
      .details = "`heronry serve` does it by itself at its start.",
      .options = migrate_options,
      .n_options = COUNT_OF(migrate_options),
      .is_local = true,
      .run = run_migrate },
    { .name = "config-check",
      .arguments = "",
      .summary = "Checks the configuration without using it",
      .is_local = true,
      .run = run_config_check },
    { .name = "config",
      .arguments = "--explain",
      .summary = "Explains the configuration",
      .options = config_options,
      .n_options = COUNT_OF(config_options),
      .is_local = true,
      .run = run_config },
    { .name = "version",
      .arguments = "",
      .summary = "Prints the version",
      .is_local = true,
      .run = run_version },
};

const struct cli_group cli_base_group = { commands, COUNT_OF(commands) };
