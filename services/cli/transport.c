/* SPDX-License-Identifier: Apache-2.0 */
/* transport list, set, remove: the smarthost, and servers for single domains. */
#include "services/cli/listing.h"
#include "services/cli/password.h"

/* Nothing where nothing is said. */
static void cell_count(struct cli_table *t, const json_t *value)
{
    if (json_is_null(value)) {
        cli_cell_text(t, value);
    } else {
        cli_cell_number(t, value);
    }
}

static const struct cli_column columns[] = {
    { .field = "domain", .title = "WHICH", .cell = cli_cell_text },
    { .field = "host", .title = "HOST", .cell = cli_cell_text },
    { .field = "port", .title = "PORT", .cell = cell_count },
    { .field = "protocol", .title = "PROTOCOL", .cell = cli_cell_text },
    { .field = "tls", .title = "TLS", .cell = cli_cell_text },
    { .field = "login", .title = "LOGIN", .cell = cli_cell_text },
    { .field = "auth", .title = "BY", .cell = cli_cell_text },
    { .field = "connections", .title = "CONNECTIONS", .cell = cell_count },
    { .field = "perMinute", .title = "A MINUTE", .cell = cell_count },
    { .field = "pool", .title = "POOL", .cell = cli_cell_text },
    { .field = "ehloName", .title = "EHLO NAME", .cell = cli_cell_text },
};
static const struct cli_listing listing = { .columns = columns, .n = COUNT_OF(columns) };

YIELDS static bool list(struct cli_session *s, struct err *e)
{
    return cli_show_list(s, STR("/admin/transports"), &listing, e);
}

YIELDS static bool remove_transport(struct cli_session *s, struct err *e)
{
    const char *domain = s->cli->words[0];
    json_t *nothing = NULL;
    str path = arena_printf(&s->arena, "/admin/transports/%s", cli_encode(s, domain));
    if (!cli_call(s, "DELETE", path, NULL, &nothing, e))
        return err_wrap(e, "%s", domain);
    json_decref(nothing);
    cli_print_done(s->cli, "domain", domain, "there is no transport for %s any more", domain);
    return true;
}

/* ---- set ---- */

/* "host:port" or "host"; an IPv6 address is in brackets then. */
static bool read_server(struct cli_session *s, json_t *body, struct err *e)
{
    str text = str_from_cstr(s->cli->words[1]);
    uint64_t port = 0;
    ptrdiff_t colon = str_rfind_byte(text, ':');
    bool has_port = colon >= 0 && str_find_byte(str_skip(text, (size_t)colon), ']') < 0;
    if (has_port && !str_to_uint(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port))
        return ERR(e, ERR_SYNTAX, "the server is HOST or HOST:PORT");
    if (has_port)
        text = str_slice(text, 0, (size_t)colon);
    if (str_has_prefix(text, STR("[")) && str_has_suffix(text, STR("]")))
        text = str_slice(text, 1, text.n - 2);
    (void)json_object_set_new(body, "host", cli_json_text(text));
    if (has_port)
        (void)json_object_set_new(body, "port", json_integer((json_int_t)port));
    return true;
}

static bool read_numbers(const struct cli *cli, json_t *body, struct err *e)
{
    static const struct cli_filter fields[] = { { "--connections", "connections" },
                                                { "--per-minute", "perMinute" } };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const char *text = cli_option(cli, fields[i].option);
        uint64_t n = 0;
        if (text && !str_to_uint(str_from_cstr(text), INT32_MAX, &n))
            return ERR(e, ERR_SYNTAX, "%s is a number", fields[i].option);
        if (text)
            (void)json_object_set_new(body, fields[i].field, json_integer((json_int_t)n));
    }
    return true;
}

YIELDS static bool set(struct cli_session *s, struct err *e)
{
    static const struct cli_filter fields[] = {
        { "--protocol", "protocol" }, { "--tls", "tls" },   { "--login", "login" },
        { "--auth", "auth" },         { "--pool", "pool" }, { "--ehlo-name", "ehloName" }
    };
    const char *domain = s->cli->words[0];
    str password = secret_str(s->arg);
    json_t *made = NULL;
    json_t *body = json_object();
    str path = arena_printf(&s->arena, "/admin/transports/%s", cli_encode(s, domain));
    cli_filter_body(s->cli, body, fields, COUNT_OF(fields));
    if (password.n > 0)
        (void)json_object_set_new(body, "password", json_stringn(password.p, password.n));
    if (!read_numbers(s->cli, body, e) || (s->cli->n_words > 1 && !read_server(s, body, e))) {
        json_decref(body);
        return false;
    }
    if (!cli_call(s, "PUT", path, body, &made, e))
        return err_wrap(e, "%s", domain);
    cli_show_item(s, &listing, made);
    json_decref(made);
    return true;
}

static enum cli_exit run_set(struct cli *cli)
{
    struct secret password = SECRET_EMPTY;
    struct err e = ERR_CLEAR;
    bool given = true;
    enum cli_exit code;
    if (cli_option(cli, "--login") && !cli_read_password(cli, &password, &given, &e)) {
        code = cli_fail(cli, &e);
    } else if (!given) {
        code = cli_usage(cli, "there is no terminal to ask for the password; use --password-stdin");
    } else {
        code = cli_run_calls(cli, set, &password);
    }
    secret_wipe(&password);
    return code;
}

/* ---- table ---- */

static const struct cli_option set_options[] = {
    { "--protocol", "WHICH", "smtp (default), or lmtp (RFC 2033; port 24)" },
    { "--tls", "HOW", "verify (default), encrypt or may" },
    { "--login", "NAME", "log in there; asks for the password" },
    { "--auth", "HOW",
      "log in by scram-sha-256, plain or login only (default: the strongest offered)" },
    { "--connections", "N", "connections at a time" },
    { "--per-minute", "N", "messages a minute at most, over the cluster" },
    { "--pool", "NAME", "leave from an address of this pool (delivery.pools)" },
    { "--ehlo-name", "NAME", "how we are called there" },
    { "--password-stdin", NULL, "read the password from the first line of standard input" },
    { "--password", "TEXT", "the password; visible to other users of this machine" },
};

static const struct cli_command commands[] = {
    { .name = "transport list",
      .arguments = "",
      .summary = "Lists the servers that some mail is handed to",
      .work = list },
    { .name = "transport set",
      .arguments = "WHICH [HOST[:PORT]]",
      .summary = "Says where mail for a domain, or of a sender, goes, and how",
      .details =
          "WHICH mail goes there; the first of these that there is counts:\n"
          "far.example      mail for that domain\n"
          "mia@example.org  mail that mia sends\n"
          "@example.org     mail of all senders of the domain\n"
          "\"*\"              all other mail: HOST is the smarthost\n"
          "\n"
          "verify   the server's certificate must verify for HOST\n"
          "encrypt  TLS with any certificate\n"
          "may      as with any other server\n"
          "\n"
          "Without HOST the options are for mail as it goes otherwise. Each thing is said by the\n"
          "first transport for the mail that says it.",
      .options = set_options,
      .n_options = COUNT_OF(set_options),
      .least_words = 1,
      .most_words = 2,
      .run = run_set },
    { .name = "transport remove",
      .arguments = "WHICH",
      .summary = "Lets mail go to the servers of its domain again",
      .least_words = 1,
      .most_words = 1,
      .work = remove_transport },
};

const struct cli_group cli_transport_group = { commands, COUNT_OF(commands) };
