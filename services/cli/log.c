/* SPDX-License-Identifier: Apache-2.0 */
/* log events: what the log can say, for logging.components, logging.levels and for who searches in
 * it. */
#include "obs/components.h"
#include "obs/line.h"
#include "services/cli/output.h"

/* "smtp_message", in the arena. */
static str name_of(struct cli *cli, const struct obs_event_info *event)
{
    return arena_lower(&cli->arena, str_from_cstr(event->name));
}

static void add_row(struct cli *cli, const struct obs_event_info *event, struct cli_table *table,
                    json_t *list)
{
    str name = name_of(cli, event);
    const char *level = obs_level_name(event->level);
    if (cli->json) {
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s}", "component",
                                                    event->component, "event", cli_json_text(name),
                                                    "level", level, "says", event->doc));
        return;
    }
    cli_table_text(table, str_from_cstr(event->component));
    cli_table_text(table, name);
    cli_table_text(table, str_from_cstr(level));
    cli_table_text(table, str_from_cstr(event->doc));
}

static enum cli_exit run_events(struct cli *cli)
{
    static const char *const titles[] = { "COMPONENT", "EVENT", "LEVEL", "SAYS" };
    str wanted = str_from_cstr(cli->n_words > 0 ? cli->words[0] : NULL);
    struct cli_table table;
    struct err e = ERR_CLEAR;
    if (wanted.n > 0 && !obs_is_component(wanted)) {
        (void)ERR(&e, ERR_NOT_FOUND, "the log has no component %.*s: heronry log events lists all",
                  STR_FMT(wanted));
        return cli_fail(cli, &e);
    }
    json_t *list = json_array();
    cli_table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < EV_COUNT; i++) {
        const struct obs_event_info *event = obs_event_info((enum obs_event)i);
        if (wanted.n == 0 || str_ieq(wanted, str_from_cstr(event->component)))
            add_row(cli, event, &table, list);
    }
    if (cli->json) {
        cli_print_items(list);
    } else {
        cli_table_print(&table);
    }
    json_decref(list);
    return CLI_OK;
}

static const struct cli_command commands[] = {
    { .name = "log events",
      .arguments = "[COMPONENT]",
      .summary = "What the log says: all events, with component and level",
      .details = "Which are written is set by logging.level, logging.components and\n"
                 "logging.levels of the configuration, and changed by SIGHUP.",
      .most_words = 1,
      .is_local = true,
      .run = run_events },
};

const struct cli_group cli_log_group = { commands, COUNT_OF(commands) };
