/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor of the service, its listeners, and what its sessions share. */
#include "services/imap/service.h"

#include "config/config.h"
#include "services/imap/commands.h"
#include "services/imap/fetch_bytes.h"
#include "services/imap/session.h"

#include <stdlib.h>

enum {
    ROUND_MS = 15 * 1000, /* an account that ended loses its sessions within 30 s (U13) */
    LOOK_MS = 5 * 1000
};

/* ---- what is counted ---- */

struct net_count *imap_guest_enter(struct imap_service *service)
{
    struct app *app = service->app;
    const struct net_tally_limit limit = {
        .max_open = (unsigned)config_int(app->config, CONFIG_LIMITS_IMAP_BEFORE_LOGIN),
    };
    return net_tally_enter(app->tally, STR("imap before login"), &limit, clock_monotonic_ms());
}

struct net_count *imap_slot_enter(struct imap_service *service, int64_t account_id,
                                  const struct net_address *peer)
{
    struct app *app = service->app;
    char group[NET_ADDRESS_TEXT];
    char name[NET_ADDRESS_TEXT + 32];
    const struct net_tally_limit limit = {
        .max_open = (unsigned)config_int(app->config, CONFIG_LIMITS_IMAP_PER_USER_IP),
    };
    str from = net_address_group(peer, 0, group);
    int n =
        snprintf(name, sizeof(name), "imap user %lld %.*s", (long long)account_id, STR_FMT(from));
    return net_tally_enter(app->tally, str_of(name, (size_t)n), &limit, clock_monotonic_ms());
}

/* ---- start and stop ---- */

/* An account was disabled, removed or changed: its sessions look before they go on (U13). */
static void account_changed(enum notify_topic topic, int64_t id, void *arg)
{
    struct imap_service *service = arg;
    (void)topic;
    LIST_FOR_EACH (item, &service->sessions) {
        struct imap_session *s = CONTAINER_OF(item, struct imap_session, link);
        if (s->account_id == 0 || (id != -1 && id != s->account_id))
            continue;
        s->must_recheck = true;
        net_conn_wake(s->conn);
    }
}

/* One statement for the accounts of all sessions, however many: most of them do nothing. */
YIELDS static void look_at_accounts(struct imap_service *service, struct arena *a)
{
    struct err e = ERR_CLEAR;
    struct auth_accounts ended;
    size_t n = 0;
    LIST_FOR_EACH (item, &service->sessions)
        n++;
    struct auth_ticket *tickets = ARENA_ARRAY(a, struct auth_ticket, n + 1);
    n = 0;
    LIST_FOR_EACH (item, &service->sessions) {
        const struct imap_session *s = CONTAINER_OF(item, struct imap_session, link);
        if (s->account_id != 0)
            tickets[n++] = s->ticket;
    }
    if (!auth_tickets_ended(service->app->db, tickets, n, a, clock_deadline_in(LOOK_MS), &ended,
                            &e))
        return; /* the next round asks again */
    for (size_t i = 0; i < ended.n; i++)
        account_changed(NOTIFY_ACCOUNT, ended.list[i], service);
}

static void next_round(struct imap_service *service)
{
    if (!runtime_is_draining(service->app->runtime))
        timer_start(service->app->runtime, &service->account_round, clock_deadline_in(ROUND_MS));
}

YIELDS static void run_round(void *arg)
{
    struct imap_service *service = arg;
    struct arena a;
    arena_init(&a);
    look_at_accounts(service, &a);
    imap_boxes_expire(&service->boxes, clock_monotonic_ms());
    arena_fini(&a);
    next_round(service);
}

static void begin_round(void *arg)
{
    struct imap_service *service = arg;
    struct err e = ERR_CLEAR;
    if (!fiber_spawn(service->app->runtime, "imap accounts", run_round, service, NULL, &e))
        next_round(service);
}

static struct imap_service *service_of(struct app *app)
{
    if (app->imap)
        return app->imap;
    struct imap_service *service = HEAP_NEW(struct imap_service);
    service->app = app;
    list_init(&service->sessions);
    list_init(&service->loaded);
    imap_boxes_init(&service->boxes, app->store);
    imap_bytes_share(service);
    app->imap = service;
    return service;
}

static bool start(struct app *app, struct err *e)
{
    struct imap_service *service = service_of(app);
    (void)e;
    service->account_listener.fn = account_changed;
    service->account_listener.arg = service;
    notify_listen(app->notify, NOTIFY_ACCOUNT, &service->account_listener);
    timer_init(&service->account_round, begin_round, service);
    next_round(service);
    return true;
}

static void stop(struct app *app)
{
    struct imap_service *service = app->imap;
    if (!service)
        return;
    notify_unlisten(&service->account_listener);
    timer_stop(app->runtime, &service->account_round);
    imap_boxes_fini(&service->boxes);
    free(service);
    app->imap = NULL;
}

static void *context(struct app *app, const struct app_listener_kind *kind)
{
    (void)kind;
    return service_of(app);
}

static const struct app_listener_kind kinds[] = {
    { .name = "imap",
      .default_port = 143,
      .protocol = &imap_protocol,
      .context = context,
      .limit_scope = "imap",
      .per_ip_param = CONFIG_LIMITS_IMAP_BEFORE_LOGIN_PER_IP },
    { .name = "imaps",
      .default_port = 993,
      .implicit_tls = true,
      .protocol = &imap_protocol,
      .context = context,
      .limit_scope = "imap",
      .per_ip_param = CONFIG_LIMITS_IMAP_BEFORE_LOGIN_PER_IP },
};

const struct app_service imap_service = {
    .role = "imap",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
    .capability = imap_capability_describe,
    .command = imap_command_describe,
};
