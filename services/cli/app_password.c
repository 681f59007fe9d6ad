/* SPDX-License-Identifier: Apache-2.0 */
/* app-password create, list, revoke. */
#include "services/cli/listing.h"

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/accounts/%s/app-passwords",
                        cli_encode(s, s->cli->words[0]));
}

/* ---- create ---- */

YIELDS static bool create(struct cli_session *s, struct err *e)
{
    const struct cli *cli = s->cli;
    const char *protocols = cli_option(cli, "--protocols");
    const char *networks = cli_option(cli, "--networks");
    static const struct cli_filter more[] = { { "--expires", "expiresAt" } };
    json_t *made = NULL;
    json_t *body = json_pack("{s:o, s:o}", "label", cli_json_text(str_from_cstr(cli->words[1])),
                             "protocols", cli_json_words(protocols ? protocols : "imap,pop3,smtp"));
    if (networks)
        (void)json_object_set_new(body, "networks", cli_json_words(networks));
    cli_filter_body(cli, body, more, COUNT_OF(more));
    if (!cli_call(s, "POST", path_of(s), body, &made, e))
        return err_wrap(e, "%s", cli->words[0]);
    static const struct cli_secret secret = { "appPassword", "password", "App password" };
    cli_show_secret(s, &secret, made);
    json_decref(made);
    return true;
}

/* ---- list ---- */

static void protocols_cell(struct cli_table *t, const json_t *value)
{
    cli_cell_words(t, value, STR_EMPTY);
}

static void networks_cell(struct cli_table *t, const json_t *value)
{
    cli_cell_words(t, value, STR("everywhere"));
}

static void address_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t,
                   json_string_length(value) ? str_from_cstr(json_string_value(value)) : STR("-"));
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "label", "LABEL", cli_cell_text },
        { "protocols", "FOR", protocols_cell },
        { "networks", "FROM", networks_cell },
        { "createdAt", "CREATED", cli_cell_time },
        { "lastUsedAt", "LAST USED", cli_cell_time },
        { "lastUsedIp", "BY", address_cell },
        { "expiresAt", "EXPIRES", cli_cell_time },
    };
    static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };
    return cli_show_list(s, path_of(s), &listing, e);
}

/* ---- revoke ---- */

YIELDS static bool revoke_one(struct cli_session *s, struct err *e)
{
    return cli_end_item(s, path_of(s), "app password", "is ended; so are the sessions it opened",
                        e);
}

/* ---- table ---- */

static const struct cli_option create_options[] = {
    { "--protocols", "LIST", "what it is good for: imap, pop3, smtp (default: all of them)" },
    { "--networks", "LIST", "only from these addresses, as 192.0.2.7,198.51.100.0/24" },
    { "--expires", "TIME", "when it ends by itself, as 2027-01-01T00:00:00Z (default: never)" },
};

static const struct cli_command commands[] = {
    { .name = "app-password create",
      .arguments = "ADDRESS LABEL",
      .summary = "Makes a password of a user for one program",
      .details =
          "The password is printed and cannot be shown again. LABEL says which program it is\n"
          "for. It is no password for the webmail.",
      .options = create_options,
      .n_options = COUNT_OF(create_options),
      .least_words = 2,
      .most_words = 2,
      .work = create },
    { .name = "app-password list",
      .arguments = "ADDRESS",
      .summary = "Lists the app passwords of a user",
      .least_words = 1,
      .most_words = 1,
      .work = list },
    { .name = "app-password revoke",
      .arguments = "ADDRESS ID",
      .summary = "Ends an app password and the sessions that it opened",
      .least_words = 2,
      .most_words = 2,
      .work = revoke_one },
};

const struct cli_group cli_app_password_group = { commands, COUNT_OF(commands) };
