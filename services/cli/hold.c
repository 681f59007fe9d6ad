/* SPDX-License-Identifier: Apache-2.0 */
/* queue pending, queue decide; whitelist tls (list, remove): mail that cannot go securely. */
#include "queue/hold.h"

#include "services/cli/listing.h"

/* ---- what waits ---- */

YIELDS static bool pending(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text, "id" },
        { "sender", "SENDER", cli_cell_text, "sender" },
        { "recipient", "RECIPIENT", cli_cell_text, "recipient" },
        { "domain", NULL, NULL, "domain" },
        { "createdAt", "SENT", cli_cell_time, "created_at" },
        { "expiresAt", "UNTIL", cli_cell_time, "expires_at" },
        { "reply", "REASON", cli_cell_text, "reason" },
    };
    static const struct cli_listing listing = {
        .name = "entries", .columns = columns, .n = COUNT_OF(columns), .has_pages = true
    };
    return cli_show_list(s, STR("/admin/queue?status=held"), &listing, e);
}

/* ---- deciding ---- */

static bool check_choice(const char *word, struct err *e)
{
    static const char *const words[] = { "cancel", "retry", "send", "whitelist" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i], word) == 0)
            return true;
    }
    return ERR(e, ERR_SYNTAX, "what to do is cancel, retry, send or whitelist, not \"%s\"", word);
}

YIELDS static bool post_count(struct cli_session *s, str path, json_t *body, int64_t *count,
                              struct err *e)
{
    json_t *answer = NULL;
    if (cli_option(s->cli, "--any"))
        (void)json_object_set_new(body, "anyServer", json_true());
    if (!cli_call(s, "POST", path, body, &answer, e))
        return false;
    *count = cli_field_number(answer, "recipients");
    json_decref(answer);
    return true;
}

YIELDS static bool decide(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--domain", "domain" },
                                                { "--expires", "expiresAt" } };
    const char *id = s->cli->words[0];
    const char *choice = s->cli->words[1];
    int64_t queue_id;
    int64_t count;
    str path = arena_printf(&s->arena, "/admin/queue/%s/decide", cli_encode(s, id));
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e) || !check_choice(choice, e))
        return err_wrap(e, "%s", id);
    json_t *body = json_pack("{s:s}", "choice", choice);
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (!post_count(s, path, body, &count, e))
        return err_wrap(e, "%s", id);
    cli_print_done(s->cli, "id", id, "%s: %s, for %lld recipients", id, choice, (long long)count);
    return true;
}

/* ---- whitelist ---- */

YIELDS static bool whitelist(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--key", "key" }, { "--expires", "expiresAt" } };
    const char *domain = s->cli->words[0];
    int64_t count;
    json_t *body = json_pack("{s:s}", "domain", domain);
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (!post_count(s, STR("/admin/tls-exceptions"), body, &count, e))
        return err_wrap(e, "%s", domain);
    cli_print_done(s->cli, "domain", domain, "whitelisted %s; %lld recipients are tried now",
                   domain, (long long)count);
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { .field = "domain", .title = "DOMAIN", .cell = cli_cell_text },
        { .field = "accountId", .title = "ACCOUNT", .cell = cli_cell_text },
        { .field = "key", .title = "KEY", .cell = cli_cell_text },
        { .field = "createdBy", .title = "BY", .cell = cli_cell_text },
        { .field = "createdAt", .title = "SINCE", .cell = cli_cell_time },
        { .field = "expiresAt", .title = "UNTIL", .cell = cli_cell_time },
    };
    static const struct cli_listing listing = {
        .name = "items", .columns = columns, .n = COUNT_OF(columns), .is_raw = true
    };
    static const struct cli_filter filters[] = { { "--domain", "domain" } };
    str path = cli_filter_path(s, STR("/admin/tls-exceptions"), filters, COUNT_OF(filters));
    return cli_show_list(s, path, &listing, e);
}

YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    json_t *nothing = NULL;
    str path = arena_printf(&s->arena, "/admin/tls-exceptions/%s", cli_encode(s, domain));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", domain);
    json_decref(nothing);
    cli_print_done(s->cli, "domain", domain, "%s is not whitelisted any more", domain);
    return true;
}

/* ---- table ---- */

static const struct cli_option decide_options[] = {
    { "--domain", "NAME", "only what is held for this domain" },
    { "--any", NULL, "whitelist: any server, also without TLS" },
    { "--expires", "TIME", "when that ends, as 2027-01-01T00:00:00Z (default: never)" },
};
static const struct cli_option whitelist_options[] = {
    { "--key", "HEX", "SHA-256 of the public key that the server must have" },
    { "--any", NULL, "any server, also without TLS" },
    { "--expires", "TIME", "when that ends, as 2027-01-01T00:00:00Z (default: never)" },
};
static const struct cli_option list_options[] = {
    { "--domain", "NAME", "only of this domain" },
};

/* The longer names stand first: the first one that fits counts. */
static const struct cli_command commands[] = {
    { .name = "queue pending",
      .arguments = "",
      .summary = "Lists mail that is held because it cannot go securely",
      .work = pending },
    { .name = "queue decide",
      .arguments = "ID cancel|retry|send|whitelist",
      .summary = "Decides about a message that is held",
      .details = "cancel     it goes to nobody, and nobody is told\n"
                 "retry      it is tried again by the same rules\n"
                 "send       this message goes, however insecure\n"
                 "whitelist  so does further mail of its sender for the same domain, to the\n"
                 "           server with the key that was seen, or to any (--any)",
      .options = decide_options,
      .n_options = COUNT_OF(decide_options),
      .least_words = 2,
      .most_words = 2,
      .work = decide },
    { .name = "whitelist tls list",
      .arguments = "",
      .summary = "Lists domains whose mail may go with less TLS",
      .options = list_options,
      .n_options = COUNT_OF(list_options),
      .work = list },
    { .name = "whitelist tls remove",
      .arguments = "DOMAIN",
      .summary = "Takes all exceptions for a domain back",
      .least_words = 1,
      .most_words = 1,
      .work = remove_domain },
    { .name = "whitelist tls",
      .arguments = "DOMAIN",
      .summary = "Lets mail for a domain go with less TLS, and sends what is held for it",
      .details = "Without --key and --any the servers count that held mail for it has met.",
      .options = whitelist_options,
      .n_options = COUNT_OF(whitelist_options),
      .least_words = 1,
      .most_words = 1,
      .work = whitelist },
};

const struct cli_group cli_hold_group = { commands, COUNT_OF(commands) };
