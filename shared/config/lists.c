/* SPDX-License-Identifier: Apache-2.0 */
/* Each part is a list of maps, read by a table of its keys. */
#include "config/lists.h"

#include "base/base64.h"

bool config_at(const struct config *c, int line, bool ok, struct err *e)
{
    if (!ok)
        (void)err_wrap(e, "%s:%d", c->file, line);
    return ok;
}

bool config_count_items(const struct config *c, const struct tree_node *list, size_t *n,
                        struct err *e)
{
    if (list->kind == TREE_SCALAR && list->is_null) {
        *n = 0;
        return true;
    }
    if (list->kind != TREE_LIST)
        return CONFIG_FAIL(c, list->line, e, "%s must be a list", list->key);
    *n = 0;
    for (const struct tree_node *i = list->child; i; i = i->next)
        (*n)++;
    if (*n > CONFIG_MAX_ITEMS) {
        return CONFIG_FAIL(c, list->line, e, "%s has more than %d items", list->key,
                           CONFIG_MAX_ITEMS);
    }
    return true;
}

bool config_check_scalar(const struct config *c, const struct tree_node *node, const char *key,
                         struct err *e)
{
    if (node->kind != TREE_SCALAR)
        return CONFIG_FAIL(c, node->line, e, "%s must be a single value", key);
    if (node->is_null)
        return CONFIG_FAIL(c, node->line, e, "%s has no value", key);
    return true;
}

/* ---- keys of an item: each has a type and a place in the item's struct ---- */

enum key_type {
    KEY_TEXT,
    KEY_BOOL,
    KEY_BYTES,
    KEY_TEXTS,
    KEY_ADDRESS /* of a listener */
};

struct key {
    const char *name;
    enum key_type type;
    size_t offset; /* of const char *, bool, int64_t or a config_list; unused for an address */
};

static bool parse_value(const struct config *c, const struct tree_node *node, enum config_type type,
                        int64_t *number, struct err *e)
{
    const int64_t most = type == TYPE_BYTES ? INT64_MAX : 0;
    const struct config_row row = { .key = node->key, .type = type, .most = most };
    return config_check_scalar(c, node, node->key, e) &&
           config_at(c, node->line, config_value_parse(&row, node->text, number, e), e);
}

static bool read_text(const struct config *c, const struct tree_node *node, const char **out,
                      struct err *e)
{
    int64_t ignored = 0;
    if (!parse_value(c, node, TYPE_TEXT, &ignored, e))
        return false;
    if (!node->text[0])
        return CONFIG_FAIL(c, node->line, e, "%s is empty", node->key);
    *out = node->text;
    return true;
}

static bool read_address(struct config *c, const struct tree_node *node,
                         struct config_listener *out, struct err *e)
{
    str text = str_from_cstr(node->text);
    return config_check_scalar(c, node, node->key, e) &&
           config_at(c, node->line,
                     config_address_parse(text, &c->arena, &out->host, &out->port, e), e);
}

/* A list of texts, none of them empty. */
static bool read_texts(struct config *c, const struct tree_node *node, struct config_list *out,
                       struct err *e)
{
    size_t n = 0;
    if (!config_count_items(c, node, &n, e))
        return false;
    const char **items = ARENA_ARRAY(&c->arena, const char *, n + 1);
    size_t i = 0;
    for (struct tree_node *item = node->child; item; item = item->next, i++) {
        item->key = node->key; /* for messages */
        if (!read_text(c, item, &items[i], e))
            return false;
    }
    *out = (struct config_list){ .items = items, .n = n };
    return true;
}

static bool read_value(struct config *c, const struct tree_node *node, const struct key *key,
                       void *element, struct err *e)
{
    void *place = (char *)element + key->offset;
    int64_t number = 0;
    switch (key->type) {
    case KEY_TEXT:
        return read_text(c, node, place, e);
    case KEY_TEXTS:
        return read_texts(c, node, place, e);
    case KEY_ADDRESS:
        return read_address(c, node, element, e);
    case KEY_BOOL:
        if (!parse_value(c, node, TYPE_BOOL, &number, e))
            return false;
        *(bool *)place = number != 0;
        return true;
    case KEY_BYTES:
        if (!parse_value(c, node, TYPE_BYTES, &number, e))
            return false;
        *(int64_t *)place = number;
        return true;
    }
    return false;
}

/* ---- the parts ---- */

#define TEXT(of, member, key)                        \
    {                                                \
        (key), KEY_TEXT, offsetof(struct of, member) \
    }
#define TEXTS(of, member, key)                        \
    {                                                 \
        (key), KEY_TEXTS, offsetof(struct of, member) \
    }
#define BOOL(of, member, key)                        \
    {                                                \
        (key), KEY_BOOL, offsetof(struct of, member) \
    }
