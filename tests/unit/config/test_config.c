/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/config.h: what is understood, and each way a file is refused, word by word. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *variable(const char *name, void *arg)
{
    (void)arg;
    if (strcmp(name, "DB") == 0)
        return "postgresql://u:p@h/heronry";
    if (strcmp(name, "YAML") == 0)
        return "x, y: [z]\nhostname: evil";
    return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static struct config *parse(const char *text, struct err *e)
{
    struct config *c = NULL;
    *e = ERR_CLEAR;
    bool ok = config_parse(str_from_cstr(text), "f.yaml", variable, NULL, &c, e);
    assert_int_equal(ok, c != NULL);
    return c;
}

static struct config *parse_good(const char *text)
{
    struct err e;
    struct config *c = parse(text, &e);
    if (!c)
        fail_msg("%s", e.msg);
    return c;
}

static void empty_files_are_the_defaults(void **state)
{
    static const char *const texts[] = { "", "# nothing\n", "---\n", "{}\n", "database:\n" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct config *c = parse_good(texts[i]);
        size_t n = 1;
        assert_int_equal(config_int(c, CONFIG_LIMITS_MESSAGE_SIZE), 26214400);
        assert_int_equal(config_int(c, CONFIG_LIMITS_RECIPIENTS), 1000);
        assert_int_equal(config_int(c, CONFIG_DELIVERY_WORKERS), 4);
        assert_int_equal(config_int(c, CONFIG_DELIVERY_EXPIRE_AFTER), 7 * 86400000LL);
        assert_int_equal(config_int(c, CONFIG_AUTH_HASH_MEMORY), 19456 * 1024);
        assert_string_equal(config_text(c, CONFIG_DATABASE_URL), "");
        assert_string_equal(config_text(c, CONFIG_LOGGING_LEVEL), "info");
        assert_true(config_bool(c, CONFIG_DATABASE_PREPARED));
        assert_int_equal(config_list(c, CONFIG_PROXY_TRUSTED_NETWORKS).n, 0);
        assert_int_equal(config_line(c, CONFIG_HOSTNAME), 0);
        (void)config_listeners(c, &n);
        assert_int_equal(n, 0);
        config_free(&c);
        assert_null(c);
    }
}

static void default_schedule_is_the_promised_one(void **state)
{
    static const int minutes[] = { 5, 15, 30, 60, 120, 240, 480, 960, 1440 };
    (void)state;
    struct config *c = config_defaults();
    struct config_list list = config_list(c, CONFIG_DELIVERY_RETRY_SCHEDULE);
    assert_int_equal(list.n, COUNT_OF(minutes));
    for (size_t i = 0; i < list.n; i++)
        assert_int_equal(list.numbers[i], minutes[i] * 60000);
    config_free(&c);
}

static const char whole_file[] =
    "hostname: mail.example.org\n"
    "data_dir: '/srv/heronry'\n"
    "database:\n"
    "  url: ${DB}\n"
    "  prepared: no\n"
    "  pool: { deliver: 7 }\n"
    "logging: { level: debug, format: json, components: [smtp, auth] }\n"
    "limits:\n"
    "  message_size: 50 MB\n"
    "delivery:\n"
    "  retry_schedule: [1s, 2m]\n"
    "  require_tls: true\n"
    "proxy_protocol:\n"
    "  trusted_networks:\n"
    "    - 10.0.0.0/8\n"
    "    - ::1\n"
    "tls:\n"
    "  certificates:\n"
    "    - { cert: /c.pem, key: /k.pem }\n"
    "listeners:\n"
    "  - kind: smtp\n"
    "    addr: \"*:25\"\n"
    "  - { kind: imaps, addr: '[2001:db8::1]:1993' }\n"
    "  - { kind: imap, tls: off, proxy_protocol: false }\n"
    "  - { kind: imap, addr: ':143' }\n"
    "  - { kind: imap, addr: '::1' }\n"
    "dns:\n"
    "  updates:\n"
    "    - { zone: a.example, server: 192.0.2.1, key: us.example, secret: YQ== }\n"
    "    - { zone: b.example, server: \"192.0.2.1:5353\", key: us, secret: Yg==, algorithm: hmac-sha512 }\n";

static void reads_every_type(void **state)
{
    (void)state;
    struct config *c = parse_good(whole_file);
    struct arena a;
    size_t n = 0;
    arena_init(&a);
    assert_string_equal(config_text(c, CONFIG_HOSTNAME), "mail.example.org");
    assert_string_equal(config_text(c, CONFIG_DATA_DIR), "/srv/heronry");
    assert_string_equal(config_text(c, CONFIG_DATABASE_URL), "postgresql://u:p@h/heronry");
    assert_false(config_bool(c, CONFIG_DATABASE_PREPARED));
    assert_int_equal(config_int(c, CONFIG_DATABASE_POOL_DELIVER), 7);
    assert_int_equal(config_int(c, CONFIG_LIMITS_MESSAGE_SIZE), 50 * 1024 * 1024);
    assert_string_equal(config_list_joined(c, CONFIG_LOGGING_COMPONENTS, &a), "smtp,auth");
    assert_int_equal(config_list(c, CONFIG_DELIVERY_RETRY_SCHEDULE).numbers[1], 120000);
    assert_string_equal(config_list(c, CONFIG_PROXY_TRUSTED_NETWORKS).items[0], "10.0.0.0/8");
    assert_int_equal(config_line(c, CONFIG_LIMITS_MESSAGE_SIZE), 9);
    assert_string_equal(config_file(c), "f.yaml");
    const struct config_certificate *certificates = config_certificates(c, &n);
    assert_int_equal(n, 1);
    assert_string_equal(certificates[0].cert, "/c.pem");
    assert_string_equal(certificates[0].key, "/k.pem");
    assert_int_equal(certificates[0].line, 19);
    const struct config_dns_update *updates = config_dns_updates(c, &n);
    assert_int_equal(n, 2);
    assert_string_equal(updates[0].zone, "a.example");
    assert_string_equal(updates[0].secret, "YQ==");
    assert_string_equal(updates[0].algorithm, "hmac-sha256");
    assert_string_equal(updates[1].server, "192.0.2.1:5353");
    assert_string_equal(updates[1].key, "us");
    assert_string_equal(updates[1].algorithm, "hmac-sha512");
    assert_int_equal(updates[1].line, 30);
    arena_fini(&a);
    config_free(&c);
}

static void reads_listeners(void **state)
{
    static const struct {
        const char *kind, *host;
        unsigned port;
        bool tls, proxy_protocol;
        int line;
    } expected[] = {
        { "smtp", "*", 25, true, true, 21 },
        { "imaps", "2001:db8::1", 1993, true, true, 23 },
        { "imap", "127.0.0.1", 0, false, false, 24 },
        { "imap", "127.0.0.1", 143, true, true, 25 },
        { "imap", "::1", 0, true, true, 26 },
    };
    (void)state;
    struct config *c = parse_good(whole_file);
    size_t n = 0;
    const struct config_listener *l = config_listeners(c, &n);
    assert_int_equal(n, COUNT_OF(expected));
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(l[i].kind, expected[i].kind);
        assert_string_equal(l[i].host, expected[i].host);
        assert_int_equal(l[i].port, expected[i].port);
        assert_int_equal(l[i].tls, expected[i].tls);
        assert_int_equal(l[i].proxy_protocol, expected[i].proxy_protocol);
        assert_int_equal(l[i].line, expected[i].line);
    }
    config_free(&c);
}

