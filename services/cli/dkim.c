/* SPDX-License-Identifier: Apache-2.0 */
/* dkim generate, list, dns, activate, rotate, remove; dkim-keygen. */
#include "services/cli/listing.h"
#include "services/cli/records.h"
#include "services/cli/size.h"

enum {
    ROTATE_MIN_S = 86400
};

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/domains/%s/dkim-keys", cli_encode(s, s->cli->words[0]));
}

static void print_records(const json_t *key)
{
    const json_t *records = json_object_get(key, "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        cli_print_record(cli_field_text(record, "name"), STR("TXT"),
                         cli_field_text(record, "value"));
    }
}

/* ---- generate ---- */

YIELDS static bool generate(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--selector", "selector" } };
    json_t *key = NULL;
    json_t *body = json_object();
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
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

static const struct cli_column columns[] = {
    { .field = "selector", .title = "SELECTOR", .cell = cli_cell_text },
    { .field = "state", .title = "STATE", .cell = cli_cell_text },
    { .field = "createdAt", .title = "CREATED", .cell = cli_cell_time },
    { .field = "signingAt", .title = "SIGNING SINCE", .cell = cli_cell_time },
    { .field = "retiredAt", .title = "RETIRED", .cell = cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, path_of(s), &listing, e);
}

YIELDS static bool dns(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    if (s->cli->json)
        return list(s, e);
    if (!cli_call(s, "GET", path_of(s), NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    const json_t *items = json_object_get(found, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        print_records(json_array_get(items, i));
    if (json_array_size(items) == 0)
        cli_advise_key(s->cli->words[0]);
    json_decref(found);
    return true;
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
    bool is_forced = cli_option(s->cli, "--force") != NULL;
    json_t *nothing = NULL;
    str path = path_of_key(s);
    if (is_forced)
        path = arena_printf(&s->arena, "%.*s?force=true", STR_FMT(path));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", selector);
    json_decref(nothing);
    cli_print_done(s->cli, "selector", selector, "forgot %s", selector);
    return true;
}

/* ---- rotate ---- */

YIELDS static bool rotate(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    const char *when = s->cli->words[1];
    bool is_default = strcmp(when, "default") == 0;
    int64_t seconds = 0;
    json_t *domain = NULL;
    if (!is_default && strcmp(when, "never") != 0 && !cli_parse_age(when, &seconds, e))
        return err_wrap(e, "AGE is never, default, or a time as 180d");
    if (!is_default && seconds > 0 && seconds < ROTATE_MIN_S)
        return ERR(e, ERR_SYNTAX, "AGE is a day (1d) at least: new records take hours to be seen");
    json_t *body = json_pack("{s:o}", "dkimRotateAfterSeconds",
                             is_default ? json_null() : json_integer(seconds));
    str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, name));
    if (!cli_call(s, "PATCH", path, body, &domain, e))
        return err_wrap(e, "%s", name);
    json_decref(domain);
    if (is_default) {
        cli_print_done(s->cli, "domain", name, "keys of %s change as dkim.rotate_after says", name);
    } else if (seconds == 0) {
        cli_print_done(s->cli, "domain", name, "keys of %s never change by themselves", name);
    } else {
        cli_print_done(s->cli, "domain", name, "keys of %s change by themselves after %s", name,
                       when);
    }
    return true;
}

/* ---- table ---- */

static const struct cli_option generate_options[] = {
    { "--selector", "NAME", "name of the key (default: mail, then mail2, mail3 ...)" },
};

static const struct cli_option remove_options[] = {
    { "--force", NULL, "the key that signs, too: mail leaves unsigned then" },
};

static const struct cli_command commands[] = {
    { .name = "dkim generate",
      .also = "dkim-keygen",
      .arguments = "DOMAIN",
      .summary = "Makes a key that mail of a domain is signed with",
      .details = "Prints the DNS records of both halves, RSA and Ed25519. The first key of\n"
                 "a domain signs at once, a later one when it is activated.",
      .options = generate_options,
      .n_options = COUNT_OF(generate_options),
      .least_words = 1,
      .most_words = 1,
      .work = generate },
    { .name = "dkim list",
      .arguments = "DOMAIN",
      .summary = "Lists the keys of a domain",
      .least_words = 1,
      .most_words = 1,
      .work = list },
    { .name = "dkim dns",
      .arguments = "DOMAIN",
      .summary = "Prints the DNS records of the keys of a domain",
      .least_words = 1,
      .most_words = 1,
      .work = dns },
    { .name = "dkim activate",
      .arguments = "DOMAIN SELECTOR",
      .summary = "Signs with another key, and retires the one that did",
      .least_words = 2,
      .most_words = 2,
      .work = activate },
    { .name = "dkim rotate",
      .arguments = "DOMAIN AGE",
      .summary = "Says how old keys of a domain become before they change by themselves",
      .details = "AGE is a time as 180d (a day at least), \"never\", or \"default\": as\n"
                 "dkim.rotate_after of the configuration says.",
      .least_words = 2,
      .most_words = 2,
      .work = rotate },
    { .name = "dkim remove",
      .arguments = "DOMAIN SELECTOR",
      .summary = "Forgets a key",
      .details = "Not the one that signs: no other takes its place by itself, so let another sign\n"
                 "first (dkim activate), and remove this one a week later.",
      .options = remove_options,
      .n_options = COUNT_OF(remove_options),
      .least_words = 2,
      .most_words = 2,
      .work = remove_key },
};

const struct cli_group cli_dkim_group = { commands, COUNT_OF(commands) };
