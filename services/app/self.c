/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to what the DNS should say of this server. */
#include "services/app/self.h"

#include "reports/received.h"

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

bool app_self(const struct app *app, struct arena *a, struct published_self *out, struct err *e)
{
    const char *inbox = config_text(app->config, CONFIG_REPORTS_INBOX);
    const char *helo = config_text(app->config, CONFIG_DELIVERY_EHLO_NAME);
    uint8_t *key = arena_alloc(a, TLS_KEY_SHA256);
    *out = (struct published_self){
        .host = app->hostname,
        .helo = *helo ? helo : app->hostname,
        .inbox = *inbox ? inbox : "postmaster",
        .allow_private = config_bool(app->config, CONFIG_DELIVERY_ALLOW_PRIVATE),
    };
    if (config_bool(app->config, CONFIG_REPORTS_HTTPS))
        out->report_path = REPORTS_POST_PATH;
    if (app->tls && tls_server_key_sha256(app->tls, app->hostname, key))
        out->tls_key = key;
    return read_sources(app->config, a, out, e);
}
