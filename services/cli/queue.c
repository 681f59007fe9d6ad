/* SPDX-License-Identifier: Apache-2.0 */
/* queue list, retry, retry-all, delete, stats. */
#include "queue/queue.h"

#include "services/cli/api.h"
#include "services/cli/output.h"

/* ---- which recipients ---- */

static bool check_status(const struct cli *cli, struct err *e)
{
    static const char *const words[] = { "pending", "deferred", "failed" };
    const char *status = cli_option(cli, "--status");
    for (size_t i = 0; status && i < COUNT_OF(words); i++) {
        if (strcmp(words[i], status) == 0)
            return true;
    }
    return !status ||
           ERR(e, ERR_SYNTAX, "--status is pending, deferred or failed, not \"%s\"", status);
}

/* Options of both verbs, by the names that the API has for them. */
static const struct {
    const char *option;
    const char *field;
} filters[] = {
    { "--domain", "domain" },
    { "--sender", "sender" },
    { "--recipient", "recipient" },
    { "--status", "status" },
};

/* ---- list ---- */

static json_t *json_of(const json_t *item)
{
    static const struct {
        const char *ours;
        const char *theirs;
    } fields[] = {
        { "id", "id" },         { "sender", "sender" }, { "recipient", "recipient" },
        { "domain", "domain" }, { "status", "status" }, { "attempts", "attempts" },
        { "code", "code" },     { "reply", "reply" },   { "size", "size" },
    };
    static const struct {
        const char *ours;
        const char *theirs;
    } times[] = {
        { "next_attempt", "nextAttemptAt" },
        { "last_attempt", "lastAttemptAt" },
        { "created_at", "createdAt" },
        { "expires_at", "expiresAt" },
    };
    json_t *one = json_object();
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        (void)json_object_set(one, fields[i].ours, json_object_get(item, fields[i].theirs));
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        (void)json_object_set_new(one, times[i].ours,
                                  cli_json_time(cli_field_time(item, times[i].theirs)));
    }
    return one;
}

/* Where the entries of a list go. */
struct listing {
    struct cli_table table;
    json_t *entries; /* NULL: a table is wanted */
};

static void add_entry(const json_t *item, void *arg)
{
    struct listing *l = arg;
    struct cli_table *t = &l->table;
    str sender = cli_field_text(item, "sender");
    if (l->entries) {
        (void)json_array_append_new(l->entries, json_of(item));
        return;
    }
    cli_table_text(t, cli_field_text(item, "id"));
    cli_table_text(t, str_is_empty(sender) ? STR("<>") : sender);
    cli_table_text(t, cli_field_text(item, "recipient"));
    cli_table_text(t, cli_field_text(item, "status"));
    cli_table_number(t, cli_field_number(item, "attempts"));
    cli_table_time(t, cli_field_time(item, "nextAttemptAt"));
    cli_table_size(t, cli_field_number(item, "size"));
    cli_table_text(t, str_slice(cli_field_text(item, "reply"), 0, 60));
}

static str list_path(struct cli_session *s)
{
    str path = STR("/admin/queue");
    char joint = '?';
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        const char *value = cli_option(s->cli, filters[i].option);
        if (!value)
            continue;
        path = arena_printf(&s->arena, "%.*s%c%s=%s", STR_FMT(path), joint, filters[i].field,
                            cli_encode(s, value));
        joint = '&';
    }
    return path;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "ID",       "SENDER",   "RECIPIENT", "STATUS",
                                          "ATTEMPTS", "NEXT TRY", "SIZE",      "LAST REPLY" };
    struct listing l = { .entries = NULL };
    if (!check_status(s->cli, e))
        return false;
    l.entries = s->cli->json ? json_array() : NULL;
    cli_table_init(&l.table, titles, COUNT_OF(titles));
    bool ok = cli_call_list(s, list_path(s), add_entry, &l, e);
    if (ok && !l.entries) {
        cli_table_print(&l.table);
        return true;
    }
    buf_fini(&l.table.cells);
    if (ok) {
        json_t *root = json_pack("{s:O}", "entries", l.entries);
        cli_print_json(&root);
    }
    json_decref(l.entries);
    return ok;
}

