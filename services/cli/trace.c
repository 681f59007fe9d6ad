/* SPDX-License-Identifier: Apache-2.0 */
/* queue trace: where a message is, with each attempt to deliver it. */
#include "queue/trace.h"
#include "services/cli/listing.h"

enum {
    TEXT_MAX = 64 * 1024 /* octets about one attempt */
};

/* ---- words about a delivery ---- */

/* A field of foreign text, on one line. */
static void add_field(struct buf *b, const json_t *object, const char *name)
{
    str rest = cli_field_text(object, name);
    str line;
    while (rest.n > 0) {
        bool is_more = str_cut(rest, '\n', &line, &rest);
        cli_escape(str_trim(line), b);
        if (is_more && rest.n > 0)
            (void)buf_add_byte(b, ' ');
    }
}

static void add_time(struct buf *b, const json_t *object, const char *name)
{
    json_t *text = cli_json_time(cli_field_time(object, name));
    (void)buf_addf(b, "%s", json_is_string(text) ? json_string_value(text) : "-");
    json_decref(text);
}

static void print_line(struct buf *b)
{
    (void)printf("%.*s\n", STR_FMT(buf_str(b)));
    buf_clear(b);
}

/* Of what another server said later there is no connection of ours to tell of. */
static void add_way(struct buf *b, const json_t *attempt)
{
    const json_t *tls = json_object_get(attempt, "tls");
    if (cli_field_text(attempt, "stage").n > 0)
        (void)buf_addf(b, " at %.*s", STR_FMT(cli_field_text(attempt, "stage")));
    if (cli_field_text(attempt, "server").n > 0) {
        (void)buf_add(b, STR("  "));
        add_field(b, attempt, "server");
        (void)buf_add(b, json_is_object(tls) ? STR("  ") : STR("  no TLS"));
    }
    if (json_is_object(tls)) {
        add_field(b, tls, "version");
        (void)buf_add_byte(b, ' ');
        add_field(b, tls, "cipher");
        (void)buf_add(b, STR(", verified by "));
        add_field(b, tls, "verifiedBy");
    }
    (void)buf_addf(b, "  %lld ms", (long long)cli_field_number(attempt, "milliseconds"));
    if (cli_field_text(attempt, "frontend").n > 0) {
        (void)buf_add(b, STR("  from "));
        add_field(b, attempt, "frontend");
    }
}

static void print_attempt(const json_t *attempt, struct buf *b)
{
    (void)buf_addf(b, "  %lld  ", (long long)cli_field_number(attempt, "number"));
    add_time(b, attempt, "at");
    (void)buf_addf(b, "  %.*s", STR_FMT(cli_field_text(attempt, "state")));
    if (!str_eq(cli_field_text(attempt, "stage"), STR("report"))) {
        add_way(b, attempt);
    } else if (cli_field_text(attempt, "server").n > 0) {
        (void)buf_add(b, STR(" by "));
        add_field(b, attempt, "server");
    }
    print_line(b);
    (void)buf_add(b, STR("     "));
    add_field(b, attempt, "code");
    (void)buf_add_byte(b, ' ');
    add_field(b, attempt, "reply");
    print_line(b);
}

static void print_waits(const json_t *delivery, struct buf *b)
{
    const json_t *waits = json_object_get(delivery, "waits");
    if (!json_is_object(waits))
        return;
    (void)buf_add(b, STR("  waits: "));
    add_field(b, waits, "reason");
    if (cli_field_time(delivery, "nextAttemptAt") > 0) {
        (void)buf_add(b, STR("; tried again at "));
        add_time(b, delivery, "nextAttemptAt");
    }
    print_line(b);
}

