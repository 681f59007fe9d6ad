/* SPDX-License-Identifier: Apache-2.0 */
/* dkim publish, domain publish: records of a domain on their way into the DNS. */
#include "services/cli/listing.h"
#include "services/cli/records.h"

enum {
    TEXT_MAX = 16 * 1024 /* octets about one record */
};

static void print_item(const json_t *item)
{
    struct buf line;
    str result = cli_field_text(item, "result");
    str text = cli_field_text(item, "text");
    buf_init(&line, TEXT_MAX);
    cli_escape(cli_field_text(item, "name"), &line);
    (void)printf("%-9.*s  %-6.*s %.*s\n", STR_FMT(result), STR_FMT(cli_field_text(item, "type")),
                 STR_FMT(buf_str(&line)));
    buf_clear(&line);
    cli_escape(text, &line);
    if (text.n > 0 && !str_eq(result, STR("added")) && !str_eq(result, STR("missing")))
        (void)printf("           %.*s\n", STR_FMT(buf_str(&line)));
    buf_fini(&line);
}

static bool has_result(const json_t *items, str wanted)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (str_eq(cli_field_text(json_array_get(items, i), "result"), wanted))
            return true;
    }
    return false;
}

/* What there is to do about the rest. */
static void print_advice(const json_t *items)
{
    static const struct {
        str result;
        const char *advice;
    } advice[] = {
        { STR_INIT("missing"), "A dry run: nothing was changed." },
        { STR_INIT("noZone"),
          "noZone: name the zone and its server in dns.updates of the configuration, or publish\n"
          "these by hand (heronry domain dns)." },
        { STR_INIT("different"),
          "different: what is there is never changed from here; see heronry domain check." },
        { STR_INIT("unknown"), "unknown: the DNS did not answer; try again." },
        { STR_INIT("failed"), "failed: put the cause right and run this again." },
    };
    for (size_t i = 0; i < COUNT_OF(advice); i++) {
        if (has_result(items, advice[i].result))
            (void)fprintf(stderr, "%s\n", advice[i].advice);
    }
}

YIELDS static bool publish(struct cli_session *s, const char *purpose, struct err *e)
{
    json_t *done = NULL;
    const char *name = s->cli->words[0];
    str path = arena_printf(&s->arena, "/admin/domains/%s/dns-publication", cli_encode(s, name));
    json_t *body = json_pack("{s:b}", "dryRun", cli_option(s->cli, "--dry-run") != NULL);
    if (purpose)
        (void)json_object_set_new(body, "purpose", json_string(purpose));
    if (!cli_call(s, "POST", path, body, &done, e))
        return err_wrap(e, "%s", name);
    s->is_wrong = !json_is_true(json_object_get(done, "isThere"));
    if (s->cli->json) {
        cli_print_json(&done);
        return true;
    }
    const json_t *items = json_object_get(done, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        print_item(json_array_get(items, i));
    if (json_array_size(items) == 0)
        cli_advise_key(name);
    print_advice(items);
    json_decref(done);
    return true;
}

YIELDS static bool publish_keys(struct cli_session *s, struct err *e)
{
    return publish(s, "dkim", e);
}

YIELDS static bool publish_all(struct cli_session *s, struct err *e)
{
    return publish(s, NULL, e);
}

static const struct cli_option options[] = {
    { "--dry-run", NULL, "tell only what would be done" },
};

static const struct cli_command commands[] = {
    { .name = "dkim publish",
      .arguments = "DOMAIN",
      .summary = "Puts the records of a domain's keys into the DNS",
      .details =
          "Where dns.updates of the configuration names the zone, its server and a TSIG key.\n"
          "Adds what is missing, changes nothing that is there. Ends with 1 when some are not\n"
          "there afterwards.",
      .options = options,
      .n_options = COUNT_OF(options),
      .calls_dns = true,
      .least_words = 1,
      .most_words = 1,
      .work = publish_keys },
    { .name = "domain publish",
      .arguments = "NAME",
      .summary = "Puts the records that a domain needs into the DNS",
      .details =
          "Those of \"domain dns\", where dns.updates of the configuration names the zone, its\n"
          "server and a TSIG key. Adds what is missing, changes nothing that is there. Ends\n"
          "with 1 when some are not there afterwards.",
      .options = options,
      .n_options = COUNT_OF(options),
      .calls_dns = true,
      .least_words = 1,
      .most_words = 1,
      .work = publish_all },
};

const struct cli_group cli_publish_group = { commands, COUNT_OF(commands) };
