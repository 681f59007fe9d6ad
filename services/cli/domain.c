/* SPDX-License-Identifier: Apache-2.0 */
/* domain add, list, remove. */
#include "services/cli/output.h"
#include "services/cli/session.h"

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    if (!account_domain_add(s->app->accounts, &s->actor, str_from_cstr(name), &s->arena,
                            s->deadline_ms, e))
        return err_wrap(e, "%s", name);
    cli_print_done(s->cli, "domain", name, "added %s", name);
    return true;
}

YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    if (!account_domain_remove(s->app->accounts, &s->actor, str_from_cstr(name), &s->arena,
                               s->deadline_ms, e))
        return err_wrap(e, "%s", name);
    cli_print_done(s->cli, "domain", name, "removed %s", name);
    return true;
}

static void print_json(const struct account_domain_list *domains)
{
    json_t *root = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < domains->n; i++) {
        const struct account_domain *d = &domains->list[i];
        json_t *one = json_object();
        (void)json_object_set_new(one, "name", cli_json_text(d->name));
        (void)json_object_set_new(one, "accounts", json_integer(d->accounts));
        (void)json_object_set_new(one, "created_at", cli_json_time(d->created_at_us));
        (void)json_array_append_new(list, one);
    }
    (void)json_object_set_new(root, "domains", list);
    cli_print_json(&root);
}

static void print_table(const struct account_domain_list *domains)
{
    static const char *const titles[] = { "DOMAIN", "ACCOUNTS", "CREATED" };
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < domains->n; i++) {
        cli_table_text(&t, domains->list[i].name);
        cli_table_number(&t, domains->list[i].accounts);
        cli_table_time(&t, domains->list[i].created_at_us);
    }
    cli_table_print(&t);
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    struct account_domain_list domains;
    if (!account_domain_list(s->app->accounts, &s->arena, s->deadline_ms, &domains, e))
        return false;
    if (s->cli->json) {
        print_json(&domains);
    } else {
        print_table(&domains);
    }
    return true;
}

static enum cli_exit run_add(struct cli *cli)
{
    return cli_run_session(cli, add, NULL);
}

static enum cli_exit run_remove(struct cli *cli)
{
    return cli_run_session(cli, remove_domain, NULL);
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_session(cli, list, NULL);
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
