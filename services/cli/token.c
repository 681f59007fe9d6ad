/* SPDX-License-Identifier: Apache-2.0 */
/* token create, list, end. */
#include "services/cli/listing.h"

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/accounts/%s/tokens", cli_encode(s, s->cli->words[0]));
}

YIELDS static bool create(struct cli_session *s, struct err *e)
{
    const struct cli *cli = s->cli;
    const char *scopes = cli_option(cli, "--scopes");
    static const struct cli_filter more[] = { { "--expires", "expiresAt" } };
    json_t *made = NULL;
    json_t *body = json_pack("{s:o, s:o}", "name", cli_json_text(str_from_cstr(cli->words[1])),
                             "scopes", cli_json_words(scopes ? scopes : "admin:read,admin:write"));
    cli_filter_body(cli, body, more, COUNT_OF(more));
    if (!cli_call(s, "POST", path_of(s), body, &made, e))
        return err_wrap(e, "%s", cli->words[0]);
    static const struct cli_secret secret = { "token", "secret", "Token" };
    cli_show_secret(s, &secret, made);
    json_decref(made);
    return true;
}

static void scopes_cell(struct cli_table *t, const json_t *value)
{
    cli_cell_words(t, value, STR_EMPTY);
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "name", "NAME", cli_cell_text },
        { "prefix", "BEGINS", cli_cell_text },
        { "scopes", "MAY", scopes_cell },
        { "createdAt", "CREATED", cli_cell_time },
        { "lastUsedAt", "LAST USED", cli_cell_time },
        { "expiresAt", "EXPIRES", cli_cell_time },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    return cli_show_list(s, path_of(s), &listing, e);
}

YIELDS static bool end(struct cli_session *s, struct err *e)
{
    return cli_end_item(s, path_of(s), "token", "is ended", e);
}

static const struct cli_option create_options[] = {
    { "--scopes", "LIST", "what it may do (default: admin:read,admin:write)" },
    { "--expires", "TIME", "when it ends by itself, as 2027-01-01T00:00:00Z (default: never)" },
};

static const struct cli_command commands[] = {
    { .name = "token create",
      .arguments = "ADDRESS NAME",
      .summary = "Makes a token of a user for a program that calls the API, as --url does",
      .details =
          "The token is printed and cannot be shown again; it acts as the user. NAME says what it\n"
          "is for. Scopes: account:read, account:write, mail:read, mail:write, mail:send, and for\n"
          "administrators admin:read and admin:write. Not with --url: no token makes tokens.",
      .options = create_options,
      .n_options = COUNT_OF(create_options),
      .least_words = 2,
      .most_words = 2,
      .work = create },
    { .name = "token list",
      .arguments = "ADDRESS",
      .summary = "Lists the tokens of a user",
      .least_words = 1,
      .most_words = 1,
      .work = list },
    { .name = "token end",
      .arguments = "ADDRESS ID",
      .summary = "Ends a token of a user",
      .least_words = 2,
      .most_words = 2,
      .work = end },
};

const struct cli_group cli_token_group = { commands, COUNT_OF(commands) };
