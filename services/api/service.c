/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor of the service, its listeners, the apps' folders and the header fields of all answers.
 */
#include "services/api/service.h"

#include "config/config.h"
#include "services/api/api.h"
#include "services/api/events.h"
#include "services/api/monitor.h"
#include "services/api/mta_sts.h"
#include "services/api/report_post.h"
#include "services/app/listeners.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HTTPS_PORT = 443,
    BODY_MAX = (4 << 20) + (64 << 10), /* a part of an upload, and some */
    RATE_WINDOW_S = 60,
    SESSION_FACTOR = 5,
    MONITOR_PORT = 9464, /* where OpenTelemetry offers Prometheus its metrics */
    MONITOR_CONNECTIONS = 1000,
    MONITOR_BODY_MAX = 1024
};

/* What the apps may do (WEB.md 2.4): nothing from elsewhere, no code in text, no frame around. */
#define APP_POLICY                                                                     \
    "default-src 'self'; script-src 'self'; style-src-elem 'self'; "                   \
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; " \
    "frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "       \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; "                     \
    "trusted-types svelte-trusted-html dompurify heronry squire-undo"

static const struct http_field all_fields[] = {
    { STR_INIT("x-content-type-options"), STR_INIT("nosniff") },
    { STR_INIT("referrer-policy"), STR_INIT("no-referrer") },
    { STR_INIT("cross-origin-opener-policy"), STR_INIT("same-origin") },
    { STR_INIT("cross-origin-resource-policy"), STR_INIT("same-origin") },
    { STR_INIT("strict-transport-security"), STR_INIT("max-age=31536000") },
    { STR_INIT("permissions-policy"),
      STR_INIT("camera=(), microphone=(), geolocation=(), payment=(), usb=()") },
};

static const struct http_field app_fields[] = {
    { STR_INIT("content-security-policy"), STR_INIT(APP_POLICY) },
    { STR_INIT("x-frame-options"), STR_INIT("DENY") },
};

/* No browser's business, and no TLS. */
static const struct http_field monitor_fields[] = {
    { STR_INIT("x-content-type-options"), STR_INIT("nosniff") },
};

static const char *const handled[] = { "/api/", "/health", "/metrics", MTA_STS_PATH,
                                       REPORTS_POST_PATH };

/* ---- the apps ---- */

static bool has_app(const char *folder, struct arena *a)
{
    struct stat st;
    return stat(arena_cstr(a, arena_printf(a, "%s/webmail/index.html", folder)), &st) == 0;
}

/* The folder of the configuration; else beside the program, where a build has it, or where
 * installing puts it. NULL: there is none. In the arena. */
static const char *find_folder(const struct app *app, struct arena *a)
{
    char *program = arena_alloc(a, PATH_MAX);
    const char *wanted = config_text(app->config, CONFIG_WEB_FOLDER);
    if (*wanted)
        return wanted;
    ssize_t n = readlink("/proc/self/exe", program, PATH_MAX - 1);
    str dir = n > 0 ? str_of(program, (size_t)n) : STR_EMPTY;
    ptrdiff_t slash = str_rfind_byte(dir, '/');
    dir = str_slice(dir, 0, slash > 0 ? (size_t)slash : 0);
    const char *places[] = {
        arena_cstr(a, arena_printf(a, "%.*s/web", STR_FMT(dir))),
        arena_cstr(a, arena_printf(a, "%.*s/../share/heronry/web", STR_FMT(dir))),
    };
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (has_app(places[i], a))
            return places[i];
    }
    return NULL;
}