static void reads_ports_domains_and_accounts(void **state)
{
    (void)state;
    struct config *c =
        parse_good("server:\n  address: 192.0.2.1\n  ports:\n    smtp: 2525\n"
                   "    imaps: 0\ndomains:\n  - example.org\n"
                   "  - { name: example.net }\naccounts:\n"
                   "  - { address: a@example.org, password: \"${DB}\", admin: true }\n"
                   "  - address: b@example.org\n    password_hash: $argon2id$x\n"
                   "    name: Bob\n    quota: 10GB\n    addresses:\n"
                   "      - c@example.org\n      - \"*@example.org\"\n");
    size_t n = 0;
    const struct config_port *ports = config_ports(c, &n);
    assert_int_equal(n, 2);
    assert_string_equal(ports[0].kind, "smtp");
    assert_int_equal(ports[0].port, 2525);
    assert_int_equal(ports[1].port, 0);
    assert_int_equal(ports[1].line, 5);
    assert_string_equal(config_text(c, CONFIG_SERVER_ADDRESS), "192.0.2.1");
    const struct config_domain *domains = config_domains(c, &n);
    assert_int_equal(n, 2);
    assert_string_equal(domains[0].name, "example.org");
    assert_string_equal(domains[1].name, "example.net");
    assert_int_equal(domains[1].line, 8);
    const struct config_account *accounts = config_accounts(c, &n);
    assert_int_equal(n, 2);
    assert_string_equal(accounts[0].address, "a@example.org");
    assert_string_equal(accounts[0].password, "postgresql://u:p@h/heronry");
    assert_null(accounts[0].password_hash);
    assert_true(accounts[0].is_admin);
    assert_string_equal(accounts[0].name, "");
    assert_string_equal(accounts[1].password_hash, "$argon2id$x");
    assert_string_equal(accounts[1].name, "Bob");
    assert_int_equal(accounts[1].quota_bytes, 10LL << 30);
    assert_false(accounts[1].is_admin);
    assert_int_equal(accounts[1].line, 11);
    assert_int_equal(accounts[0].addresses.n, 0);
    assert_int_equal(accounts[1].addresses.n, 2);
    assert_string_equal(accounts[1].addresses.items[0], "c@example.org");
    assert_string_equal(accounts[1].addresses.items[1], "*@example.org");
    config_free(&c);
    c = parse_good("domains:\naccounts: []\nserver: { ports: }\nlisteners: []\n");
    (void)config_domains(c, &n);
    assert_int_equal(n, 0);
    config_free(&c);
}

