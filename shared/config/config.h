/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of config: the bootstrap file as typed values. One table of parameters (params.def) is
 * the parser, the documentation and the getters. It does not know who uses a parameter, and
 * opens nothing but the file itself.
 *
 * The file is YAML of maps, lists and scalars. `${NAME}` inside a scalar is replaced by the
 * variable of the environment ("$${" stands for "${"); the replacement is data, never YAML. Sizes
 * are written 25MB (1 MB is 1024 * 1024 bytes; B, KB, GB too), durations 500ms, 30s, 5m, 4h or 7d.
 * Everything that is not understood refuses to load, with file and line. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/base.h"

struct config;

/* One a row of params.def: CONFIG_HOSTNAME, CONFIG_DATABASE_URL ... */
enum config_param {
#define CONFIG_PARAM(id, key, type, preset, least, most, reload, doc) CONFIG_##id,
#include "config/params.def"
#undef CONFIG_PARAM
    CONFIG_PARAM_COUNT
};

/* ---- loading ---- */

/* Where the file is: `flag` (of --config, may be NULL), else $CONFIG_PATH, else
 * /etc/heronry/heronry.yaml. Borrowed from the argument or the environment. */
const char *config_path(const char *flag);

/* Reads the file. The message of every error begins with "file:line: " (line 0 for the file as a
 * whole). ERR_NOT_FOUND: no such file; ERR_DENIED: it is a symbolic link or no regular file,
 * belongs to somebody else than us or root, or others have any right on it (wanted: 0600 or 0400);
 * ERR_SYNTAX: not YAML, an unknown or repeated key, a bad value, an unset or empty variable;
 * ERR_LIMIT: longer than 1 MiB. Blocks for the length of a small file. Gives. */
bool config_load(const char *path, struct config **out, struct err *e);

/* The same of text in memory: pure. `name` stands for the file in messages; `variable(name, arg)`
 * gives the value of a ${NAME}, or NULL. Gives. */
typedef const char *(*config_variable_fn)(const char *name, void *arg);
bool config_parse(str text, const char *name, config_variable_fn variable, void *arg,
                  struct config **out, struct err *e);

/* What an empty file means. Gives. */
struct config *config_defaults(void);
/* Harmless for NULL. Values borrowed from it end. */
void config_free(struct config **c);

/* ---- values: asking for another type than the table has is a broken invariant ---- */

/* BOOL. */
bool config_bool(const struct config *c, enum config_param p);
/* INT; BYTES in bytes; DURATION in milliseconds. */
int64_t config_int(const struct config *c, enum config_param p);
/* TEXT (empty when not set, never NULL) and CHOICE (one of its words). Lives as long as c. */
const char *config_text(const struct config *c, enum config_param p);

/* LIST, NETWORKS (each written as address or address/bits, checked) and DURATIONS (numbers, in
 * milliseconds). Lives as long as c. */
struct config_list {
    const char *const *items; /* as written; NUL-terminated */
    const int64_t *numbers;   /* DURATIONS only, else NULL */
    size_t n;
};
struct config_list config_list(const struct config *c, enum config_param p);
/* LIST as one comma-separated text in the arena, as obs_log_init wants it. */
const char *config_list_joined(const struct config *c, enum config_param p, struct arena *a);

/* One of `listeners:` - { kind: imap, addr: "0.0.0.0:143" }. Which kinds exist is the services'
 * knowledge, so the consumer checks `kind` and reports `line`. */
struct config_listener {
    const char *kind;
    const char *host; /* numeric IP without brackets, or "*" (every address); "127.0.0.1" when
                         addr is not given or is a port alone (":143") */
    uint16_t port;    /* 0: the standard port of the kind */
    bool tls;         /* offer STARTTLS; kinds with TLS from the first byte need it; default true */
    bool proxy_protocol; /* honour proxy_protocol.trusted_networks here; default true */
    int line;            /* in the file, for messages */
};
/* All listeners in the order of the file, *n of them; none when the file has none. */
const struct config_listener *config_listeners(const struct config *c, size_t *n);

