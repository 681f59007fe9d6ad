/* SPDX-License-Identifier: Apache-2.0 */
/* The table of parameters, loading, and the getters. */
#include "config/table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
    MAX_FILE = 1024 * 1024,
    READ_SIZE = 16384
};

const struct config_row config_rows[CONFIG_PARAM_COUNT] = {
#define CONFIG_PARAM(id, path, of, value, from, to, reload, text) \
    [CONFIG_##id] = { .key = (path),                              \
                      .type = TYPE_##of,                          \
                      .preset = (value),                          \
                      .least = (from),                            \
                      .most = (to),                               \
                      .is_reloadable = (reload),                  \
                      .doc = (text) },
#include "config/params.def"
#undef CONFIG_PARAM
};

/* ---- making ---- */

bool config_set(struct config *c, enum config_param p, const char *const *texts, size_t n, int line,
                struct err *e)
{
    const struct config_row *row = &config_rows[p];
    int64_t *numbers = ARENA_ARRAY(&c->arena, int64_t, n);
    if (row->type == TYPE_DURATIONS && n == 0)
        return ERR(e, ERR_SYNTAX, "%s needs at least one item", row->key);
    for (size_t i = 0; i < n; i++) {
        if (!config_value_parse(row, texts[i], &numbers[i], e))
            return false;
    }
    struct config_value value = { .line = line };
    if (config_type_is_list(row->type)) {
        value.list.items = texts;
        value.list.numbers = row->type == TYPE_DURATIONS ? numbers : NULL;
        value.list.n = n;
    } else {
        value.text = texts[0];
        value.number = numbers[0];
    }
    c->values[p] = value;
    return true;
}

/* The texts of a default: a list is written with commas, a choice begins with its default. */
static size_t split_preset(struct arena *a, const struct config_row *row, const char ***out)
{
    str rest = str_from_cstr(row->preset);
    bool is_list = config_type_is_list(row->type);
    size_t n = 0;
    *out = ARENA_ARRAY(a, const char *, rest.n + 1);
    if (!is_list) {
        str text = rest;
        if (row->type == TYPE_CHOICE)
            (void)str_cut(rest, '|', &text, &rest);
        (*out)[n++] = arena_cstr(a, text);
    }
    while (is_list && rest.n) {
        str item;
        (void)str_cut(rest, ',', &item, &rest);
        (*out)[n++] = arena_cstr(a, str_trim(item));
    }
    return n;
}

static struct config *new_config(const char *file)
{
    struct config *c = HEAP_NEW(struct config);
    arena_init(&c->arena);
    c->file = arena_cstr(&c->arena, str_from_cstr(file));
    for (size_t i = 0; i < CONFIG_PARAM_COUNT; i++) {
        struct err e = ERR_CLEAR;
        const char **texts = NULL;
        size_t n = split_preset(&c->arena, &config_rows[i], &texts);
        /* A default outside its own bounds is a mistake in params.def. */
        bool ok = config_set(c, (enum config_param)i, texts, n, 0, &e);
        INVARIANT(ok);
    }
    return c;
}

struct config *config_defaults(void)
{
    return new_config("defaults");
}

void config_free(struct config **c)
{
    if (!*c)
        return;
    arena_fini(&(*c)->arena);
    free(*c);
    *c = NULL;
}

bool config_parse(str text, const char *name, config_variable_fn variable, void *arg,
                  struct config **out, struct err *e)
{
    const struct tree_source source = { .file = name, .variable = variable, .arg = arg };
    struct config *c = new_config(name);
    struct tree_node *root = NULL;
    if (!tree_parse(text, &source, &c->arena, &root, e) || !config_interpret(c, root, e)) {
        config_free(&c);
        return false;
    }
    *out = c;
    return true;
}

/* ---- the file ---- */

const char *config_path(const char *flag)
{
    const char *variable = getenv("CONFIG_PATH");
    if (flag)
        return flag;
    return variable && variable[0] ? variable : "/etc/heronry/heronry.yaml";
}