/* A folder that somebody named must be there. */
static bool make_mounts(struct api *api, struct err *e)
{
    struct arena *a = &api->arena;
    const char *folder = find_folder(api->app, a);
    static const struct {
        const char *prefix;
        const char *name;
        const char *immutable;
    } apps[] = { { "/", "webmail", "/assets/" }, { "/admin/", "admin", "/admin/assets/" } };
    if (!folder)
        return true;
    if (!has_app(folder, a))
        return ERR(e, ERR_SYNTAX, "web.folder: there is no webmail/index.html in %s", folder);
    for (size_t i = 0; i < COUNT_OF(apps); i++) {
        struct stat st;
        const char *path = arena_cstr(a, arena_printf(a, "%s/%s", folder, apps[i].name));
        if (stat(path, &st) != 0)
            continue;
        api->mounts[api->n_mounts++] = (struct http_mount){
            .prefix = apps[i].prefix,
            .folder = path,
            .fallback = "index.html",
            .fields = app_fields,
            .n_fields = COUNT_OF(app_fields),
            .immutable = apps[i].immutable,
        };
    }
    return true;
}

/* Our own name and those of the configuration. */
static void make_hosts(struct api *api, struct http_server_options *out)
{
    struct config_list given = config_list(api->app->config, CONFIG_WEB_HOSTS);
    const char **hosts = ARENA_ARRAY(&api->arena, const char *, given.n + 1);
    hosts[0] = api->app->hostname;
    for (size_t i = 0; i < given.n; i++)
        hosts[i + 1] = given.items[i];
    out->hosts = hosts;
    out->n_hosts = given.n + 1;
}

/* ---- limits ---- */

static void make_rates(struct api *api)
{
    const struct config *c = api->app->config;
    uint64_t token = (uint64_t)config_int(c, CONFIG_LIMITS_API_TOKEN_PER_MINUTE);
    uint64_t anonymous = (uint64_t)config_int(c, CONFIG_LIMITS_API_ANONYMOUS_PER_MINUTE);
    struct net_tally *tally = api->app->tally;
    api->rates.token = http_rates_new("token", token, RATE_WINDOW_S, tally);
    api->rates.session = http_rates_new("session", token * SESSION_FACTOR, RATE_WINDOW_S, tally);
    api->rates.address = http_rates_new("address", anonymous, RATE_WINDOW_S, tally);
    api->rates.secrets = http_rates_new("secrets", anonymous, RATE_WINDOW_S, tally);
    api->rates.policies = http_rates_new("policies", anonymous, RATE_WINDOW_S, tally);
    api->rates.reports = http_rates_new("reports", anonymous, RATE_WINDOW_S, tally);
}

/* ---- life ---- */

static void account_changed(enum notify_topic topic, int64_t id, void *arg)
{
    struct api *api = arg;
    (void)topic;
    auth_grants_forget(api->grants, id > 0 ? id : 0);
    events_account_changed(api, id);
}

struct api *api_new(struct app *app)
{
    struct api *api = HEAP_NEW(struct api);
    api->app = app;
    arena_init(&api->arena);
    api->grants = auth_grants_new(app->db);
    api->began_us = clock_utc_us();
    api->https_port = HTTPS_PORT;
    api->account_changed = (struct notify_listener){ .fn = account_changed, .arg = api };
    notify_listen(app->notify, NOTIFY_ACCOUNT, &api->account_changed);
    events_init(api);
    semaphore_init(&api->whole_messages, API_WHOLE_MESSAGES);
    api->part_places = part_places_new();
    return api;
}

void api_free(struct api **api_ptr)
{
    struct api *api = *api_ptr;
    *api_ptr = NULL;
    if (!api)
        return;
    if (api->server)
        http_server_free(&api->server);
    if (api->monitor)
        http_server_free(&api->monitor);
    events_fini(api);
    notify_unlisten(&api->account_changed);
    if (api->rates.token) {
        http_rates_free(&api->rates.token);
        http_rates_free(&api->rates.session);
        http_rates_free(&api->rates.address);
        http_rates_free(&api->rates.secrets);
        http_rates_free(&api->rates.policies);
        http_rates_free(&api->rates.reports);
    }
    auth_grants_free(&api->grants);
    part_places_free(&api->part_places);
    arena_fini(&api->arena);
    free(api);
}

