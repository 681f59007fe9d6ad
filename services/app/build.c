/* SPDX-License-Identifier: Apache-2.0 */
/* Builds struct app from the configuration, and takes it apart again. */
#include "services/app/build.h"

#include "account/account.h"
#include "auth/auth.h"
#include "cluster/counts.h"
#include "db/db.h"
#include "dns/dns.h"
#include "notify/notify.h"
#include "obs/components.h"
#include "queue/queue.h"
#include "redis/redis.h"
#include "reports/reports.h"
#include "services/app/endpoints.h"
#include "services/app/health.h"
#include "services/app/node_id.h"
#include "services/app/sending.h"
#include "services/app/server_key.h"
#include "services/app/tlsa.h"
#include "spam/spam.h"
#include "store/store.h"

#include <limits.h>

/* One configuration that was in use, kept because texts of it may be borrowed. */
struct kept_config {
    struct config *config;
    struct kept_config *next;
};

struct app_private {
    struct app app;
    struct arena arena; /* lives as long as the process */
    struct net_networks proxies;
    struct net_networks monitors;
    struct net_networks xclients;
    struct net_networks lmtp_clients;
    struct net_networks local;
    struct app_server_key server_key;
    struct app_node node;
    struct app_watch *watch; /* NULL in tools */
    struct app_tlsa *tlsa;
    struct notify_listener account_changed;
    struct notify_listener directory_changed;
    struct net_tally *own_tally;   /* when none was given */
    struct cluster_counts *counts; /* NULL: others are told of nothing */
    struct kept_config *former;
};

static struct app_private *private_of(struct app *app)
{
    return CONTAINER_OF(app, struct app_private, app);
}

void app_log_init(const struct config *config, const char *name, int fd)
{
    struct arena a;
    enum obs_level least = OBS_INFO;
    arena_init(&a);
    (void)obs_level_parse(str_from_cstr(config_text(config, CONFIG_LOGGING_LEVEL)), &least);
    bool json = str_eq(str_from_cstr(config_text(config, CONFIG_LOGGING_FORMAT)), STR("json"));
    const char *components = config_list_joined(config, CONFIG_LOGGING_COMPONENTS, &a);
    obs_log_init(fd, least, json ? OBS_JSON : OBS_TEXT, name, components);
    obs_log_set_levels(components, least, config_list_joined(config, CONFIG_LOGGING_LEVELS, &a));
    arena_fini(&a);
}

const char *app_hostname(const struct config *config, struct arena *a)
{
    const char *name = config_text(config, CONFIG_HOSTNAME);
    char own[HOST_NAME_MAX + 1] = "";
    if (*name)
        return name;
    if (gethostname(own, sizeof(own) - 1) != 0 || !own[0])
        return "localhost";
    return arena_cstr(a, str_from_cstr(own));
}

/* ---- changes of the directory, here and in other processes ---- */

static void tell_change(int64_t account_id, void *arg)
{
    const struct app *app = arg;
    notify_tell(app->notify, account_id ? NOTIFY_ACCOUNT : NOTIFY_DIRECTORY, account_id);
}

static void hear_change(enum notify_topic topic, int64_t id, void *arg)
{
    struct app *app = arg;
    account_directory_forget(app->accounts);
    if (topic == NOTIFY_ACCOUNT)
        auth_forget(app->auth, id > 0 ? id : 0);
}

static void listen_to_changes(struct app_private *p)
{
    p->account_changed = (struct notify_listener){ .fn = hear_change, .arg = &p->app };
    p->directory_changed = p->account_changed;
    notify_listen(p->app.notify, NOTIFY_ACCOUNT, &p->account_changed);
    notify_listen(p->app.notify, NOTIFY_DIRECTORY, &p->directory_changed);
}

/* ---- the parts, lowest first ---- */

static unsigned number(const struct config *c, enum config_param p)
{
    return (unsigned)config_int(c, p);
}

static bool open_clients(struct app *app, struct arena *a, struct err *e)
{
    const struct config *c = app->config;
    struct app_endpoints at;
    if (!app_endpoints_find(c, a, &at, e))
        return false;
    const struct db_options db = {
        .conninfo = at.database,
        .shared = { [DB_READ] = number(c, CONFIG_DATABASE_POOL_READ),
                    [DB_AUTH] = number(c, CONFIG_DATABASE_POOL_AUTH),
                    [DB_DELIVER] = number(c, CONFIG_DATABASE_POOL_DELIVER),
                    [DB_SEARCH] = number(c, CONFIG_DATABASE_POOL_SEARCH) },
        .exclusive = { [DB_READ] = number(c, CONFIG_DATABASE_TRANSACTIONS_READ),
                       [DB_AUTH] = number(c, CONFIG_DATABASE_TRANSACTIONS_AUTH),
                       [DB_DELIVER] = number(c, CONFIG_DATABASE_TRANSACTIONS_DELIVER),
                       [DB_SEARCH] = number(c, CONFIG_DATABASE_TRANSACTIONS_SEARCH) },
        .named_statements = config_bool(c, CONFIG_DATABASE_PREPARED),
    };
    app->db = db_new(app->runtime, &db);
    const struct redis_options redis = { .url = at.redis };
    return !at.redis || (app->redis = redis_new(app->runtime, &redis, e)) != NULL;
}

