/* SPDX-License-Identifier: Apache-2.0 */
/* domain add, list, remove. */
#include "services/cli/api.h"
#include "services/cli/output.h"

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *made = NULL;
    if (!cli_call(s, "POST", STR("/admin/domains"),
                  json_pack("{s:o}", "name", cli_json_text(str_from_cstr(name))), &made, e))
        return err_wrap(e, "%s", name);
    json_decref(made);
    cli_print_done(s->cli, "domain", name, "added %s", name);
    return true;
}

YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *none = NULL;
    str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, name));
    if (!cli_call(s, "DELETE", path, NULL, &none, e))
        return err_wrap(e, "%s", name);
    json_decref(none);
    cli_print_done(s->cli, "domain", name, "removed %s", name);
    return true;
}

/* Where the domains of a list go. */
struct listing {
    struct cli_table table;
    json_t *domains; /* NULL: a table is wanted */
};

static void add_domain(const json_t *item, void *arg)
{
    struct listing *l = arg;
    int64_t created_us = cli_field_time(item, "createdAt");
    if (l->domains) {
        json_t *one = json_object();
        (void)json_object_set_new(one, "name", cli_json_text(cli_field_text(item, "name")));
        (void)json_object_set_new(one, "accounts",
                                  json_integer(cli_field_number(item, "accounts")));
        (void)json_object_set_new(one, "created_at", cli_json_time(created_us));
        (void)json_array_append_new(l->domains, one);
        return;
    }
    cli_table_text(&l->table, cli_field_text(item, "name"));
    cli_table_number(&l->table, cli_field_number(item, "accounts"));
    cli_table_time(&l->table, created_us);
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "DOMAIN", "ACCOUNTS", "CREATED" };
    struct listing l = { .domains = s->cli->json ? json_array() : NULL };
    cli_table_init(&l.table, titles, COUNT_OF(titles));
    bool ok = cli_call_list(s, STR("/admin/domains"), add_domain, &l, e);
    if (ok && !l.domains) {
        cli_table_print(&l.table);
        return true;
    }
    buf_fini(&l.table.cells);
    if (ok) {
        json_t *root = json_pack("{s:O}", "domains", l.domains);
        cli_print_json(&root);
    }
    json_decref(l.domains);
    return ok;
}

static enum cli_exit run_add(struct cli *cli)
{
    return cli_run_calls(cli, add, NULL);
}

static enum cli_exit run_remove(struct cli *cli)
{
    return cli_run_calls(cli, remove_domain, NULL);
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_calls(cli, list, NULL);
}

static const struct cli_command commands[] = {
    { .name = "domain add",
      .arguments = "NAME",
      .summary = "Takes mail for a domain",
      .least_words = 1,
      .most_words = 1,
      .run = run_add },
    { .name = "domain list", .arguments = "", .summary = "Lists the domains", .run = run_list },
    { .name = "domain remove",
      .arguments = "NAME",
      .summary = "Removes a domain that has no accounts",
      .least_words = 1,
      .most_words = 1,
      .run = run_remove },
};

const struct cli_group cli_domain_group = { commands, COUNT_OF(commands) };
