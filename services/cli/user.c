/* SPDX-License-Identifier: Apache-2.0 */
/* user add, list, quota, disable, enable. */
#include "auth/auth.h"
#include "services/cli/output.h"
#include "services/cli/password.h"
#include "services/cli/session.h"
#include "services/cli/size.h"

/* ---- add ---- */

struct add_arguments {
    struct secret password;
    int64_t quota;
};

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const struct add_arguments *args = s->arg;
    const char *address = s->cli->words[0];
    int64_t account_id;
    struct account_new account = {
        .address = str_from_cstr(address),
        .quota_bytes = args->quota,
        .is_admin = cli_option(s->cli, "--admin") != NULL,
    };
    if (!auth_hash_password(s->app->auth, secret_str(&args->password), &s->arena, s->deadline_ms,
                            &account.password_hash, e))
        return err_wrap(e, "password");
    if (!account_add(s->app->accounts, &s->actor, &account, &s->arena, s->deadline_ms, &account_id,
                     e))
        return err_wrap(e, "%s", address);
    cli_print_done(s->cli, "address", address, "added %s", address);
    return true;
}

static enum cli_exit run_add(struct cli *cli)
{
    struct add_arguments args = { .password = SECRET_EMPTY };
    struct err e = ERR_CLEAR;
    bool given;
    const char *quota = cli_option(cli, "--quota");
    if (quota && !cli_parse_size(str_from_cstr(quota), &args.quota, &e))
        return cli_fail(cli, &e);
    bool ok = cli_read_password(cli, &args.password, &given, &e);
    enum cli_exit code;
    if (!ok) {
        code = cli_fail(cli, &e);
    } else if (!given) {
        code = cli_usage(cli, "there is no terminal to ask for the password; use --password-stdin");
    } else {
        code = cli_run_session(cli, add, &args);
    }
    secret_wipe(&args.password);
    return code;
}

/* ---- list ---- */

static json_t *json_of(const struct account *a)
{
    json_t *one = json_object();
    (void)json_object_set_new(one, "address", cli_json_text(a->login));
    (void)json_object_set_new(one, "display_name", cli_json_text(a->display_name));
    (void)json_object_set_new(one, "quota_bytes", json_integer(a->quota_bytes));
    (void)json_object_set_new(one, "used_bytes", json_integer(a->used_bytes));
    (void)json_object_set_new(one, "used_messages", json_integer(a->used_messages));
    (void)json_object_set_new(one, "admin", json_boolean(a->is_admin));
    (void)json_object_set_new(one, "disabled", json_boolean(a->is_disabled));
    (void)json_object_set_new(one, "created_at", cli_json_time(a->created_at_us));
    return one;
}

static void add_row(struct cli_table *t, const struct account *a)
{
    cli_table_text(t, a->login);
    cli_table_number(t, a->used_messages);
    cli_table_size(t, a->used_bytes);
    if (a->quota_bytes) {
        cli_table_size(t, a->quota_bytes);
    } else {
        cli_table_text(t, STR("unlimited"));
    }
    cli_table_text(t, a->is_admin ? STR("administrator") : STR("user"));
    cli_table_text(t, a->is_disabled ? STR("disabled") : STR("active"));
    cli_table_time(t, a->created_at_us);
}

/* Pages of a long list are read one after the other. */
YIELDS static bool collect(struct cli_session *s, struct cli_table *t, json_t *users, struct err *e)
{
    const char *domain = cli_option(s->cli, "--domain");
    str after = STR_EMPTY;
    for (;;) {
        struct account_list page;
        if (!account_list(s->app->accounts, str_from_cstr(domain), after, &s->arena, s->deadline_ms,
                          &page, e))
            return false;
        for (size_t i = 0; i < page.n; i++) {
            if (s->cli->json) {
                (void)json_array_append_new(users, json_of(&page.list[i]));
            } else {
                add_row(t, &page.list[i]);
            }
        }
        if (page.n < ACCOUNT_LIST_MAX)
            return true;
        after = page.list[page.n - 1].login;
    }
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "ADDRESS", "MESSAGES", "USED",   "QUOTA",
                                          "ROLE",    "STATE",    "CREATED" };
    struct cli_table t;
    json_t *root = json_object();
    json_t *users = json_array();
    (void)json_object_set_new(root, "users", users);
    cli_table_init(&t, titles, COUNT_OF(titles));
    bool ok = collect(s, &t, users, e);
    if (ok && s->cli->json) {
        cli_print_json(&root);
        buf_fini(&t.cells);
    } else if (ok) {
        cli_table_print(&t);
    } else {
        buf_fini(&t.cells);
    }
    json_decref(root);
    return ok;
}