static bool open_dns(struct app *app, struct err *e)
{
    const struct config *c = app->config;
    const char *forward = config_text(c, CONFIG_DNS_FORWARD);
    const char *anchors = config_text(c, CONFIG_DNS_ANCHOR_FILE);
    const char *zone = config_text(c, CONFIG_DNS_STUB_ZONE);
    const struct dns_options options = {
        .forward = *forward ? forward : NULL,
        .anchor_file = !config_bool(c, CONFIG_DNS_VALIDATE) ? ""
                       : *anchors                           ? anchors
                                                            : NULL,
        .stub_zone = *zone ? zone : NULL,
        .stub_server = *zone ? config_text(c, CONFIG_DNS_STUB_SERVER) : NULL,
    };
    app->dns = dns_new(app->runtime, &options, e);
    return app->dns != NULL;
}

/* *out: NULL for an empty list. */
static bool read_networks(struct app_private *p, enum config_param param,
                          struct net_networks *networks, const struct net_networks **out,
                          struct err *e)
{
    struct config_list list = config_list(p->app.config, param);
    networks->list = ARENA_ARRAY(&p->arena, struct net_network, list.n);
    for (size_t i = 0; i < list.n; i++) {
        if (!net_network_parse(str_from_cstr(list.items[i]), &networks->list[networks->n++], e))
            return err_wrap(e, "network %s", list.items[i]);
    }
    *out = list.n > 0 ? networks : NULL;
    return true;
}

/* The configuration says 0 for "none", the module wants a number below 0, as its 0 is a default. */
static int64_t or_none(int64_t ms)
{
    return ms > 0 ? ms : -1;
}

static void open_auth(struct app *app)
{
    const struct config *c = app->config;
    const struct auth_options options = {
        .per_ip_per_minute = number(c, CONFIG_AUTH_PER_IP_PER_MINUTE),
        .per_ip_per_day = number(c, CONFIG_AUTH_PER_IP_PER_DAY),
        .per_account_per_hour = number(c, CONFIG_AUTH_PER_ACCOUNT_PER_HOUR),
        .per_second = number(c, CONFIG_AUTH_PER_SECOND),
        .delay_ms = or_none(config_int(c, CONFIG_AUTH_DELAY)),
        .delay_max_ms = config_int(c, CONFIG_AUTH_DELAY_MAX),
        .cache_ms = or_none(config_int(c, CONFIG_AUTH_CACHE)),
        .hash = { .memory_kib = (uint32_t)(config_int(c, CONFIG_AUTH_HASH_MEMORY) / 1024),
                  .passes = number(c, CONFIG_AUTH_HASH_PASSES),
                  .lanes = 1 },
    };
    app->auth = auth_new(app->accounts, app->db, app->redis, &options);
}

static void open_state(struct app_private *p)
{
    struct app *app = &p->app;
    const struct config *c = app->config;
    const struct account_directory_options directory = {
        .changed = tell_change,
        .arg = app,
        .seal_key = p->server_key.is_known ? p->server_key.octets : NULL,
    };
    app->notify = notify_new(app->runtime, app->db, app->redis, NULL);
    const struct store_options store = {
        .runtime = app->runtime,
        .db = app->db,
        .notify = app->notify,
        .node_id = app->node_id,
        .keep_gone_ms = config_int(c, CONFIG_MAIL_KEEP_DELETED),
    };
    int64_t divisor = config_int(c, CONFIG_DELIVERY_TIME_DIVISOR);
    struct config_list waits = config_list(c, CONFIG_DELIVERY_RETRY_SCHEDULE);
    const struct queue_options queue = {
        .owner = app->owner,
        .node_id = app->node_id,
        .lifetime_ms = config_int(c, CONFIG_DELIVERY_EXPIRE_AFTER) / divisor,
        .delay_ms = config_int(c, CONFIG_DELIVERY_DELAY_NOTICE) / divisor,
        .time_divisor = divisor,
        .plan = { .waits_ms = waits.numbers,
                  .n = waits.n,
                  .max_attempts = number(c, CONFIG_DELIVERY_MAX_ATTEMPTS) },
        .lease_ms = config_int(c, CONFIG_DELIVERY_LEASE),
        .keep_history_ms = config_int(c, CONFIG_DELIVERY_KEEP_HISTORY),
    };
    app->accounts = account_directory_new(app->db, &directory);
    open_auth(app);
    app->sending = app_sending_rules(c);
    app->store = store_new(&store);
    app->spam = spam_new(app->db, app->notify);
    app->queue = queue_new(app->runtime, app->db, app->redis, app->notify, &queue);
}

