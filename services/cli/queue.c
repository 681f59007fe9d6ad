/* SPDX-License-Identifier: Apache-2.0 */
/* queue list, retry, retry-all, delete, stats. */
#include "queue/queue.h"

#include "services/cli/output.h"
#include "services/cli/session.h"

enum {
    PAGE = 1000
};

static struct queue_actor actor_of(const struct cli_session *s)
{
    return (struct queue_actor){ .name = s->actor.name };
}

/* ---- which recipients ---- */

static bool parse_status(const char *text, enum queue_status *out)
{
    static const enum queue_status all[] = { QUEUE_STATUS_PENDING, QUEUE_STATUS_DEFERRED,
                                             QUEUE_STATUS_FAILED };
    *out = QUEUE_STATUS_ANY;
    for (size_t i = 0; text && i < COUNT_OF(all); i++) {
        if (strcmp(queue_status_name(all[i]), text) == 0)
            *out = all[i];
    }
    return !text || *out != QUEUE_STATUS_ANY;
}

static bool read_filter(const struct cli *cli, struct queue_filter *out, struct err *e)
{
    const char *status = cli_option(cli, "--status");
    *out = (struct queue_filter){
        .domain = str_from_cstr(cli_option(cli, "--domain")),
        .sender = str_from_cstr(cli_option(cli, "--sender")),
        .recipient = str_from_cstr(cli_option(cli, "--recipient")),
    };
    if (!parse_status(status, &out->status))
        return ERR(e, ERR_SYNTAX, "--status is pending, deferred or failed, not \"%s\"", status);
    return true;
}

/* ---- list ---- */

static json_t *json_of(const struct queue_row *row)
{
    char id[QUEUE_ID_TEXT];
    json_t *one = json_object();
    (void)json_object_set_new(one, "id", cli_json_text(queue_id_format(row->queue_id, id)));
    (void)json_object_set_new(one, "sender", cli_json_text(row->envelope_from));
    (void)json_object_set_new(one, "recipient", cli_json_text(row->recipient));
    (void)json_object_set_new(one, "domain", cli_json_text(row->domain));
    (void)json_object_set_new(one, "status", json_string(queue_status_name(row->status)));
    (void)json_object_set_new(one, "attempts", json_integer(row->attempts));
    (void)json_object_set_new(one, "next_attempt", cli_json_time(row->due_us));
    (void)json_object_set_new(one, "last_attempt", cli_json_time(row->last_attempt_us));
    (void)json_object_set_new(one, "code", cli_json_text(row->code));
    (void)json_object_set_new(one, "reply", cli_json_text(row->reply));
    (void)json_object_set_new(one, "created_at", cli_json_time(row->created_us));
    (void)json_object_set_new(one, "expires_at", cli_json_time(row->expires_us));
    (void)json_object_set_new(one, "size", json_integer(row->size));
    return one;
}

static void add_row(struct cli_table *t, const struct queue_row *row)
{
    char id[QUEUE_ID_TEXT];
    cli_table_text(t, queue_id_format(row->queue_id, id));
    cli_table_text(t, str_is_empty(row->envelope_from) ? STR("<>") : row->envelope_from);
    cli_table_text(t, row->recipient);
    cli_table_text(t, str_from_cstr(queue_status_name(row->status)));
    cli_table_number(t, row->attempts);
    cli_table_time(t, row->due_us);
    cli_table_size(t, row->size);
    cli_table_text(t, str_slice(row->reply, 0, 60));
}

