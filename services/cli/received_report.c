/* SPDX-License-Identifier: Apache-2.0 */
/* report received list, show. */
#include "services/cli/listing.h"

#define PATH "/admin/received-reports"

static const struct cli_column columns[] = {
    { "id", "ID", cli_cell_text, "id" },
    { "kind", "KIND", cli_cell_text, "kind" },
    { "domain", "DOMAIN", cli_cell_text, "domain" },
    { "organization", "FROM", cli_cell_text, "organization" },
    { "cameBy", "BY", cli_cell_text, "came_by" },
    { "beginAt", "SINCE", cli_cell_time, "begin_at" },
    { "endAt", NULL, cli_cell_time, "end_at" },
    { "good", "GOOD", cli_cell_number, "good" },
    { "bad", "BAD", cli_cell_number, "bad" },
    { "policy", NULL, NULL, "policy" },
    { "contact", NULL, NULL, "contact" },
    { "reportId", NULL, NULL, "report_id" },
    { "receivedAt", NULL, cli_cell_time, "received_at" },
};

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_listing listing = {
        .name = "reports", .columns = columns, .n = COUNT_OF(columns), .has_pages = true
    };
    static const struct cli_filter filters[] = { { "--kind", "kind" }, { "--domain", "domain" } };
    return cli_show_list(s, cli_filter_path(s, STR(PATH), filters, COUNT_OF(filters)), &listing, e);
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    static const struct cli_column dmarc[] = {
        { "messages", "MESSAGES", cli_cell_number, "messages" },
        { "source", "SOURCE", cli_cell_text, "source" },
        { "dkim", "DKIM", cli_cell_text, "dkim" },
        { "spf", "SPF", cli_cell_text, "spf" },
        { "disposition", "DONE", cli_cell_text, "disposition" },
        { "headerFrom", "AUTHOR", cli_cell_text, "header_from" },
        { "envelopeFrom", "SENDER", cli_cell_text, "envelope_from" },
        { "reason", "WHY", cli_cell_text, "reason" },
    };
    static const struct cli_column tls[] = {
        { "sessions", "SESSIONS", cli_cell_number, "sessions" },
        { "result", "RESULT", cli_cell_text, "result" },
        { "policyType", "POLICY", cli_cell_text, "policy_type" },
        { "mx", "SERVER", cli_cell_text, "mx" },
        { "senderIp", "FROM", cli_cell_text, "sender_ip" },
        { "reason", "WHY", cli_cell_text, "reason" },
    };
    static const struct cli_listing head = { .columns = columns, .n = COUNT_OF(columns) };
    static const struct cli_listing listings[] = {
        { .name = "dmarc", .columns = dmarc, .n = COUNT_OF(dmarc) },
        { .name = "tls", .columns = tls, .n = COUNT_OF(tls) },
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
    const struct cli_listing *rows = &listings[is_tls];
    cli_show_item(s, &head, report);
    (void)printf("\n");
    cli_show_items(s, rows, json_object_get(found, rows->name));
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
