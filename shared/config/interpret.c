/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the tree of the file and gives each key its meaning. */
#include "config/lists.h"

enum {
    PATH_MAX_LENGTH = 128
};

static bool read_list(struct config *c, enum config_param p, const struct tree_node *node,
                      struct err *e)
{
    size_t n = 0;
    if (!config_count_items(c, node, &n, e))
        return false;
    const char **texts = ARENA_ARRAY(&c->arena, const char *, n);
    size_t i = 0;
    for (const struct tree_node *item = node->child; item; item = item->next) {
        int64_t ignored = 0;
        if (!config_check_scalar(c, item, node->key, e) ||
            !config_at(c, item->line, config_value_parse(&config_rows[p], item->text, &ignored, e),
                       e))
            return false;
        texts[i++] = item->text;
    }
    return config_at(c, node->line, config_set(c, p, texts, n, node->key_line, e), e);
}

static bool read_param(struct config *c, enum config_param p, const struct tree_node *node,
                       struct err *e)
{
    if (config_type_is_list(config_rows[p].type))
        return read_list(c, p, node, e);
    return config_check_scalar(c, node, config_rows[p].key, e) &&
           config_at(c, node->line, config_set(c, p, &node->text, 1, node->key_line, e), e);
}

/* ---- keys that others would write ---- */

/* What stands in other servers' files, or will stand in ours one day, and what to do instead. A key
 * that is not obeyed is refused: whoever wrote it counts on it (FEATURES 314, 319). */
static const struct {
    const char *path;
    const char *hint;
} hints[] = {
    { "storage",
      "mail is kept in the database: set data_dir for the embedded one, or database.url" },
    { "tls.auto_tls", "certificates are not ordered automatically yet: name yours in "
                      "tls.certificates, or leave tls.self_signed at true" },
    { "tls.cert", "write tls: { certificates: [{ cert: FILE, key: FILE }] }" },
    { "tls.key", "write tls: { certificates: [{ cert: FILE, key: FILE }] }" },
    { "server.hostname", "write hostname at the top of the file" },
    { "server.host", "write server.address" },
    { "server.listen", "write server.address and server.ports" },
    { "redis.host", "write redis.url, as redis://host:6379" },
    { "redis.addr", "write redis.url, as redis://host:6379" },
    { "redis.address", "write redis.url, as redis://host:6379" },
    { "database.host", "write database.url, as postgresql://user:password@host/name" },
    { "users", "write accounts" },
};

/* How many letters must be added, left out or changed to make one of the other (Levenshtein), for
 * paths of at most PATH_MAX_LENGTH letters. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[PATH_MAX_LENGTH + 1];
    size_t n = strnlen(b, PATH_MAX_LENGTH);
    for (size_t i = 0; i <= n; i++)
        row[i] = (unsigned)i;
    for (; *a; a++) {
        unsigned corner = row[0]++;
        for (size_t i = 1; i <= n; i++) {
            unsigned changed = corner + (*a != b[i - 1]);
            corner = row[i];
            unsigned shorter = (row[i] < row[i - 1] ? row[i] : row[i - 1]) + 1;
            row[i] = changed < shorter ? changed : shorter;
        }
    }
    return row[n];
}

/* The parameter that was probably meant: two slips of the pen away at most, one in short words. */
static const char *find_meant(const char *path)
{
    const char *best = NULL;
    unsigned most = strlen(path) > 8 ? 3 : 2;
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        unsigned n = distance(path, config_rows[i].key);
        if (n >= most)
            continue;
        most = n;
        best = config_rows[i].key;
    }
    return best;
}

static const char *last_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* The one parameter of that name in another section, as "verify_spf" at the top of the file; names
 * of a single word mean too much. */
static const char *find_elsewhere(const char *path)
{
    const char *name = last_name(path);
    const char *found = NULL;
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        if (!strchr(name, '_') || strcmp(name, last_name(config_rows[i].key)) != 0)
            continue;
        if (found)
            return NULL;
        found = config_rows[i].key;
    }
    return found;
}

static bool refuse(const struct config *c, const char *path, const struct tree_node *node,
                   struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        if (strcmp(path, hints[i].path) == 0)
            return CONFIG_FAIL(c, node->key_line, e, "unknown key %s: %s", path, hints[i].hint);
    }
    str key = str_from_cstr(path);
    str port = STR("_port");
    if (str_has_prefix(key, STR("server.")) && str_has_suffix(key, port)) {
        str kind = str_slice(key, 7, key.n - 7 - port.n);
        return CONFIG_FAIL(c, node->key_line, e,
                           "unknown key %s: write server: { ports: { %.*s: N } }", path,
                           STR_FMT(kind));
    }
    const char *meant = find_meant(path);
    if (!meant)
        meant = find_elsewhere(path);
    if (meant)
        return CONFIG_FAIL(c, node->key_line, e, "unknown key %s: is it %s?", path, meant);
    return CONFIG_FAIL(c, node->key_line, e, "unknown key %s", path);
}

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
    bool is_part = false;
    if (!config_read_part(c, path, node, &is_part, e))
        return false;
    if (is_part)
        return true;
    return is_section(path) ? read_section(c, path, node, e) : refuse(c, path, node, e);
}

/* The tree is at most 8 levels deep, so is this recursion. */
static bool read_section(struct config *c, const char *path, const struct tree_node *map,
                         struct err *e)
{
    if (map->kind == TREE_SCALAR && map->is_null)
        return true; /* a section whose keys are all comments */
    if (map->kind != TREE_MAP) {
        return CONFIG_FAIL(c, map->line, e, "%s must be a map of keys",
                           path[0] ? path : "the file");
    }
    for (const struct tree_node *n = map->child; n; n = n->next) {
        char longer[PATH_MAX_LENGTH];
        if (strchr(n->key, '.')) {
            return CONFIG_FAIL(c, n->key_line, e, "%s is not written with dots: nest the keys",
                               n->key);
        }
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
    return CONFIG_FAIL(c, line, e, "%s must not be above %s", config_rows[small].key,
                       config_rows[big].key);
}

static bool check_whole(const struct config *c, struct err *e)
{
    bool has_zone = config_text(c, CONFIG_DNS_STUB_ZONE)[0] != '\0';
    bool has_server = config_text(c, CONFIG_DNS_STUB_SERVER)[0] != '\0';
    if (has_zone != has_server) {
        return CONFIG_FAIL(c,
                           config_line(c, has_zone ? CONFIG_DNS_STUB_ZONE : CONFIG_DNS_STUB_SERVER),
                           e, "dns.stub_zone and dns.stub_server need each other");
    }
    return config_check_parts(c, e) &&
           check_order(c, CONFIG_LIMITS_SMTP_ERRORS_SOFT, CONFIG_LIMITS_SMTP_ERRORS_HARD, e) &&
           check_order(c, CONFIG_AUTH_DELAY, CONFIG_AUTH_DELAY_MAX, e) &&
           check_order(c, CONFIG_AUTH_PER_IP_PER_MINUTE, CONFIG_AUTH_PER_IP_PER_DAY, e);
}

bool config_interpret(struct config *c, const struct tree_node *root, struct err *e)
{
    return read_section(c, "", root, e) && check_whole(c, e);
}
