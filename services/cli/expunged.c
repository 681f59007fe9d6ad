/* SPDX-License-Identifier: Apache-2.0 */
/* undelete list, restore; retention list, set. */
#include "services/cli/listing.h"
#include "services/cli/mailbox.h"

static str path_of(struct cli_session *s, const char *what)
{
    return arena_printf(&s->arena, "/admin/accounts/%s/%s", cli_encode(s, s->cli->words[0]), what);
}

/* ---- undelete list ---- */

static const struct cli_filter moments[] = {
    { "--since", "from" },
    { "--until", "to" },
};

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "mailboxPath", "MAILBOX", cli_cell_text },
        { "size", "SIZE", cli_cell_size },
        { "receivedAt", "RECEIVED", cli_cell_time },
        { "expungedAt", "DELETED", cli_cell_time },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    const char *mailbox = cli_option(s->cli, "--mailbox");
    str path = path_of(s, "expunged");
    str id = STR_EMPTY;
    if (mailbox && !cli_find_mailbox(s, mailbox, &id, e))
        return false;
    if (mailbox)
        path = arena_printf(&s->arena, "%.*s?mailboxId=%.*s", STR_FMT(path), STR_FMT(id));
    path = cli_filter_path(s, path, moments, COUNT_OF(moments));
    return cli_show_list(s, path, &listing, e);
}

/* ---- undelete restore ---- */

YIELDS static bool restore_body(struct cli_session *s, json_t **body, struct err *e)
{
    const struct cli *cli = s->cli;
    const char *mailbox = cli_option(cli, "--mailbox");
    str id = STR_EMPTY;
    if (mailbox && !cli_find_mailbox(s, mailbox, &id, e))
        return false;
    *body = json_pack("{s:b}", "dryRun", cli_option(cli, "--dry-run") != NULL);
    if (mailbox)
        (void)json_object_set_new(*body, "mailboxId", cli_json_text(id));
    cli_filter_body(cli, *body, moments, COUNT_OF(moments));
    if (cli->n_words > 1) {
        json_t *ids = json_array();
        for (size_t i = 1; i < cli->n_words; i++)
            (void)json_array_append_new(ids, cli_json_text(str_from_cstr(cli->words[i])));
        (void)json_object_set_new(*body, "ids", ids);
    }
    return true;
}

/* What one request leaves is asked for again. */
YIELDS static bool restore(struct cli_session *s, struct err *e)
{
    bool is_dry = cli_option(s->cli, "--dry-run") != NULL;
    json_t *body = NULL;
    int64_t messages = 0;
    int64_t bytes = 0;
    int64_t left = 1;
    if (!restore_body(s, &body, e))
        return false;
    while (left > 0) {
        json_t *done = NULL;
        if (!cli_call(s, "POST", path_of(s, "expunged/restore"), json_incref(body), &done, e)) {
            json_decref(body);
            return err_wrap(e, "%s", s->cli->words[0]);
        }
        messages += cli_field_number(done, "messages");
        bytes += cli_field_number(done, "size");
        left = cli_field_number(done, "left");
        json_decref(done);
    }
    json_decref(body);
    if (s->cli->json) {
        json_t *root = json_pack("{s:b, s:b, s:I, s:I}", "ok", 1, "dryRun", is_dry, "messages",
                                 (json_int_t)messages, "size", (json_int_t)bytes);
        cli_print_json(&root);
        return true;
    }
    (void)printf("%lld messages (%lld bytes) %s restored\n", (long long)messages, (long long)bytes,
                 is_dry ? "would be" : "are");
    return true;
}

/* ---- retention ---- */

static void days_cell(struct cli_table *t, const json_t *value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld days", (long long)json_integer_value(value));
    cli_table_text(t, json_integer_value(value) ? str_from_cstr(text) : STR("never"));
}