static enum cli_exit run_list(struct cli *cli)
{
    return cli_run_session(cli, list, NULL);
}

/* ---- changes of one account ---- */

YIELDS static bool change(struct cli_session *s, struct err *e)
{
    const char *address = s->cli->words[0];
    const struct account_change *wanted = s->arg;
    if (!account_change(s->app->accounts, &s->actor, str_from_cstr(address), wanted, &s->arena,
                        s->deadline_ms, e))
        return err_wrap(e, "%s", address);
    cli_print_done(s->cli, "address", address, "changed %s", address);
    return true;
}

YIELDS static bool show_quota(struct cli_session *s, struct err *e)
{
    static const char *const titles[] = { "ADDRESS", "MESSAGES", "USED",   "QUOTA",
                                          "ROLE",    "STATE",    "CREATED" };
    const char *address = s->cli->words[0];
    struct account account;
    struct cli_table t;
    bool found;
    if (!account_find_for_login(s->app->accounts, str_from_cstr(address), &s->arena, s->deadline_ms,
                                &found, &account, e))
        return err_wrap(e, "%s", address);
    if (!found)
        return ERR(e, ERR_NOT_FOUND, "there is no user %s", address);
    if (s->cli->json) {
        json_t *one = json_of(&account);
        cli_print_json(&one);
        return true;
    }
    cli_table_init(&t, titles, COUNT_OF(titles));
    add_row(&t, &account);
    cli_table_print(&t);
    return true;
}

static enum cli_exit run_quota(struct cli *cli)
{
    struct account_change wanted = { .kind = ACCOUNT_SET_QUOTA };
    struct err e = ERR_CLEAR;
    if (cli->n_words == 1)
        return cli_run_session(cli, show_quota, NULL);
    if (!cli_parse_size(str_from_cstr(cli->words[1]), &wanted.number, &e))
        return cli_fail(cli, &e);
    return cli_run_session(cli, change, &wanted);
}

static enum cli_exit run_disable(struct cli *cli)
{
    struct account_change wanted = { .kind = ACCOUNT_SET_DISABLED, .number = 1 };
    return cli_run_session(cli, change, &wanted);
}

static enum cli_exit run_enable(struct cli *cli)
{
    struct account_change wanted = { .kind = ACCOUNT_SET_DISABLED };
    return cli_run_session(cli, change, &wanted);
}

/* ---- table ---- */

static const struct cli_option add_options[] = {
    { "--password-stdin", NULL, "read the password from the first line of standard input" },
    { "--password", "TEXT", "the password; visible to other users of this machine" },
    { "--admin", NULL, "an administrator" },
    { "--quota", "SIZE", "limit of all mail, as 500MB or 2GB (default: unlimited)" },
};
static const struct cli_option list_options[] = {
    { "--domain", "NAME", "only users of this domain" },
};

static const struct cli_command commands[] = {
    { .name = "user add",
      .arguments = "ADDRESS",
      .summary = "Adds a user with a mailbox",
      .details = "Without --password-stdin or --password it asks on the terminal.",
      .options = add_options,
      .n_options = COUNT_OF(add_options),
      .least_words = 1,
      .most_words = 1,
      .run = run_add },
    { .name = "user list",
      .arguments = "",
      .summary = "Lists the users",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .run = run_list },
    { .name = "user quota",
      .arguments = "ADDRESS [SIZE]",
      .summary = "Shows or sets the limit of a user's mail",
      .details = "SIZE is a number with B, KB, MB, GB or TB, or \"unlimited\".",
      .least_words = 1,
      .most_words = 2,
      .run = run_quota },
    { .name = "user disable",
      .arguments = "ADDRESS",
      .summary = "Ends a user's logins; mail is still received",
      .least_words = 1,
      .most_words = 1,
      .run = run_disable },
    { .name = "user enable",
      .arguments = "ADDRESS",
      .summary = "Lets a disabled user log in again",
      .least_words = 1,
      .most_words = 1,
      .run = run_enable },
};

const struct cli_group cli_user_group = { commands, COUNT_OF(commands) };