static void print_delivery(json_t *delivery, struct buf *b)
{
    const json_t *attempts = json_object_get(delivery, "attempts");
    add_field(b, delivery, "id");
    (void)buf_add(b, STR("  <"));
    add_field(b, delivery, "sender");
    (void)buf_add(b, STR("> to <"));
    add_field(b, delivery, "recipient");
    (void)buf_addf(b, ">: %.*s", STR_FMT(cli_field_text(delivery, "state")));
    if (cli_field_time(delivery, "nextAttemptAt") > 0) {
        (void)buf_add(b, STR(", next attempt "));
        add_time(b, delivery, "nextAttemptAt");
    }
    print_line(b);
    (void)buf_add(b, STR("  came "));
    add_time(b, delivery, "createdAt");
    if (cli_field_text(delivery, "messageId").n > 0) {
        (void)buf_add(b, STR(", Message-ID <"));
        add_field(b, delivery, "messageId");
        (void)buf_add_byte(b, '>');
    }
    print_line(b);
    print_waits(delivery, b);
    for (size_t i = 0; i < json_array_size(attempts); i++)
        print_attempt(json_array_get(attempts, i), b);
}

/* ---- the command ---- */

struct tracing {
    const struct cli *cli;
    json_t *list; /* for programs, else NULL */
    size_t n;
    struct buf line;
    const char *word; /* what is looked for, or NULL */
};

static void add_delivery(json_t *item, void *arg)
{
    struct tracing *t = arg;
    t->n++;
    if (t->list) {
        (void)json_array_append(t->list, item);
    } else {
        print_delivery(item, &t->line);
    }
}

static bool check_found(const struct tracing *t, struct err *e)
{
    if (t->n == 0 && t->word && queue_trace_is_session(str_from_cstr(t->word))) {
        return ERR(e, ERR_NOT_FOUND,
                   "no mail with this id has left this server or waits to, or that is longer ago "
                   "than delivery.keep_history says, or was before the history noted such ids; "
                   "what went to mailboxes here is in the log (smtp_message with this session)");
    }
    return t->n > 0 ||
           ERR(e, ERR_NOT_FOUND,
               "nothing is known of such mail: it did not leave this server, or that is longer ago "
               "than delivery.keep_history says");
}

YIELDS static bool trace(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = {
        { "--sender", "sender" },
        { "--recipient", "recipient" },
        { "--from", "from" },
        { "--to", "to" },
    };
    str path = STR("/admin/trace");
    struct tracing t = { .cli = s->cli, .list = s->cli->json ? json_array() : NULL };
    if (s->cli->n_words > 0)
        t.word = s->cli->words[0];
    if (s->cli->n_words > 0)
        path = arena_printf(&s->arena, "/admin/trace?query=%s", cli_encode(s, s->cli->words[0]));
    path = cli_filter_path(s, path, filters, COUNT_OF(filters));
    buf_init(&t.line, TEXT_MAX);
    bool ok = cli_call_list(s, path, add_delivery, &t, e) && check_found(&t, e);
    if (ok && t.list)
        cli_print_items(t.list);
    buf_fini(&t.line);
    json_decref(t.list);
    return ok || (s->cli->n_words > 0 ? err_wrap(e, "%s", s->cli->words[0]) : false);
}

static const struct cli_option options[] = {
    { "--sender", "ADDRESS", "only messages of this envelope sender" },
    { "--recipient", "ADDRESS", "only messages to this recipient" },
    { "--from", "TIME", "not before this moment, as 2026-11-01T00:00:00Z" },
    { "--to", "TIME", "only before this moment" },
};

static const struct cli_command commands[] = {
    { .name = "queue trace",
      .arguments = "[MESSAGE-ID | ID | ADDRESS | SESSION]",
      .summary = "Says where outbound mail is, with each attempt to deliver it",
      .details =
          "SESSION is the id that our reply to a message tells (35a4bpw601dc.1), or its field\n"
          "Received (35a4bpw601dc). The newest message comes first. What has left the queue is known of for\n"
          "delivery.keep_history; what went to mailboxes of this server never was in it.",
      .options = options,
      .n_options = COUNT_OF(options),
      .most_words = 1,
      .work = trace },
};

const struct cli_group cli_trace_group = { commands, COUNT_OF(commands) };
