/* SPDX-License-Identifier: Apache-2.0 */
/* queue pending, queue decide; whitelist tls (list, remove): mail that cannot go securely. */
#include "queue/hold.h"

#include "services/cli/listing.h"

/* ---- what waits ---- */

YIELDS static bool pending(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "id", "ID", cli_cell_text },
        { "sender", "SENDER", cli_cell_text },
        { "recipient", "RECIPIENT", cli_cell_text },
        { "createdAt", "SENT", cli_cell_time },
        { "expiresAt", "UNTIL", cli_cell_time },
        { "reply", "REASON", cli_cell_text },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    return cli_show_list(s, STR("/admin/queue?isAsked=true"), &listing, e);
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

/* Takes `body`. Yields. */
YIELDS static bool post(struct cli_session *s, str path, json_t *body, json_t **answer,
                        struct err *e)
{
    if (cli_option(s->cli, "--any"))
        (void)json_object_set_new(body, "anyServer", json_true());
    return cli_call(s, "POST", path, body, answer, e);
}

YIELDS static bool decide(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--domain", "domain" },
                                                { "--expires", "expiresAt" } };
    const char *id = s->cli->words[0];
    const char *choice = s->cli->words[1];
    int64_t queue_id;
    json_t *answer = NULL;
    str path = arena_printf(&s->arena, "/admin/queue/%s/decide", cli_encode(s, id));
    if (!queue_id_parse(str_from_cstr(id), &queue_id, e) || !check_choice(choice, e))
        return err_wrap(e, "%s", id);
    json_t *body = json_pack("{s:s}", "choice", choice);
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (!post(s, path, body, &answer, e))
        return err_wrap(e, "%s", id);
    if (s->cli->json) {
        cli_print_answer("id", id, &answer);
        return true;
    }
    cli_print_done(s->cli, NULL, NULL, "%s: %s, for %lld recipients", id, choice,
                   (long long)cli_field_number(answer, "recipients"));
    json_decref(answer);
    return true;
}

/* ---- whitelist ---- */

YIELDS static bool whitelist(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = { { "--key", "key" }, { "--expires", "expiresAt" } };
    const char *domain = s->cli->words[0];
    json_t *made = NULL;
    json_t *body = json_pack("{s:s}", "domain", domain);
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (!post(s, STR("/admin/tls-exceptions"), body, &made, e))
        return err_wrap(e, "%s", domain);
    if (s->cli->json) {
        cli_print_answer("domain", domain, &made);
        return true;
    }
    cli_print_done(s->cli, NULL, NULL, "whitelisted %s; %lld recipients are tried now", domain,
                   (long long)cli_field_number(made, "recipients"));
    const json_t *keys = json_object_get(made, "keysSeen");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        (void)printf("  for the server with the key %s\n",
                     json_string_value(json_array_get(keys, i)));
    }
    json_decref(made);
    return true;
}

/* By the address, as people know accounts; of one that is gone there is the id only. */
static void account_cell(struct cli_table *t, const json_t *exception)
{
    const json_t *address = json_object_get(exception, "account");
    const json_t *id = json_object_get(exception, "accountId");
    if (json_is_string(id)) {
        cli_cell_text(t, json_is_string(address) ? address : id);
    } else {
        cli_table_text(t, STR("everybody"));
    }
}

static void key_cell(struct cli_table *t, const json_t *key)
{
    if (json_is_string(key)) {
        cli_cell_text(t, key);
    } else {
        cli_table_text(t, STR("any server, also without TLS"));
    }
}

static const struct cli_column columns[] = {
    { .field = "domain", .title = "DOMAIN", .cell = cli_cell_text },
    { .field = NULL, .title = "ACCOUNT", .cell = account_cell },
    { .field = "key", .title = "KEY", .cell = key_cell },
    { .field = "createdBy", .title = "BY", .cell = cli_cell_text },
    { .field = "createdAt", .title = "SINCE", .cell = cli_cell_time },
    { .field = "expiresAt", .title = "UNTIL", .cell = cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = { { "--domain", "domain" } };
    str path = cli_filter_path(s, STR("/admin/tls-exceptions"), filters, COUNT_OF(filters));
    return cli_show_list(s, path, &listing, e);
}

/* Says whose they were. Yields. */
YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = { { "--account", "account" } };
    const char *domain = s->cli->words[0];
    json_t *gone = NULL;
    str path = arena_printf(&s->arena, "/admin/tls-exceptions/%s", cli_encode(s, domain));
    path = cli_filter_path(s, path, filters, COUNT_OF(filters));
    if (!cli_call(s, "DELETE", path, NULL, &gone, e))
        return err_wrap(e, "%s", domain);
    if (s->cli->json) {
        cli_print_answer("domain", domain, &gone);
        return true;
    }
    const json_t *items = json_object_get(gone, "items");
    cli_print_done(s->cli, NULL, NULL, "taken off the whitelist of TLS: %zu",
                   json_array_size(items));
    cli_show_items(s, &listing, items);
    json_decref(gone);
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

static const struct cli_option remove_options[] = {
    { "--account", "ADDRESS", "only what this account decided on for its own mail; or its id" },
};

static const struct cli_command commands[] = {
    { .name = "queue pending",
      .arguments = "",
      .summary = "Lists mail that cannot go securely, and waits for a decision",
      .work = pending },
    { .name = "queue decide",
      .arguments = "ID cancel|retry|send|whitelist",
      .summary = "Decides about a message that cannot go securely (queue pending)",
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
      .summary = "Takes exceptions for a domain back: all, or those of one account",
      .options = remove_options,
      .n_options = COUNT_OF(remove_options),
      .least_words = 1,
      .most_words = 1,
      .work = remove_domain },
    { .name = "whitelist tls",
      .also = "whitelist tls add",
      .arguments = "DOMAIN",
      .summary = "Lets mail for a domain go with less TLS, and sends what is held for it",
      .details = "Without --key and --any the servers count that held mail for it has met; where\n"
                 "it has met none, they are asked for their keys now.",
      .calls_dns = true,
      .options = whitelist_options,
      .n_options = COUNT_OF(whitelist_options),
      .least_words = 1,
      .most_words = 1,
      .work = whitelist },
};

const struct cli_group cli_hold_group = { commands, COUNT_OF(commands) };
