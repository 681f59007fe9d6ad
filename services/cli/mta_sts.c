/* SPDX-License-Identifier: Apache-2.0 */
/* mta-sts show, set, remove: the policies that our own domains publish. */
#include "services/cli/listing.h"

enum {
    DAY_S = 24 * 3600,
    DAYS_MAX = 365
};

static void hosts_cell(struct cli_table *t, const json_t *value)
{
    cli_cell_words(t, value, STR("-"));
}

static const struct cli_column columns[] = {
    { "mode", "MODE", cli_cell_text },         { "maxAge", "SECONDS", cli_cell_number },
    { "mx", "SERVERS", hosts_cell },           { "id", "ID", cli_cell_text },
    { "changedAt", "CHANGED", cli_cell_time },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

static str path_of(struct cli_session *s)
{
    return arena_printf(&s->arena, "/admin/domains/%s/mta-sts", cli_encode(s, s->cli->words[0]));
}

/* What is not there may be the domain or its policy: the API tells them as one. */
static bool fail(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    if (e->kind == ERR_NOT_FOUND) {
        *e = (struct err)ERR_CLEAR;
        return ERR(e, ERR_NOT_FOUND,
                   "%s has no MTA-STS policy (\"mta-sts set\" publishes one), or is no domain here",
                   domain);
    }
    return err_wrap(e, "%s", domain);
}

YIELDS static bool show(struct cli_session *s, struct err *e)
{
    json_t *policy = NULL;
    if (!cli_call(s, "GET", path_of(s), NULL, &policy, e))
        return fail(s, e);
    cli_show_item(s, &listing, policy);
    json_decref(policy);
    return true;
}

/* "--mx a,b" as an array. */
static json_t *read_hosts(const char *text)
{
    json_t *hosts = json_array();
    str rest = str_from_cstr(text);
    str host;
    while (rest.n > 0) {
        (void)str_cut(rest, ',', &host, &rest);
        (void)json_array_append_new(hosts, cli_json_text(str_trim(host)));
    }
    return hosts;
}

static bool add_age(const struct cli *cli, json_t *body, struct err *e)
{
    const char *days = cli_option(cli, "--days");
    uint64_t n = 0;
    if (!days)
        return true;
    if (!str_to_uint(str_from_cstr(days), DAYS_MAX, &n) || n == 0)
        return ERR(e, ERR_SYNTAX, "--days is a number from 1 to %d, not \"%s\"", DAYS_MAX, days);
    (void)json_object_set_new(body, "maxAge", json_integer((json_int_t)n * DAY_S));
    return true;
}

YIELDS static bool set(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    const char *hosts = cli_option(s->cli, "--mx");
    json_t *policy = NULL;
    json_t *body = json_pack("{s:o}", "mode", cli_json_text(str_from_cstr(s->cli->words[1])));
    if (!add_age(s->cli, body, e)) {
        json_decref(body);
        return false;
    }
    if (hosts)
        (void)json_object_set_new(body, "mx", read_hosts(hosts));
    if (!cli_call(s, "PUT", path_of(s), body, &policy, e))
        return err_wrap(e, "%s", domain);
    if (!s->cli->json) {
        str id = cli_field_text(policy, "id");
        (void)fprintf(stderr,
                      "Publish: _mta-sts.%s. IN TXT \"v=STSv1; id=%.*s;\"\nand let mta-sts.%s lead "
                      "to this server, with a certificate for that name.\n",
                      domain, STR_FMT(id), domain);
    }
    cli_show_item(s, &listing, policy);
    json_decref(policy);
    return true;
}

YIELDS static bool remove_policy(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    json_t *none = NULL;
    if (!cli_call(s, "DELETE", path_of(s), NULL, &none, e))
        return fail(s, e);
    json_decref(none);
    cli_print_done(s->cli, "domain", domain, "%s has no MTA-STS policy any more", domain);
    return true;
}

/* ---- table ---- */

static const struct cli_option set_options[] = {
    { "--days", "N", "for so long others keep the policy (default: 7)" },
    { "--mx", "HOST,HOST", "the domain's mail servers (default: this one)" },
};

static const struct cli_command commands[] = {
    { .name = "mta-sts show",
      .arguments = "DOMAIN",
      .summary = "Shows the MTA-STS policy that a domain publishes",
      .least_words = 1,
      .most_words = 1,
      .work = show },
    { .name = "mta-sts set",
      .arguments = "DOMAIN testing|enforce|none",
      .summary = "Publishes an MTA-STS policy for a domain",
      .details =
          "Begin with testing, read the reports on TLS that others send, then enforce: from\n"
          "then on others send mail to the domain only over TLS to one of its servers.\n"
          "A policy is withdrawn by none, for as long as others keep the former one.",
      .options = set_options,
      .n_options = COUNT_OF(set_options),
      .least_words = 2,
      .most_words = 2,
      .work = set },
    { .name = "mta-sts remove",
      .arguments = "DOMAIN",
      .summary = "Serves no MTA-STS policy for a domain any more",
      .least_words = 1,
      .most_words = 1,
      .work = remove_policy },
};

const struct cli_group cli_mta_sts_group = { commands, COUNT_OF(commands) };
