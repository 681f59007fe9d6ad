/* SPDX-License-Identifier: Apache-2.0 */
/* What every request passes first: the strict look at its head, its id and true client; and last:
 * the access log. Paths are given to mounts or to the loop. */
#include "http/problem.h"
#include "http/thread.h"

enum {
    LOG_PATH_MAX = 200, /* octets of a path in the log */
    ROUTES_MAX = 64,
    HOST_MAX = 255,
    DRAIN_MAX = 64 * 1024 /* octets thrown away before closing */
};

struct gate_handler {
    h2o_handler_t super;
    struct http_thread *thread;
};

struct gate_logger {
    h2o_logger_t super;
    struct http_thread *thread;
};

void gate_add_field(h2o_req_t *req, const char *name, const char *value, size_t n)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, value, n);
}

void gate_answer_problem(h2o_req_t *req, unsigned status, const char *why)
{
    struct http_conn *c = http_conn_of(req);
    const struct http_server_options *o = &c->thread->server->options;
    struct buf body;
    buf_init(&body, PROBLEM_MAX);
    problem_format(&body, status, str_from_cstr(why));
    req->res.status = (int)status;
    req->res.reason = http_status_phrase(status);
    req->res.content_length = body.n;
    req->res.headers.size = 0;
    gate_add_field(req, "content-type", H2O_STRLIT(PROBLEM_TYPE));
    gate_add_field(req, "cache-control", H2O_STRLIT("no-store"));
    gate_add_field(req, "x-request-id", c->id, strlen(c->id));
    if (status == 405)
        gate_add_field(req, "allow", H2O_STRLIT("GET, HEAD"));
    for (size_t i = 0; i < o->n_fields; i++) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, o->fields[i].name.p,
                              o->fields[i].name.n, 1, NULL, o->fields[i].value.p,
                              o->fields[i].value.n);
    }
    h2o_send_inline(req, body.p, body.n);
    buf_fini(&body);
}

void gate_refuse(h2o_req_t *req, unsigned status, const char *why)
{
    req->http1_is_persistent = 0;
    gate_answer_problem(req, status, why);
}

static str to_str(h2o_iovec_t v)
{
    return str_of(v.base, v.len);
}

/* The client behind proxies that we trust. */
static void find_client(struct http_conn *c, h2o_req_t *req)
{
    const struct net_networks *trusted = c->thread->server->options.trusted;
    c->client = c->peer;
    c->is_secure = c->sock->ssl != NULL;
    if (!net_networks_contain(trusted, &c->peer))
        return;
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_X_FORWARDED_FOR, -1);
    ssize_t last = -1;
    for (; at >= 0; at = h2o_find_header(&req->headers, H2O_TOKEN_X_FORWARDED_FOR, at))
        last = at;
    if (last >= 0)
        head_forwarded_for(to_str(req->headers.entries[last].value), trusted, &c->client);
    at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-forwarded-proto"), -1);
    if (at >= 0)
        c->is_secure = str_ieq(to_str(req->headers.entries[at].value), STR("https"));
}

static bool is_covered(const struct http_thread *t, const char *name)
{
    LIST_FOR_EACH (item, &t->accepts) {
        const struct http_accept *a = CONTAINER_OF(item, struct http_accept, link);
        if (a->tls && tls_copy_covers(a->tls->copy, name))
            return true;
    }
    return false;
}

/* Whether the request is for us: a page of a foreign name that leads here must not be ours
 * (ATTACKS A11). */
static bool is_our_host(const struct http_thread *t, str host)
{
    const struct http_server_options *o = &t->server->options;
    struct net_address ignored;
    char name[HOST_MAX + 1];
    str bare = head_host_name(host);
    if (o->n_hosts == 0 || str_ieq(bare, STR("localhost")) ||
        net_address_parse_ip(bare, &ignored, NULL))
        return true;
    for (size_t i = 0; i < o->n_hosts; i++) {
        str own = str_from_cstr(o->hosts[i]);
        if (str_eq(own, STR("*")) || str_ieq(own, bare))
            return true;
    }
    if (bare.n > HOST_MAX)
        return false;
    memcpy(name, bare.p, bare.n);
    name[bare.n] = '\0';
    return is_covered(t, name);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    struct http_conn *c = http_conn_of(req);
    struct head head;
    bool is_read = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
                   h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    http_conn_set_busy(c, true);
    c->began_ms = clock_monotonic_ms();
    obs_session_id(c->id);
    find_client(c, req);
    /* libh2o keeps the head in the input until the answer is sent. */
    const h2o_buffer_t *input = c->sock->input;
    bool is_whole = head_check(str_of(input->bytes, input->size), &head);
    INVARIANT(is_whole);
    /* What follows a body is the next request only if both ends agree on the body's length. */
    if (head.has_body || !is_read || req->entity.len > 0)
        req->http1_is_persistent = 0;
    if (head.fault != 0) {
        gate_refuse(req, head.fault, head.why);
        return 0;
    }
    if (h2o_strstr(req->input.path.base, req->input.path.len, H2O_STRLIT("%00")) != SIZE_MAX) {
        gate_refuse(req, 400, "The address holds a NUL.");
        return 0;
    }
    if (!is_our_host(c->thread, to_str(req->input.authority))) {
        gate_refuse(req, 421, "This server is not known by the name in the address.");
        return 0;
    }
    gate_add_field(req, "x-request-id", c->id, strlen(c->id));
    return -1;
}