/* The port that browsers know https by: of the first such listener of the configuration. */
static unsigned find_https_port(const struct app *app)
{
    size_t n;
    const struct config_listener *list = config_listeners(app->config, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].kind, "https") == 0 && list[i].port)
            return list[i].port;
    }
    return HTTPS_PORT;
}

static bool start(struct app *app, struct err *e)
{
    struct api *api = api_new(app);
    app->api = api;
    api->https_port = find_https_port(app);
    make_rates(api);
    events_start(api);
    if (!make_mounts(api, e))
        return false;
    struct http_server_options options = {
        .handle = api_serve,
        .arg = api,
        .mounts = api->mounts,
        .n_mounts = api->n_mounts,
        .handled = handled,
        .n_handled = COUNT_OF(handled),
        .fields = all_fields,
        .n_fields = COUNT_OF(all_fields),
        .trusted = app->proxies,
        .body_max = BODY_MAX,
        .max_connections = (unsigned)config_int(app->config, CONFIG_LIMITS_HTTP_CONNECTIONS),
        .max_per_ip = (unsigned)config_int(app->config, CONFIG_LIMITS_HTTP_PER_IP),
        .tally = app->tally,
    };
    make_hosts(api, &options);
    api->server = http_server_new(app->runtime, &options, e);
    return api->server != NULL;
}

static void stop(struct app *app)
{
    api_free(&app->api);
}

/* For a command: without listeners, limits and streams. */
YIELDS static void dispatch(struct app *app, const struct app_request *request, struct arena *a,
                            struct app_response *out)
{
    struct api *api = api_new(app);
    const struct api_request wanted = { request->method, request->path, request->body };
    struct api_response answer = { .status = 0 };
    api_dispatch(api, &wanted, a, &answer);
    char *text = answer.json ? json_dumps(answer.json, JSON_COMPACT) : NULL;
    *out = (struct app_response){ answer.status, arena_str(a, str_from_cstr(text)) };
    free(text);
    json_decref(answer.json);
    api_free(&api);
}

static bool listen_http(struct app *app, const struct app_listener *listener, int fd, struct err *e)
{
    struct api *api = app->api;
    if (listener->kind->implicit_tls)
        api->https_port = net_address_port(&listener->address);
    const struct http_listener_options options = {
        .tls = listener->kind->implicit_tls ? app->tls : NULL,
        .proxy_from = listener->proxy_protocol ? app->proxies : NULL,
        .to_https = listener->kind->implicit_tls || !app->tls ? 0 : api->https_port,
    };
    return http_server_listen(api->server, fd, &options, e);
}

/* A server of its own: whoever fills the public one does not keep those out who look after it. It
 * knows no proxies, so that nobody can borrow an address (ATTACKS A23). */
static bool listen_monitor(struct app *app, const struct app_listener *listener, int fd,
                           struct err *e)
{
    struct api *api = app->api;
    const struct http_listener_options plain = { .tls = NULL };
    const struct http_server_options options = {
        .handle = monitor_serve,
        .arg = api,
        .fields = monitor_fields,
        .n_fields = COUNT_OF(monitor_fields),
        .body_max = MONITOR_BODY_MAX,
        .max_connections = MONITOR_CONNECTIONS,
        .max_per_ip = (unsigned)config_int(app->config, CONFIG_LIMITS_HTTP_PER_IP),
    };
    (void)listener;
    if (!api->monitor)
        api->monitor = http_server_new(app->runtime, &options, e);
    if (!api->monitor) {
        (void)close(fd);
        return false;
    }
    return http_server_listen(api->monitor, fd, &plain, e);
}

static const struct app_listener_kind kinds[] = {
    /* https first: http sends browsers to its port. */
    { .name = "https", .default_port = HTTPS_PORT, .implicit_tls = true, .listen = listen_http },
    { .name = "http", .default_port = 80, .listen = listen_http },
    { .name = "metrics",
      .default_port = MONITOR_PORT,
      .is_on_request = true,
      .listen = listen_monitor },
};

const struct app_service api_service = {
    .role = "api",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
    .dispatch = dispatch,
};
