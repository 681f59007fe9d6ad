/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to what the DNS should say of this server. */
#include "services/app/self.h"

#include "obs/obs.h"
#include "reports/received.h"
#include "services/app/pools.h"

static bool read_sources(const struct config *config, struct arena *a, struct published_self *out,
                         struct err *e)
{
    const struct config_list given = config_list(config, CONFIG_DELIVERY_SOURCE);
    struct net_address *list = ARENA_ARRAY(a, struct net_address, given.n + 1);
    for (size_t i = 0; i < given.n; i++) {
        if (!net_address_parse_ip(str_from_cstr(given.items[i]), &list[i], e))
            return err_wrap(e, "delivery.source");
    }
    out->sources = list;
    out->n_sources = given.n;
    return true;
}

static bool is_among(const struct net_address *one, const struct net_address *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (net_address_is_same_ip(&list[i], one))
            return true;
    }
    return false;
}

/* Those of all pools, each once, and none that is a source anyway. */
static bool read_pools(const struct config *config, struct arena *a, struct published_self *out,
                       struct err *e)
{
    const struct config_list given = config_list(config, CONFIG_DELIVERY_POOLS);
    struct net_address *list = ARENA_ARRAY(a, struct net_address, PUBLISHED_POOLS_MAX);
    size_t n = 0;
    for (size_t i = 0; i < given.n; i++) {
        struct app_pool pool;
        if (!app_pool_parse(str_from_cstr(given.items[i]), a, &pool, e))
            return false;
        for (size_t k = 0; k < pool.n && n < PUBLISHED_POOLS_MAX; k++) {
            if (!is_among(&pool.list[k], out->sources, out->n_sources) &&
                !is_among(&pool.list[k], list, n))
                list[n++] = pool.list[k];
        }
    }
    out->pools = list;
    out->n_pools = n;
    return true;
}

/* NULL: none is named, or it cannot be read. */
static const uint8_t *read_next_key(const struct config *config, struct arena *a)
{
    const char *path = config_text(config, CONFIG_TLS_NEXT_CERTIFICATE);
    uint8_t *key = arena_alloc(a, TLS_KEY_SHA256);
    struct err why = ERR_CLEAR;
    if (!*path)
        return NULL;
    if (tls_file_key_sha256(path, key, &why))
        return key;
    obs_log(EV_TLSA_NEXT_FAILED, STR_EMPTY, OBS_ERR(&why));
    return NULL;
}

bool app_self(const struct app *app, struct arena *a, struct published_self *out, struct err *e)
{
    const char *inbox = config_text(app->config, CONFIG_REPORTS_INBOX);
    const char *helo = config_text(app->config, CONFIG_DELIVERY_EHLO_NAME);
    uint8_t *key = arena_alloc(a, TLS_KEY_SHA256);
    *out = (struct published_self){
        .host = app->hostname,
        .helo = *helo ? helo : app->hostname,
        .inbox = *inbox ? inbox : "postmaster",
        .next_tls_key = read_next_key(app->config, a),
        .allow_private = config_bool(app->config, CONFIG_DELIVERY_ALLOW_PRIVATE),
        .signs_mail = config_bool(app->config, CONFIG_SECURITY_SIGN_OUTBOUND),
    };
    if (config_bool(app->config, CONFIG_REPORTS_HTTPS))
        out->report_path = REPORTS_POST_PATH;
    if (app->tls && tls_server_key_sha256(app->tls, app->hostname, key))
        out->tls_key = key;
    return read_sources(app->config, a, out, e) && read_pools(app->config, a, out, e);
}
