/* SPDX-License-Identifier: Apache-2.0 */
/* deliver test: how far a message to an address would come. */
#include "services/cli/listing.h"

enum {
    TEXT_MAX = 64 * 1024 /* octets about one server */
};

static void print_line(const char *what, str value)
{
    struct buf line;
    if (value.n == 0)
        return;
    buf_init(&line, TEXT_MAX);
    cli_escape(value, &line);
    (void)printf("  %-9s %.*s\n", what, STR_FMT(buf_str(&line)));
    buf_fini(&line);
}

/* `leads`: there may be servers of several addresses. */
static void print_host(const json_t *host, bool leads)
{
    struct buf name;
    buf_init(&name, TEXT_MAX);
    cli_escape(cli_field_text(host, "name"), &name);
    (void)printf("%.*s [%.*s]: %s\n", STR_FMT(buf_str(&name)),
                 STR_FMT(cli_field_text(host, "address")),
                 json_is_true(json_object_get(host, "isAccepted")) ? "takes the recipient"
                                                                   : "does not take it");
    buf_fini(&name);
    if (leads)
        print_line("recipient", cli_field_text(host, "recipient"));
    print_line("came to", cli_field_text(host, "stage"));
    print_line("TLS", cli_field_text(host, "tls"));
    print_line("policy", cli_field_text(host, "policy"));
    print_line("verdict", cli_field_text(host, "verdict"));
    print_line("reply", cli_field_text(host, "reply"));
}

/* "what: said", the address made fit for a terminal. */
static void print_about(str what, const char *said)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    cli_escape(what, &line);
    (void)printf("%.*s: %s\n", STR_FMT(buf_str(&line)), said);
    buf_fini(&line);
}

/* Where the address leads. */
static void print_end(const json_t *end)
{
    const json_t *is_accepted = json_object_get(end, "isAccepted");
    str address = cli_field_text(end, "address");
    const char *said = json_is_true(json_object_get(end, "isOwn")) ? "is delivered here"
                       : json_is_null(is_accepted)                 ? "was not tried"
                       : json_is_true(is_accepted)                 ? "a server takes it"
                                                                   : "no server takes it";
    (void)fputs("  ", stdout);
    print_about(address.n > 0 ? address : STR("an account that is gone"), said);
    if (cli_field_text(end, "problem").n > 0)
        print_line("problem", cli_field_text(end, "problem"));
    print_line("MTA-STS", cli_field_text(end, "mtaSts"));
}

YIELDS static bool test(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    str path =
        arena_printf(&s->arena, "/admin/delivery-test?address=%s", cli_encode(s, s->cli->words[0]));
    if (!cli_call(s, "POST", path, NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    s->is_wrong = !json_is_true(json_object_get(found, "isAccepted"));
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    const json_t *hosts = json_object_get(found, "hosts");
    const json_t *ends = json_object_get(found, "leadsTo");
    bool leads = json_array_size(ends) > 0;
    for (size_t i = 0; i < json_array_size(hosts); i++)
        print_host(json_array_get(hosts, i), leads);
    if (leads) {
        print_about(cli_field_text(found, "address"), "leads to");
    } else if (json_is_true(json_object_get(found, "isOwn"))) {
        print_about(cli_field_text(found, "address"), "is delivered here");
    }
    for (size_t i = 0; i < json_array_size(ends); i++)
        print_end(json_array_get(ends, i));
    if (cli_field_text(found, "problem").n > 0) {
        (void)printf("%.*s:\n", STR_FMT(cli_field_text(found, "domain")));
        print_line("problem", cli_field_text(found, "problem"));
    }
    print_line("MTA-STS", cli_field_text(found, "mtaSts"));
    json_decref(found);
    return true;
}

static const struct cli_command commands[] = {
    { .name = "deliver test",
      .arguments = "ADDRESS",
      .summary = "Tries how far a message to an address would come",
      .details =
          "Connects to each server of the address as a delivery does, with what is published\n"
          "about TLS, and asks for the recipient; sends no message. Ends with 1 when none\n"
          "takes it. Of an address here that leads to others, each of them is looked at.",
      .calls_dns = true,
      .least_words = 1,
      .most_words = 1,
      .work = test },
};

const struct cli_group cli_delivery_test_group = { commands, COUNT_OF(commands) };
