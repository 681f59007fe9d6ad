/* SPDX-License-Identifier: Apache-2.0 */
/* report list, show, send. */
#include "services/cli/listing.h"

static str path_of(struct cli_session *s, const char *verb)
{
    return arena_printf(&s->arena, "/admin/reports/%s%s", cli_encode(s, s->cli->words[0]), verb);
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "state", "STATE", cli_cell_text },
        { "count", "COUNT", cli_cell_number },
        { "dueAt", "DUE", cli_cell_time },
        { "attempts", "ATTEMPTS", cli_cell_number },
        { "note", "NOTE", cli_cell_text },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    static const struct cli_filter filters[] = { { "--kind", "kind" },
                                                 { "--domain", "domain" },
                                                 { "--state", "state" } };
    str path = cli_filter_path(s, STR("/admin/reports"), filters, COUNT_OF(filters));
    return cli_show_list(s, path, &listing, e);
}

static void print_recipients(const json_t *recipients)
{
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        (void)fprintf(stderr, "it goes to %s\n", json_string_value(json_array_get(recipients, i)));
    }
    if (json_array_size(recipients) == 0 && json_is_array(recipients))
        (void)fprintf(stderr, "it goes to nobody\n");
}

/* The text goes to standard output, what is to be known about it to standard error. Yields. */
YIELDS static bool show(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, "GET", path_of(s, ""), NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    str text = cli_field_text(found, "text");
    str problem = cli_field_text(found, "problem");
    if (text.n)
        (void)printf("%.*s%s", STR_FMT(text), str_has_suffix(text, STR("\n")) ? "" : "\n");
    print_recipients(json_object_get(found, "recipients"));
    if (problem.n)
        (void)fprintf(stderr, "%.*s\n", STR_FMT(problem));
    json_decref(found);
    return true;
}

YIELDS static bool send_now(struct cli_session *s, struct err *e)
{
    const char *id = s->cli->words[0];
    json_t *done = NULL;
    if (cli_option(s->cli, "--dry-run"))
        return show(s, e);
    if (!cli_call(s, "POST", path_of(s, "/send"), NULL, &done, e))
        return err_wrap(e, "%s", id);
    json_decref(done);
    cli_print_done(s->cli, "id", id, "%s is sent within a minute", id);
    return true;
}

/* ---- table ---- */

static const struct cli_option list_options[] = {
    { "--kind", "KIND", "only reports of this kind: tls or dmarc" },
    { "--domain", "DOMAIN", "only reports to this domain" },
    { "--state", "STATE", "only reports of this state: due, sent or dropped" },
};
static const struct cli_option send_options[] = {
    { "--dry-run", NULL, "send nothing: show what would be sent, as report show does" },
};

static const struct cli_command commands[] = {
    { .name = "report list",
      .arguments = "",
      .summary = "Lists reports to other domains: TLS-RPT and DMARC",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .work = list },
    { .name = "report show",
      .arguments = "ID",
      .summary = "Prints a report as it is sent",
      .details = "With --url it also says who gets it, as the DNS has it now.",
      .least_words = 1,
      .most_words = 1,
      .work = show },
    { .name = "report send",
      .arguments = "ID",
      .summary = "Sends a report now, whose day is over",
      .options = send_options,
      .n_options = COUNT_OF(send_options),
      .least_words = 1,
      .most_words = 1,
      .work = send_now },
};

const struct cli_group cli_report_group = { commands, COUNT_OF(commands) };
