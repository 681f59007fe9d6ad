/* SPDX-License-Identifier: Apache-2.0 */
/* relay list, set, recipients, remove: domains of others that mail is taken for and passed on. */
#include "services/cli/listing.h"

#include <stdio.h>

#define DOMAINS "/admin/relay-domains"

static const struct cli_column columns[] = {
    { .field = "domain", .title = "DOMAIN", .cell = cli_cell_text },
    { .field = "verification", .title = "VERIFIED BY", .cell = cli_cell_text },
    { .field = "whenDown", .title = "WHEN DOWN", .cell = cli_cell_text },
    { .field = "recipients", .title = "LISTED", .cell = cli_cell_number },
    { .field = "createdAt", .title = "SINCE", .cell = cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, DOMAINS "/%s", cli_encode(s, s->cli->words[0]));
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, STR(DOMAINS), &listing, e);
}

YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    json_t *nothing = NULL;
    if (!cli_call(s, "DELETE", path_of(s), NULL, &nothing, e))
        return err_wrap(e, "%s", domain);
    json_decref(nothing);
    cli_print_done(s->cli, "domain", domain, "mail for %s is refused", domain);
    return true;
}

/* ---- recipients ---- */

YIELDS static bool show_recipients(struct cli_session *s, struct err *e)
{
    static const struct cli_column address = { .title = "ADDRESS", .cell = cli_cell_text };
    static const struct cli_listing shown = { .columns = &address, .n = 1, .has_pages = true };
    str path = arena_printf(&s->arena, "%.*s/recipients", STR_FMT(path_of(s)));
    return cli_show_list(s, path, &shown, e);
}

/* ---- set ---- */

YIELDS static bool set(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--verify", "verification" },
                                                { "--when-down", "whenDown" } };
    const char *domain = s->cli->words[0];
    json_t *made = NULL;
    json_t *body = json_pack("{s:s}", "verification", "callout");
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (s->arg)
        (void)json_object_set(body, "recipients", s->arg);
    if (!cli_call(s, "PUT", path_of(s), body, &made, e))
        return err_wrap(e, "%s", domain);
    cli_show_item(s, &listing, made);
    json_decref(made);
    return true;
}

/* One a line; empty lines and those with '#' are passed over. */
static json_t *read_lines(FILE *in)
{
    json_t *all = json_array();
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, in)) > 0) {
        str text = str_trim(str_of(line, (size_t)n));
        if (text.n > 0 && text.p[0] != '#')
            (void)json_array_append_new(all, cli_json_text(text));
    }
    free(line);
    return all;
}

static enum cli_exit run_set(struct cli *cli)
{
    json_t *recipients = cli_option(cli, "--recipients-stdin") ? read_lines(stdin) : NULL;
    enum cli_exit code = cli_run_calls(cli, set, recipients);
    json_decref(recipients);
    return code;
}

/* ---- table ---- */

static const struct cli_option set_options[] = {
    { "--verify", "HOW", "callout (default), list or none" },
    { "--when-down", "WHAT",
      "accept (default) or defer recipients that its servers do not tell of" },
    { "--recipients-stdin", NULL,
      "read all recipients of the list from standard input, one a line" },
};

static const struct cli_command commands[] = {
    { .name = "relay list",
      .arguments = "",
      .summary = "Lists the domains of others that mail is taken for and passed on",
      .work = list },
    { .name = "relay set",
      .arguments = "DOMAIN",
      .summary = "Takes mail for a domain of others and passes it on to its own servers",
      .details =
          "The mail goes to the domain's MX records that are preferred to this server, or to\n"
          "its transport.\n"
          "callout  its servers are asked whether there is such a recipient\n"
          "list     recipients of the list are taken, with and without \"+tag\"\n"
          "none     every recipient is taken: spam for addresses that do not exist bounces",
      .options = set_options,
      .n_options = COUNT_OF(set_options),
      .least_words = 1,
      .most_words = 1,
      .run = run_set },
    { .name = "relay recipients",
      .arguments = "DOMAIN",
      .summary = "Lists the recipients of a relay domain that are verified by list",
      .least_words = 1,
      .most_words = 1,
      .work = show_recipients },
    { .name = "relay remove",
      .arguments = "DOMAIN",
      .summary = "Takes no more mail for a domain of others",
      .least_words = 1,
      .most_words = 1,
      .work = remove_domain },
};

const struct cli_group cli_relay_group = { commands, COUNT_OF(commands) };
