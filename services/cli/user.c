/* SPDX-License-Identifier: Apache-2.0 */
/* user add, list, password, quota, pop3, save-sent, from-id, disable, enable. */
#include "services/cli/listing.h"
#include "services/cli/password.h"
#include "services/cli/size.h"

/* ---- add ---- */

struct add_arguments {
    struct secret password;
    int64_t quota;
};

/* The API says that the address is wrong; people want to know when only its domain is missing. */
YIELDS static bool fail_add(struct cli_session *s, const char *address, struct err *e)
{
    json_t *domain = NULL;
    struct err reason = ERR_CLEAR;
    const char *at = strrchr(address, '@');
    if (e->kind == ERR_SYNTAX && at && at[1]) {
        str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, at + 1));
        if (!cli_call(s, "GET", path, NULL, &domain, &reason) && reason.kind == ERR_NOT_FOUND &&
            strstr(e->msg, "not ours"))
            e->kind = ERR_NOT_FOUND;
        json_decref(domain);
    }
    return err_wrap(e, "%s", address);
}

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const struct add_arguments *args = s->arg;
    const char *address = s->cli->words[0];
    str password = secret_str(&args->password);
    json_t *made = NULL;
    json_t *secret = json_stringn(password.p, password.n);
    if (!secret)
        return ERR(e, ERR_DENIED, "the password is not UTF-8");
    json_t *body =
        json_pack("{s:o, s:o, s:I, s:b}", "address", cli_json_text(str_from_cstr(address)),
                  "password", secret, "quotaBytes", (json_int_t)args->quota, "isAdmin",
                  cli_option(s->cli, "--admin") != NULL);
    if (!cli_call(s, "POST", STR("/admin/accounts"), body, &made, e))
        return fail_add(s, address, e);
    json_decref(made);
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
        code = cli_run_calls(cli, add, &args);
    }
    secret_wipe(&args.password);
    return code;
}

/* ---- list ---- */

static void quota_cell(struct cli_table *t, const json_t *value)
{
    if (json_integer_value(value)) {
        cli_cell_size(t, value);
    } else {
        cli_table_text(t, STR("unlimited"));
    }
}

static void role_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_true(value) ? STR("administrator") : STR("user"));
}

static void state_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_true(value) ? STR("disabled") : STR("active"));
}

static void pop3_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_true(value) ? STR("keep") : STR("expunge"));
}

static void switch_cell(struct cli_table *t, const json_t *value)
{
    cli_table_text(t, json_is_true(value) ? STR("on") : STR("off"));
}

static const struct cli_column columns[] = {
    { "address", "ADDRESS", cli_cell_text },
    { "usedMessages", "MESSAGES", cli_cell_number },
    { "usedBytes", "USED", cli_cell_size },
    { "quotaBytes", "QUOTA", quota_cell },
    { "isAdmin", "ROLE", role_cell },
    { "isDisabled", "STATE", state_cell },
    { "keepsPop3Deleted", "POP3 DELETE", pop3_cell },
    { "savesSent", "SAVE SENT", switch_cell },
    { "usesFromId", "FROM ID", switch_cell },
    { "createdAt", "CREATED", cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns,
                                            .n = COUNT_OF(columns),
                                            .has_pages = true };

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = { { "--domain", "domain" } };
    str path = cli_filter_path(s, STR("/admin/accounts"), filters, COUNT_OF(filters));
    return cli_show_list(s, path, &listing, e);
}

/* ---- changes of one account ---- */

static str path_of(struct cli_session *s, const char *address)
{
    return arena_printf(&s->arena, "/admin/accounts/%s", cli_encode(s, address));
}

/* `arg` is the body of the change. */
YIELDS static bool change(struct cli_session *s, struct err *e)
{
    const char *address = s->cli->words[0];
    json_t *wanted = s->arg;
    json_t *changed = NULL;
    if (!cli_call(s, "PATCH", path_of(s, address), json_incref(wanted), &changed, e))
        return err_wrap(e, "%s", address);
    json_decref(changed);
    cli_print_done(s->cli, "address", address, "changed %s", address);
    return true;
}

static enum cli_exit run_change(struct cli *cli, json_t *wanted)
{
    enum cli_exit code = cli_run_calls(cli, change, wanted);
    json_decref(wanted);
    return code;
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    const char *address = s->cli->words[0];
    json_t *account = NULL;
    if (!cli_call(s, "GET", path_of(s, address), NULL, &account, e))
        return err_wrap(e, "%s", address);
    cli_show_item(s, &listing, account);
    json_decref(account);
    return true;
}

static enum cli_exit run_quota(struct cli *cli)
{
    int64_t quota = 0;
    struct err e = ERR_CLEAR;
    if (cli->n_words == 1)
        return cli_run_calls(cli, show, NULL);
    if (!cli_parse_size(str_from_cstr(cli->words[1]), &quota, &e))
        return cli_fail(cli, &e);
    return run_change(cli, json_pack("{s:I}", "quotaBytes", (json_int_t)quota));
}

static enum cli_exit run_pop3(struct cli *cli)
{
    if (cli->n_words == 1)
        return cli_run_calls(cli, show, NULL);
    bool keeps = strcmp(cli->words[1], "keep") == 0;
    if (!keeps && strcmp(cli->words[1], "expunge") != 0)
        return cli_usage(cli, "what POP3 clients delete is either \"keep\" or \"expunge\"");
    return run_change(cli, json_pack("{s:b}", "keepsPop3Deleted", (int)keeps));
}

