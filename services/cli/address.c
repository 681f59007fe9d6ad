/* SPDX-License-Identifier: Apache-2.0 */
/* address list, add, change, remove: further addresses of users, aliases, groups, catch-alls. */
#include "services/cli/listing.h"

enum {
    MOST_WORDS = 1001 /* an address and all it may lead to */
};

/* ---- showing ---- */

static void cell_addresses(struct cli_table *t, const json_t *value)
{
    cli_cell_words(t, value, STR_EMPTY);
}

static const struct cli_column columns[] = {
    { .field = "address", .title = "ADDRESS", .cell = cli_cell_text },
    { .field = "kind", .title = "KIND", .cell = cli_cell_text },
    { .field = "account", .title = "ACCOUNT", .cell = cli_cell_text },
    { .field = "targets", .title = "LEADS TO", .cell = cell_addresses },
    { .field = "posting", .title = "POSTING", .cell = cli_cell_text },
    { .field = "senders", .title = "ALSO SENDS", .cell = cell_addresses },
    { .field = "onBehalf", .title = "ON BEHALF", .cell = cell_addresses },
};
static const struct cli_listing listing = { .columns = columns,
                                            .n = COUNT_OF(columns),
                                            .has_pages = true };

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = { { "--domain", "domain" },
                                                 { "--account", "account" },
                                                 { "--kind", "kind" } };
    str path = cli_filter_path(s, STR("/admin/addresses"), filters, COUNT_OF(filters));
    return cli_show_list(s, path, &listing, e);
}

/* ---- making and changing ---- */

/* The texts of a list that is written with commas. */
static json_t *split(str text)
{
    json_t *texts = json_array();
    str one;
    bool more = text.n > 0;
    while (more) {
        more = str_cut(text, ',', &one, &text);
        (void)json_array_append_new(texts, cli_json_text(str_trim(one)));
    }
    return texts;
}

/* What the command line says of the address: the words behind it, and who may send to it. */
static json_t *make_body(const struct cli *cli)
{
    static const struct cli_filter posting = { "--posting", "posting" };
    json_t *body = json_object();
    json_t *targets = json_array();
    cli_filter_body(cli, body, &posting, 1);
    for (size_t i = 1; i < cli->n_words; i++)
        (void)json_array_append_new(targets, cli_json_text(str_from_cstr(cli->words[i])));
    if (cli->n_words > 1)
        (void)json_object_set(body, "targets", targets);
    json_decref(targets);
    return body;
}

YIELDS static bool ask(struct cli_session *s, const char *method, str path, json_t *body,
                       struct err *e)
{
    json_t *made = NULL;
    if (!cli_call(s, method, path, body, &made, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    cli_show_item(s, &listing, made);
    json_decref(made);
    return true;
}

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    static const struct cli_filter account = { "--account", "account" };
    json_t *body = make_body(s->cli);
    cli_filter_body(s->cli, body, &account, 1);
    (void)json_object_set_new(body, "address", cli_json_text(str_from_cstr(s->cli->words[0])));
    if (cli_option(s->cli, "--group"))
        (void)json_object_set_new(body, "kind", json_string("group"));
    return ask(s, "POST", STR("/admin/addresses"), body, e);
}

static str address_path(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/addresses/%s", cli_encode(s, s->cli->words[0]));
}

YIELDS static bool change(struct cli_session *s, struct err *e)
{
    const char *senders = cli_option(s->cli, "--senders");
    const char *on_behalf = cli_option(s->cli, "--on-behalf");
    json_t *body = make_body(s->cli);
    if (senders)
        (void)json_object_set_new(body, "senders", split(str_from_cstr(senders)));
    if (on_behalf)
        (void)json_object_set_new(body, "onBehalf", split(str_from_cstr(on_behalf)));
    return ask(s, "PATCH", address_path(s), body, e);
}

YIELDS static bool remove_address(struct cli_session *s, struct err *e)
{
    const char *address = s->cli->words[0];
    json_t *nothing = NULL;
    if (!cli_call(s, "DELETE", address_path(s), NULL, &nothing, e))
        return err_wrap(e, "%s", address);
    json_decref(nothing);
    cli_print_done(s->cli, "address", address, "removed %s", address);
    return true;
}

/* ---- table ---- */

static const struct cli_option list_options[] = {
    { "--domain", "NAME", "only of this domain" },
    { "--account", "USER", "only of this user" },
    { "--kind", "KIND", "login, alias, forward or group" },
};
static const struct cli_option add_options[] = {
    { "--account", "USER", "it becomes a further address of this user" },
    { "--group", NULL, "what it leads to are members" },
    { "--posting", "WHO", "anyone, domain or members: who may send to it" },
};
static const struct cli_option change_options[] = {
    { "--posting", "WHO", "anyone, domain or members: who may send to it" },
    { "--senders", "USERS", "who else may send as it, with commas; \"\" for nobody" },
    { "--on-behalf", "USERS", "who may write on its behalf: a Sender field then tells who wrote" },
};

static const struct cli_command commands[] = {
    { .name = "address list",
      .arguments = "",
      .summary = "Lists addresses and where they lead",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .work = list },
    { .name = "address add",
      .arguments = "ADDRESS [TARGET...]",
      .summary = "Makes a further address of a user, an alias, a group or a catch-all",
      .details =
          "Either --account or one TARGET or more: addresses of this server or elsewhere that\n"
          "get its mail. Mail that leaves has a sender of the address's domain, so that SPF\n"
          "holds and reports find back. \"*@example.org\" gets all that no other address of\n"
          "the domain gets.",
      .options = add_options,
      .n_options = COUNT_OF(add_options),
      .least_words = 1,
      .most_words = MOST_WORDS,
      .work = add },
    { .name = "address change",
      .arguments = "ADDRESS [TARGET...]",
      .summary = "Changes where an address leads, and who may send to it or as it",
      .details = "TARGETs replace those that were; without any they stay.",
      .options = change_options,
      .n_options = COUNT_OF(change_options),
      .least_words = 1,
      .most_words = MOST_WORDS,
      .work = change },
    { .name = "address remove",
      .arguments = "ADDRESS",
      .summary = "Removes an address that is no login",
      .least_words = 1,
      .most_words = 1,
      .work = remove_address },
};

const struct cli_group cli_address_group = { commands, COUNT_OF(commands) };
