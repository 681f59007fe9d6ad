/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the tree of the file and gives each key its meaning. */
#include "config/table.h"

enum {
    MAX_ITEMS = 1000, /* of one list */
    PATH_MAX_LENGTH = 128
};

/* `ok`, with the place in front of the sentence when it is false. */
static bool at(const struct config *c, int line, bool ok, struct err *e)
{
    if (!ok)
        (void)err_wrap(e, "%s:%d", c->file, line);
    return ok;
}

#define FAIL(c, line, e, ...) at((c), (line), ERR((e), ERR_SYNTAX, __VA_ARGS__), (e))

static bool count_items(const struct config *c, const struct tree_node *list, size_t *n,
                        struct err *e)
{
    if (list->kind == TREE_SCALAR && list->is_null) {
        *n = 0;
        return true;
    }
    if (list->kind != TREE_LIST)
        return FAIL(c, list->line, e, "%s must be a list", list->key);
    *n = 0;
    for (const struct tree_node *i = list->child; i; i = i->next)
        (*n)++;
    if (*n > MAX_ITEMS)
        return FAIL(c, list->line, e, "%s has more than %d items", list->key, MAX_ITEMS);
    return true;
}

static bool check_scalar(const struct config *c, const struct tree_node *node, const char *key,
                         struct err *e)
{
    if (node->kind != TREE_SCALAR)
        return FAIL(c, node->line, e, "%s must be a single value", key);
    if (node->is_null)
        return FAIL(c, node->line, e, "%s has no value", key);
    return true;
}

static bool read_list(struct config *c, enum config_param p, const struct tree_node *node,
                      struct err *e)
{
    size_t n = 0;
    if (!count_items(c, node, &n, e))
        return false;
    const char **texts = ARENA_ARRAY(&c->arena, const char *, n);
    size_t i = 0;
    for (const struct tree_node *item = node->child; item; item = item->next) {
        int64_t ignored = 0;
        if (!check_scalar(c, item, node->key, e) ||
            !at(c, item->line, config_value_parse(&config_rows[p], item->text, &ignored, e), e))
            return false;
        texts[i++] = item->text;
    }
    return at(c, node->line, config_set(c, p, texts, n, node->key_line, e), e);
}

static bool read_param(struct config *c, enum config_param p, const struct tree_node *node,
                       struct err *e)
{
    if (config_type_is_list(config_rows[p].type))
        return read_list(c, p, node, e);
    return check_scalar(c, node, config_rows[p].key, e) &&
           at(c, node->line, config_set(c, p, &node->text, 1, node->key_line, e), e);
}

/* ---- the two lists of maps ---- */

static bool read_bool(const struct config *c, const struct tree_node *node, bool *out,
                      struct err *e)
{
    const struct config_row row = { .key = node->key, .type = TYPE_BOOL };
    int64_t number = 0;
    if (!check_scalar(c, node, node->key, e) ||
        !at(c, node->line, config_value_parse(&row, node->text, &number, e), e))
        return false;
    *out = number != 0;
    return true;
}

static bool read_text(const struct config *c, const struct tree_node *node, const char **out,
                      struct err *e)
{
    const struct config_row row = { .key = node->key, .type = TYPE_TEXT };
    int64_t ignored = 0;
    if (!check_scalar(c, node, node->key, e) ||
        !at(c, node->line, config_value_parse(&row, node->text, &ignored, e), e))
        return false;
    if (!node->text[0])
        return FAIL(c, node->line, e, "%s is empty", node->key);
    *out = node->text;
    return true;
}

static bool read_listener_key(struct config *c, const struct tree_node *node,
                              struct config_listener *out, struct err *e)
{
    str key = str_from_cstr(node->key);
    if (str_eq(key, STR("kind")))
        return read_text(c, node, &out->kind, e);
    if (str_eq(key, STR("tls")))
        return read_bool(c, node, &out->tls, e);
    if (str_eq(key, STR("proxy_protocol")))
        return read_bool(c, node, &out->proxy_protocol, e);
    if (!str_eq(key, STR("addr")))
        return FAIL(c, node->key_line, e, "unknown key %s of a listener", node->key);
    return check_scalar(c, node, node->key, e) &&
           at(c, node->line,
              config_address_parse(str_from_cstr(node->text), &c->arena, &out->host, &out->port, e),
              e);
}

static bool read_listener(struct config *c, const struct tree_node *node, void *element,
                          struct err *e)
{
    struct config_listener *out = element;
    *out = (struct config_listener){
        .host = "127.0.0.1", .tls = true, .proxy_protocol = true, .line = node->line
    };
    for (const struct tree_node *n = node->child; n; n = n->next) {
        if (!read_listener_key(c, n, out, e))
            return false;
    }
    return out->kind ? true : FAIL(c, node->line, e, "a listener needs a kind");
}

static bool read_certificate(struct config *c, const struct tree_node *node, void *element,
                             struct err *e)
{
    struct config_certificate *out = element;
    out->line = node->line;
    for (const struct tree_node *n = node->child; n; n = n->next) {
        str key = str_from_cstr(n->key);
        bool is_cert = str_eq(key, STR("cert"));
        if (!is_cert && !str_eq(key, STR("key")))
            return FAIL(c, n->key_line, e, "unknown key %s of a certificate", n->key);
        if (!read_text(c, n, is_cert ? &out->cert : &out->key, e))
            return false;
    }
    return out->cert && out->key ? true
                                 : FAIL(c, node->line, e, "a certificate needs cert and key");
}