/* `what` is the beginning of a sentence, `field` the API's name of the setting. */
static enum cli_exit run_switch(struct cli *cli, const char *what, const char *field)
{
    if (cli->n_words == 1)
        return cli_run_calls(cli, show, NULL);
    bool is_on = strcmp(cli->words[1], "on") == 0;
    if (!is_on && strcmp(cli->words[1], "off") != 0)
        return cli_usage(cli, "%s either \"on\" or \"off\"", what);
    return run_change(cli, json_pack("{s:b}", field, (int)is_on));
}

static enum cli_exit run_save_sent(struct cli *cli)
{
    return run_switch(cli, "saving what is sent is", "savesSent");
}

static enum cli_exit run_from_id(struct cli *cli)
{
    return run_switch(cli, "unique senders are", "usesFromId");
}

static enum cli_exit run_disable(struct cli *cli)
{
    return run_change(cli, json_pack("{s:b}", "isDisabled", 1));
}

static enum cli_exit run_enable(struct cli *cli)
{
    return run_change(cli, json_pack("{s:b}", "isDisabled", 0));
}

/* ---- password ---- */

YIELDS static bool set_password(struct cli_session *s, struct err *e)
{
    const struct secret *wanted = s->arg;
    const char *address = s->cli->words[0];
    str password = secret_str(wanted);
    json_t *nothing = NULL;
    json_t *secret = json_stringn(password.p, password.n);
    if (!secret)
        return ERR(e, ERR_DENIED, "the password is not UTF-8");
    str path = arena_printf(&s->arena, "%.*s/password", STR_FMT(path_of(s, address)));
    if (!cli_call(s, "PUT", path, json_pack("{s:o}", "password", secret), &nothing, e))
        return err_wrap(e, "%s", address);
    json_decref(nothing);
    cli_print_done(s->cli, "address", address, "%s has a new password; sessions in a browser ended",
                   address);
    return true;
}

static enum cli_exit run_password(struct cli *cli)
{
    struct secret password = SECRET_EMPTY;
    struct err e = ERR_CLEAR;
    bool given;
    enum cli_exit code;
    if (!cli_read_password(cli, &password, &given, &e)) {
        code = cli_fail(cli, &e);
    } else if (!given) {
        code = cli_usage(cli, "there is no terminal to ask for the password; use --password-stdin");
    } else {
        code = cli_run_calls(cli, set_password, &password);
    }
    secret_wipe(&password);
    return code;
}

/* ---- table ---- */

static const struct cli_option add_options[] = {
    { "--password-stdin", NULL, "read the password from the first line of standard input" },
    { "--password", "TEXT", "the password; visible to other users of this machine" },
    { "--admin", NULL, "an administrator" },
    { "--quota", "SIZE", "limit of all mail, as 500MB or 2GB (default: unlimited)" },
};
static const struct cli_option password_options[] = {
    { "--password-stdin", NULL, "read the password from the first line of standard input" },
    { "--password", "TEXT", "the password; visible to other users of this machine" },
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
      .work = list },
    { .name = "user password",
      .arguments = "ADDRESS",
      .summary = "Sets another password of a user",
      .details =
          "Without --password-stdin or --password it asks on the terminal. Sessions that were\n"
          "opened with the former password end within seconds; app passwords stay.",
      .options = password_options,
      .n_options = COUNT_OF(password_options),
      .least_words = 1,
      .most_words = 1,
      .run = run_password },
    { .name = "user quota",
      .arguments = "ADDRESS [SIZE]",
      .summary = "Shows or sets the limit of a user's mail",
      .details = "SIZE is a number with B, KB, MB, GB or TB, or \"unlimited\".",
      .least_words = 1,
      .most_words = 2,
      .run = run_quota },
    { .name = "user pop3",
      .arguments = "ADDRESS [keep|expunge]",
      .summary = "Shows or sets what POP3 clients do when they delete",
      .details =
          "With \"keep\" a message stays in INBOX with the keyword $POP3Deleted, where IMAP and the\n"
          "webmail show it, and POP3 shows it no more. With \"expunge\" it is deleted.",
      .least_words = 1,
      .most_words = 2,
      .run = run_pop3 },
    { .name = "user save-sent",
      .arguments = "ADDRESS [on|off]",
      .summary = "Shows or sets whether what is sent by SMTP is put into Sent",
      .details =
          "With \"on\" a copy of each message that the user's programs send by the ports of\n"
          "submission is put into Sent. Programs that store a copy by themselves, as most do,\n"
          "would make a second one: that has to be switched off there. The webmail always does.",
      .least_words = 1,
      .most_words = 2,
      .run = run_save_sent },
    { .name = "user from-id",
      .arguments = "ADDRESS [on|off]",
      .summary = "Shows or sets whether each message has an envelope sender of its own",
      .details =
          "With \"on\" what the user sends leaves as mia+id-...@example.org, which names the\n"
          "message, so that a report of another server that comes later stands in \"queue trace\".\n"
          "Greylisting elsewhere sees a new sender each time, and lists that know their members by\n"
          "the envelope do not know it.",
      .least_words = 1,
      .most_words = 2,
      .run = run_from_id },
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
