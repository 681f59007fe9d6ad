/* SPDX-License-Identifier: Apache-2.0 */
/* queue hold-rule add, list, remove: what is held when it is put into the queue. */
#include "services/cli/listing.h"

#define RULES "/admin/hold-rules"

static const struct cli_column columns[] = {
    { "id", "ID", cli_cell_text },
    { "sender", "SENDER", cli_cell_text },
    { "recipient", "RECIPIENT", cli_cell_text },
    { "note", "NOTE", cli_cell_text },
    { "createdBy", "BY", cli_cell_text },
    { "createdAt", "ADDED", cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--sender", "sender" },
                                                { "--recipient", "recipient" },
                                                { "--note", "note" } };
    json_t *made = NULL;
    if (!cli_option(s->cli, "--sender") && !cli_option(s->cli, "--recipient"))
        return ERR(e, ERR_SYNTAX, "say --sender, --recipient, or both");
    json_t *body = json_object();
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (!cli_call(s, "POST", STR(RULES), body, &made, e))
        return false;
    cli_show_item(s, &listing, made);
    json_decref(made);
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, STR(RULES), &listing, e);
}

YIELDS static bool remove_rule(struct cli_session *s, struct err *e)
{
    const char *id = s->cli->words[0];
    json_t *none = NULL;
    str path = arena_printf(&s->arena, RULES "/%s", cli_encode(s, id));
    if (!cli_call(s, "DELETE", path, NULL, &none, e))
        return err_wrap(e, "%s", id);
    json_decref(none);
    cli_print_done(s->cli, "id", id, "rule %s is no more; what it held stays held", id);
    return true;
}

static const struct cli_option add_options[] = {
    { "--sender", "WHO", "an address or a domain of senders; <> for reports" },
    { "--recipient", "WHO", "an address or a domain of recipients" },
    { "--note", "TEXT", "why; told to the sender when the mail goes back" },
};

static const struct cli_command commands[] = {
    { .name = "queue hold-rule add",
      .arguments = "",
      .summary = "Holds mail of a sender, to a recipient, or both, from now on",
      .details =
          "What matches is held when it is put into the queue, until queue release. What waits\n"
          "there already is held by queue hold. An address stands for its addresses with a\n"
          "\"+tag\", too. Mail to people here never is in the queue.",
      .options = add_options,
      .n_options = COUNT_OF(add_options),
      .work = add },
    { .name = "queue hold-rule list",
      .arguments = "",
      .summary = "Lists the rules by which mail is held",
      .work = list },
    { .name = "queue hold-rule remove",
      .arguments = "ID",
      .summary = "Removes a rule; what it held stays held",
      .least_words = 1,
      .most_words = 1,
      .work = remove_rule },
};

const struct cli_group cli_hold_rule_group = { commands, COUNT_OF(commands) };
