/* SPDX-License-Identifier: Apache-2.0 */
/* queue list, domains, show, retry, retry-all, delete, stats. */
#include "queue/queue.h"

#include "services/cli/listing.h"

/* ---- which recipients ---- */

static bool check_status(const struct cli *cli, struct err *e)
{
    static const char *const words[] = { "pending", "deferred", "failed", "held" };
    const char *status = cli_option(cli, "--status");
    for (size_t i = 0; status && i < COUNT_OF(words); i++) {
        if (strcmp(words[i], status) == 0)
            return true;
    }
    return !status ||
           ERR(e, ERR_SYNTAX, "--status is pending, deferred, failed or held, not \"%s\"", status);
}

/* Options of both verbs, by the names that the API has for them. */
static const struct cli_filter filters[] = {
    { "--domain", "domain" },
    { "--sender", "sender" },
    { "--recipient", "recipient" },
    { "--status", "status" },
};

/* ---- list ---- */

static void sender_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t,
                   json_string_length(value) ? str_from_cstr(json_string_value(value)) : STR("<>"));
}

static void reply_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, str_slice(str_from_cstr(json_string_value(value)), 0, 60));
}

/* Why it is not tried although it could be. */
static void waits_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_object(value) ? cli_field_text(value, "reason") : STR("-"));
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "sender", "SENDER", sender_cell },
        { "recipient", "RECIPIENT", cli_cell_text },
        { "status", "STATUS", cli_cell_text },
        { "attempts", "ATTEMPTS", cli_cell_number },
        { "nextAttemptAt", "NEXT TRY", cli_cell_time },
        { "heldUntil", "HELD UNTIL", cli_cell_time },
        { "size", "SIZE", cli_cell_size },
        { "waits", "WAITS FOR", waits_cell },
        { "reply", "LAST REPLY", reply_cell },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    str path = cli_filter_path(s, STR("/admin/queue"), filters, COUNT_OF(filters));
    return check_status(s->cli, e) && cli_show_list(s, path, &listing, e);
}

static void breaker_cell(struct cli_table *t, const json_t *value)
{
    str word = str_from_cstr(json_string_value(value));
    cli_table_text(t, str_eq(word, STR("halfOpen")) ? STR("half open") : word);
}

YIELDS static bool domains(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "domain", "DOMAIN", cli_cell_text },
        { "recipients", "RECIPIENTS", cli_cell_number },
        { "messages", "MESSAGES", cli_cell_number },
        { "held", "HELD", cli_cell_number },
        { "failed", "FAILED", cli_cell_number },
        { "nextAttemptAt", "NEXT TRY", cli_cell_time },
        { "breaker", "BREAKER", breaker_cell },
        { "breakerUntil", "UNTIL", cli_cell_time },
        { "waits", "WAITS FOR", waits_cell },
        { "reply", "LAST REPLY", reply_cell },
    };
    static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };
    str path =
        cli_filter_path(s, STR("/admin/queue/domains?limit=200"), filters, COUNT_OF(filters));
    return check_status(s->cli, e) && cli_show_list(s, path, &listing, e);
}

/* ---- one message ---- */

/* Asks about, or acts on, the message of the first word; what is no id is said before it is asked
 * for. The caller releases *answer. */
YIELDS static bool call_message(struct cli_session *s, const char *method, const char *verb,
                                json_t **answer, struct err *e)
{
    const char *id = s->cli->words[0];
    int64_t queue_id;
    str path = arena_printf(&s->arena, "/admin/queue/%s%s", cli_encode(s, id), verb);
    return (queue_id_parse(str_from_cstr(id), &queue_id, e) &&
            cli_call(s, method, path, NULL, answer, e)) ||
           err_wrap(e, "%s", id);
}

static void transport_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_string(value) ? str_from_cstr(json_string_value(value)) : STR("-"));
}

/* What its recipients have in common. */
static void print_message(const json_t *first)
{
    static const char *const titles[] = { "ID", "SENDER", "SIZE", "XVERP", "CAME", "EXPIRES" };
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    cli_cell_text(&t, json_object_get(first, "id"));
    sender_cell(&t, json_object_get(first, "sender"));
    cli_cell_size(&t, json_object_get(first, "size"));
    cli_table_text(&t, json_is_true(json_object_get(first, "isVerp")) ? STR("yes") : STR("no"));
    cli_cell_time(&t, json_object_get(first, "createdAt"));
    cli_cell_time(&t, json_object_get(first, "expiresAt"));
    cli_table_print(&t);
    (void)printf("\n");
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "recipient", "RECIPIENT", cli_cell_text },
        { "status", "STATUS", cli_cell_text },
        { "attempts", "ATTEMPTS", cli_cell_number },
        { "lastAttemptAt", "LAST TRY", cli_cell_time },
        { "nextAttemptAt", "NEXT TRY", cli_cell_time },
        { "heldUntil", "HELD UNTIL", cli_cell_time },
        { "transport", "TRANSPORT", transport_cell },
        { "waits", "WAITS FOR", waits_cell },
        { "reply", "LAST REPLY", cli_cell_text },
    };
    static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };
    json_t *message = NULL;
    if (!call_message(s, "GET", "", &message, e))
        return false;
    const json_t *recipients = json_object_get(message, "recipients");
    if (s->cli->json) {
        cli_print_json(&message);
        return true;
    }
    print_message(json_array_get(recipients, 0));
    cli_show_items(s, &listing, recipients);
    json_decref(message);
    return true;
}