#define BYTES(of, member, key)                        \
    {                                                 \
        (key), KEY_BYTES, offsetof(struct of, member) \
    }

static const struct key listener_keys[] = {
    TEXT(config_listener, kind, "kind"),
    BOOL(config_listener, tls, "tls"),
    BOOL(config_listener, proxy_protocol, "proxy_protocol"),
    { "addr", KEY_ADDRESS, 0 },
    { NULL, KEY_TEXT, 0 },
};

static const struct key certificate_keys[] = {
    TEXT(config_certificate, cert, "cert"),
    TEXT(config_certificate, key, "key"),
    { NULL, KEY_TEXT, 0 },
};

static const struct key milter_keys[] = {
    TEXT(config_milter, addr, "addr"),   TEXT(config_milter, on_failure, "on_failure"),
    TEXT(config_milter, stage, "stage"), TEXT(config_milter, mail, "mail"),
    TEXT(config_milter, skip, "skip"),   { NULL, KEY_TEXT, 0 },
};

static const struct key hook_keys[] = {
    TEXT(config_hook, url, "url"),
    TEXT(config_hook, secret, "secret"),
    TEXT(config_hook, stage, "stage"),
    TEXT(config_hook, mail, "mail"),
    TEXT(config_hook, on_error, "on_error"),
    TEXT(config_hook, skip, "skip"),
    BYTES(config_hook, contents_bytes, "contents"),
    { NULL, KEY_TEXT, 0 },
};

static const struct key dns_update_keys[] = {
    TEXT(config_dns_update, zone, "zone"),     TEXT(config_dns_update, server, "server"),
    TEXT(config_dns_update, key, "key"),       TEXT(config_dns_update, algorithm, "algorithm"),
    TEXT(config_dns_update, secret, "secret"), { NULL, KEY_TEXT, 0 },
};

static const struct key domain_keys[] = {
    TEXT(config_domain, name, "name"),
    { NULL, KEY_TEXT, 0 },
};

static const struct key account_keys[] = {
    TEXT(config_account, address, "address"),
    TEXT(config_account, password, "password"),
    TEXT(config_account, password_hash, "password_hash"),
    TEXT(config_account, name, "name"),
    TEXTS(config_account, addresses, "addresses"),
    BYTES(config_account, quota_bytes, "quota"),
    BOOL(config_account, is_admin, "admin"),
    { NULL, KEY_TEXT, 0 },
};

static void begin_listener(void *element, int line)
{
    *(struct config_listener *)element = (struct config_listener){
        .host = "127.0.0.1", .tls = true, .proxy_protocol = true, .line = line
    };
}

static void begin_certificate(void *element, int line)
{
    *(struct config_certificate *)element = (struct config_certificate){ .line = line };
}

static void begin_milter(void *element, int line)
{
    *(struct config_milter *)element = (struct config_milter){
        .on_failure = "tempfail", .stage = "data", .mail = "inbound", .skip = "none", .line = line
    };
}

static void begin_hook(void *element, int line)
{
    *(struct config_hook *)element = (struct config_hook){ .secret = "",
                                                           .stage = "data",
                                                           .mail = "inbound",
                                                           .on_error = "defer",
                                                           .skip = "none",
                                                           .line = line };
}

static void begin_dns_update(void *element, int line)
{
    *(struct config_dns_update *)element =
        (struct config_dns_update){ .algorithm = "hmac-sha256", .line = line };
}

static void begin_domain(void *element, int line)
{
    *(struct config_domain *)element = (struct config_domain){ .line = line };
}

static void begin_account(void *element, int line)
{
    *(struct config_account *)element = (struct config_account){ .name = "", .line = line };
}

static const char *listener_lacks(const void *element)
{
    const struct config_listener *l = element;
    return l->kind ? NULL : "a listener needs a kind";
}

static const char *certificate_lacks(const void *element)
{
    const struct config_certificate *k = element;
    return k->cert && k->key ? NULL : "a certificate needs cert and key";
}

static bool is_mail(const char *word)
{
    return strcmp(word, "inbound") == 0 || strcmp(word, "submission") == 0 ||
           strcmp(word, "both") == 0;
}

static bool is_stage(const char *word)
{
    return strcmp(word, "rcpt") == 0 || strcmp(word, "data") == 0;
}

static bool is_skip(const char *word)
{
    return strcmp(word, "whitelisted") == 0 || strcmp(word, "none") == 0;
}