/* Looks at the open file, not at its name: the name could mean another file a moment later. */
static bool check_file(int fd, const char *path, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return ERR_SYS(e, ERR_INTERNAL, "%s:0: cannot be examined", path);
    if (!S_ISREG(st.st_mode))
        return ERR(e, ERR_DENIED, "%s:0: is no regular file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return ERR(e, ERR_DENIED, "%s:0: belongs to another user (uid %u)", path,
                   (unsigned)st.st_uid);
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return ERR(e, ERR_DENIED, "%s:0: others have rights on it (mode %04o); chmod 600 mends it",
                   path, (unsigned)st.st_mode & 07777);
    }
    return true;
}

static bool read_file(int fd, const char *path, struct buf *out, struct err *e)
{
    for (;;) {
        char *to = buf_reserve(out, READ_SIZE);
        INVARIANT(to);
        ssize_t n = read(fd, to, READ_SIZE);
        if (n < 0)
            return ERR_SYS(e, ERR_INTERNAL, "%s:0: cannot be read", path);
        if (n == 0)
            return true;
        buf_commit(out, (size_t)n);
        if (out->n > MAX_FILE)
            return ERR(e, ERR_LIMIT, "%s:0: is longer than %d bytes", path, MAX_FILE);
    }
}

static bool open_failed(const char *path, struct err *e)
{
    enum err_kind kind = errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
    if (errno == ELOOP)
        return ERR(e, ERR_DENIED, "%s:0: is a symbolic link", path);
    return ERR_SYS(e, kind, "%s:0: cannot be opened", path);
}

static const char *environment(const char *name, void *arg)
{
    (void)arg;
    return getenv(name);
}

bool config_load(const char *path, struct config **out, struct err *e)
{
    /* O_NONBLOCK: a named pipe in its place must not hang the start. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return open_failed(path, e);
    struct buf text;
    buf_init(&text, MAX_FILE + READ_SIZE);
    bool ok = check_file(fd, path, e) && read_file(fd, path, &text, e) &&
              config_parse(buf_str(&text), path, environment, NULL, out, e);
    if (text.p)
        explicit_bzero(text.p, text.cap); /* it may hold passwords */
    buf_fini(&text);
    (void)close(fd);
    return ok;
}

/* ---- getters ---- */

static const struct config_value *value_of(const struct config *c, enum config_param p,
                                           unsigned types)
{
    INVARIANT(types >> config_rows[p].type & 1);
    return &c->values[p];
}

bool config_bool(const struct config *c, enum config_param p)
{
    return value_of(c, p, 1U << TYPE_BOOL)->number != 0;
}

int64_t config_int(const struct config *c, enum config_param p)
{
    return value_of(c, p, 1U << TYPE_INT | 1U << TYPE_BYTES | 1U << TYPE_DURATION)->number;
}

const char *config_text(const struct config *c, enum config_param p)
{
    return value_of(c, p, 1U << TYPE_TEXT | 1U << TYPE_CHOICE)->text;
}

struct config_list config_list(const struct config *c, enum config_param p)
{
    return value_of(c, p,
                    1U << TYPE_LIST | 1U << TYPE_NETWORKS | 1U << TYPE_DURATIONS |
                        1U << TYPE_DNSBL | 1U << TYPE_COMPONENTS | 1U << TYPE_LEVELS)
        ->list;
}

const char *config_list_joined(const struct config *c, enum config_param p, struct arena *a)
{
    struct config_list list = config_list(c, p);
    struct buf text;
    buf_init(&text, MAX_FILE);
    for (size_t i = 0; i < list.n; i++)
        (void)buf_addf(&text, "%s%s", i ? "," : "", list.items[i]);
    const char *joined = arena_cstr(a, buf_str(&text));
    buf_fini(&text);
    return joined;
}

const char *config_file(const struct config *c)
{
    return c->file;
}

int config_line(const struct config *c, enum config_param p)
{
    return c->values[p].line;
}
