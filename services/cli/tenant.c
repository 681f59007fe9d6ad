/* SPDX-License-Identifier: Apache-2.0 */
/* tenant add, list, show, rename, domains, remove: groups of domains. */
#include "services/cli/listing.h"

#define TENANTS "/admin/tenants"

/* Messages and recipients of the last hour, then of the last 24 hours. */
static void sent_cell(struct cli_table *t, const json_t *sending)
{
    cli_cell_sent(t, json_object_get(sending, "used"));
}

static const struct cli_column columns[] = {
    { .field = "name", .title = "TENANT", .cell = cli_cell_text },
    { .field = "domains", .title = "DOMAINS", .cell = cli_cell_number },
    { .field = "sending", .title = "SENT (HOUR, DAY)", .cell = sent_cell },
    { .field = "createdAt", .title = "CREATED", .cell = cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns,
                                            .n = COUNT_OF(columns),
                                            .has_pages = true };

static const struct cli_column domain_columns[] = {
    { "name", "DOMAIN", cli_cell_text },
    { "accounts", "ACCOUNTS", cli_cell_number },
};
static const struct cli_listing domain_listing = { .columns = domain_columns,
                                                   .n = COUNT_OF(domain_columns),
                                                   .has_pages = true };

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, TENANTS "/%s", cli_encode(s, s->cli->words[0]));
}

static json_t *name_body(const char *name)
{
    return json_pack("{s:o}", "name", cli_json_text(str_from_cstr(name)));
}

/* Asks for the tenant. *found: json_decref. */
YIELDS static bool find(struct cli_session *s, json_t **found, struct err *e)
{
    return cli_call(s, "GET", path_of(s), NULL, found, e) ||
           err_wrap(e, "tenant %s", s->cli->words[0]);
}

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *made = NULL;
    if (!cli_call(s, "POST", STR(TENANTS), name_body(name), &made, e))
        return err_wrap(e, "%s", name);
    json_decref(made);
    cli_print_done(s->cli, "tenant", name, "added the tenant %s", name);
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, STR(TENANTS), &listing, e);
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    if (!find(s, &found, e))
        return false;
    cli_show_item(s, &listing, found);
    json_decref(found);
    return true;
}

YIELDS static bool rename_tenant(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    const char *other = s->cli->words[1];
    json_t *renamed = NULL;
    if (!cli_call(s, "PATCH", path_of(s), name_body(other), &renamed, e))
        return err_wrap(e, "%s", name);
    json_decref(renamed);
    cli_print_done(s->cli, "tenant", other, "the tenant %s is called %s now", name, other);
    return true;
}

YIELDS static bool remove_tenant(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *none = NULL;
    if (!cli_call(s, "DELETE", path_of(s), NULL, &none, e))
        return err_wrap(e, "%s", name);
    json_decref(none);
    cli_print_done(s->cli, "tenant", name, "removed the tenant %s", name);
    return true;
}

/* ---- domains ---- */

YIELDS static bool put(struct cli_session *s, str path, json_t *tenant, struct err *e)
{
    json_t *done = NULL;
    if (!cli_call(s, "PATCH", path, json_pack("{s:o}", "tenant", tenant), &done, e))
        return false;
    json_decref(done);
    return true;
}

/* Takes it out of this tenant, not of another. */
YIELDS static bool take_out(struct cli_session *s, str path, str tenant, struct err *e)
{
    json_t *domain = NULL;
    if (!cli_call(s, "GET", path, NULL, &domain, e))
        return false;
    bool is_in = str_eq(cli_field_text(domain, "tenant"), tenant);
    json_decref(domain);
    if (!is_in)
        return ERR(e, ERR_NOT_FOUND, "it is not in the tenant %.*s", STR_FMT(tenant));
    return put(s, path, json_null(), e);
}

/* Does what the option of that name says, when it was given. */
YIELDS static bool change(struct cli_session *s, const char *option, str tenant, struct err *e)
{
    const char *domain = cli_option(s->cli, option);
    if (!domain)
        return true;
    str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, domain));
    bool ok = str_eq(str_from_cstr(option), STR("--add")) ? put(s, path, cli_json_text(tenant), e)
                                                          : take_out(s, path, tenant, e);
    return ok || err_wrap(e, "%s", domain);
}

YIELDS static bool domains(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    if (!find(s, &found, e))
        return false;
    str name = arena_str(&s->arena, cli_field_text(found, "name"));
    json_decref(found);
    return change(s, "--add", name, e) && change(s, "--remove", name, e) &&
           cli_show_list(s, arena_printf(&s->arena, "/admin/domains?tenant=%.*s", STR_FMT(name)),
                         &domain_listing, e);
}

/* ---- table ---- */

static const struct cli_option domain_options[] = {
    { "--add", "DOMAIN", "puts a domain into the tenant, out of the one that it was in" },
    { "--remove", "DOMAIN", "takes a domain out of it" },
};

static const struct cli_command commands[] = {
    { .name = "tenant add",
      .arguments = "NAME",
      .summary = "Makes a tenant: a group of domains",
      .details = "Limits of sending for all of its domains together: heronry sending limit "
                 "tenant:NAME",
      .least_words = 1,
      .most_words = 1,
      .work = add },
    { .name = "tenant list", .arguments = "", .summary = "Lists the tenants", .work = list },
    { .name = "tenant show",
      .arguments = "NAME",
      .summary = "Shows a tenant",
      .details = "Its limits of sending: heronry sending show tenant:NAME",
      .least_words = 1,
      .most_words = 1,
      .work = show },
    { .name = "tenant rename",
      .arguments = "NAME NEW",
      .summary = "Gives a tenant another name",
      .least_words = 2,
      .most_words = 2,
      .work = rename_tenant },
    { .name = "tenant domains",
      .arguments = "NAME",
      .summary = "Lists the domains of a tenant, and changes which they are",
      .options = domain_options,
      .n_options = COUNT_OF(domain_options),
      .least_words = 1,
      .most_words = 1,
      .work = domains },
    { .name = "tenant remove",
      .arguments = "NAME",
      .summary = "Removes a tenant that has no domains",
      .details = "Take them out first: heronry tenant domains NAME --remove DOMAIN",
      .least_words = 1,
      .most_words = 1,
      .work = remove_tenant },
};

const struct cli_group cli_tenant_group = { commands, COUNT_OF(commands) };