/* Reads a list of maps into a new array of `size`-byte elements. */
static bool read_maps(struct config *c, const struct tree_node *list, size_t size,
                      bool (*read)(struct config *, const struct tree_node *, void *, struct err *),
                      void **out, size_t *n, struct err *e)
{
    if (!count_items(c, list, n, e))
        return false;
    char *element = arena_array(&c->arena, *n, size);
    *out = element;
    for (const struct tree_node *item = list->child; item; item = item->next) {
        if (item->kind != TREE_MAP)
            return FAIL(c, item->line, e, "an item of %s must be a map", list->key);
        if (!read(c, item, element, e))
            return false;
        element += size;
    }
    return true;
}

static bool read_listeners(struct config *c, const struct tree_node *node, struct err *e)
{
    void *list = NULL;
    bool ok = read_maps(c, node, sizeof(*c->listeners), read_listener, &list, &c->n_listeners, e);
    c->listeners = list;
    return ok;
}

static bool read_certificates(struct config *c, const struct tree_node *node, struct err *e)
{
    void *list = NULL;
    bool ok = read_maps(c, node, sizeof(*c->certificates), read_certificate, &list,
                        &c->n_certificates, e);
    c->certificates = list;
    return ok;
}

static const struct {
    const char *key;
    bool (*read)(struct config *c, const struct tree_node *node, struct err *e);
} map_lists[] = {
    { "listeners", read_listeners },
    { "tls.certificates", read_certificates },
};

/* ---- the walk ---- */

/* True when some key lies below the path: "database" is above "database.url". */
static bool is_above(const char *path, const char *key)
{
    size_t n = strlen(path);
    return strncmp(path, key, n) == 0 && key[n] == '.';
}

static bool is_section(const char *path)
{
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        if (is_above(path, config_rows[i].key))
            return true;
    }
    return false;
}

static bool read_section(struct config *c, const char *path, const struct tree_node *map,
                         struct err *e);

static bool read_key(struct config *c, const char *path, const struct tree_node *node,
                     struct err *e)
{
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        if (strcmp(path, config_rows[i].key) == 0)
            return read_param(c, (enum config_param)i, node, e);
    }
    for (size_t i = 0; i < COUNT_OF(map_lists); i++) {
        if (strcmp(path, map_lists[i].key) == 0)
            return map_lists[i].read(c, node, e);
    }
    if (is_section(path))
        return read_section(c, path, node, e);
    return FAIL(c, node->key_line, e, "unknown key %s", path);
}

/* The tree is at most 8 levels deep, so is this recursion. */
static bool read_section(struct config *c, const char *path, const struct tree_node *map,
                         struct err *e)
{
    if (map->kind == TREE_SCALAR && map->is_null)
        return true; /* a section whose keys are all comments */
    if (map->kind != TREE_MAP)
        return FAIL(c, map->line, e, "%s must be a map of keys", path[0] ? path : "the file");
    for (const struct tree_node *n = map->child; n; n = n->next) {
        char longer[PATH_MAX_LENGTH];
        if (strchr(n->key, '.'))
            return FAIL(c, n->key_line, e, "%s is not written with dots: nest the keys", n->key);
        (void)snprintf(longer, sizeof(longer), "%s%s%s", path, path[0] ? "." : "", n->key);
        if (!read_key(c, longer, n, e))
            return false;
    }
    return true;
}

/* ---- rules between parameters ---- */

static bool check_order(const struct config *c, enum config_param small, enum config_param big,
                        struct err *e)
{
    if (config_int(c, small) <= config_int(c, big))
        return true;
    int line = config_line(c, small) ? config_line(c, small) : config_line(c, big);
    return FAIL(c, line, e, "%s must not be above %s", config_rows[small].key,
                config_rows[big].key);
}

static bool check_whole(const struct config *c, struct err *e)
{
    bool has_zone = config_text(c, CONFIG_DNS_STUB_ZONE)[0] != '\0';
    bool has_server = config_text(c, CONFIG_DNS_STUB_SERVER)[0] != '\0';
    if (has_zone != has_server) {
        return FAIL(c, config_line(c, has_zone ? CONFIG_DNS_STUB_ZONE : CONFIG_DNS_STUB_SERVER), e,
                    "dns.stub_zone and dns.stub_server need each other");
    }
    return check_order(c, CONFIG_LIMITS_SMTP_ERRORS_SOFT, CONFIG_LIMITS_SMTP_ERRORS_HARD, e) &&
           check_order(c, CONFIG_AUTH_DELAY, CONFIG_AUTH_DELAY_MAX, e) &&
           check_order(c, CONFIG_AUTH_PER_IP_PER_MINUTE, CONFIG_AUTH_PER_IP_PER_DAY, e);
}

bool config_interpret(struct config *c, const struct tree_node *root, struct err *e)
{
    return read_section(c, "", root, e) && check_whole(c, e);
}
