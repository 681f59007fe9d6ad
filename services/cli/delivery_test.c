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

static void print_host(const json_t *host)
{
    struct buf name;
    buf_init(&name, TEXT_MAX);
    cli_escape(cli_field_text(host, "name"), &name);
    (void)printf("%.*s [%.*s]: %s\n", STR_FMT(buf_str(&name)),
                 STR_FMT(cli_field_text(host, "address")),
                 json_is_true(json_object_get(host, "isAccepted")) ? "takes the recipient"
                                                                   : "does not take it");
    buf_fini(&name);
    print_line("came to", cli_field_text(host, "stage"));
    print_line("TLS", cli_field_text(host, "tls"));
    print_line("policy", cli_field_text(host, "policy"));
    print_line("verdict", cli_field_text(host, "verdict"));
    print_line("reply", cli_field_text(host, "reply"));
}

static void print_own(str address)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    cli_escape(address, &line);
    (void)printf("%.*s: is delivered here\n", STR_FMT(buf_str(&line)));
    buf_fini(&line);
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
    for (size_t i = 0; i < json_array_size(hosts); i++)
        print_host(json_array_get(hosts, i));
    if (json_is_true(json_object_get(found, "isOwn")))
        print_own(cli_field_text(found, "address"));
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
          "takes it.",
      .calls_dns = true,
      .least_words = 1,
      .most_words = 1,
      .work = test },
};

const struct cli_group cli_delivery_test_group = { commands, COUNT_OF(commands) };
