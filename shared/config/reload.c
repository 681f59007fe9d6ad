/* SPDX-License-Identifier: Apache-2.0 */
/* What a new configuration changes, and the table as a file. */
#include "config/table.h"

static bool is_same_list(const struct config_list *a, const struct config_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static bool is_same_value(const struct config *a, const struct config *b, enum config_param p)
{
    const struct config_value *x = &a->values[p];
    const struct config_value *y = &b->values[p];
    switch (config_rows[p].type) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_BYTES:
    case TYPE_DURATION:
        return x->number == y->number;
    case TYPE_TEXT:
    case TYPE_CHOICE:
        return strcmp(x->text, y->text) == 0;
    case TYPE_LIST:
    case TYPE_NETWORKS:
    case TYPE_DURATIONS:
    case TYPE_DNSBL:
    case TYPE_COMPONENTS:
    case TYPE_LEVELS:
        return is_same_list(&x->list, &y->list);
    }
    return false;
}

static bool is_same_listeners(const struct config *a, const struct config *b)
{
    if (a->n_listeners != b->n_listeners)
        return false;
    for (size_t i = 0; i < a->n_listeners; i++) {
        const struct config_listener *x = &a->listeners[i];
        const struct config_listener *y = &b->listeners[i];
        if (strcmp(x->kind, y->kind) != 0 || strcmp(x->host, y->host) != 0 || x->port != y->port ||
            x->tls != y->tls || x->proxy_protocol != y->proxy_protocol)
            return false;
    }
    return true;
}

static bool is_same_ports(const struct config *a, const struct config *b)
{
    if (a->n_ports != b->n_ports)
        return false;
    for (size_t i = 0; i < a->n_ports; i++) {
        if (strcmp(a->ports[i].kind, b->ports[i].kind) != 0 || a->ports[i].port != b->ports[i].port)
            return false;
    }
    return true;
}

static bool is_same_milters(const struct config *a, const struct config *b)
{
    if (a->n_milters != b->n_milters)
        return false;
    for (size_t i = 0; i < a->n_milters; i++) {
        if (strcmp(a->milters[i].addr, b->milters[i].addr) != 0 ||
            strcmp(a->milters[i].on_failure, b->milters[i].on_failure) != 0 ||
            strcmp(a->milters[i].stage, b->milters[i].stage) != 0 ||
            strcmp(a->milters[i].mail, b->milters[i].mail) != 0 ||
            strcmp(a->milters[i].skip, b->milters[i].skip) != 0)
            return false;
    }
    return true;
}

static bool is_same_hooks(const struct config *a, const struct config *b)
{
    if (a->n_hooks != b->n_hooks)
        return false;
    for (size_t i = 0; i < a->n_hooks; i++) {
        const struct config_hook *x = &a->hooks[i];
        const struct config_hook *y = &b->hooks[i];
        if (strcmp(x->url, y->url) != 0 || strcmp(x->secret, y->secret) != 0 ||
            strcmp(x->stage, y->stage) != 0 || strcmp(x->mail, y->mail) != 0 ||
            strcmp(x->on_error, y->on_error) != 0 || strcmp(x->skip, y->skip) != 0 ||
            x->contents_bytes != y->contents_bytes)
            return false;
    }
    return true;
}

/* Only new ones are made at a start, so it is the names that count. */
static bool is_same_directory(const struct config *a, const struct config *b)
{
    if (a->n_domains != b->n_domains || a->n_accounts != b->n_accounts)
        return false;
    for (size_t i = 0; i < a->n_domains; i++) {
        if (strcmp(a->domains[i].name, b->domains[i].name) != 0)
            return false;
    }
    for (size_t i = 0; i < a->n_accounts; i++) {
        if (strcmp(a->accounts[i].address, b->accounts[i].address) != 0)
            return false;
    }
    return true;
}

bool config_can_reload(const struct config *old, const struct config *new, struct buf *restart_keys)
{
    size_t before = restart_keys->n;
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        if (!config_rows[i].is_reloadable && !is_same_value(old, new, (enum config_param)i)) {
            (void)buf_addf(restart_keys, "%s%s", restart_keys->n > before ? ", " : "",
                           config_rows[i].key);
        }
    }
    const struct {
        bool is_same;
        const char *key;
    } parts[] = {
        { is_same_listeners(old, new), "listeners" },
        { is_same_ports(old, new), "server.ports" },
        { is_same_milters(old, new), "milters" },
        { is_same_hooks(old, new), "hooks" },
        { is_same_directory(old, new), "domains and accounts" },
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!parts[i].is_same) {
            (void)buf_addf(restart_keys, "%s%s", restart_keys->n > before ? ", " : "",
                           parts[i].key);
        }
    }
    return restart_keys->n == before;
}

/* ---- explain ---- */

/* Length of the longest common head of two key paths that ends at a dot. */
static size_t common_sections(const char *a, const char *b)
{
    size_t common = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '.')
            common = i + 1;
    }
    return common;
}

static bool add_indent(struct buf *out, unsigned level)
{
    return buf_addf(out, "%*s", (int)(2 * level), "");
}

/* Opens the sections that `key` is in and the former key was not; *level tells how deep it is and
 * *name is its last part. */