static void variables_are_data(void **state)
{
    static const struct {
        const char *text, *hostname;
    } cases[] = {
        { "hostname: a${DB}b", "apostgresql://u:p@h/heronryb" },
        { "hostname: \"$${DB}\"", "${DB}" },
        { "hostname: $DB", "$DB" },
        { "hostname: a$", "a$" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *c = parse_good(cases[i].text);
        assert_string_equal(config_text(c, CONFIG_HOSTNAME), cases[i].hostname);
        config_free(&c);
    }
    /* Not YAML: the value stays one scalar, which then is no single line. */
    struct err e;
    assert_null(parse("data_dir: ${YAML}", &e));
    assert_string_equal(e.msg, "f.yaml:1: data_dir must be one line of text");
}

static const struct {
    const char *text;
    const char *message;
} refused[] = {
    { "hostnam: x", "f.yaml:1: unknown key hostnam: is it hostname?" },
    { "uuser: x", "f.yaml:1: unknown key uuser: is it user?" },
    { "uuserr: x", "f.yaml:1: unknown key uuserr" },
    { "verify_spf: false", "f.yaml:1: unknown key verify_spf: is it security.verify_spf?" },
    { "tls: { require_tls: true }",
      "f.yaml:1: unknown key tls.require_tls: is it delivery.require_tls?" },
    { "redis: { keep: 1d }", "f.yaml:1: unknown key redis.keep" },
    { "\n\ndatabase:\n  urll: x", "f.yaml:4: unknown key database.urll: is it database.url?" },
    { "limits: { mesage_sise: 1MB }",
      "f.yaml:1: unknown key limits.mesage_sise: is it limits.message_size?" },
    { "limits: { telepathy: 1MB }", "f.yaml:1: unknown key limits.telepathy" },
    { "database.url: x", "f.yaml:1: database.url is not written with dots: nest the keys" },
    { "hostname: a\nhostname: b", "f.yaml:2: hostname is there twice" },
    { "hostname:", "f.yaml:1: hostname has no value" },
    { "hostname: [a]", "f.yaml:1: hostname must be a single value" },
    { "hostname: \"a\\nb\"", "f.yaml:1: hostname must be one line of text" },
    { "hostname: \"a\\0b\"", "f.yaml:1: a NUL is not allowed" },
    { "database: x", "f.yaml:1: database must be a map of keys" },
    { "- a", "f.yaml:1: the file must be a map of keys" },
    { "hostname: ${NOPE}", "f.yaml:1: the variable NOPE is not set" },
    { "hostname: ${EMPTY}", "f.yaml:1: the variable EMPTY is empty" },
    { "hostname: ${", "f.yaml:1: \"${\" without a variable's name and \"}\"" },
    { "hostname: ${A B}", "f.yaml:1: \"${\" without a variable's name and \"}\"" },
    { "hostname: ${1A}", "f.yaml:1: \"${\" without a variable's name and \"}\"" },
    { "database: { prepared: maybe }", "f.yaml:1: database.prepared must be true or false" },
    { "workers: { front: -1 }", "f.yaml:1: workers.front must be a number, from 0 to 256" },
    { "workers: { front: 257 }", "f.yaml:1: workers.front must be a number, from 0 to 256" },
    { "workers: { front: 2x }", "f.yaml:1: workers.front must be a number, from 0 to 256" },
    { "workers: { front: ' 2' }", "f.yaml:1: workers.front must be a number, from 0 to 256" },
    { "limits:\n  message_size: 25XB",
      "f.yaml:2: limits.message_size must be a size like 25MB, from 65536 to 125829120 bytes" },
    { "limits: { message_size: 99999999999999999999 }",
      "f.yaml:1: limits.message_size must be a size like 25MB, from 65536 to 125829120 bytes" },
    { "limits: { message_size: 9223372036854775807GB }",
      "f.yaml:1: limits.message_size must be a size like 25MB, from 65536 to 125829120 bytes" },
    { "auth: { delay: 5 }",
      "f.yaml:1: auth.delay must be a duration like 30s or 5m, from 0 to 60000 ms" },
    { "auth: { delay: 20s }", "f.yaml:1: auth.delay must not be above auth.delay_max" },
    { "limits: { smtp_errors_hard: 9 }",
      "f.yaml:1: limits.smtp_errors_soft must not be above limits.smtp_errors_hard" },
    { "logging: { level: loud }", "f.yaml:1: logging.level must be one of info|debug|warn|error" },
    { "logging: { level: 'info|debug' }",
      "f.yaml:1: logging.level must be one of info|debug|warn|error" },
    { "logging: { components: smtp }", "f.yaml:1: components must be a list" },
    { "logging: { components: ['a,b'] }",
      "f.yaml:1: logging.components must be a component of the log like smtp (heronry log events "
      "lists them)" },
    { "logging: { components: [smtp, smpt] }",
      "f.yaml:1: logging.components must be a component of the log like smtp (heronry log events "
      "lists them)" },
    { "logging: { levels: [smtp=loud] }",
      "f.yaml:1: logging.levels must be a component of the log (heronry log events) and a level, as "
      "smtp=debug" },
    { "proxy_protocol:\n  trusted_networks:\n  - 10.0.0.0/8\n  - 10.0.0.1/8",
      "f.yaml:4: proxy_protocol.trusted_networks must be a network like 10.0.0.0/8 with no bits set "
      "behind its mask" },
    { "proxy_protocol: { trusted_networks: [10.0.0.0/33] }",
      "f.yaml:1: proxy_protocol.trusted_networks must be a network like 10.0.0.0/8 with no bits set "
      "behind its mask" },
    { "delivery: { retry_schedule: [] }",
      "f.yaml:1: delivery.retry_schedule needs at least one item" },
    { "delivery: { retry_schedule: [5m, soon] }",
      "f.yaml:1: delivery.retry_schedule must be a duration like 30s or 5m, from 1000 to 2592000000 "
      "ms" },
    { "dns: { stub_zone: example. }",
      "f.yaml:1: dns.stub_zone and dns.stub_server need each other" },
    { "milters: [{ addr: '127.0.0.1:1', skip: all }]",
      "f.yaml:1: skip of a milter is whitelisted or none" },
    { "hooks: [{ url: 'http://a', skip: true }]",
      "f.yaml:1: skip of a hook is whitelisted or none" },
    { "listeners: { kind: smtp }", "f.yaml:1: listeners must be a list" },
    { "listeners: [smtp]", "f.yaml:1: an item of listeners must be a map" },
    { "listeners:\n  - addr: ':25'", "f.yaml:2: a listener needs a kind" },
    { "listeners:\n  - kind: smtp\n    port: 25", "f.yaml:3: unknown key port of a listener" },
    { "listeners: [{ kind: smtp, addr: 'localhost:25' }]",
      "f.yaml:1: addr must be a numeric IP address or *" },
    { "listeners: [{ kind: smtp, addr: '127.0.0.1:0' }]",
      "f.yaml:1: addr must be address:port, address or :port" },
    { "listeners: [{ kind: smtp, addr: '127.0.0.1:65536' }]",
      "f.yaml:1: addr must be address:port, address or :port" },
    { "listeners: [{ kind: smtp, addr: '[127.0.0.1]:25' }]",
      "f.yaml:1: addr must be a numeric IP address or *" },
    { "tls: { certificates: [{ cert: /a }] }", "f.yaml:1: a certificate needs cert and key" },
    { "tls: { certificates: [{ cert: /a, key: '' }] }", "f.yaml:1: key is empty" },
    { "storage: { type: s3 }", "f.yaml:1: unknown key storage: mail is kept in the database: set "
                               "data_dir for the embedded one, or database.url" },
    { "tls:\n  auto_tls: true", "f.yaml:2: unknown key tls.auto_tls: certificates are not ordered "
                                "automatically yet: name yours in tls.certificates, or leave "
                                "tls.self_signed at true" },
    { "greylisting:\n  enabeld: true",
      "f.yaml:2: unknown key greylisting.enabeld: is it greylisting.enabled?" },
    { "greylisting:\n  min_delay: 2d",
      "f.yaml:2: greylisting.min_delay must be a duration like 30s "
      "or 5m, from 1000 to 86400000 ms" },
    { "server: { smtp_port: 25 }",
      "f.yaml:1: unknown key server.smtp_port: write server: { ports: { smtp: N } }" },
    { "server: { ports: 25 }", "f.yaml:1: server.ports must be a map, as { smtp: 25, imaps: 0 }" },
    { "server: { ports: { smtp: x } }",
      "f.yaml:1: server.ports.smtp must be a number, from 0 to 65535" },
    { "server: { ports: { smtp: 65536 } }",
      "f.yaml:1: server.ports.smtp must be a number, from 0 to 65535" },
    { "server: { ports: { smtp: 1, smtp: 2 } }", "f.yaml:1: smtp is there twice" },
    { "server:\n  ports: { smtp: 25 }\nlisteners: [{ kind: imap }]",
      "f.yaml:2: server.address and server.ports are for a file without listeners: write the ports "
      "there" },
    { "domains: x", "f.yaml:1: domains must be a list" },
    { "domains: [{ nam: x }]", "f.yaml:1: unknown key nam of a domain" },
    { "domains: ['']", "f.yaml:1: name is empty" },
    { "domains: [[a]]", "f.yaml:1: an item of domains must be a map" },
    { "domains: [{}]", "f.yaml:1: a domain needs a name" },
    { "dns:\n  updates:\n    - { zone: a.example, server: 192.0.2.1, key: k }",
      "f.yaml:3: an update of the DNS needs zone, server, key and secret" },
    { "dns: { updates: [{ zone: a, server: b, key: c, secret: \"d?\" }] }",
      "f.yaml:1: secret of an update of the DNS is not base64" },
    { "dns: { updates: [{ zone: a, server: b, key: c, secret: YQ==, algorithm: hmac-md5 }] }",
      "f.yaml:1: algorithm of an update of the DNS is hmac-sha256 or hmac-sha512" },
    { "accounts: [ada]", "f.yaml:1: an item of accounts must be a map" },
    { "accounts: [{ password: x }]", "f.yaml:1: an account needs an address" },
    { "accounts:\n  - address: a@b.example",
      "f.yaml:2: an account needs either password or password_hash" },
    { "accounts: [{ address: a@b.example, password: x, password_hash: y }]",
      "f.yaml:1: an account needs either password or password_hash" },
    { "accounts: [{ address: a@b.example, password: x, quota: much }]",
      "f.yaml:1: quota must be a size like 25MB, from 0 to 9223372036854775807 bytes" },
    { "accounts: [{ address: a@b.example, password: x, addresses: c@b.example }]",
      "f.yaml:1: addresses must be a list" },
    { "accounts: [{ address: a@b.example, password: x, addresses: [{ a: b }] }]",
      "f.yaml:1: addresses must be a single value" },
    { "accounts:\n  - address: a@b.example\n    password: x\n    addresses:\n      - \"\"",
      "f.yaml:5: addresses is empty" },
    { "accounts: [{ address: a@b.example, password: x, admin: 1 }]",
      "f.yaml:1: admin must be true or false" },
    { "a: &x 1\nb: *x", "f.yaml:1: anchors are not supported" },
    { "hostname: *x", NULL },
    { "hostname: !!str x", "f.yaml:1: tags are not supported" },
    { "--- {}\n--- {}", "f.yaml:2: only one document is allowed" },
    { "? [a]\n: b", "f.yaml:1: a key must be a word" },
    { "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}",
      "f.yaml:1: more than 8 levels or 10000 values" },
    { "hostname: \"abc", NULL },
    { "hostname: a\n  b: c", NULL },
    { "hostname: \xff", NULL },
    { "\thostname: a", NULL },
};

static void refuses_with_file_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct err e;
        struct config *c = parse(refused[i].text, &e);
        if (c)
            fail_msg("accepted: %s", refused[i].text);
        assert_int_equal(e.kind, ERR_SYNTAX);
        if (refused[i].message) {
            assert_string_equal(e.msg, refused[i].message);
        } else {
            assert_int_equal(strncmp(e.msg, "f.yaml:", 7), 0);
        }
    }
}