YIELDS static bool list_kept(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "path", "MAILBOX", cli_cell_text },
        { "totalMessages", "MESSAGES", cli_cell_number },
        { "size", "SIZE", cli_cell_size },
        { "retentionDays", "DELETED AFTER", days_cell },
    };
    static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };
    return cli_show_list(s, path_of(s, "mailboxes"), &listing, e);
}

/* `arg` is the body. */
YIELDS static bool set_kept(struct cli_session *s, struct err *e)
{
    json_t *done = NULL;
    str id = STR_EMPTY;
    if (!cli_find_mailbox(s, s->cli->words[1], &id, e))
        return false;
    str path = arena_printf(&s->arena, "%.*s/%.*s/retention", STR_FMT(path_of(s, "mailboxes")),
                            STR_FMT(id));
    if (!cli_call(s, "PUT", path, json_incref(s->arg), &done, e))
        return err_wrap(e, "%s", s->cli->words[1]);
    json_decref(done);
    cli_print_done(s->cli, "mailbox", s->cli->words[1], "changed %s of %s", s->cli->words[1],
                   s->cli->words[0]);
    return true;
}

static enum cli_exit run_restore(struct cli *cli)
{
    bool is_chosen = cli->n_words > 1 || cli_option(cli, "--mailbox") ||
                     cli_option(cli, "--since") || cli_option(cli, "--until");
    if (!is_chosen)
        return cli_usage(cli, "say which messages: ids, --mailbox, --since or --until");
    return cli_run_calls(cli, restore, NULL);
}

static enum cli_exit run_retention_set(struct cli *cli)
{
    const char *text = cli->words[2];
    int64_t days = 0;
    json_t *body;
    if (strcmp(text, "never") != 0 && !str_to_int(str_from_cstr(text), INT64_MIN, INT64_MAX, &days))
        return cli_usage(cli, "\"%s\" is neither a number of days nor \"never\"", text);
    body = json_pack("{s:o}", "days",
                     strcmp(text, "never") == 0 ? json_null() : json_integer((json_int_t)days));
    enum cli_exit code = cli_run_calls(cli, set_kept, body);
    json_decref(body);
    return code;
}

/* ---- table ---- */

static const struct cli_option options[] = {
    { "--mailbox", "NAME", "only messages that were in this mailbox, as Work/Projects" },
    { "--since", "TIME", "only what was deleted at or after this moment, as 2026-03-01T12:00:00Z" },
    { "--until", "TIME", "only what was deleted before this moment" },
    { "--dry-run", NULL, "only count, restore nothing" },
};

static const struct cli_command commands[] = {
    { .name = "undelete list",
      .arguments = "ADDRESS",
      .summary = "Lists deleted messages of a user that can be restored",
      .details = "Deleted messages can be restored for the time that mail.keep_deleted says.",
      .options = options,
      .n_options = COUNT_OF(options) - 1,
      .least_words = 1,
      .most_words = 1,
      .work = list },
    { .name = "undelete restore",
      .arguments = "ADDRESS [ID...]",
      .summary = "Restores deleted messages of a user",
      .details = "Each goes back to the mailbox it was in, as a new message there.",
      .options = options,
      .n_options = COUNT_OF(options),
      .least_words = 1,
      .most_words = 1001,
      .run = run_restore },
    { .name = "retention list",
      .arguments = "ADDRESS",
      .summary = "Lists for how long mailboxes of a user keep their messages",
      .least_words = 1,
      .most_words = 1,
      .work = list_kept },
    { .name = "retention set",
      .arguments = "ADDRESS MAILBOX DAYS",
      .summary = "Says after how many days messages of a mailbox are deleted",
      .details = "DAYS is 1 to 3650, or \"never\". Days count from when a message came into the\n"
                 "mailbox. What was deleted so can be restored like all deleted messages.",
      .least_words = 3,
      .most_words = 3,
      .run = run_retention_set },
};

const struct cli_group cli_expunged_group = { commands, COUNT_OF(commands) };