/* ---- acts ---- */

YIELDS static bool act(struct cli_session *s, const char *method, const char *verb, struct err *e)
{
    json_t *done = NULL;
    bool ok = call_message(s, method, verb, &done, e);
    json_decref(done);
    return ok;
}

YIELDS static bool retry(struct cli_session *s, struct err *e)
{
    const char *id = s->cli->words[0];
    if (!act(s, "POST", "/retry", e))
        return false;
    cli_print_done(s->cli, "id", id, "%s is tried again now", id);
    return true;
}

YIELDS static bool delete_message(struct cli_session *s, struct err *e)
{
    const char *id = s->cli->words[0];
    if (!act(s, "DELETE", "", e))
        return false;
    cli_print_done(s->cli, "id", id, "deleted %s; its sender is not told", id);
    return true;
}

YIELDS static bool retry_all(struct cli_session *s, struct err *e)
{
    json_t *answer = NULL;
    json_t *body;
    if (!check_status(s->cli, e))
        return false;
    body = json_object();
    cli_filter_body(s->cli, body, filters, COUNT_OF(filters));
    if (!cli_call(s, "POST", STR("/admin/queue/retry"), body, &answer, e))
        return false;
    int64_t count = cli_field_number(answer, "recipients");
    json_decref(answer);
    if (s->cli->json) {
        json_t *done = json_pack("{s:b, s:I}", "ok", 1, "recipients", (json_int_t)count);
        cli_print_json(&done);
        return true;
    }
    (void)printf("%lld recipients are tried again now\n", (long long)count);
    return true;
}

YIELDS static bool stats(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "WHAT", "NUMBER" };
    static const struct {
        const char *what;
        const char *field;
    } rows[] = {
        { "messages", "messages" }, { "pending", "pending" }, { "deferred", "deferred" },
        { "failed", "failed" },     { "held", "held" },       { "due", "due" },
        { "bytes", "bytes" },       { "leased", "leased" },   { "open_breakers", "openBreakers" },
    };
    json_t *now = NULL;
    struct cli_table t;
    if (!cli_call(s, "GET", STR("/admin/queue/stats"), NULL, &now, e))
        return false;
    if (s->cli->json) {
        cli_print_json(&now);
        return true;
    }
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        cli_table_text(&t, str_from_cstr(rows[i].what));
        cli_table_number(&t, cli_field_number(now, rows[i].field));
    }
    cli_table_text(&t, STR("oldest"));
    cli_cell_time(&t, json_object_get(now, "oldestAt"));
    cli_table_print(&t);
    json_decref(now);
    return true;
}

/* ---- table ---- */

static const struct cli_option filter_options[] = {
    { "--domain", "NAME", "only recipients of this domain" },
    { "--sender", "ADDRESS", "only messages of this envelope sender" },
    { "--recipient", "ADDRESS", "only this recipient" },
    { "--status", "STATUS", "only pending, deferred, failed or held ones" },
};

#define BESIDE                                                                            \
    "The attempt is one beside the schedule: it is none of the 15, and what is planned\n" \
    "stays. What was stopped by hand, a rule or a filter, or with its account, stays\n"   \
    "held: see queue release."

static const struct cli_command commands[] = {
    { .name = "queue list",
      .arguments = "",
      .summary = "Lists outbound mail that waits, one line a recipient",
      .options = filter_options,
      .n_options = COUNT_OF(filter_options),
      .work = list },
    { .name = "queue domains",
      .arguments = "",
      .summary = "Lists the destinations of mail that waits, the fullest 200 first",
      .details =
          "BREAKER is open where 5 attempts in a row failed: nothing is tried before UNTIL but\n"
          "what queue transport sends another way. Half open, one message at a time is tried\n"
          "until two attempts have worked.",
      .options = filter_options,
      .n_options = COUNT_OF(filter_options),
      .work = domains },
    { .name = "queue show",
      .arguments = "ID",
      .summary = "Shows a message that waits, with all of its recipients and their last replies",
      .least_words = 1,
      .most_words = 1,
      .work = show },
    { .name = "queue retry",
      .arguments = "ID",
      .summary = "Tries a message again now",
      .details = BESIDE,
      .least_words = 1,
      .most_words = 1,
      .work = retry },
    { .name = "queue retry-all",
      .arguments = "",
      .summary = "Tries all messages, or those selected, again now",
      .details =
          BESIDE "\nWhat waits for a decision, or for its time, is tried with --status held.",
      .options = filter_options,
      .n_options = COUNT_OF(filter_options),
      .work = retry_all },
    { .name = "queue delete",
      .arguments = "ID",
      .summary = "Removes a message from the queue without telling its sender",
      .least_words = 1,
      .most_words = 1,
      .work = delete_message },
    { .name = "queue stats",
      .arguments = "",
      .summary = "Counts what waits in the queue",
      .work = stats },
};

const struct cli_group cli_queue_group = { commands, COUNT_OF(commands) };
