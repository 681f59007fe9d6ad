/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor of the service, its listeners, and what its sessions share. */
#include "services/imap/service.h"

#include "config/config.h"
#include "services/imap/session.h"

#include <stdlib.h>

enum {
    SLOTS_MAX = 100000
};

/* ---- users and addresses ---- */

struct imap_slot *imap_slot_acquire(struct imap_service *service, int64_t account_id,
                                    const struct net_address *peer)
{
    char group[NET_ADDRESS_TEXT];
    char key[NET_ADDRESS_TEXT + 32];
    str from = net_address_group(peer, 0, group);
    int n = snprintf(key, sizeof(key), "%lld %.*s", (long long)account_id, STR_FMT(from));
    struct imap_slot *slot = map_find(&service->slots, str_of(key, (size_t)n));
    if (!slot) {
        slot = heap_zalloc(sizeof(*slot) + (size_t)n);
        slot->key_size = (size_t)n;
        memcpy(slot->key, key, slot->key_size);
        if (!map_put(&service->slots, str_of(slot->key, slot->key_size), slot, NULL)) {
            free(slot);
            return NULL;
        }
    }
    if (slot->n >= config_int(service->app->config, CONFIG_LIMITS_IMAP_PER_USER_IP))
        return NULL;
    slot->n++;
    return slot;
}

void imap_slot_release(struct imap_service *service, struct imap_slot **slot)
{
    struct imap_slot *s = *slot;
    *slot = NULL;
    if (!s || --s->n > 0)
        return;
    (void)map_remove(&service->slots, str_of(s->key, s->key_size));
    free(s);
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

static struct imap_service *service_of(struct app *app)
{
    if (app->imap)
        return app->imap;
    struct imap_service *service = HEAP_NEW(struct imap_service);
    service->app = app;
    list_init(&service->sessions);
    map_init(&service->slots, SLOTS_MAX);
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
    return true;
}

static void stop(struct app *app)
{
    struct imap_service *service = app->imap;
    if (!service)
        return;
    notify_unlisten(&service->account_listener);
    map_fini(&service->slots);
    free(service);
    app->imap = NULL;
}

static void *context(struct app *app, const struct app_listener_kind *kind)
{
    (void)kind;
    return service_of(app);
}

static const struct app_listener_kind kinds[] = {
    { .name = "imap", .default_port = 143, .protocol = &imap_protocol, .context = context },
    { .name = "imaps",
      .default_port = 993,
      .implicit_tls = true,
      .protocol = &imap_protocol,
      .context = context },
};

const struct app_service imap_service = {
    .role = "imap",
    .listeners = kinds,
    .n_listeners = COUNT_OF(kinds),
    .start = start,
    .stop = stop,
};