static const char *milter_lacks(const void *element)
{
    const struct config_milter *m = element;
    if (!m->addr)
        return "a milter needs an addr, as 127.0.0.1:11332 or unix:/run/filter.sock";
    if (strcmp(m->on_failure, "accept") != 0 && strcmp(m->on_failure, "tempfail") != 0)
        return "on_failure of a milter is accept or tempfail";
    if (!is_stage(m->stage))
        return "stage of a milter is rcpt or data";
    if (!is_skip(m->skip))
        return "skip of a milter is whitelisted or none";
    return is_mail(m->mail) ? NULL : "mail of a milter is inbound, submission or both";
}

static const char *hook_lacks(const void *element)
{
    const struct config_hook *h = element;
    if (!h->url || (strncmp(h->url, "https://", 8) != 0 && strncmp(h->url, "http://", 7) != 0))
        return "a hook needs a url that begins with https:// or http://";
    if (!is_stage(h->stage))
        return "stage of a hook is rcpt or data";
    if (strcmp(h->on_error, "accept") != 0 && strcmp(h->on_error, "defer") != 0)
        return "on_error of a hook is accept or defer";
    if (!is_skip(h->skip))
        return "skip of a hook is whitelisted or none";
    if (h->contents_bytes < 0 || h->contents_bytes > CONFIG_HOOK_CONTENTS_MAX)
        return "contents of a hook is at most 4MB";
    return is_mail(h->mail) ? NULL : "mail of a hook is inbound, submission or both";
}

static bool is_base64(const char *text)
{
    struct buf octets;
    str all = str_from_cstr(text);
    buf_init(&octets, all.n + 1);
    bool ok = all.n > 0 && base64_decode(BASE64_STANDARD, all, &octets, NULL);
    if (octets.p)
        explicit_bzero(octets.p, octets.n);
    buf_fini(&octets);
    return ok;
}

static const char *dns_update_lacks(const void *element)
{
    const struct config_dns_update *u = element;
    if (!u->zone || !u->server || !u->key || !u->secret)
        return "an update of the DNS needs zone, server, key and secret";
    if (strcmp(u->algorithm, "hmac-sha256") != 0 && strcmp(u->algorithm, "hmac-sha512") != 0)
        return "algorithm of an update of the DNS is hmac-sha256 or hmac-sha512";
    return is_base64(u->secret) ? NULL : "secret of an update of the DNS is not base64";
}

static const char *domain_lacks(const void *element)
{
    const struct config_domain *d = element;
    return d->name ? NULL : "a domain needs a name";
}

static const char *account_lacks(const void *element)
{
    const struct config_account *a = element;
    if (!a->address)
        return "an account needs an address";
    if (!a->password == !a->password_hash)
        return "an account needs either password or password_hash";
    return NULL;
}

static const struct part {
    const char *path;
    const char *item; /* as in messages */
    const struct key *keys;
    size_t size;   /* of an element */
    size_t offset; /* in struct config: of the pointer to the first element, and the count */
    size_t n_offset;
    void (*begin)(void *element, int line);
    const char *(*lacks)(const void *element); /* what is wrong with it as a whole, or NULL */
    const char *scalar_key; /* an item may be a single value: that of this key; or NULL */
} parts[] = {
    { "listeners", "a listener", listener_keys, sizeof(struct config_listener),
      offsetof(struct config, listeners), offsetof(struct config, n_listeners), begin_listener,
      listener_lacks, NULL },
    { "tls.certificates", "a certificate", certificate_keys, sizeof(struct config_certificate),
      offsetof(struct config, certificates), offsetof(struct config, n_certificates),
      begin_certificate, certificate_lacks, NULL },
    { "milters", "a milter", milter_keys, sizeof(struct config_milter),
      offsetof(struct config, milters), offsetof(struct config, n_milters), begin_milter,
      milter_lacks, NULL },
    { "hooks", "a hook", hook_keys, sizeof(struct config_hook), offsetof(struct config, hooks),
      offsetof(struct config, n_hooks), begin_hook, hook_lacks, NULL },
    { "dns.updates", "an update of the DNS", dns_update_keys, sizeof(struct config_dns_update),
      offsetof(struct config, dns_updates), offsetof(struct config, n_dns_updates),
      begin_dns_update, dns_update_lacks, NULL },
    { "domains", "a domain", domain_keys, sizeof(struct config_domain),
      offsetof(struct config, domains), offsetof(struct config, n_domains), begin_domain,
      domain_lacks, "name" },
    { "accounts", "an account", account_keys, sizeof(struct config_account),
      offsetof(struct config, accounts), offsetof(struct config, n_accounts), begin_account,
      account_lacks, NULL },
};

static bool read_keys(struct config *c, const struct part *part, const struct tree_node *map,
                      void *element, struct err *e)
{
    for (const struct tree_node *n = map->child; n; n = n->next) {
        const struct key *key = part->keys;
        while (key->name && strcmp(key->name, n->key) != 0)
            key++;
        if (!key->name)
            return CONFIG_FAIL(c, n->key_line, e, "unknown key %s of %s", n->key, part->item);
        if (!read_value(c, n, key, element, e))
            return false;
    }
    return true;
}

