/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets in the tally, as for requests of the API. */
#include "services/smtp/rate.h"

#include "config/config.h"
#include "obs/obs.h"

enum {
    LEVELS = 2,
    NETWORK_FACTOR = 3,
    WINDOW_US = 60 * 1000 * 1000
};

static const struct {
    const char *word; /* of names, metric and log */
    enum config_param param;
} rates[] = {
    [SMTP_RATE_MESSAGES] = { "messages", CONFIG_LIMITS_SMTP_MESSAGES_PER_MINUTE },
    [SMTP_RATE_RECIPIENTS] = { "recipients", CONFIG_LIMITS_SMTP_RECIPIENTS_PER_MINUTE },
};

static bool is_limited(const struct smtp_session *s)
{
    const struct app *app = s->state->app;
    const struct net_address *client = smtp_client(s);
    return s->front->policy == SMTP_INBOUND && app->tally &&
           !(client && app->local && net_networks_contain(app->local, client));
}

static bool take(const struct smtp_session *s, enum smtp_rate what, unsigned level)
{
    char group[NET_ADDRESS_TEXT];
    char name[NET_ADDRESS_TEXT + 32];
    int64_t most = config_int(s->state->app->config, rates[what].param);
    const struct net_tally_want want = {
        .cost_us = WINDOW_US / (most * (level == 0 ? 1 : NETWORK_FACTOR)),
        .window_us = WINDOW_US,
        .now_us = clock_monotonic_ms() * 1000,
        .is_shared = true,
    };
    int64_t full_us;
    str from = net_address_group(net_conn_peer(s->conn), level, group);
    int n = snprintf(name, sizeof(name), "smtp %s %.*s", rates[what].word, STR_FMT(from));
    INVARIANT(n > 0 && (size_t)n < sizeof(name));
    return net_tally_take(s->state->app->tally, str_of(name, (size_t)n), &want, &full_us) !=
           NET_TALLY_TOO_LITTLE;
}

bool smtp_rate_take(const struct smtp_session *s, enum smtp_rate what)
{
    char ip[NET_ADDRESS_TEXT];
    if (!is_limited(s))
        return true;
    for (unsigned level = 0; level < LEVELS; level++) {
        if (take(s, what, level))
            continue;
        obs_count(METRIC_SMTP_RATE_LIMITED, rates[what].word, 1);
        obs_log(EV_SMTP_RATE_LIMITED, net_conn_id(s->conn), OBS_CSTR("what", rates[what].word),
                OBS_CSTR("of", level == 0 ? "address" : "network"),
                OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), ip)));
        return false;
    }
    return true;
}
