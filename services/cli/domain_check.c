/* SPDX-License-Identifier: Apache-2.0 */
/* domain check: what the world sees of a domain, and what to do about it. */
#include "services/cli/listing.h"

enum {
    TEXT_MAX = 256 * 1024 /* octets about one record */
};

/* "  should be: v=spf1 mx -all" */
static void print_value(const char *what, str value)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    cli_escape(value, &line);
    (void)printf("           %-10s %.*s\n", what, STR_FMT(buf_str(&line)));
    buf_fini(&line);
}

static void print_sentence(const json_t *item)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    cli_escape(cli_field_text(item, "text"), &line);
    if (cli_field_text(item, "detail").n > 0) {
        (void)buf_add(&line, STR(" ("));
        cli_escape(cli_field_text(item, "detail"), &line);
        (void)buf_add(&line, STR(")"));
    }
    (void)printf("           %.*s\n", STR_FMT(buf_str(&line)));
    buf_fini(&line);
}

/* One line for what is right; of the rest what is there, and what should be. */
static void print_item(const json_t *item)
{
    struct buf name;
    str state = cli_field_text(item, "state");
    const json_t *found = json_object_get(item, "found");
    bool is_wrong = json_is_true(json_object_get(item, "isWrong"));
    buf_init(&name, TEXT_MAX);
    cli_escape(cli_field_text(item, "name"), &name);
    (void)printf("%-9.*s  %-6.*s %.*s%s\n", STR_FMT(state), STR_FMT(cli_field_text(item, "type")),
                 STR_FMT(buf_str(&name)),
                 is_wrong || str_eq(state, STR("right")) ? "" : " (not needed)");
    buf_fini(&name);
    if (str_eq(state, STR("right")))
        return;
    print_sentence(item);
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *value = json_array_get(found, i);
        print_value("is:", str_of(json_string_value(value), json_string_length(value)));
    }
    if (cli_field_text(item, "expected").n > 0)
        print_value("should be:", cli_field_text(item, "expected"));
}

YIELDS static bool check(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *found = NULL;
    str path = arena_printf(&s->arena, "/admin/domains/%s/check", cli_encode(s, name));
    if (!cli_call(s, "GET", path, NULL, &found, e))
        return err_wrap(e, "%s", name);
    const json_t *items = json_object_get(found, "items");
    size_t n_wrong = 0;
    for (size_t i = 0; i < json_array_size(items); i++)
        n_wrong += json_is_true(json_object_get(json_array_get(items, i), "isWrong"));
    s->is_wrong = n_wrong > 0;
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    for (size_t i = 0; i < json_array_size(items); i++)
        print_item(json_array_get(items, i));
    if (n_wrong == 0) {
        (void)printf("\nAll that %s needs is there.\n", name);
    } else {
        (void)printf("\n%zu of %zu want attention.\n", n_wrong, json_array_size(items));
    }
    json_decref(found);
    return true;
}

static const struct cli_command commands[] = {
    { .name = "domain check",
      .arguments = "NAME",
      .summary = "Asks the DNS what the world sees of a domain",
      .details =
          "Each record of \"domain dns\", the addresses of this server and their names, and\n"
          "the MTA-STS policy. Ends with 1 when something is wrong. Which certificate is in\n"
          "use is known with --url only.",
      .calls_dns = true,
      .least_words = 1,
      .most_words = 1,
      .work = check },
};

const struct cli_group cli_domain_check_group = { commands, COUNT_OF(commands) };
