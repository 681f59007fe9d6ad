/* SPDX-License-Identifier: Apache-2.0 */
/* suppression list, add, remove: addresses that accounts and domains are not to write to. */
#include "base/address.h"
#include "services/cli/listing.h"

static str path_of(struct cli_session *s, bool with_address)
{
    char **words = s->cli->words;
    str path =
        arena_printf(&s->arena, "/admin/sending-limits/%s/suppressions", cli_encode(s, words[0]));
    if (!with_address)
        return path;
    return arena_printf(&s->arena, "%.*s/%s", STR_FMT(path), cli_encode(s, words[1]));
}

static void yes_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_true(value) ? STR("yes") : STR("no"));
}

/* Of one sender, or of all of them. */
YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { .field = "sender", .title = "SENDER", .cell = cli_cell_text },
        { .field = "address", .title = "ADDRESS", .cell = cli_cell_text },
        { .field = "status", .title = "STATUS", .cell = cli_cell_text },
        { .field = "isInForce", .title = "REFUSED", .cell = yes_cell },
        { .field = "createdAt", .title = "SINCE", .cell = cli_cell_time },
        { .field = "expiresAt", .title = "UNTIL", .cell = cli_cell_time },
        { .field = "reason", .title = "WHY", .cell = cli_cell_text },
    };
    static const struct cli_filter filters[] = { { "--search", "q" } };
    bool of_one = s->cli->n_words > 0;
    const struct cli_listing listing = { .columns = columns,
                                         .n = COUNT_OF(columns),
                                         .has_pages = !of_one };
    if (of_one && cli_option(s->cli, "--search"))
        return ERR(e, ERR_SYNTAX, "--search is for the list of all senders");
    str path = of_one ? path_of(s, false) : STR("/admin/suppressions");
    return cli_show_list(s, cli_filter_path(s, path, filters, COUNT_OF(filters)), &listing, e);
}

/* *was is what stays as it was, if the API says so; to be released. May be NULL. */
YIELDS static bool change(struct cli_session *s, const char *method, json_t *body, json_t **was,
                          struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, method, path_of(s, true), body, &found, e))
        return err_wrap(e, "%s", s->cli->words[1]);
    if (was) {
        *was = found;
    } else {
        json_decref(found);
    }
    return true;
}

static void say_kept(struct cli_session *s, const json_t *was)
{
    str reason = cli_field_text(was, "reason");
    cli_print_done(s->cli, "reason", arena_cstr(&s->arena, reason),
                   "%s does not write to %s already, %s%.*s; that stays (\"suppression remove\" "
                   "first, to give another reason)",
                   s->cli->words[0], s->cli->words[1],
                   reason.n > 0 ? "because: " : "without a reason", STR_FMT(reason));
}

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    static const struct cli_filter more[] = { { "--reason", "reason" } };
    json_t *was = NULL;
    str local;
    str domain;
    /* A part of a path that is none is nothing to the API: it would say that it is not there. */
    if (!address_split(str_from_cstr(s->cli->words[1]), &local, &domain))
        return ERR(e, ERR_SYNTAX, "%s is not a mail address", s->cli->words[1]);
    json_t *body = json_object();
    cli_filter_body(s->cli, body, more, COUNT_OF(more));
    if (!change(s, "PUT", body, &was, e))
        return false;
    if (json_is_object(was)) {
        say_kept(s, was);
        json_decref(was);
        return true;
    }
    cli_print_done(s->cli, "address", s->cli->words[1], "%s does not write to %s", s->cli->words[0],
                   s->cli->words[1]);
    return true;
}

YIELDS static bool take_out(struct cli_session *s, struct err *e)
{
    if (!change(s, "DELETE", NULL, NULL, e))
        return false;
    cli_print_done(s->cli, "address", s->cli->words[1], "%s may write to %s again",
                   s->cli->words[0], s->cli->words[1]);
    return true;
}

/* ---- table ---- */

static const struct cli_option add_options[] = {
    { "--reason", "TEXT", "why; senders are told" },
};

static const struct cli_option list_options[] = {
    { "--search", "TEXT", "of all senders, only what holds it in the address or the sender" },
};

#define SENDER "SENDER is an account, or a domain, for all of its accounts.\n"

static const struct cli_command commands[] = {
    { .name = "suppression list",
      .arguments = "[SENDER]",
      .summary = "Lists addresses that somebody does not write to, or that refused his mail",
      .details = SENDER "Without one, those of all senders are listed.\n"
                        "What other servers refused is in force only with submission.suppress.",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .least_words = 0,
      .most_words = 1,
      .work = list },
    { .name = "suppression add",
      .arguments = "SENDER ADDRESS",
      .summary = "Refuses mail of somebody to an address",
      .details =
          SENDER "It is refused from then on, until it is removed. One that is there by hand\n"
                 "already stays as it is, with its reason.",
      .options = add_options,
      .n_options = COUNT_OF(add_options),
      .least_words = 2,
      .most_words = 2,
      .work = add },
    { .name = "suppression remove",
      .arguments = "SENDER ADDRESS",
      .summary = "Lets somebody write to an address again",
      .details = SENDER "It may be one that another server had refused.",
      .least_words = 2,
      .most_words = 2,
      .work = take_out },
};

const struct cli_group cli_suppression_group = { commands, COUNT_OF(commands) };