static bool add_sections(struct buf *out, const char *former, const char *key, unsigned *level,
                         str *name)
{
    str rest = str_from_cstr(key);
    str section;
    size_t open = common_sections(former, key);
    bool ok = true;
    *level = 0;
    while (ok && str_cut(rest, '.', &section, &rest)) {
        bool is_new = (size_t)(section.p - key) >= open;
        if (is_new) {
            ok = (*level > 0 || buf_add_byte(out, '\n')) && add_indent(out, *level) &&
                 buf_addf(out, "%.*s:\n", STR_FMT(section));
        }
        (*level)++;
    }
    *name = section;
    return ok;
}

/* Quoted where YAML would read something else: "*" is an alias, "::1" the start of a value. */
static bool add_word(struct buf *out, str word)
{
    bool is_plain = word.n > 0 && word.p[0] != '*' && word.p[0] != ':';
    return buf_addf(out, is_plain ? "%.*s" : "\"%.*s\"", STR_FMT(word));
}

static bool add_list(struct buf *out, str rest)
{
    str word;
    bool ok = buf_add_byte(out, '[');
    for (bool is_first = true; ok && rest.n; is_first = false) {
        (void)str_cut(rest, ',', &word, &rest);
        ok = (is_first || buf_add(out, STR(", "))) && add_word(out, str_trim(word));
    }
    return ok && buf_add(out, STR("]\n"));
}

static bool add_preset(struct buf *out, const struct config_row *row)
{
    str preset = str_from_cstr(row->preset);
    if (config_type_is_list(row->type))
        return add_list(out, preset);
    if (row->type == TYPE_CHOICE)
        (void)str_cut(preset, '|', &preset, &(str){ 0 });
    return add_word(out, preset) && buf_add_byte(out, '\n');
}

static bool add_row(struct buf *out, const char *former, const struct config_row *row)
{
    unsigned level = 0;
    str name;
    return add_sections(out, former, row->key, &level, &name) && add_indent(out, level) &&
           buf_addf(out, "# %s%s%s%s\n", row->doc, row->type == TYPE_CHOICE ? "; one of " : "",
                    row->type == TYPE_CHOICE ? row->preset : "",
                    row->is_reloadable ? " (SIGHUP is enough)" : "") &&
           add_indent(out, level) && buf_addf(out, "%.*s: ", STR_FMT(name)) && add_preset(out, row);
}

bool config_explain(struct buf *out)
{
    bool ok =
        buf_add(out, STR("# Every parameter of Heronry with its default. Sizes are written as "
                         "25MB, durations as\n# 500ms, 30s, 5m, 4h or 7d; ${NAME} is replaced "
                         "from the environment.\n\n"));
    for (size_t i = 0; ok && i < CONFIG_PARAM_COUNT; i++)
        ok = add_row(out, i ? config_rows[i - 1].key : "", &config_rows[i]);
    return ok &&
           buf_add(
               out,
               STR("\n# Certificates, by the names in them; below tls:\n"
                   "#   certificates:\n"
                   "#     - { cert: /etc/heronry/chain.pem, key: /etc/heronry/key.pem }\n"
                   "\n# Ports; without addr 127.0.0.1 and the port of the standard:\n"
                   "# listeners:\n"
                   "#   - { kind: smtp, addr: \"*:25\" }\n"
                   "#   - { kind: imaps, addr: \"192.0.2.1:993\", proxy_protocol: false "
                   "}\n"
                   "#   - { kind: metrics, addr: \"127.0.0.1:9464\" }\n"
                   "\n# Without listeners: other ports than those of the standards, 0 for none:\n"
                   "# server:\n"
                   "#   ports: { smtp: 2525, imap: 0 }\n"
                   "\n# Filters that see mail before it is taken, in this order (mail: inbound, submission or both; stage: data or rcpt; skip: whitelisted or none):\n"
                   "# milters:\n"
                   "#   - { addr: \"127.0.0.1:11332\", on_failure: accept, mail: both }\n"
                   "#   - { addr: \"unix:/run/clamav/milter.sock\", on_failure: tempfail }\n"
                   "\n# Programs that are asked over HTTP about recipients and messages:\n"
                   "# hooks:\n"
                   "#   - { url: \"https://hooks.example.org/mail\", secret: \"${HOOK_SECRET}\", "
                   "stage: data, mail: both, on_error: accept }\n"
                   "\n# Zones whose records this server may change (RFC 2136), with a TSIG key of their primary server:\n"
                   "# dns:\n"
                   "#   updates:\n"
                   "#     - { zone: example.org, server: 192.0.2.53, key: heronry, algorithm: hmac-sha256, "
                   "secret: \"${TSIG_SECRET}\" }\n"
                   "\n# Made at the start when they are not there; what is there is left:\n"
                   "# domains: [example.org]\n"
                   "# accounts:\n"
                   "#   - { address: ada@example.org, password: \"${ADA_PASSWORD}\", "
                   "admin: true }\n"
                   "#   - { address: bob@example.org, password_hash: \"$argon2id$...\", "
                   "name: Bob, quota: 10GB, "
                   "addresses: [robert@example.org, \"*@example.org\"] }\n"));
}