static void messages_do_not_show_values(void **state)
{
    (void)state;
    struct err e;
    assert_null(parse("workers: { front: hunter2 }", &e));
    assert_null(strstr(e.msg, "hunter2"));
    assert_null(parse("limits: { recipients: ${DB} }", &e));
    assert_null(strstr(e.msg, "postgresql"));
}

static void tells_what_needs_a_restart(void **state)
{
    static const struct {
        const char *old, *new, *keys;
    } cases[] = {
        { "", "", "" },
        { "", "limits: { message_size: 1MB }", "" },
        { "", "limits: { message_size: 25MB }", "" },
        { "", "tls: { certificates: [{ cert: /a, key: /b }] }", "" },
        { "", "hostname: x\nworkers: { front: 3 }", "hostname, workers.front" },
        { "listeners: [{ kind: imap }]", "\n\nlisteners: [{ kind: imap, addr: 127.0.0.1 }]", "" },
        { "listeners: [{ kind: imap }]", "listeners: [{ kind: imap, tls: false }]", "listeners" },
        { "proxy_protocol: { trusted_networks: ['::1'] }", "", "proxy_protocol.trusted_networks" },
        { "", "server: { ports: { smtp: 1 } }", "server.ports" },
        { "server: { ports: { smtp: 2 } }", "server: { ports: { smtp: 1 } }", "server.ports" },
        { "domains: [a.example]", "domains: [{ name: a.example }]", "" },
        { "domains: [a.example]", "domains: [b.example]", "domains and accounts" },
        { "milters: [{ addr: a, skip: whitelisted }]", "milters: [{ addr: a }]", "milters" },
        { "milters: [{ addr: a, skip: none }]", "milters: [{ addr: a }]", "" },
        { "hooks: [{ url: 'http://a', skip: whitelisted }]", "hooks: [{ url: 'http://a' }]",
          "hooks" },
        { "", "dns: { updates: [{ zone: a, server: b, key: c, secret: YQ== }] }", "" },
        { "", "accounts: [{ address: a@b.example, password: x }]", "domains and accounts" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *old = parse_good(cases[i].old);
        struct config *new = parse_good(cases[i].new);
        struct buf keys;
        buf_init(&keys, 4096);
        bool ok = config_can_reload(old, new, &keys);
        assert_string_equal(buf_cstr(&keys), cases[i].keys);
        assert_int_equal(ok, keys.n == 0);
        buf_fini(&keys);
        config_free(&old);
        config_free(&new);
    }
}

/* The printed table is itself a file, and it means the defaults. */
static void explain_is_a_file_of_defaults(void **state)
{
    (void)state;
    struct buf text;
    struct buf keys;
    buf_init(&text, 65536);
    buf_init(&keys, 4096);
    assert_true(config_explain(&text));
    struct config *defaults = config_defaults();
    struct config *again = NULL;
    struct err e = ERR_CLEAR;
    if (!config_parse(buf_str(&text), "explain", variable, NULL, &again, &e))
        fail_msg("%s", e.msg);
    assert_true(config_can_reload(defaults, again, &keys));
    for (int p = 0; p < CONFIG_PARAM_COUNT; p++)
        assert_true(config_line(again, (enum config_param)p) > 0);
    assert_non_null(strstr(buf_cstr(&text), "  pool:\n    # shared connections"));
    config_free(&defaults);
    config_free(&again);
    buf_fini(&text);
    buf_fini(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_files_are_the_defaults),
        cmocka_unit_test(default_schedule_is_the_promised_one),
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(reads_listeners),
        cmocka_unit_test(reads_ports_domains_and_accounts),
        cmocka_unit_test(variables_are_data),
        cmocka_unit_test(refuses_with_file_and_line),
        cmocka_unit_test(messages_do_not_show_values),
        cmocka_unit_test(tells_what_needs_a_restart),
        cmocka_unit_test(explain_is_a_file_of_defaults),
    };
    return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