YIELDS static bool collect(struct cli_session *s, struct queue_filter *filter, struct cli_table *t,
                           json_t *entries, struct err *e)
{
    for (;;) {
        struct queue_rows page;
        filter->limit = PAGE;
        if (!queue_list(s->app->queue, filter, &s->arena, s->deadline_ms, &page, e))
            return false;
        for (size_t i = 0; i < page.n; i++) {
            if (s->cli->json) {
                (void)json_array_append_new(entries, json_of(&page.list[i]));
            } else {
                add_row(t, &page.list[i]);
            }
        }
        if (page.n < PAGE)
            return true;
        filter->after_id = page.list[page.n - 1].queue_id;
        filter->after_rcpt = page.list[page.n - 1].recipient;
    }
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "ID",       "SENDER",   "RECIPIENT", "STATUS",
                                          "ATTEMPTS", "NEXT TRY", "SIZE",      "LAST REPLY" };
    struct queue_filter filter;
    struct cli_table t;
    if (!read_filter(s->cli, &filter, e))
        return false;
    json_t *root = json_object();
    json_t *entries = json_array();
    (void)json_object_set_new(root, "entries", entries);
    cli_table_init(&t, titles, COUNT_OF(titles));
    bool ok = collect(s, &filter, &t, entries, e);
    if (ok && !s->cli->json) {
        cli_table_print(&t);
    } else {
        buf_fini(&t.cells);
        if (ok)
            cli_print_json(&root);
    }
    json_decref(root);
    return ok;
}

/* ---- acts ---- */

YIELDS static bool retry(struct cli_session *s, struct err *e)
{
    struct queue_actor actor = actor_of(s);
    const char *id = s->cli->words[0];
    int64_t queue_id;
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e) ||
        !queue_retry(s->app->queue, &actor, queue_id, s->deadline_ms, e))
        return err_wrap(e, "%s", id);
    queue_announce(s->app->queue, queue_id);
    cli_print_done(s->cli, "id", id, "%s is tried again now", id);
    return true;
}

YIELDS static bool retry_all(struct cli_session *s, struct err *e)
{
    struct queue_actor actor = actor_of(s);
    struct queue_filter filter;
    int64_t count = 0;
    if (!read_filter(s->cli, &filter, e) ||
        !queue_retry_all(s->app->queue, &actor, &filter, s->deadline_ms, &count, e))
        return false;
    if (s->cli->json) {
        json_t *done = json_object();
        (void)json_object_set_new(done, "ok", json_true());
        (void)json_object_set_new(done, "recipients", json_integer(count));
        cli_print_json(&done);
        return true;
    }
    (void)printf("%lld recipients are tried again now\n", (long long)count);
    return true;
}

YIELDS static bool delete_message(struct cli_session *s, struct err *e)
{
    struct queue_actor actor = actor_of(s);
    const char *id = s->cli->words[0];
    int64_t queue_id;
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e) ||
        !queue_delete(s->app->queue, &actor, queue_id, s->deadline_ms, e))
        return err_wrap(e, "%s", id);
    cli_print_done(s->cli, "id", id, "deleted %s; its sender is not told", id);
    return true;
}

YIELDS static bool stats(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "WHAT", "NUMBER" };
    struct queue_stats now;
    if (!queue_get_stats(s->app->queue, s->deadline_ms, &now, e))
        return false;
    const struct {
        const char *key;
        int64_t value;
    } rows[] = {
        { "messages", now.messages }, { "pending", now.pending },
        { "deferred", now.deferred }, { "failed", now.failed },
        { "due", now.due },           { "bytes", now.bytes },
        { "leased", now.leased },     { "open_breakers", now.open_breakers },
    };
    if (s->cli->json) {
        json_t *root = json_object();
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            (void)json_object_set_new(root, rows[i].key, json_integer(rows[i].value));
        (void)json_object_set_new(root, "oldest", cli_json_time(now.oldest_us));
        cli_print_json(&root);
        return true;
    }
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        cli_table_text(&t, str_from_cstr(rows[i].key));
        cli_table_number(&t, rows[i].value);
    }
    cli_table_text(&t, STR("oldest"));
    cli_table_time(&t, now.oldest_us);
    cli_table_print(&t);
    return true;
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_session(cli, list, NULL);
}

static enum cli_exit run_retry(struct cli *cli)
{
    return cli_run_session(cli, retry, NULL);
}

static enum cli_exit run_retry_all(struct cli *cli)
{
    return cli_run_session(cli, retry_all, NULL);
}

static enum cli_exit run_delete(struct cli *cli)
{
    return cli_run_session(cli, delete_message, NULL);
}

static enum cli_exit run_stats(struct cli *cli)
{
    return cli_run_session(cli, stats, NULL);
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
