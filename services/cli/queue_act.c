/* SPDX-License-Identifier: Apache-2.0 */
/* queue hold, release, reschedule, fail, drop, transport: acts on one message or on what options
 * select. */
#include "queue/queue.h"

#include "base/base64.h"
#include "services/cli/listing.h"
#include "services/cli/size.h"

/* What the act is about, in the words of the API; `id` NULL: no message is named. */
static bool select_mail(const struct cli *cli, const char *id, json_t *body, struct err *e)
{
    static const struct cli_filter filters[] = {
        { "--domain", "domain" },
        { "--sender", "sender" },
        { "--recipient", "recipient" },
        { "--status", "status" },
    };
    const char *age = cli_option(cli, "--older-than");
    int64_t seconds = 0;
    bool is_selected = id || age;
    for (size_t i = 0; i < COUNT_OF(filters); i++)
        is_selected = is_selected || cli_option(cli, filters[i].option);
    if (!is_selected) {
        return ERR(e, ERR_SYNTAX,
                   "say which mail: an ID, or --domain, --sender, --recipient, --status or "
                   "--older-than");
    }
    if (age && !cli_parse_age(age, &seconds, e))
        return err_wrap(e, "--older-than");
    cli_filter_body(cli, body, filters, COUNT_OF(filters));
    if (id)
        (void)json_object_set_new(body, "id", json_string(id));
    if (age)
        (void)json_object_set_new(body, "olderThanSeconds", json_integer(seconds));
    if (cli_option(cli, "--dry-run"))
        (void)json_object_set_new(body, "dryRun", json_true());
    return true;
}

static void say(const struct cli *cli, const char *is_done, json_t *answer)
{
    bool is_rehearsal = cli_option(cli, "--dry-run") != NULL;
    if (cli->json) {
        (void)json_object_set_new(answer, "ok", json_true());
        (void)json_object_set_new(answer, "dryRun", json_boolean(is_rehearsal));
        json_t *copy = json_incref(answer);
        cli_print_json(&copy);
        return;
    }
    (void)printf("%lld recipients of %lld messages %s%s\n",
                 (long long)cli_field_number(answer, "recipients"),
                 (long long)cli_field_number(answer, "messages"), is_rehearsal ? "would be " : "",
                 is_done);
    if (cli_field_number(answer, "shortened") > 0) {
        (void)printf("the lifetime of %lld of them ends before, the first at %.*s: they are tried"
                     " then, for the last time\n",
                     (long long)cli_field_number(answer, "shortened"),
                     STR_FMT(cli_field_text(answer, "shortenedTo")));
    }
    if (cli_field_number(answer, "held") > 0) {
        (void)printf("%lld of them are held: they go that way when they are released (queue"
                     " release)\n",
                     (long long)cli_field_number(answer, "held"));
    }
}

/* Of one verb only. */
static const struct cli_filter at_option = { "--at", "at" };

/* Takes `body`, which says what to do. */
YIELDS static bool act_on(struct cli_session *s, json_t *body, const char *id, const char *is_done,
                          struct err *e)
{
    int64_t queue_id;
    json_t *answer = NULL;
    bool ok = (!id || queue_id_parse(str_from_cstr(id), &queue_id, e)) &&
              select_mail(s->cli, id, body, e);
    if (!ok) {
        json_decref(body);
    } else if (cli_call(s, "POST", STR("/admin/queue/act"), body, &answer, e)) {
        say(s->cli, is_done, answer);
        json_decref(answer);
        return true;
    }
    return id ? err_wrap(e, "%s", id) : false;
}

YIELDS static bool act(struct cli_session *s, const char *action, const char *is_done,
                       struct err *e)
{
    json_t *body = json_pack("{s:s}", "action", action);
    if (strcmp(action, "reschedule") == 0)
        cli_filter_body(s->cli, body, &at_option, 1);
    return act_on(s, body, s->cli->n_words > 0 ? s->cli->words[0] : NULL, is_done, e);
}

YIELDS static bool transport(struct cli_session *s, struct err *e)
{
    json_t *body = json_pack("{s:s, s:s}", "action", "transport", "transport", s->cli->words[0]);
    return act_on(s, body, s->cli->n_words > 1 ? s->cli->words[1] : NULL, "set to go another way",
                  e);
}

YIELDS static bool hold(struct cli_session *s, struct err *e)
{
    return act(s, "hold", "held", e);
}

YIELDS static bool release(struct cli_session *s, struct err *e)
{
    return act(s, "release", "released", e);
}

YIELDS static bool reschedule(struct cli_session *s, struct err *e)
{
    return act(s, "reschedule", "rescheduled", e);
}

YIELDS static bool fail(struct cli_session *s, struct err *e)
{
    return act(s, "fail", "returned to their senders", e);
}

YIELDS static bool drop(struct cli_session *s, struct err *e)
{
    return act(s, "drop", "dropped; nobody is told", e);
}

/* ---- export ---- */

enum {
    MESSAGE_MAX = 128 * 1024 * 1024
};