/* ---- acts ---- */

/* Carries out an act on one message; what is no id is said before it is asked for. */
YIELDS static bool act(struct cli_session *s, const char *method, const char *verb, struct err *e)
{
    const char *id = s->cli->words[0];
    int64_t queue_id;
    json_t *done = NULL;
    str path = arena_printf(&s->arena, "/admin/queue/%s%s", cli_encode(s, id), verb);
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e) ||
        !cli_call(s, method, path, NULL, &done, e))
        return err_wrap(e, "%s", id);
    json_decref(done);
    return true;
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
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        const char *value = cli_option(s->cli, filters[i].option);
        if (value)
            (void)json_object_set_new(body, filters[i].field, cli_json_text(str_from_cstr(value)));
    }
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
        const char *ours;
        const char *theirs;
    } rows[] = {
        { "messages", "messages" }, { "pending", "pending" },
        { "deferred", "deferred" }, { "failed", "failed" },
        { "due", "due" },           { "bytes", "bytes" },
        { "leased", "leased" },     { "open_breakers", "openBreakers" },
    };
    json_t *now = NULL;
    struct cli_table t;
    if (!cli_call(s, "GET", STR("/admin/queue/stats"), NULL, &now, e))
        return false;
    int64_t oldest_us = cli_field_time(now, "oldestAt");
    if (s->cli->json) {
        json_t *root = json_object();
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            (void)json_object_set(root, rows[i].ours, json_object_get(now, rows[i].theirs));
        (void)json_object_set_new(root, "oldest", cli_json_time(oldest_us));
        cli_print_json(&root);
    } else {
        cli_table_init(&t, titles, COUNT_OF(titles));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            cli_table_text(&t, str_from_cstr(rows[i].ours));
            cli_table_number(&t, cli_field_number(now, rows[i].theirs));
        }
        cli_table_text(&t, STR("oldest"));
        cli_table_time(&t, oldest_us);
        cli_table_print(&t);
    }
    json_decref(now);
    return true;
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_calls(cli, list, NULL);
}

static enum cli_exit run_retry(struct cli *cli)
{
    return cli_run_calls(cli, retry, NULL);
}

static enum cli_exit run_retry_all(struct cli *cli)
{
    return cli_run_calls(cli, retry_all, NULL);
}

static enum cli_exit run_delete(struct cli *cli)
{
    return cli_run_calls(cli, delete_message, NULL);
}

static enum cli_exit run_stats(struct cli *cli)
{
    return cli_run_calls(cli, stats, NULL);
}

/* ---- table ---- */

static const struct cli_option filter_options[] = {
    { "--domain", "NAME", "only recipients of this domain" },
    { "--sender", "ADDRESS", "only messages of this envelope sender" },
    { "--recipient", "ADDRESS", "only this recipient" },
    { "--status", "STATUS", "only pending, deferred or failed ones" },
};

static const struct cli_command commands[] = {
    { .name = "queue list",
      .arguments = "",
      .summary = "Lists outbound mail that waits, one line a recipient",
      .options = filter_options,
      .n_options = COUNT_OF(filter_options),
      .run = run_list },
    { .name = "queue retry",
      .arguments = "ID",
      .summary = "Tries a message again now",
      .least_words = 1,
      .most_words = 1,
      .run = run_retry },
    { .name = "queue retry-all",
      .arguments = "",
      .summary = "Tries all messages, or those selected, again now",
      .options = filter_options,
      .n_options = COUNT_OF(filter_options),
      .run = run_retry_all },
    { .name = "queue delete",
      .arguments = "ID",
      .summary = "Removes a message from the queue without telling its sender",
      .least_words = 1,
      .most_words = 1,
      .run = run_delete },
    { .name = "queue stats",
      .arguments = "",
      .summary = "Counts what waits in the queue",
      .run = run_stats },
};

const struct cli_group cli_queue_group = { commands, COUNT_OF(commands) };
