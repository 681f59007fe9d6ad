/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the workers of outbound delivery and ends them. */
#include "services/delivery/service.h"

#include "services/app/policies.h"
#include "services/delivery/callout.h"
#include "services/delivery/delivery.h"
#include "services/delivery/egress.h"
#include "services/delivery/place.h"
#include "services/delivery/share.h"
#include "services/delivery/trial.h"
#include "services/delivery/way.h"

#include <ifaddrs.h>
#include <netinet/in.h>

/* A change of addresses while we run is seen at the next start. */
static void read_own_addresses(struct delivery *d)
{
    struct ifaddrs *list = NULL;
    size_t n = 0;
    if (getifaddrs(&list) != 0)
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        n++;
    struct net_address *own = ARENA_ARRAY(&d->arena, struct net_address, n);
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr)
            continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *in = (const void *)i->ifa_addr;
            d->n_own += net_address_from_ip(&in->sin_addr, 4, 0, &own[d->n_own]);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *in6 = (const void *)i->ifa_addr;
            d->n_own += net_address_from_ip(&in6->sin6_addr, 16, 0, &own[d->n_own]);
        }
    }
    d->own = own;
    freeifaddrs(list);
}

/* A new message may be for a destination that somebody waits for; all workers may be idle. */
static void on_queue_hint(enum notify_topic topic, int64_t id, void *arg)
{
    struct delivery *d = arg;
    (void)topic;
    (void)id;
    signal_point_all(&d->work);
}

static void on_callout_hint(enum notify_topic topic, int64_t id, void *arg)
{
    struct delivery *d = arg;
    (void)topic;
    if (id <= 0) /* else it is an answer */
        signal_point_all(&d->callouts);
}

void delivery_free(struct delivery **d_ptr)
{
    struct delivery *d = *d_ptr;
    *d_ptr = NULL;
    if (!d)
        return;
    delivery_share_fini(d);
    delivery_free_uses(d);
    mta_sts_store_free(&d->policies);
    tls_client_free(&d->tls);
    arena_fini(&d->arena);
    free(d);
}

static bool open_parts(struct delivery *d, struct err *e)
{
    const struct config *config = d->app->config;
    const char *anchors = config_text(config, CONFIG_DELIVERY_CA_FILE);
    if (!delivery_egress_read(config, &d->arena, &d->pools, &d->n_pools, e))
        return false;
    /* The facts of a handshake tell whether it would have verified; policy decides then. */
    d->tls = tls_client_new(TLS_VERIFY_NONE, *anchors ? anchors : NULL, e);
    return d->tls && app_open_policies(d->app, &d->policies, e);
}

struct delivery *delivery_new(struct app *app, struct err *e)
{
    struct delivery *d = HEAP_NEW(struct delivery);
    d->app = app;
    arena_init(&d->arena);
    signal_point_init(&d->work);
    signal_point_init(&d->reports);
    signal_point_init(&d->callouts);
    signal_point_init(&d->noted);
    semaphore_init(&d->claiming, 1);
    semaphore_init(&d->converting, DELIVERY_CONVERSIONS);
    list_init(&d->uses);
    list_init(&d->sessions);
    list_init(&d->servers);
    delivery_share_init(d);
    read_own_addresses(d);
    if (!open_parts(d, e))
        delivery_free(&d);
    return d;
}

/* Who waits for a place would get one late in the drain, and be cut in the middle of a message. */
static void on_drain(void *arg)
{
    delivery_place_give_up_all(arg);
    delivery_share_end_all(arg);
}

static void stop(struct app *app)
{
    if (!app->delivery)
        return;
    runtime_off_drain(app->runtime, on_drain, app->delivery);
    notify_unlisten(&app->delivery->queue_hint);
    notify_unlisten(&app->delivery->callout_hint);
    delivery_free(&app->delivery);
}

static bool start_fibers(struct delivery *d, struct err *e)
{
    int64_t workers = config_int(d->app->config, CONFIG_DELIVERY_WORKERS);
    for (int64_t i = 0; i < workers; i++) {
        if (!fiber_spawn(d->app->runtime, "delivery", delivery_work, d, NULL, e))
            return false;
    }
    return fiber_spawn(d->app->runtime, "delivery reports", delivery_report, d, NULL, e) &&
           fiber_spawn(d->app->runtime, "delivery callouts", delivery_call_out, d, NULL, e);
}

static bool start(struct app *app, struct err *e)
{
    struct delivery *d = delivery_new(app, e);
    if (!d)
        return false;
    app->delivery = d;
    d->queue_hint = (struct notify_listener){ .fn = on_queue_hint, .arg = d };
    notify_listen(app->notify, NOTIFY_QUEUE, &d->queue_hint);
    d->callout_hint = (struct notify_listener){ .fn = on_callout_hint, .arg = d };
    notify_listen(app->notify, NOTIFY_CALLOUT, &d->callout_hint);
    runtime_on_drain(app->runtime, on_drain, d);
    return start_fibers(d, e);
}

const struct app_service delivery_service = {
    .role = "delivery", .start = start, .stop = stop, .trial = delivery_try
};
