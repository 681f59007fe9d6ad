/* SPDX-License-Identifier: Apache-2.0 */
/* whitelist receipt and blacklist receipt: of whom mail is received, or refused; list, remove. */
#include "services/cli/listing.h"

#define RULES "/admin/receipt-rules"

/* "whitelist" or "blacklist", the first word of the command. */
static const char *list_of(const struct cli *cli)
{
    return str_has_prefix(str_from_cstr(cli->command->name), STR("whitelist")) ? "whitelist"
                                                                               : "blacklist";
}

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    static const struct cli_filter more[] = { { "--domain", "domain" }, { "--note", "note" } };
    const char *subject = s->cli->words[0];
    json_t *made = NULL;
    json_t *body = json_pack("{s:s, s:o}", "list", list_of(s->cli), "subject",
                             cli_json_text(str_from_cstr(subject)));
    cli_filter_body(s->cli, body, more, COUNT_OF(more));
    if (!cli_call(s, "POST", STR(RULES), body, &made, e))
        return err_wrap(e, "%s", subject);
    json_decref(made);
    cli_print_done(s->cli, "subject", subject, "%s is on the %s", subject, list_of(s->cli));
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "subject", "SUBJECT", cli_cell_text }, { "kind", "KIND", cli_cell_text },
        { "domain", "FOR", cli_cell_text },      { "note", "NOTE", cli_cell_text },
        { "createdAt", "ADDED", cli_cell_time },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    static const struct cli_filter filters[] = { { "--domain", "domain" } };
    str path = arena_printf(&s->arena, RULES "?list=%s", list_of(s->cli));
    return cli_show_list(s, cli_filter_path(s, path, filters, COUNT_OF(filters)), &listing, e);
}

/* The rule for all domains, where none is asked for. */
struct wanted {
    bool has_domain;
    char id[24];
};

static void look(json_t *item, void *arg)
{
    struct wanted *wanted = arg;
    if (wanted->has_domain == !json_is_null(json_object_get(item, "domain")))
        (void)snprintf(wanted->id, sizeof(wanted->id), "%.*s", STR_FMT(cli_field_text(item, "id")));
}

YIELDS static bool remove_rule(struct cli_session *s, struct err *e)
{
    static const struct cli_filter filters[] = { { "--domain", "domain" } };
    const char *subject = s->cli->words[0];
    struct wanted wanted = { .has_domain = cli_option(s->cli, "--domain") != NULL };
    json_t *none = NULL;
    str path = arena_printf(&s->arena, RULES "?list=%s&subject=%s", list_of(s->cli),
                            cli_encode(s, subject));
    path = cli_filter_path(s, path, filters, COUNT_OF(filters));
    if (!cli_call_list(s, path, look, &wanted, e))
        return err_wrap(e, "%s", subject);
    if (!wanted.id[0])
        return ERR(e, ERR_NOT_FOUND, "%s is not on the %s", subject, list_of(s->cli));
    if (!cli_call(s, "DELETE", arena_printf(&s->arena, RULES "/%s", wanted.id), NULL, &none, e))
        return err_wrap(e, "%s", subject);
    json_decref(none);
    cli_print_done(s->cli, "subject", subject, "%s is not on the %s any more", subject,
                   list_of(s->cli));
    return true;
}

/* ---- table ---- */

static const struct cli_option add_options[] = {
    { "--domain", "DOMAIN", "for mail to this domain of ours and its other names (default: all)" },
    { "--note", "TEXT", "why it is there" },
};
static const struct cli_option domain_option[] = {
    { "--domain", "DOMAIN", "the rule for this domain of ours (default: the one for all)" },
};
static const struct cli_option list_option[] = {
    { "--domain", "DOMAIN", "only rules for this domain of ours" },
};

#define WHAT_IT_IS                                                                            \
    "SUBJECT is a domain, which stands for those below it too, an address, or a network of\n" \
    "clients like 192.0.2.0/24. An address counts before a domain, and both before a network;\n"

#define ADD(called, other, what, more)                                                          \
    {                                                                                           \
        .name = (called), .also = (other), .arguments = "SUBJECT", .summary = (what),           \
        .details = WHAT_IT_IS more, .options = add_options, .n_options = COUNT_OF(add_options), \
        .least_words = 1, .most_words = 1, .work = add                                          \
    }
#define LIST(called, what)                                                            \
    {                                                                                 \
        .name = (called), .arguments = "", .summary = (what), .options = list_option, \
        .n_options = COUNT_OF(list_option), .work = list                              \
    }
#define REMOVE(called, what)                                                                   \
    {                                                                                          \
        .name = (called), .arguments = "SUBJECT", .summary = (what), .options = domain_option, \
        .n_options = COUNT_OF(domain_option), .least_words = 1, .most_words = 1,               \
        .work = remove_rule                                                                    \
    }

static const struct cli_command commands[] = {
    ADD("whitelist receipt", "whitelist receipt add",
        "Receives mail of somebody without checks against spam",
        "a rule for one of our domains before one for all. A sender on the list counts unless\n"
        "SPF says that the client may not send for it."),
    LIST("whitelist receipt list", "Lists whose mail is received without checks against spam"),
    REMOVE("whitelist receipt remove", "Checks mail of somebody again"),
    ADD("blacklist receipt", "blacklist receipt add", "Refuses mail of somebody",
        "a rule for one of our domains before one for all. Mail to postmaster is received all\n"
        "the same, so that who is refused can ask why."),
    LIST("blacklist receipt list", "Lists whose mail is refused"),
    REMOVE("blacklist receipt remove", "Receives mail of somebody again"),
};

const struct cli_group cli_receipt_group = { commands, COUNT_OF(commands) };
