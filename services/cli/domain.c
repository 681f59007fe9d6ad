/* SPDX-License-Identifier: Apache-2.0 */
/* domain add, list, alias, remove, dns. */
#include "services/cli/listing.h"
#include "services/cli/records.h"

YIELDS static bool add(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *made = NULL;
    if (!cli_call(s, "POST", STR("/admin/domains"),
                  json_pack("{s:o}", "name", cli_json_text(str_from_cstr(name))), &made, e))
        return err_wrap(e, "%s", name);
    json_decref(made);
    cli_print_done(s->cli, "domain", name, "added %s", name);
    return true;
}

YIELDS static bool remove_domain(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *none = NULL;
    str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, name));
    if (!cli_call(s, "DELETE", path, NULL, &none, e))
        return err_wrap(e, "%s", name);
    json_decref(none);
    cli_print_done(s->cli, "domain", name, "removed %s", name);
    return true;
}

YIELDS static bool make_alias(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    const char *of = s->cli->n_words > 1 ? s->cli->words[1] : NULL;
    json_t *done = NULL;
    str path = arena_printf(&s->arena, "/admin/domains/%s", cli_encode(s, name));
    json_t *body =
        json_pack("{s:o}", "aliasOf", of ? cli_json_text(str_from_cstr(of)) : json_null());
    if (!cli_call(s, "PATCH", path, body, &done, e))
        return err_wrap(e, "%s", name);
    json_decref(done);
    if (of) {
        cli_print_done(s->cli, "domain", name, "%s is another name of %s now", name, of);
    } else {
        cli_print_done(s->cli, "domain", name, "%s is no other name any more", name);
    }
    return true;
}

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    static const struct cli_column columns[] = {
        { "name", "DOMAIN", cli_cell_text },       { "accounts", "ACCOUNTS", cli_cell_number },
        { "aliasOf", "NAME OF", cli_cell_text },   { "tenant", "TENANT", cli_cell_text },
        { "createdAt", "CREATED", cli_cell_time },
    };
    static const struct cli_listing listing = { .columns = columns,
                                                .n = COUNT_OF(columns),
                                                .has_pages = true };
    return cli_show_list(s, STR("/admin/domains"), &listing, e);
}

YIELDS static bool dns(struct cli_session *s, struct err *e)
{
    const char *name = s->cli->words[0];
    json_t *found = NULL;
    str path = arena_printf(&s->arena, "/admin/domains/%s/dns-records", cli_encode(s, name));
    if (!cli_call(s, "GET", path, NULL, &found, e))
        return err_wrap(e, "%s", name);
    if (s->cli->json) {
        cli_print_json(&found);
        return true;
    }
    const json_t *items = json_object_get(found, "items");
    bool has_key = false;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *record = json_array_get(items, i);
        has_key = has_key || str_eq(cli_field_text(record, "purpose"), STR("dkim"));
        if (str_eq(cli_field_text(record, "purpose"), STR("tlsaNext")))
            (void)puts("; of the next certificate: set it before that one comes into use");
        cli_print_record(cli_field_text(record, "name"), cli_field_text(record, "type"),
                         cli_field_text(record, "value"));
    }
    if (!has_key)
        cli_advise_key(name);
    json_decref(found);
    return true;
}

static const struct cli_command commands[] = {
    { .name = "domain add",
      .arguments = "NAME",
      .summary = "Takes mail for a domain",
      .least_words = 1,
      .most_words = 1,
      .work = add },
    { .name = "domain list", .arguments = "", .summary = "Lists the domains", .work = list },
    { .name = "domain alias",
      .arguments = "NAME [OF]",
      .summary = "Makes a domain another name of a domain",
      .details = "What is no address of its own is looked for in OF then. Without OF that ends.",
      .least_words = 1,
      .most_words = 2,
      .work = make_alias },
    { .name = "domain dns",
      .arguments = "NAME",
      .summary = "Prints the DNS records that a domain needs",
      .details =
          "The TLSA record is that of the certificate in use: with --url only. Behind it comes that\n"
          "of tls.next_certificate, to be set beside it before that one comes into use.",
      .least_words = 1,
      .most_words = 1,
      .work = dns },
    { .name = "domain remove",
      .arguments = "NAME",
      .summary = "Removes a domain that has no accounts",
      .least_words = 1,
      .most_words = 1,
      .work = remove_domain },
};

const struct cli_group cli_domain_group = { commands, COUNT_OF(commands) };