static void open_reports(struct app *app)
{
    const struct config *c = app->config;
    const struct reports_options options = {
        .counts = { [REPORTS_TLS] = config_bool(c, CONFIG_REPORTS_TLS),
                    [REPORTS_DMARC] = config_bool(c, CONFIG_REPORTS_DMARC) },
        .failures_per_hour = config_bool(c, CONFIG_REPORTS_DMARC_FAILURE)
                                 ? config_int(c, CONFIG_REPORTS_DMARC_FAILURES_PER_HOUR)
                                 : 0,
        .spread_ms = config_int(c, CONFIG_REPORTS_SPREAD),
    };
    app->reports = reports_new(app->runtime, app->db, &options);
}

/* Tools count nothing. */
static bool open_tally(struct app_private *p, const struct app_options *options, struct err *e)
{
    enum {
        ALONE = 20000 /* names of one process */
    };
    p->app.tally = options->tally;
    if (options->tally || options->is_tool)
        return true;
    p->app.tally = p->own_tally = net_tally_new(1, ALONE, e);
    return p->own_tally != NULL;
}

static bool open_all(struct app_private *p, const struct app_options *options, struct err *e)
{
    struct app *app = &p->app;
    char host[HOST_NAME_MAX + 1] = "";
    (void)gethostname(host, sizeof(host) - 1);
    app->hostname = app_hostname(app->config, &p->arena);
    app->owner = arena_cstr(
        &p->arena, arena_printf(&p->arena, "%s/%ld/%s", host, (long)getpid(), options->process));
    if (!read_networks(p, CONFIG_PROXY_TRUSTED_NETWORKS, &p->proxies, &app->proxies, e) ||
        !read_networks(p, CONFIG_SECURITY_LOCAL_NETWORKS, &p->local, &app->local, e) ||
        !read_networks(p, CONFIG_METRICS_NETWORKS, &p->monitors, &app->monitors, e) ||
        !read_networks(p, CONFIG_XCLIENT_TRUSTED_NETWORKS, &p->xclients, &app->xclients, e) ||
        !read_networks(p, CONFIG_LMTP_NETWORKS, &p->lmtp_clients, &app->lmtp_clients, e) ||
        !app_server_key_load(app->config, &p->server_key, e) || !open_tally(p, options, e))
        return false;
    if (options->n_certificates > 0) {
        app->tls = tls_server_new(options->certificates, options->n_certificates, e);
        if (!app->tls)
            return false;
    }
    app->runtime = runtime_new(&(struct runtime_options){ 0 }, e);
    if (!app->runtime || !open_clients(app, &p->arena, e))
        return false;
    if (!options->is_tool)
        app_node_claim(&p->node, app);
    open_state(p);
    listen_to_changes(p);
    if (!options->is_tool) {
        p->watch = app_watch_new(app);
        if (app->redis)
            p->counts = cluster_counts_new(app->runtime, app->redis, app->tally, 0);
        open_reports(app);
    }
    if (options->with_dns && !open_dns(app, e))
        return false;
    /* The processes of a machine have the same certificates: one of them looks. */
    if (app->tls && app->dns && !options->is_tool && strcmp(app->process, "front.1") == 0)
        p->tlsa = app_tlsa_new(app);
    return true;
}

bool app_new(const struct app_options *options, struct app **out, struct err *e)
{
    struct app_private *p = HEAP_NEW(struct app_private);
    arena_init(&p->arena);
    p->app.config = options->config;
    p->app.process = options->process;
    p->app.services = options->services;
    *out = &p->app;
    if (open_all(p, options, e))
        return true;
    app_free(out);
    return false;
}

void app_reload(struct app *app, struct config *config)
{
    struct app_private *p = private_of(app);
    struct kept_config *kept = ARENA_NEW(&p->arena, struct kept_config);
    kept->config = config;
    kept->next = p->former;
    p->former = kept;
    app->config = config;
}

void app_free(struct app **app_ptr)
{
    struct app *app = *app_ptr;
    *app_ptr = NULL;
    if (!app)
        return;
    struct app_private *p = private_of(app);
    notify_unlisten(&p->account_changed);
    notify_unlisten(&p->directory_changed);
    app_node_stop(&p->node);
    app_watch_free(&p->watch);
    app_tlsa_free(&p->tlsa);
    cluster_counts_free(&p->counts);
    reports_free(&app->reports);
    if (app->dns)
        dns_free(&app->dns);
    spam_free(&app->spam);
    if (app->queue)
        queue_free(&app->queue);
    if (app->store)
        store_free(&app->store);
    if (app->auth)
        auth_free(&app->auth);
    if (app->accounts)
        account_directory_free(&app->accounts);
    if (app->notify)
        notify_free(&app->notify);
    if (app->redis)
        redis_free(&app->redis);
    if (app->db)
        db_free(&app->db);
    if (app->tls)
        tls_server_free(&app->tls);
    if (app->runtime)
        runtime_free(&app->runtime);
    net_tally_free(&p->own_tally);
    for (struct kept_config *kept = p->former; kept; kept = kept->next)
        config_free(&kept->config);
    arena_fini(&p->arena);
    free(p);
}
