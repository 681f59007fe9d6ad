/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor of the service, its listeners, and what its sessions share. */
#include "services/pop3/service.h"

#include "config/config.h"
#include "services/pop3/commands.h"
#include "services/pop3/session.h"

#include <stdlib.h>

struct net_count *pop3_guest_enter(struct pop3_service *service)
{
    struct app *app = service->app;
    const struct net_tally_limit limit = {
        .max_open = (unsigned)config_int(app->config, CONFIG_LIMITS_POP3_BEFORE_LOGIN),
    };
    return net_tally_enter(app->tally, STR("pop3 before login"), &limit, clock_monotonic_ms());
}

struct net_count *pop3_slot_enter(struct pop3_service *service, int64_t account_id,
                                  const struct net_address *peer)
{
    struct app *app = service->app;
    char group[NET_ADDRESS_TEXT];
    char name[NET_ADDRESS_TEXT + 32];
    const struct net_tally_limit limit = {
        .max_open = (unsigned)config_int(app->config, CONFIG_LIMITS_POP3_PER_USER_IP),
    };
    str from = net_address_group(peer, 0, group);
    int n =
        snprintf(name, sizeof(name), "pop3 user %lld %.*s", (long long)account_id, STR_FMT(from));
    return net_tally_enter(app->tally, str_of(name, (size_t)n), &limit, clock_monotonic_ms());
}

/* An account was disabled, removed or changed: its sessions look before they go on (U13). -1: hints
 * may have been lost, for all of them. */
static void account_changed(enum notify_topic topic, int64_t id, void *arg)
{
    struct pop3_service *service = arg;
    (void)topic;
    LIST_FOR_EACH (item, &service->sessions) {
        struct pop3_session *s = CONTAINER_OF(item, struct pop3_session, link);
        if (s->account_id == 0 || (id != -1 && id != s->account_id))
            continue;
        s->recheck_ms = 0;
        net_conn_wake(s->conn);
    }
}

static bool start(struct app *app, struct err *e)
{
    struct pop3_service *service = HEAP_NEW(struct pop3_service);
    (void)e;
    service->app = app;
    list_init(&service->sessions);
    service->account_listener.fn = account_changed;
    service->account_listener.arg = service;
    notify_listen(app->notify, NOTIFY_ACCOUNT, &service->account_listener);
    app->pop3 = service;
    return true;
}

static void stop(struct app *app)
{
    if (app->pop3)
        notify_unlisten(&app->pop3->account_listener);
    free(app->pop3);
    app->pop3 = NULL;
}

static void *context(struct app *app, const struct app_listener_kind *kind)
{
    (void)kind;
    return app->pop3;
}

static const struct app_listener_kind kinds[] = {
    { .name = "pop3",
      .default_port = 110,
      .protocol = &pop3_protocol,
      .context = context,
      .limit_scope = "pop3",
      .per_ip_param = CONFIG_LIMITS_POP3_BEFORE_LOGIN_PER_IP },
    { .name = "pop3s",
      .default_port = 995,
      .implicit_tls = true,
      .protocol = &pop3_protocol,
      .context = context,
      .limit_scope = "pop3",
      .per_ip_param = CONFIG_LIMITS_POP3_BEFORE_LOGIN_PER_IP },
};

const struct app_service pop3_service = {
    .role = "pop3",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
    .command = pop3_command_describe,
};
