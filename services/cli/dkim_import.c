/* SPDX-License-Identifier: Apache-2.0 */
/* dkim import: a key that another server signed with. */
#include "base/base64.h"
#include "crypto/signature.h"
#include "services/cli/listing.h"
#include "services/cli/records.h"

#include <errno.h>
#include <fcntl.h>

enum {
    WEAK_BITS = 2048, /* RFC 8301 section 3.2: signers should have no fewer */
    TEXT_MAX = 2 * CRYPTO_KEY_MAX
};

/* All of it, as far as a key may be long. */
static bool read_all(int fd, const char *name, struct secret *out, struct err *e)
{
    struct buf text;
    ssize_t got = 1;
    buf_init(&text, CRYPTO_KEY_MAX);
    char *p = buf_reserve(&text, CRYPTO_KEY_MAX);
    while (got > 0 && text.n < CRYPTO_KEY_MAX) {
        got = read(fd, p + text.n, CRYPTO_KEY_MAX - text.n);
        if (got > 0) {
            buf_commit(&text, (size_t)got);
        } else if (got < 0 && errno == EINTR) {
            got = 1;
        }
    }
    bool ok = got >= 0 || ERR_SYS(e, ERR_NOT_FOUND, "%s", name);
    ok = ok && (text.n < CRYPTO_KEY_MAX || ERR(e, ERR_LIMIT, "%s is too long for a key", name));
    if (ok)
        secret_set(out, buf_str(&text));
    secret_wipe_memory(text.p, text.cap);
    buf_fini(&text);
    return ok;
}

static bool read_file(const char *name, struct secret *out, struct err *e)
{
    if (strcmp(name, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out, e);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(e, ERR_NOT_FOUND, "%s", name);
    bool ok = read_all(fd, name, out, e);
    (void)close(fd);
    return ok;
}

/* DER goes as base64: it is no text, and JSON has nothing else. */
static json_t *json_of(str content)
{
    struct buf text;
    bool is_text = str_find(content, str_of("\0", 1)) < 0;
    json_t *as_it_is = is_text ? json_stringn(content.n ? content.p : "", content.n) : NULL;
    if (as_it_is)
        return as_it_is;
    buf_init(&text, TEXT_MAX);
    (void)buf_reserve(&text, TEXT_MAX); /* at once: what it grew out of would not be wiped */
    (void)base64_encode(BASE64_STANDARD, content, &text);
    json_t *encoded = json_stringn(text.p, text.n);
    secret_wipe_memory(text.p, text.cap);
    buf_fini(&text);
    return encoded;
}

static void print_advice(const struct cli_session *s, const json_t *key)
{
    const char *domain = cli_option(s->cli, "--domain");
    bool is_rsa = str_eq(cli_field_text(key, "kind"), STR("rsa"));
    long long bits = json_integer_value(json_object_get(key, "bits"));
    if (!json_is_true(json_object_get(key, "isKept"))) {
        (void)fputs("A dry run: nothing was changed.\n", stderr);
    } else if (str_eq(cli_field_text(key, "state"), STR("signing"))) {
        (void)fprintf(
            stderr, "Mail of %s is signed with it from now on; this record has to be published.\n",
            domain);
    } else {
        (void)fprintf(stderr,
                      "Another key signs. When this record is published: heronry dkim activate %s "
                      "%.*s\n",
                      domain, STR_FMT(cli_field_text(key, "selector")));
    }
    if (is_rsa && bits < WEAK_BITS) {
        (void)fprintf(stderr,
                      "An RSA key of %lld bits is weak. Make a new one soon: heronry dkim generate "
                      "%s\n",
                      bits, domain);
    } else if (!is_rsa) {
        (void)fprintf(stderr,
                      "Many receivers do not know Ed25519 yet. A pair with RSA is better: heronry "
                      "dkim generate %s\n",
                      domain);
    }
}

YIELDS static bool import(struct cli_session *s, struct err *e)
{
    const char *domain = cli_option(s->cli, "--domain");
    const char *selector = cli_option(s->cli, "--selector");
    json_t *key = NULL;
    json_t *body = json_pack("{s:o, s:o, s:b}", "selector", cli_json_text(str_from_cstr(selector)),
                             "privateKey", json_of(secret_str(s->arg)), "dryRun",
                             cli_option(s->cli, "--dry-run") != NULL);
    str path = arena_printf(&s->arena, "/admin/domains/%s/dkim-import", cli_encode(s, domain));
    if (!cli_call(s, "POST", path, body, &key, e))
        return err_wrap(e, "%s", s->cli->words[0]);
    if (s->cli->json) {
        cli_print_json(&key);
        return true;
    }
    const json_t *record = json_array_get(json_object_get(key, "records"), 0);
    cli_print_record(cli_field_text(record, "name"), STR("TXT"), cli_field_text(record, "value"));
    print_advice(s, key);
    json_decref(key);
    return true;
}

static enum cli_exit run_import(struct cli *cli)
{
    struct secret content = SECRET_EMPTY;
    struct err e = ERR_CLEAR;
    enum cli_exit code;
    if (!cli_option(cli, "--domain") || !cli_option(cli, "--selector"))
        return cli_usage(cli, "--domain and --selector are needed");
    if (read_file(cli->words[0], &content, &e)) {
        code = cli_run_calls(cli, import, &content);
    } else {
        code = cli_fail(cli, &e);
    }
    secret_wipe(&content);
    return code;
}

static const struct cli_option options[] = {
    { "--domain", "NAME", "the domain whose mail it signs" },
    { "--selector", "NAME", "the selector that its record is published with" },
    { "--dry-run", NULL, "look at the key, tell what would be done, and keep nothing" },
};

static const struct cli_command commands[] = {
    { .name = "dkim import",
      .arguments = "FILE --domain NAME --selector NAME",
      .summary = "Takes over a key that another server signed with",
      .details =
          "FILE, or - for standard input, has one private key that is not encrypted, RSA of\n"
          "1024 to 4096 bits or Ed25519: PEM (PKCS #8, PKCS #1), DER, or base64 of it as a\n"
          "KeyTable of opendkim has it. Prints its DNS record. The first key of a domain signs\n"
          "at once, a later one when it is activated; no other key is touched.",
      .options = options,
      .n_options = COUNT_OF(options),
      .least_words = 1,
      .most_words = 1,
      .run = run_import },
};

const struct cli_group cli_dkim_import_group = { commands, COUNT_OF(commands) };
