/* SPDX-License-Identifier: Apache-2.0 */
/* dkim generate, list, dns, activate, remove; dkim-keygen. */
#include "services/cli/api.h"
#include "services/cli/output.h"

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/domains/%s/dkim-keys", cli_encode(s, s->cli->words[0]));
}

/* A record as zone files have it: strings of at most 255 octets. */
static void print_record(const json_t *record)
{
    enum {
        STRING_MAX = 255
    };
    str name = cli_field_text(record, "name");
    str rest = cli_field_text(record, "value");
    (void)printf("%.*s. IN TXT (", STR_FMT(name));
    while (rest.n > 0) {
        str piece = str_slice(rest, 0, STRING_MAX);
        (void)printf(" \"%.*s\"", STR_FMT(piece));
        rest = str_skip(rest, piece.n);
    }
    (void)printf(" )\n");
}

static void print_records(const json_t *key)
{
    const json_t *records = json_object_get(key, "records");
    for (size_t i = 0; i < json_array_size(records); i++)
        print_record(json_array_get(records, i));
}

/* ---- generate ---- */

YIELDS static bool generate(struct cli_session *s, struct err *e)
{
    const char *selector = cli_option(s->cli, "--selector");
    json_t *key = NULL;
    json_t *body = json_object();
    if (selector)
        (void)json_object_set_new(body, "selector", cli_json_text(str_from_cstr(selector)));
    if (!cli_call(s, "POST", path_of(s), body, &key, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    if (s->cli->json) {
        cli_print_json(&key);
        return true;
    }
    bool is_signing = str_eq(cli_field_text(key, "state"), STR("signing"));
    str name = cli_field_text(key, "selector");
    print_records(key);
    if (is_signing) {
        (void)fprintf(stderr,
                      "Publish these records; mail of %s is signed with them from now on.\n",
                      s->cli->words[0]);
    } else {
        (void)fprintf(stderr, "Publish these records, then: heronry dkim activate %s %.*s\n",
                      s->cli->words[0], STR_FMT(name));
    }
    json_decref(key);
    return true;
}

/* ---- list ---- */

static void print_table(const json_t *items)
{
    static const char *const titles[] = { "SELECTOR", "STATE", "CREATED", "SIGNING SINCE",
                                          "RETIRED" };
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *key = json_array_get(items, i);
        cli_table_text(&t, cli_field_text(key, "selector"));
        cli_table_text(&t, cli_field_text(key, "state"));
        cli_table_time(&t, cli_field_time(key, "createdAt"));
        cli_table_time(&t, cli_field_time(key, "signingAt"));
        cli_table_time(&t, cli_field_time(key, "retiredAt"));
    }
    cli_table_print(&t);
}

static void print_all_records(const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items); i++)
        print_records(json_array_get(items, i));
}

YIELDS static bool show(struct cli_session *s, void (*print)(const json_t *items), struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, "GET", path_of(s), NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    print(json_object_get(found, "items"));
    json_decref(found);
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return show(s, print_table, e);
}

YIELDS static bool dns(struct cli_session *s, struct err *e)
{
    return show(s, print_all_records, e);
}

/* ---- activate, remove ---- */

static str path_of_key(struct cli_session *s)
{
    return arena_printf(&s->arena, "%.*s/%s", STR_FMT(path_of(s)), cli_encode(s, s->cli->words[1]));
}

YIELDS static bool activate(struct cli_session *s, struct err *e)
{
    const char *selector = s->cli->words[1];
    json_t *key = NULL;
    if (!cli_call(s, "PATCH", path_of_key(s), json_pack("{s:s}", "state", "signing"), &key, e))
        return err_wrap(e, "%s", selector);
    json_decref(key);
    cli_print_done(s->cli, "selector", selector,
                   "%s signs from now on; leave the records of the former key for a week",
                   selector);
    return true;
}

YIELDS static bool remove_key(struct cli_session *s, struct err *e)
{
    const char *selector = s->cli->words[1];
    json_t *nothing = NULL;
    if (!cli_call(s, "DELETE", path_of_key(s), NULL, &nothing, e))
        return err_wrap(e, "%s", selector);
    json_decref(nothing);
    cli_print_done(s->cli, "selector", selector, "forgot %s", selector);
    return true;
}

static enum cli_exit run_generate(struct cli *cli)
{
    return cli_run_calls(cli, generate, NULL);
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_calls(cli, list, NULL);
}

static enum cli_exit run_dns(struct cli *cli)
{
    return cli_run_calls(cli, dns, NULL);
}

static enum cli_exit run_activate(struct cli *cli)
{
    return cli_run_calls(cli, activate, NULL);
}

static enum cli_exit run_remove(struct cli *cli)
{
    return cli_run_calls(cli, remove_key, NULL);
}

/* ---- table ---- */

static const struct cli_option generate_options[] = {
    { "--selector", "NAME", "name of the key (default: mail, then mail2, mail3 ...)" },
};

#define GENERATE(called)                                                                        \
    {                                                                                           \
        .name = (called), .arguments = "DOMAIN",                                                \
        .summary = "Makes a key that mail of a domain is signed with",                          \
        .details = "Prints the DNS records of both halves, RSA and Ed25519. The first key of\n" \
                   "a domain signs at once, a later one when it is activated.",                 \
        .options = generate_options, .n_options = COUNT_OF(generate_options), .least_words = 1, \
        .most_words = 1, .run = run_generate                                                    \
    }

static const struct cli_command commands[] = {
    GENERATE("dkim generate"),
    GENERATE("dkim-keygen"),
    { .name = "dkim list",
      .arguments = "DOMAIN",
      .summary = "Lists the keys of a domain",
      .least_words = 1,
      .most_words = 1,
      .run = run_list },
    { .name = "dkim dns",
      .arguments = "DOMAIN",
      .summary = "Prints the DNS records of the keys of a domain",
      .least_words = 1,
      .most_words = 1,
      .run = run_dns },
    { .name = "dkim activate",
      .arguments = "DOMAIN SELECTOR",
      .summary = "Signs with another key, and retires the one that did",
      .least_words = 2,
      .most_words = 2,
      .run = run_activate },
    { .name = "dkim remove",
      .arguments = "DOMAIN SELECTOR",
      .summary = "Forgets a key",
      .least_words = 2,
      .most_words = 2,
      .run = run_remove },
};

const struct cli_group cli_dkim_group = { commands, COUNT_OF(commands) };
