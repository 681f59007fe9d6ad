/* SPDX-License-Identifier: Apache-2.0 */
/* app-password create, list, revoke. */
#include "services/cli/api.h"
#include "services/cli/output.h"

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/accounts/%s/app-passwords",
                        cli_encode(s, s->cli->words[0]));
}

/* ---- create ---- */

/* The words between the commas. Gives. */
static json_t *words_of(const char *text)
{
    json_t *list = json_array();
    str rest = str_from_cstr(text);
    while (rest.n > 0) {
        str word;
        (void)str_cut(rest, ',', &word, &rest);
        (void)json_array_append_new(list, cli_json_text(str_trim(word)));
    }
    return list;
}

YIELDS static bool create(struct cli_session *s, struct err *e)
{
    const struct cli *cli = s->cli;
    const char *protocols = cli_option(cli, "--protocols");
    const char *networks = cli_option(cli, "--networks");
    const char *expires = cli_option(cli, "--expires");
    json_t *made = NULL;
    json_t *body = json_pack("{s:o, s:o}", "label", cli_json_text(str_from_cstr(cli->words[1])),
                             "protocols", words_of(protocols ? protocols : "imap,pop3,smtp"));
    if (networks)
        (void)json_object_set_new(body, "networks", words_of(networks));
    if (expires)
        (void)json_object_set_new(body, "expiresAt", cli_json_text(str_from_cstr(expires)));
    if (!cli_call(s, "POST", path_of(s), body, &made, e))
        return err_wrap(e, "%s", cli->words[0]);
    str id = cli_field_text(json_object_get(made, "appPassword"), "id");
    str password = cli_field_text(made, "password");
    if (cli->json) {
        json_t *done = json_pack("{s:b, s:o, s:o}", "ok", 1, "id", cli_json_text(id), "password",
                                 cli_json_text(password));
        cli_print_json(&done);
    } else {
        (void)printf("%.*s\n", STR_FMT(password));
        (void)fprintf(stderr, "App password %.*s of %s; it cannot be shown again.\n", STR_FMT(id),
                      cli->words[0]);
    }
    json_decref(made);
    return true;
}

/* ---- list ---- */

static json_t *json_of(const json_t *item)
{
    static const struct {
        const char *ours;
        const char *theirs;
    } fields[] = {
        { "id", "id" },
        { "label", "label" },
        { "protocols", "protocols" },
        { "networks", "networks" },
        { "last_used_ip", "lastUsedIp" },
    };
    static const struct {
        const char *ours;
        const char *theirs;
    } times[] = {
        { "created_at", "createdAt" },
        { "expires_at", "expiresAt" },
        { "last_used_at", "lastUsedAt" },
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

/* "imap, smtp", or `none` for no words. */
static void add_words(struct cli_session *s, struct cli_table *t, const json_t *words, str none)
{
    str all = STR_EMPTY;
    for (size_t i = 0; i < json_array_size(words); i++) {
        all = arena_printf(&s->arena, "%.*s%s%s", STR_FMT(all), i > 0 ? ", " : "",
                           json_string_value(json_array_get(words, i)));
    }
    cli_table_text(t, all.n ? all : none);
}

static void print_table(struct cli_session *s, const json_t *items)
{
    static const char *const titles[] = { "ID",      "LABEL",     "FOR", "FROM",
                                          "CREATED", "LAST USED", "BY",  "EXPIRES" };
    struct cli_table t;
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        str from = cli_field_text(item, "lastUsedIp");
        cli_table_text(&t, cli_field_text(item, "id"));
        cli_table_text(&t, cli_field_text(item, "label"));
        add_words(s, &t, json_object_get(item, "protocols"), STR_EMPTY);
        add_words(s, &t, json_object_get(item, "networks"), STR("everywhere"));
        cli_table_time(&t, cli_field_time(item, "createdAt"));
        cli_table_time(&t, cli_field_time(item, "lastUsedAt"));
        cli_table_text(&t, from.n ? from : STR("-"));
        cli_table_time(&t, cli_field_time(item, "expiresAt"));
    }
    cli_table_print(&t);
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    if (!cli_call(s, "GET", path_of(s), NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    const json_t *items = json_object_get(found, "items");
    if (s->cli->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(items); i++)
            (void)json_array_append_new(list, json_of(json_array_get(items, i)));
        json_t *root = json_pack("{s:o}", "app_passwords", list);
        cli_print_json(&root);
    } else {
        print_table(s, items);
    }
    json_decref(found);
    return true;
}

/* ---- revoke ---- */

YIELDS static bool revoke_one(struct cli_session *s, struct err *e)
{
    const char *id = s->cli->words[1];
    json_t *nothing = NULL;
    str path = arena_printf(&s->arena, "%.*s/%s", STR_FMT(path_of(s)), cli_encode(s, id));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", id);
    json_decref(nothing);
    cli_print_done(s->cli, "id", id, "app password %s is ended; so are the sessions it opened", id);
    return true;
}

static enum cli_exit run_create(struct cli *cli)
{
    return cli_run_calls(cli, create, NULL);
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_calls(cli, list, NULL);
}

static enum cli_exit run_revoke(struct cli *cli)
{
    return cli_run_calls(cli, revoke_one, NULL);
}

/* ---- table ---- */

static const struct cli_option create_options[] = {
    { "--protocols", "LIST", "what it is good for: imap, pop3, smtp (default: all of them)" },
    { "--networks", "LIST", "only from these addresses, as 192.0.2.7,198.51.100.0/24" },
    { "--expires", "TIME", "when it ends by itself, as 2027-01-01T00:00:00Z (default: never)" },
};

static const struct cli_command commands[] = {
    { .name = "app-password create",
      .arguments = "ADDRESS LABEL",
      .summary = "Makes a password of a user for one program",
      .details =
          "The password is printed and cannot be shown again. LABEL says which program it is\n"
          "for. It is no password for the webmail.",
      .options = create_options,
      .n_options = COUNT_OF(create_options),
      .least_words = 2,
      .most_words = 2,
      .run = run_create },
    { .name = "app-password list",
      .arguments = "ADDRESS",
      .summary = "Lists the app passwords of a user",
      .least_words = 1,
      .most_words = 1,
      .run = run_list },
    { .name = "app-password revoke",
      .arguments = "ADDRESS ID",
      .summary = "Ends an app password and the sessions that it opened",
      .least_words = 2,
      .most_words = 2,
      .run = run_revoke },
};

const struct cli_group cli_app_password_group = { commands, COUNT_OF(commands) };