static bool read_item(struct config *c, const struct part *part, const struct tree_node *list,
                      const struct tree_node *item, void *element, struct err *e)
{
    part->begin(element, item->line);
    if (item->kind == TREE_SCALAR && part->scalar_key) {
        struct tree_node named = *item;
        const struct tree_node map = { .child = &named };
        named.key = part->scalar_key;
        named.next = NULL;
        return read_keys(c, part, &map, element, e);
    }
    if (item->kind != TREE_MAP)
        return CONFIG_FAIL(c, item->line, e, "an item of %s must be a map", list->key);
    if (!read_keys(c, part, item, element, e))
        return false;
    const char *lack = part->lacks(element);
    return lack ? CONFIG_FAIL(c, item->line, e, "%s", lack) : true;
}

static bool read_part(struct config *c, const struct part *part, const struct tree_node *list,
                      struct err *e)
{
    size_t n = 0;
    if (!config_count_items(c, list, &n, e))
        return false;
    char *element = arena_array(&c->arena, n, part->size);
    memcpy((char *)c + part->offset, &(void *){ element }, sizeof(void *));
    memcpy((char *)c + part->n_offset, &n, sizeof(n));
    for (const struct tree_node *item = list->child; item; item = item->next) {
        if (!read_item(c, part, list, item, element, e))
            return false;
        element += part->size;
    }
    return true;
}

/* ---- server.ports: a map of kinds ---- */

static bool read_ports(struct config *c, const struct tree_node *map, struct err *e)
{
    enum {
        PORT_MAX = 65535
    };
    if (map->kind == TREE_SCALAR && map->is_null)
        return true;
    if (map->kind != TREE_MAP) {
        return CONFIG_FAIL(c, map->line, e,
                           "server.ports must be a map, as { smtp: 25, imaps: 0 }");
    }
    size_t n = 0;
    for (const struct tree_node *i = map->child; i; i = i->next)
        n++;
    c->ports = ARENA_ARRAY(&c->arena, struct config_port, n);
    for (const struct tree_node *i = map->child; i; i = i->next) {
        const char *key = arena_cstr(&c->arena, arena_printf(&c->arena, "server.ports.%s", i->key));
        const struct config_row row = { .key = key, .type = TYPE_INT, .most = PORT_MAX };
        int64_t port = 0;
        if (!config_check_scalar(c, i, i->key, e) ||
            !config_at(c, i->line, config_value_parse(&row, i->text, &port, e), e))
            return false;
        c->ports[c->n_ports++] =
            (struct config_port){ .kind = i->key, .port = (uint16_t)port, .line = i->key_line };
    }
    return true;
}

bool config_read_part(struct config *c, const char *path, const struct tree_node *node,
                      bool *is_one, struct err *e)
{
    *is_one = true;
    if (strcmp(path, "server.ports") == 0)
        return read_ports(c, node, e);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(path, parts[i].path) == 0)
            return read_part(c, &parts[i], node, e);
    }
    *is_one = false;
    return true;
}

bool config_check_parts(const struct config *c, struct err *e)
{
    if (c->n_listeners == 0 || (c->n_ports == 0 && config_line(c, CONFIG_SERVER_ADDRESS) == 0))
        return true;
    int line = c->n_ports ? c->ports[0].line : config_line(c, CONFIG_SERVER_ADDRESS);
    return CONFIG_FAIL(c, line, e,
                       "server.address and server.ports are for a file without listeners: write "
                       "the ports there");
}

/* ---- getters ---- */

const struct config_listener *config_listeners(const struct config *c, size_t *n)
{
    *n = c->n_listeners;
    return c->listeners;
}

const struct config_certificate *config_certificates(const struct config *c, size_t *n)
{
    *n = c->n_certificates;
    return c->certificates;
}

const struct config_hook *config_hooks(const struct config *c, size_t *n)
{
    *n = c->n_hooks;
    return c->hooks;
}

const struct config_milter *config_milters(const struct config *c, size_t *n)
{
    *n = c->n_milters;
    return c->milters;
}

const struct config_dns_update *config_dns_updates(const struct config *c, size_t *n)
{
    *n = c->n_dns_updates;
    return c->dns_updates;
}

const struct config_port *config_ports(const struct config *c, size_t *n)
{
    *n = c->n_ports;
    return c->ports;
}

const struct config_domain *config_domains(const struct config *c, size_t *n)
{
    *n = c->n_domains;
    return c->domains;
}

const struct config_account *config_accounts(const struct config *c, size_t *n)
{
    *n = c->n_accounts;
    return c->accounts;
}