/* The message piece by piece; what is no id is said before it is asked for. */
YIELDS static bool read_message(struct cli_session *s, struct buf *message, struct err *e)
{
    const char *id = s->cli->words[0];
    int64_t queue_id;
    int64_t part = 0;
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e))
        return false;
    for (bool more = true; more; part++) {
        json_t *piece = NULL;
        str path = arena_printf(&s->arena, "/admin/queue/%s/export?part=%lld", id, (long long)part);
        if (!cli_call(s, "POST", path, NULL, &piece, e))
            return false;
        bool ok = base64_decode(BASE64_STANDARD, cli_field_text(piece, "data"), message, NULL);
        more = json_is_integer(json_object_get(piece, "next"));
        json_decref(piece);
        if (!ok)
            return ERR(e, ERR_LIMIT, "the message is too big, or no base64");
    }
    return true;
}

static bool show_message(const struct cli *cli, const struct buf *message, struct err *e)
{
    if (!cli->json) {
        return (fwrite(message->p, 1, message->n, stdout) == message->n && fflush(stdout) == 0) ||
               ERR_SYS(e, ERR_INTERNAL, "write the message");
    }
    struct buf text;
    buf_init(&text, base64_encoded_size(BASE64_STANDARD, message->n) + 1);
    INVARIANT(base64_encode(BASE64_STANDARD, buf_str(message), &text));
    json_t *o = json_pack("{s:b, s:s, s:s%}", "ok", 1, "id", cli->words[0], "data", text.p, text.n);
    buf_fini(&text);
    cli_print_json(&o);
    return true;
}

YIELDS static bool export_message(struct cli_session *s, struct err *e)
{
    struct buf message;
    buf_init(&message, MESSAGE_MAX);
    bool ok = read_message(s, &message, e) && show_message(s->cli, &message, e);
    buf_fini(&message);
    return ok || err_wrap(e, "%s", s->cli->words[0]);
}

/* ---- dump ---- */

static void print_item(json_t *item, void *arg)
{
    (void)arg;
    cli_dump_json(item, JSON_COMPACT);
}

YIELDS static bool dump(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = {
        { "--domain", "domain" },
        { "--sender", "sender" },
        { "--recipient", "recipient" },
        { "--status", "status" },
    };
    str path = cli_filter_path(s, STR("/admin/queue/dump"), filters, COUNT_OF(filters));
    return cli_call_list(s, path, print_item, NULL, e);
}

/* ---- table ---- */

static const struct cli_option options[] = {
    { "--domain", "NAME", "only recipients of this domain" },
    { "--sender", "ADDRESS", "only messages of this envelope sender" },
    { "--recipient", "ADDRESS", "only this recipient" },
    { "--status", "STATUS", "only pending, deferred, failed or held ones" },
    { "--older-than", "AGE", "only messages that came so long ago: 30m, 12h, 3d" },
    { "--dry-run", NULL, "count only" },
    { "--at", "TIME", "when, as 2026-12-24T18:00:00Z" }, /* of reschedule alone: the last one */
};

enum {
    N_FILTERS = COUNT_OF(options) - 1,
    N_SELECTING = COUNT_OF(options) - 3 /* without an age */
};

#define DETAILS                                                                          \
    "Either the ID or an option has to say which mail is meant; all that is said must\n" \
    "hold. What is being sent at this moment is left out."
/* What these commands have in common; they differ in their verbs. */
#define OF_MAIL .arguments = "[ID]", .options = options, .most_words = 1

static const struct cli_command commands[] = {
    {
        OF_MAIL,
        .name = "queue hold",
        .summary = "Holds mail: it is not tried until it is released",
        .details = "It does not expire meanwhile, however long that is.\n" DETAILS,
        .n_options = N_FILTERS,
        .work = hold,
    },
    {
        OF_MAIL,
        .name = "queue release",
        .summary = "Tries mail that is held, for whatever reason, now",
        .details =
            "What was held by hand or by a rule has all its attempts and its whole lifetime\n"
            "again.\n" DETAILS,
        .n_options = N_FILTERS,
        .work = release,
    },
    {
        OF_MAIL,
        .name = "queue reschedule",
        .summary = "Sets when mail is tried next",
        .details =
            "The attempt is one beside the schedule. A message whose lifetime ends before is\n"
            "tried at its end.\n" DETAILS,
        .n_options = COUNT_OF(options),
        .work = reschedule,
    },
    {
        OF_MAIL,
        .name = "queue fail",
        .summary = "Gives mail up: it goes back to its senders",
        .details = DETAILS,
        .n_options = N_FILTERS,
        .work = fail,
    },
    {
        OF_MAIL,
        .name = "queue drop",
        .summary = "Removes mail from the queue; nobody is told",
        .details = DETAILS,
        .n_options = N_FILTERS,
        .work = drop,
    },
    { .name = "queue transport",
      .arguments = "NAME [ID]",
      .summary = "Sends mail that waits by another transport",
      .details = "NAME is a transport that there is (transport list), mx for the servers of the\n"
                 "domain, or default for what the transports say. " DETAILS,
      .options = options,
      .n_options = N_FILTERS,
      .least_words = 1,
      .most_words = 2,
      .work = transport },
    { .name = "queue dump",
      .arguments = "",
      .summary =
          "Writes all that is known of mail in the queue but its text, a line of JSON a recipient",
      .options = options,
      .n_options = N_SELECTING,
      .work = dump },
    { .name = "queue export",
      .arguments = "ID",
      .summary = "Writes a message of the queue as it goes out to standard output",
      .details = "As `queue export ID > message.eml`; in base64 with --json. The audit log tells\n"
                 "who did so.",
      .least_words = 1,
      .most_words = 1,
      .work = export_message },
};

const struct cli_group cli_queue_act_group = { commands, COUNT_OF(commands) };
