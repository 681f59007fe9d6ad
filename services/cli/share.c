/* SPDX-License-Identifier: Apache-2.0 */
/* acl list, set, remove; shared-folder add, list. */
#include "services/cli/mailbox.h"
#include "services/cli/output.h"

/* ---- rights ---- */

/* Path of the entries of the mailbox that the arguments name. Yields. */
YIELDS static bool grants_path(struct cli_session *s, str *path, struct err *e)
{
    str id = STR_EMPTY;
    if (!cli_find_mailbox(s, s->cli->words[1], &id, e))
        return false;
    *path = arena_printf(&s->arena, "/admin/accounts/%s/mailboxes/%.*s/grants",
                         cli_encode(s, s->cli->words[0]), STR_FMT(id));
    return true;
}

static void print_grants(const struct cli *cli, const json_t *answer)
{
    static const char *const titles[] = { "WHO", "RIGHTS", "DENIED" };
    const json_t *items = json_object_get(answer, "items");
    struct cli_table t;
    if (cli->json) {
        json_t *root = json_pack("{s:O}", "grants", items);
        cli_print_json(&root);
        return;
    }
    cli_table_init(&t, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        cli_table_text(&t, cli_field_text(item, "grantee"));
        cli_table_text(&t, cli_field_text(item, "granted"));
        cli_table_text(&t, cli_field_text(item, "denied"));
    }
    cli_table_print(&t);
}

YIELDS static bool list_acl(struct cli_session *s, struct err *e)
{
    json_t *found = NULL;
    str path;
    if (!grants_path(s, &path, e) || !cli_call(s, "GET", path, NULL, &found, e))
        return false;
    print_grants(s->cli, found);
    json_decref(found);
    return true;
}

YIELDS static bool set_acl(struct cli_session *s, struct err *e)
{
    const char *who = s->cli->words[2];
    const char *denied = cli_option(s->cli, "--deny");
    json_t *done = NULL;
    str path;
    if (!grants_path(s, &path, e))
        return false;
    json_t *body =
        json_pack("{s:o, s:o}", "granted", cli_json_text(str_from_cstr(s->cli->words[3])), "denied",
                  cli_json_text(str_from_cstr(denied)));
    path = arena_printf(&s->arena, "%.*s/%s", STR_FMT(path), cli_encode(s, who));
    if (!cli_call(s, "PUT", path, body, &done, e))
        return err_wrap(e, "%s", who);
    print_grants(s->cli, done);
    json_decref(done);
    return true;
}

YIELDS static bool remove_acl(struct cli_session *s, struct err *e)
{
    const char *who = s->cli->words[2];
    json_t *nothing = NULL;
    str path;
    if (!grants_path(s, &path, e))
        return false;
    path = arena_printf(&s->arena, "%.*s/%s", STR_FMT(path), cli_encode(s, who));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", who);
    json_decref(nothing);
    cli_print_done(s->cli, "grantee", who, "%s has no entry any more for %s", who,
                   s->cli->words[1]);
    return true;
}

/* ---- shared folders ---- */

static str folders_path(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/domains/%s/shared-folders",
                        cli_encode(s, s->cli->words[0]));
}

YIELDS static bool add_folder(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[1];
    json_t *made = NULL;
    json_t *body = json_pack("{s:o}", "path", cli_json_text(str_from_cstr(name)));
    if (!cli_call(s, "POST", folders_path(s), body, &made, e))
        return err_wrap(e, "%s", name);
    str account = arena_str(&s->arena, cli_field_text(made, "accountId"));
    json_decref(made);
    const char *owner = arena_cstr(&s->arena, account);
    cli_print_done(s->cli, "account", owner,
                   "added Shared Folders/%s; everybody of the domain may read it\n"
                   "heronry acl set %s %s WHO RIGHTS changes that",
                   name, owner, name);
    return true;
}

YIELDS static bool list_folders(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "ACCOUNT", "FOLDER", "MESSAGES", "SIZE" };
    json_t *found = NULL;
    struct cli_table t;
    if (!cli_call(s, "GET", folders_path(s), NULL, &found, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    const json_t *items = json_object_get(found, "items");
    if (s->cli->json) {
        json_t *root = json_pack("{s:O}", "folders", items);
        cli_print_json(&root);
    } else {
        cli_table_init(&t, titles, COUNT_OF(titles));
        for (size_t i = 0; i < json_array_size(items); i++) {
            const json_t *item = json_array_get(items, i);
            cli_table_text(&t, cli_field_text(item, "accountId"));
            cli_table_text(&t, cli_field_text(item, "path"));
            cli_table_number(&t, cli_field_number(item, "totalMessages"));
            cli_table_size(&t, cli_field_number(item, "size"));
        }
        cli_table_print(&t);
    }
    json_decref(found);
    return true;
}

static enum cli_exit run_list_acl(struct cli *cli)
{
    return cli_run_calls(cli, list_acl, NULL);
}

static enum cli_exit run_set_acl(struct cli *cli)
{
    return cli_run_calls(cli, set_acl, NULL);
}

static enum cli_exit run_remove_acl(struct cli *cli)
{
    return cli_run_calls(cli, remove_acl, NULL);
}

static enum cli_exit run_add_folder(struct cli *cli)
{
    return cli_run_calls(cli, add_folder, NULL);
}

static enum cli_exit run_list_folders(struct cli *cli)
{
    return cli_run_calls(cli, list_folders, NULL);
}

/* ---- table ---- */

static const struct cli_option set_options[] = {
    { "--deny", "RIGHTS", "rights that are taken away, whoever gives them" },
};

static const struct cli_command commands[] = {
    { .name = "acl list",
      .arguments = "USER MAILBOX",
      .summary = "Lists who may use a mailbox of a user",
      .least_words = 2,
      .most_words = 2,
      .run = run_list_acl },
    { .name = "acl set",
      .arguments = "USER MAILBOX WHO RIGHTS",
      .summary = "Says what another user may do with a mailbox",
      .details =
          "USER is an address, or the number of an account as shared-folder list tells it.\n"
          "WHO is an address, or \"anyone\" for everybody of the user's domain. RIGHTS are\n"
          "letters: l see it, r read, s keep own read marks, w change flags, i put messages\n"
          "in, p post, k make mailboxes below, x delete it, t mark as deleted, e expunge,\n"
          "a change rights.",
      .options = set_options,
      .n_options = COUNT_OF(set_options),
      .least_words = 4,
      .most_words = 4,
      .run = run_set_acl },
    { .name = "acl remove",
      .arguments = "USER MAILBOX WHO",
      .summary = "Takes away what another user may do with a mailbox",
      .least_words = 3,
      .most_words = 3,
      .run = run_remove_acl },
    { .name = "shared-folder add",
      .arguments = "DOMAIN NAME",
      .summary = "Makes a shared folder of a domain",
      .details = "Mail programs of the domain's users show it below \"Shared Folders\".",
      .least_words = 2,
      .most_words = 2,
      .run = run_add_folder },
    { .name = "shared-folder list",
      .arguments = "DOMAIN",
      .summary = "Lists the shared folders of a domain",
      .least_words = 1,
      .most_words = 1,
      .run = run_list_folders },
};

const struct cli_group cli_share_group = { commands, COUNT_OF(commands) };