/* Closing a socket with unread octets in it resets the connection, and the client might never see
 * the answer. */
static void throw_away_input(struct http_conn *c)
{
    char nowhere[2048];
    size_t n = 0;
    ssize_t got;
    do {
        got = recv(h2o_socket_get_fd(c->sock), nowhere, sizeof(nowhere), MSG_DONTWAIT);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 && n < DRAIN_MAX);
}

static const char *status_class(int status)
{
    static const char *const classes[] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
    return status >= 100 && status < 600 ? classes[status / 100 - 1] : "other";
}

/* Called when a request is disposed of, whatever became of it. */
static void on_request_end(h2o_logger_t *self, h2o_req_t *req)
{
    (void)self;
    struct http_conn *c = http_conn_of(req);
    char peer[NET_ADDRESS_TEXT];
    if (!c->is_busy) { /* refused by libh2o while it read the body */
        c->began_ms = clock_monotonic_ms();
        c->client = c->peer;
        memcpy(c->id, c->first, sizeof(c->id));
    }
    http_conn_set_busy(c, false);
    str path = to_str(req->input.path);
    path.n = req->query_at < path.n ? req->query_at : path.n; /* queries may hold what is private */
    obs_log(EV_HTTP_REQUEST, str_from_cstr(c->id),
            OBS_STR("peer", net_address_ip(&c->client, peer)),
            OBS_STR("method", to_str(req->input.method)),
            OBS_STR("path", str_slice(path, 0, LOG_PATH_MAX)), OBS_INT("status", req->res.status),
            OBS_INT("bytes", req->bytes_sent), OBS_BOOL("tls", c->sock->ssl != NULL),
            OBS_INT("ms", clock_monotonic_ms() - c->began_ms));
    obs_count(METRIC_HTTP_REQUESTS, status_class(req->res.status), 1);
    if (req->http1_is_persistent)
        return;
    throw_away_input(c);
    http_conn_is_closing(c);
}

static void add_gate(h2o_pathconf_t *path, struct http_thread *t)
{
    struct gate_handler *gate =
        CONTAINER_OF(h2o_create_handler(path, sizeof(*gate)), struct gate_handler, super);
    gate->super.on_req = on_request;
    gate->thread = t;
    struct gate_logger *logger =
        CONTAINER_OF(h2o_create_logger(path, sizeof(*logger)), struct gate_logger, super);
    logger->super.log_access = on_request_end;
    logger->thread = t;
}

/* Longer prefixes first: libh2o takes the first that fits. */
struct route {
    const char *prefix;
    const struct http_mount *mount; /* NULL: the loop's */
};

static int by_length(const void *a, const void *b)
{
    size_t na = strlen(((const struct route *)a)->prefix);
    size_t nb = strlen(((const struct route *)b)->prefix);
    return na == nb ? 0 : na < nb ? 1 : -1;
}

bool gate_register(struct http_thread *t, struct err *e)
{
    const struct http_server_options *o = &t->server->options;
    struct route routes[ROUTES_MAX];
    size_t n = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&t->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    if (o->n_handled + o->n_mounts > ROUTES_MAX)
        return ERR(e, ERR_INTERNAL, "more than %d paths", ROUTES_MAX);
    for (size_t i = 0; i < o->n_handled; i++)
        routes[n++] = (struct route){ .prefix = o->handled[i] };
    for (size_t i = 0; i < o->n_mounts; i++)
        routes[n++] = (struct route){ .prefix = o->mounts[i].prefix, .mount = &o->mounts[i] };
    qsort(routes, n, sizeof(routes[0]), by_length);
    add_gate(&host->fallback_path, t);
    reply_register(&host->fallback_path, t);
    for (size_t i = 0; i < n; i++) {
        h2o_pathconf_t *path = h2o_config_register_path(host, routes[i].prefix, 0);
        add_gate(path, t);
        if (!routes[i].mount) {
            reply_register(path, t);
        } else if (!mount_register(path, t, routes[i].mount, e)) {
            return false;
        }
    }
    return true;
}
