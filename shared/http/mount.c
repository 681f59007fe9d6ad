/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a folder: what is checked and added before libh2o's file handler, and what is answered
 * when it finds nothing. */
#include "http/thread.h"

#include <sys/stat.h>

enum {
    LOCATION_MAX = HEAD_TARGET_MAX + 512
};

struct mount_handler {
    h2o_handler_t super;
    struct http_thread *thread;
    const struct http_mount *mount;
};

struct mime_row {
    const char *extension;
    const char *type;
};

/* Those that libh2o does not know, or not with their charset. */
static const struct mime_row types[] = {
    { "html", "text/html; charset=utf-8" },
    { "css", "text/css; charset=utf-8" },
    { "js", "text/javascript; charset=utf-8" },
    { "mjs", "text/javascript; charset=utf-8" },
    { "txt", "text/plain; charset=utf-8" },
    { "json", "application/json" },
    { "map", "application/json" },
    { "webmanifest", "application/manifest+json" },
    { "svg", "image/svg+xml" },
    { "woff2", "font/woff2" },
    { "wasm", "application/wasm" },
    { "yaml", "application/yaml" },
};

static str path_of(const h2o_req_t *req)
{
    return str_of(req->path_normalized.base, req->path_normalized.len);
}

static bool is_field_set(const struct http_mount *m, str name)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        if (str_eq(m->fields[i].name, name))
            return true;
    }
    return false;
}

static void add(h2o_req_t *req, const struct http_field *field)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, field->name.p, field->name.n, 1, NULL,
                          field->value.p, field->value.n);
}

/* The mount's own field instead of the server's. */
static void add_fields(h2o_req_t *req, const struct mount_handler *h)
{
    const struct http_server_options *o = &h->thread->server->options;
    for (size_t i = 0; i < h->mount->n_fields; i++)
        add(req, &h->mount->fields[i]);
    for (size_t i = 0; i < o->n_fields; i++) {
        if (!is_field_set(h->mount, o->fields[i].name))
            add(req, &o->fields[i]);
    }
}

static void redirect_to(h2o_req_t *req, str location)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, location.p, location.n);
    req->res.status = 308;
    req->res.reason = http_status_phrase(308);
    req->res.content_length = 0;
    gate_add_field(req, "location", copy.base, copy.len);
    h2o_send_inline(req, H2O_STRLIT(""));
}

static void redirect(h2o_req_t *req, unsigned port)
{
    struct buf location;
    str target = str_of(req->input.path.base, req->input.path.len);
    str host = str_of(req->input.authority.base, req->input.authority.len);
    buf_init(&location, LOCATION_MAX);
    if (!head_https_location(&location, host, target, STR_EMPTY, port)) {
        gate_refuse(req, 421, "This host is not served here.");
        buf_fini(&location);
        return;
    }
    redirect_to(req, buf_str(&location));
    buf_fini(&location);
}

/* Names that begin with a dot are nobody's business, whatever lies in the folder. */
static bool has_hidden_segment(str path)
{
    return str_find(path, STR("/.")) >= 0;
}

/* Where the page of a mount is asked for without its last slash: "/admin". */
static const struct http_mount *find_unended(const struct http_server_options *o, str path)
{
    for (size_t i = 0; i < o->n_mounts; i++) {
        str prefix = str_from_cstr(o->mounts[i].prefix);
        if (path.n > 1 && prefix.n == path.n + 1 && str_has_prefix(prefix, path))
            return &o->mounts[i];
    }
    return NULL;
}

static int on_before(h2o_handler_t *self, h2o_req_t *req)
{
    const struct mount_handler *h = CONTAINER_OF(self, struct mount_handler, super);
    const struct http_conn *c = http_conn_of(req);
    bool is_read = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
                   h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    unsigned to_https = c->accept->listener->options.to_https;
    if (to_https != 0 && !c->is_secure) {
        redirect(req, to_https);
        return 0;
    }
    if (!is_read) {
        gate_refuse(req, 405, "Only GET and HEAD are possible here.");
        return 0;
    }
    if (has_hidden_segment(path_of(req))) {
        gate_refuse(req, 404, "There is nothing at this address.");
        return 0;
    }
    const struct http_mount *meant = find_unended(&h->thread->server->options, path_of(req));
    if (meant) {
        redirect_to(req, str_from_cstr(meant->prefix));
        return 0;
    }
    add_fields(req, h);
    str immutable = str_from_cstr(h->mount->immutable);
    if (immutable.n > 0 && str_has_prefix(path_of(req), immutable)) {
        gate_add_field(req, "cache-control", H2O_STRLIT("public, max-age=31536000, immutable"));
    } else {
        gate_add_field(req, "cache-control", H2O_STRLIT("no-cache"));
    }
    return -1;
}

static bool is_page(str path)
{
    ptrdiff_t slash = str_rfind_byte(path, '/');
    return str_find_byte(str_skip(path, (size_t)(slash + 1)), '.') < 0;
}

static int on_missing(h2o_handler_t *self, h2o_req_t *req)
{
    const struct mount_handler *h = CONTAINER_OF(self, struct mount_handler, super);
    const struct http_mount *m = h->mount;
    str immutable = str_from_cstr(m->immutable);
    bool is_immutable = immutable.n > 0 && str_has_prefix(path_of(req), immutable);
    if (m->fallback && !is_immutable && is_page(path_of(req))) {
        h2o_iovec_t file = h2o_concat(&req->pool, h2o_iovec_init(m->folder, strlen(m->folder)),
                                      h2o_iovec_init(H2O_STRLIT("/")),
                                      h2o_iovec_init(m->fallback, strlen(m->fallback)));
        h2o_iovec_t type = h2o_iovec_init(H2O_STRLIT("text/html; charset=utf-8"));
        if (h2o_file_send(req, 200, "OK", file.base, type, H2O_FILE_FLAG_SEND_COMPRESSED) == 0)
            return 0;
    }
    gate_answer_problem(req, 404, "There is nothing at this address.");
    return 0;
}

static void add_handler(h2o_pathconf_t *path, struct http_thread *t, const struct http_mount *mount,
                        int (*on_req)(h2o_handler_t *self, h2o_req_t *req))
{
    struct mount_handler *h =
        CONTAINER_OF(h2o_create_handler(path, sizeof(*h)), struct mount_handler, super);
    h->super.on_req = on_req;
    h->thread = t;
    h->mount = mount;
}

bool mount_register(h2o_pathconf_t *path, struct http_thread *t, const struct http_mount *mount,
                    struct err *e)
{
    static const char *index[] = { "index.html", NULL };
    struct stat facts;
    if (stat(mount->folder, &facts) != 0 || !S_ISDIR(facts.st_mode))
        return ERR(e, ERR_INTERNAL, "%s is no folder; build the web apps first", mount->folder);
    h2o_mimemap_t *map = h2o_mimemap_create();
    for (size_t i = 0; i < COUNT_OF(types); i++)
        h2o_mimemap_define_mimetype(map, types[i].extension, types[i].type, NULL);
    add_handler(path, t, mount, on_before);
    (void)h2o_file_register(path, mount->folder, index, map, H2O_FILE_FLAG_SEND_COMPRESSED);
    h2o_mem_release_shared(map);
    add_handler(path, t, mount, on_missing);
    return true;
}
