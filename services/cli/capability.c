/* SPDX-License-Identifier: Apache-2.0 */
/* imap capabilities, imap commands, pop3 commands: what the server can do, from the tables that its
 * sessions use. */
#include "services/cli/output.h"

static const struct app_service *service_of(const struct cli *cli, const char *role)
{
    for (size_t i = 0; i < cli->services.n; i++) {
        if (strcmp(cli->services.list[i]->role, role) == 0)
            return cli->services.list[i];
    }
    INVARIANT(!"the program has this service");
    return NULL;
}

/* "RFC 9051", or "-"; in the arena. */
static str rfc_text(struct cli *cli, unsigned rfc)
{
    return rfc ? arena_printf(&cli->arena, "RFC %u", rfc) : STR("-");
}

static json_t *rfc_json(unsigned rfc)
{
    return rfc ? json_integer(rfc) : json_null();
}

/* ---- words ---- */

static void print_capabilities_json(const struct app_service *imap)
{
    json_t *list = json_array();
    struct app_capability c;
    for (size_t i = 0; imap->capability(i, &c); i++) {
        json_t *one = json_object();
        (void)json_object_set_new(one, "word", json_string(c.word));
        (void)json_object_set_new(one, "rfc", rfc_json(c.rfc));
        (void)json_object_set_new(one, "command",
                                  c.command.n ? cli_json_text(c.command) : json_null());
        (void)json_object_set_new(one, "beforeTls", json_boolean(c.before_tls));
        (void)json_object_set_new(one, "beforeLogin", json_boolean(c.before_login));
        (void)json_object_set_new(one, "afterLogin", json_boolean(c.after_login));
        (void)json_object_set_new(one, "optional", json_boolean(c.is_optional));
        (void)json_array_append_new(list, one);
    }
    cli_print_items(list);
    json_decref(list);
}

static enum cli_exit run_capabilities(struct cli *cli)
{
    static const char *const titles[] = {
        "WORD",         "DEFINED IN",  "COMMAND",         "BEFORE TLS",
        "BEFORE LOGIN", "AFTER LOGIN", "BY CONFIGURATION"
    };
    const struct app_service *imap = service_of(cli, "imap");
    struct app_capability c;
    struct cli_table t;
    if (cli->json) {
        print_capabilities_json(imap);
        return CLI_OK;
    }
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; imap->capability(i, &c); i++) {
        cli_table_text(&t, str_from_cstr(c.word));
        cli_table_text(&t, rfc_text(cli, c.rfc));
        cli_table_text(&t, c.command.n ? c.command : STR("-"));
        cli_table_text(&t, c.before_tls ? STR("yes") : STR("-"));
        cli_table_text(&t, c.before_login ? STR("yes") : STR("-"));
        cli_table_text(&t, c.after_login ? STR("yes") : STR("-"));
        cli_table_text(&t, c.is_optional ? STR("yes") : STR("-"));
    }
    cli_table_print(&t);
    return CLI_OK;
}

/* ---- commands ---- */

static void print_commands_json(const struct app_service *service)
{
    json_t *list = json_array();
    struct app_command c;
    for (size_t i = 0; service->command(i, &c); i++) {
        json_t *one = json_object();
        json_t *states = json_array();
        for (size_t j = 0; j < COUNT_OF(c.states); j++) {
            if (c.states[j])
                (void)json_array_append_new(states, json_string(c.states[j]));
        }
        (void)json_object_set_new(one, "name", cli_json_text(c.name));
        (void)json_object_set_new(one, "rfc", rfc_json(c.rfc));
        (void)json_object_set_new(one, "uidForm", json_boolean(c.has_uid_form));
        (void)json_object_set_new(one, "states", states);
        (void)json_array_append_new(list, one);
    }
    cli_print_items(list);
    json_decref(list);
}

static enum cli_exit list_commands(struct cli *cli, const char *role)
{
    static const char *const titles[] = { "COMMAND", "DEFINED IN", "WITH UID", "STATES" };
    const struct app_service *service = service_of(cli, role);
    struct app_command c;
    struct cli_table t;
    if (cli->json) {
        print_commands_json(service);
        return CLI_OK;
    }
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; service->command(i, &c); i++) {
        str states = STR_EMPTY;
        for (size_t j = 0; j < COUNT_OF(c.states); j++) {
            if (c.states[j]) {
                states = arena_printf(&cli->arena, "%.*s%s%s", STR_FMT(states),
                                      states.n ? ", " : "", c.states[j]);
            }
        }
        cli_table_text(&t, c.name);
        cli_table_text(&t, rfc_text(cli, c.rfc));
        cli_table_text(&t, c.has_uid_form ? STR("yes") : STR("-"));
        cli_table_text(&t, states);
    }
    cli_table_print(&t);
    return CLI_OK;
}

static enum cli_exit run_imap_commands(struct cli *cli)
{
    return list_commands(cli, "imap");
}

static enum cli_exit run_pop3_commands(struct cli *cli)
{
    return list_commands(cli, "pop3");
}

static const struct cli_command commands[] = {
    { .name = "imap capabilities",
      .arguments = "",
      .summary = "What CAPABILITY tells IMAP clients, and which RFC defines it",
      .is_local = true,
      .run = run_capabilities },
    { .name = "imap commands",
      .arguments = "",
      .summary = "The commands that IMAP clients can give, and in which states",
      .is_local = true,
      .run = run_imap_commands },
    { .name = "pop3 commands",
      .arguments = "",
      .summary = "The commands that POP3 clients can give, and in which states",
      .is_local = true,
      .run = run_pop3_commands },
};

const struct cli_group cli_capability_group = { commands, COUNT_OF(commands) };