/* One of `tls.certificates:` - { cert: /path/chain.pem, key: /path/key.pem }. */
struct config_certificate {
    const char *cert; /* path of a PEM chain, leaf first */
    const char *key;  /* path of a PEM key */
    int line;
};
const struct config_certificate *config_certificates(const struct config *c, size_t *n);

/* One of `milters:` - { addr: "127.0.0.1:11332", on_failure: accept }. The consumer reads `addr`
 * and reports `line`. */
struct config_milter {
    const char *addr;       /* "192.0.2.1:port", "[2001:db8::1]:port", "unix:/path" */
    const char *on_failure; /* of the filter: "accept", or "tempfail", the default */
    const char *stage;      /* "rcpt" or "data", the default */
    const char *mail;       /* what it sees: "inbound", the default, "submission", or "both" */
    const char *skip;       /* of these, not: "whitelisted", or "none", the default */
    int line;
};
const struct config_milter *config_milters(const struct config *c, size_t *n);

enum {
    CONFIG_HOOK_CONTENTS_MAX = 4 * 1024 * 1024 /* octets of a message that a hook is sent */
};

/* One of `hooks:` - { url: "https://hooks.example/mail", secret: "${HOOK_SECRET}" }. The consumer
 * reports `line`. */
struct config_hook {
    const char *url;
    const char *secret;     /* "" when there is none */
    const char *stage;      /* "rcpt" or "data", the default */
    const char *mail;       /* as of a milter */
    const char *on_error;   /* "accept", or "defer", the default */
    const char *skip;       /* as of a milter */
    int64_t contents_bytes; /* of the message that it is sent; 0, the default: its header only */
    int line;
};
const struct config_hook *config_hooks(const struct config *c, size_t *n);

/* One of `dns.updates:` - { zone: example.org, server: 192.0.2.53, key: mail, secret: "${TSIG}" }.
 * The consumer reads `server` and reports `line`. */
struct config_dns_update {
    const char *zone;
    const char *server;    /* "192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53" */
    const char *key;       /* name of the TSIG key */
    const char *algorithm; /* "hmac-sha256", the default, or "hmac-sha512" */
    const char *secret;    /* base64 */
    int line;
};
const struct config_dns_update *config_dns_updates(const struct config *c, size_t *n);

/* One of `server.ports:` - { smtp: 2525, imaps: 0 }: another port than the standard one of a kind,
 * in a file without listeners. Which kinds exist is the services' knowledge, as above. */
struct config_port {
    const char *kind;
    uint16_t port; /* 0: this kind is not offered */
    int line;
};
const struct config_port *config_ports(const struct config *c, size_t *n);

/* `domains:` and `accounts:` that are made at the start when they are not there - domains:
 * [example.org], accounts: [{ address: ada@example.org, password: ${ADA} }]. What is there already
 * is left as it is. Neither names nor passwords are checked here. */
struct config_domain {
    const char *name;
    int line;
};
const struct config_domain *config_domains(const struct config *c, size_t *n);

/* One of `accounts:`. */
struct config_account {
    const char *address;
    const char *password;         /* one of these two is NULL */
    const char *password_hash;    /* argon2id as a PHC string */
    const char *name;             /* for display; may be empty */
    struct config_list addresses; /* further ones; "*@domain" is the catch-all of a domain */
    int64_t quota_bytes;          /* 0 = unlimited */
    bool is_admin;
    int line;
};
/* All of them in the order of the file, *n of them. */
const struct config_account *config_accounts(const struct config *c, size_t *n);

/* The file's name as given to config_load, and the line where a parameter was set (0: it has its
 * default), for messages of consumers that find a value impossible. */
const char *config_file(const struct config *c);
int config_line(const struct config *c, enum config_param p);

/* ---- reload and help ---- */

/* Compares two configurations: appends the key paths, comma-separated, of what differs and needs a
 * restart to take effect. True when there is none. */
bool config_can_reload(const struct config *old, const struct config *new,
                       struct buf *restart_keys);

/* Appends the whole table as a commented YAML file with the defaults. False when `out` is full. */
bool config_explain(struct buf *out);

#endif
