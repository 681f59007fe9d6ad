/* SPDX-License-Identifier: Apache-2.0 */
/* acl list, set, remove; shared-folder add, list. */
#include "services/cli/listing.h"
#include "services/cli/mailbox.h"

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

static const struct cli_column grant_columns[] = {
    { .field = "grantee", .title = "WHO", .cell = cli_cell_text },
    { .field = "granted", .title = "RIGHTS", .cell = cli_cell_text },
    { .field = "denied", .title = "DENIED", .cell = cli_cell_text },
};
static const struct cli_listing grants = { .columns = grant_columns, .n = COUNT_OF(grant_columns) };

YIELDS static bool list_acl(struct cli_session *s, struct err *e)
{
    str path;
    return grants_path(s, &path, e) && cli_show_list(s, path, &grants, e);
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
    cli_show_items(s, &grants, json_object_get(done, "items"));
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
    cli_print_done(s->cli, "accountId", owner,
                   "added Shared Folders/%s; everybody of the domain may read it\n"
                   "heronry acl set %s %s WHO RIGHTS changes that",
                   name, owner, name);
    return true;
}

YIELDS static bool list_folders(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { .field = "accountId", .title = "ACCOUNT", .cell = cli_cell_text },
        { .field = "path", .title = "FOLDER", .cell = cli_cell_text },
        { .field = "totalMessages", .title = "MESSAGES", .cell = cli_cell_number },
        { .field = "size", .title = "SIZE", .cell = cli_cell_size },
    };
    static const struct cli_listing folders = { .columns = columns, .n = COUNT_OF(columns) };
    return cli_show_list(s, folders_path(s), &folders, e);
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
      .work = list_acl },
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
      .work = set_acl },
    { .name = "acl remove",
      .arguments = "USER MAILBOX WHO",
      .summary = "Takes away what another user may do with a mailbox",
      .least_words = 3,
      .most_words = 3,
      .work = remove_acl },
    { .name = "shared-folder add",
      .arguments = "DOMAIN NAME",
      .summary = "Makes a shared folder of a domain",
      .details = "Mail programs of the domain's users show it below \"Shared Folders\".",
      .least_words = 2,
      .most_words = 2,
      .work = add_folder },
    { .name = "shared-folder list",
      .arguments = "DOMAIN",
      .summary = "Lists the shared folders of a domain",
      .least_words = 1,
      .most_words = 1,
      .work = list_folders },
};

const struct cli_group cli_share_group = { commands, COUNT_OF(commands) };
