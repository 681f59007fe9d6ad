/* SPDX-License-Identifier: Apache-2.0 */
/* dnsbl test: whether the lists of the configuration answer as lists do. Asked from this machine,
 * for lists refuse resolvers that very many use. */
#include "spam/dnsbl.h"
#include "net/address.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

enum {
    ANSWER_MS = 10 * 1000 /* for one list */
};

static const struct {
    const char *word; /* for programs */
    const char *text;
} states[] = {
    [SPAM_DNSBL_WORKS] = { "works", "works" },
    [SPAM_DNSBL_EMPTY] = { "empty", "does not list its test point: wrong name, or other answers" },
    [SPAM_DNSBL_LISTS_ALL] = { "listsAll", "lists everybody: it is not asked any more" },
    [SPAM_DNSBL_REFUSES] = { "refuses", "refuses to answer this resolver: see dns.forward" },
    [SPAM_DNSBL_SILENT] = { "silent", "does not answer" },
};

static void add_row(const struct cli *cli, const char *zone, enum spam_dnsbl_health health,
                    struct cli_table *table, json_t *list)
{
    if (!cli->json) {
        cli_table_text(table, str_from_cstr(zone));
        cli_table_text(table, str_from_cstr(states[health].text));
        return;
    }
    (void)json_array_append_new(
        list, json_pack("{s:s, s:s}", "zone", zone, "state", states[health].word));
}

static void print(const struct cli *cli, struct cli_table *table, json_t *list)
{
    if (cli->json) {
        cli_print_items(list);
    } else {
        cli_table_print(table);
    }
}

YIELDS static bool test(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "LIST", "STATE" };
    const struct config_list zones = config_list(s->app->config, CONFIG_DNSBL_ZONES);
    const struct mailauth_resolver resolver = mailauth_resolver_of(s->app->dns);
    struct cli_table table;
    bool ok = true;
    if (zones.n == 0)
        return ERR(e, ERR_NOT_FOUND, "dnsbl.zones names no list");
    json_t *list = json_array();
    cli_table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < zones.n && ok; i++) {
        enum spam_dnsbl_health health = SPAM_DNSBL_SILENT;
        ok = spam_dnsbl_test(&resolver, str_from_cstr(zones.items[i]), &s->arena,
                             clock_deadline_in(ANSWER_MS), &health, e);
        s->is_wrong = s->is_wrong || health != SPAM_DNSBL_WORKS;
        add_row(s->cli, zones.items[i], health, &table, list);
    }
    if (ok)
        print(s->cli, &table, list);
    buf_fini(&table.cells);
    json_decref(list);
    return ok;
}

static const struct cli_command commands[] = {
    { .name = "dnsbl test",
      .arguments = "",
      .summary = "Asks the lists of dnsbl.zones for their test points",
      .details = "A list of the DNS has 127.0.0.2 on it and not 127.0.0.1 (RFC 5782). Ends with 1\n"
                 "when one of them does not work.",
      .with_dns = true,
      .work = test },
};

const struct cli_group cli_dnsbl_group = { commands, COUNT_OF(commands) };
