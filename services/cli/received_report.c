/* SPDX-License-Identifier: Apache-2.0 */
/* report received list, show. */
#include "services/cli/listing.h"

#define PATH "/admin/received-reports"

static const struct cli_column columns[] = {
    { "id", "ID", cli_cell_text },         { "kind", "KIND", cli_cell_text },
    { "domain", "DOMAIN", cli_cell_text }, { "organization", "FROM", cli_cell_text },
    { "cameBy", "BY", cli_cell_text },     { "beginAt", "SINCE", cli_cell_time },
    { "good", "GOOD", cli_cell_number },   { "bad", "BAD", cli_cell_number },
};

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    static const struct cli_filter filters[] = { { "--kind", "kind" }, { "--domain", "domain" } };
    return cli_show_list(s, cli_filter_path(s, STR(PATH), filters, COUNT_OF(filters)), &listing, e);
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    static const struct cli_column dmarc[] = {
        { "messages", "MESSAGES", cli_cell_number }, { "source", "SOURCE", cli_cell_text },
        { "dkim", "DKIM", cli_cell_text },           { "spf", "SPF", cli_cell_text },
        { "disposition", "DONE", cli_cell_text },    { "headerFrom", "AUTHOR", cli_cell_text },
        { "envelopeFrom", "SENDER", cli_cell_text }, { "reason", "WHY", cli_cell_text },
    };
    static const struct cli_column tls[] = {
        { "sessions", "SESSIONS", cli_cell_number }, { "result", "RESULT", cli_cell_text },
        { "policyType", "POLICY", cli_cell_text },   { "mx", "SERVER", cli_cell_text },
        { "senderIp", "FROM", cli_cell_text },       { "reason", "WHY", cli_cell_text },
    };
    static const struct cli_listing head = { .columns = columns, .n = COUNT_OF(columns) };
    static const struct cli_listing listings[] = {
        { .columns = dmarc, .n = COUNT_OF(dmarc) },
        { .columns = tls, .n = COUNT_OF(tls) },
    };
    const char *id = s->cli->words[0];
    json_t *found = NULL;
    str path = arena_printf(&s->arena, PATH "/%s", cli_encode(s, id));
    if (!cli_call(s, "GET", path, NULL, &found, e))
        return err_wrap(e, "%s", id);
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    json_t *report = json_object_get(found, "report");
    bool is_tls = str_eq(cli_field_text(report, "kind"), STR("tls"));
    cli_show_item(s, &head, report);
    (void)printf("\n");
    cli_show_items(s, &listings[is_tls], json_object_get(found, is_tls ? "tls" : "dmarc"));
    json_decref(found);
    return true;
}

static const struct cli_option list_options[] = {
    { "--kind", "KIND", "only reports of this kind: tls or dmarc" },
    { "--domain", "DOMAIN", "only reports about this domain of ours" },
};

static const struct cli_command commands[] = {
    { .name = "report received list",
      .arguments = "",
      .summary = "Lists what other servers report about our domains",
      .details =
          "GOOD are messages that DKIM or SPF proved, or sessions with TLS; BAD the others.\n"
          "BY mail: SPF or DKIM proved who reports; by https: nothing does.",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .work = list },
    { .name = "report received show",
      .arguments = "ID",
      .summary = "Prints a report of another server, row by row",
      .least_words = 1,
      .most_words = 1,
      .work = show },
};

const struct cli_group cli_received_report_group = { commands, COUNT_OF(commands) };
