/* SPDX-License-Identifier: Apache-2.0 */
/* sending list, show, limit, stop, release: how much accounts, domains and tenants may send. */
#include "services/cli/listing.h"

#define LIMITS "/admin/sending-limits"

/* The number that counts, and whose it is when it is not its own. */
static void limit_cell(struct cli_table *t, const json_t *item, const char *field,
                       const char *otherwise)
{
    char text[64];
    int64_t n = json_integer_value(json_object_get(json_object_get(item, "inForce"), field));
    if (n == 0) {
        cli_table_text(t, STR("any"));
    } else if (!json_is_null(json_object_get(item, field))) {
        cli_table_number(t, n);
    } else {
        (void)snprintf(text, sizeof(text), "%lld (%s)", (long long)n, otherwise);
        cli_table_text(t, str_from_cstr(text));
    }
}

static void messages_hour_cell(struct cli_table *t, const json_t *item)
{
    limit_cell(t, item, "messagesPerHour", "default");
}

static void recipients_hour_cell(struct cli_table *t, const json_t *item)
{
    limit_cell(t, item, "recipientsPerHour", "default");
}

static void messages_day_cell(struct cli_table *t, const json_t *item)
{
    limit_cell(t, item, "messagesPerDay", "default");
}

static void recipients_day_cell(struct cli_table *t, const json_t *item)
{
    limit_cell(t, item, "recipientsPerDay", "default");
}

static void per_message_cell(struct cli_table *t, const json_t *item)
{
    limit_cell(t, item, "recipientsPerMessage", "inherited");
}

static const struct cli_column columns[] = {
    { .field = "sender", .title = "SENDER", .cell = cli_cell_text },
    { .title = "MESSAGES/H", .cell = messages_hour_cell },
    { .title = "RECIPIENTS/H", .cell = recipients_hour_cell },
    { .title = "MESSAGES/DAY", .cell = messages_day_cell },
    { .title = "RECIPIENTS/DAY", .cell = recipients_day_cell },
    { .title = "RECIPIENTS/MESSAGE", .cell = per_message_cell },
    { .field = "used", .title = "SENT (HOUR, DAY)", .cell = cli_cell_sent },
    { .field = "refused", .title = "REFUSED", .cell = cli_cell_number },
    { .field = "stoppedAt", .title = "STOPPED", .cell = cli_cell_time },
    { .field = "reason", .title = "WHY", .cell = cli_cell_text },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, LIMITS "/%s", cli_encode(s, s->cli->words[0]));
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, STR(LIMITS), &listing, e);
}

/* Asks, and prints what it is (then). Takes the body. */
YIELDS static bool call_and_show(struct cli_session *s, const char *method, json_t *body,
                                 struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, method, path_of(s), body, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    cli_show_item(s, &listing, found);
    json_decref(found);
    return true;
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    return call_and_show(s, "GET", NULL, e);
}

/* ---- changes ---- */

static const struct cli_option limit_options[] = {
    { "--messages-hour", "N",
      "messages in an hour; any (no limit) or default instead of a number" },
    { "--recipients-hour", "N", "their recipients" },
    { "--messages-day", "N", "messages in 24 hours" },
    { "--recipients-day", "N", "their recipients" },
    { "--recipients-message", "N", "recipients of one message, those here, too" },
};

static bool add_limit(json_t *body, const char *field, const char *text, struct err *e)
{
    uint64_t n = 0;
    str word = str_from_cstr(text);
    if (str_eq(word, STR("default"))) {
        (void)json_object_set_new(body, field, json_null());
        return true;
    }
    if (!str_eq(word, STR("any")) && (!str_to_uint(word, 1000000000, &n) || n == 0)) {
        return ERR(e, ERR_SYNTAX,
                   "a limit is a number from 1, any for no limit, or default, not \"%s\"", text);
    }
    (void)json_object_set_new(body, field, json_integer((json_int_t)n));
    return true;
}

YIELDS static bool limit(struct cli_session *s, struct err *e)
{
    static const char *const fields[] = { "messagesPerHour", "recipientsPerHour", "messagesPerDay",
                                          "recipientsPerDay", "recipientsPerMessage" };
    json_t *body = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(limit_options); i++) {
        const char *text = cli_option(s->cli, limit_options[i].name);
        ok = !text || add_limit(body, fields[i], text, e);
    }
    if (ok && json_object_size(body) == 0) {
        ok = ERR(e, ERR_SYNTAX,
                 "say which limit: --messages-hour, --recipients-hour, "
                 "--messages-day, --recipients-day or --recipients-message");
    }
    if (!ok) {
        json_decref(body);
        return false;
    }
    return call_and_show(s, "PATCH", body, e);
}

YIELDS static bool stop(struct cli_session *s, struct err *e)
{
    json_t *body = json_pack("{s:b}", "isStopped", 1);
    json_t *found = NULL;
    const char *why = s->cli->n_words > 1 ? s->cli->words[1] : NULL;
    if (why)
        (void)json_object_set_new(body, "reason", cli_json_text(str_from_cstr(why)));
    if (!cli_call(s, "PATCH", path_of(s), body, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    cli_show_item(s, &listing, found);
    if (why && !str_eq(cli_field_text(found, "reason"), str_from_cstr(why))) {
        (void)fprintf(stderr,
                      "heronry: %s was stopped before, and keeps the first reason; release it "
                      "first to give another\n",
                      s->cli->words[0]);
    }
    json_decref(found);
    return true;
}

YIELDS static bool release(struct cli_session *s, struct err *e)
{
    return call_and_show(s, "PATCH", json_pack("{s:b}", "isStopped", 0), e);
}

/* ---- table ---- */

static const struct cli_command commands[] = {
    { .name = "sending list",
      .arguments = "",
      .summary = "Lists who has limits of sending of their own, or may not send",
      .work = list },
    { .name = "sending show",
      .arguments = "ADDRESS|DOMAIN|tenant:NAME",
      .summary = "Shows how much somebody may send, and has sent",
      .least_words = 1,
      .most_words = 1,
      .work = show },
    { .name = "sending limit",
      .arguments = "ADDRESS|DOMAIN|tenant:NAME",
      .summary = "Sets how much an account, or all of a domain or a tenant together, may send",
      .details =
          "Mail for people here is not counted. What is not named stays as it is. Recipients of\n"
          "one message are bounded by the account's own number, else by its domain's, else by\n"
          "that of the domain's tenant.",
      .options = limit_options,
      .n_options = COUNT_OF(limit_options),
      .least_words = 1,
      .most_words = 1,
      .work = limit },
    { .name = "sending stop",
      .arguments = "ADDRESS [REASON]",
      .summary = "Lets an account send nothing, and holds its mail in the queue",
      .least_words = 1,
      .most_words = 2,
      .work = stop },
    { .name = "sending release",
      .arguments = "ADDRESS",
      .summary = "Lets an account send again, and what was held with it go",
      .least_words = 1,
      .most_words = 1,
      .work = release },
};

const struct cli_group cli_sending_group = { commands, COUNT_OF(commands) };
